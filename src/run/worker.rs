//! The worker process: reads an order on its input, writes events to its output, and ends when its input is closed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use thiserror::Error;

use super::{CancelToken, RunError, WorkOrder, run};
use crate::causes::chain;
use crate::lab::sandbox::{self, Entered, SandboxError};
use crate::lab::sysctl_inquiry::SysctlInquiry;
use crate::record::{CAPTURE, Event, Offset, Privileges, Recorder};
use crate::scenario::workload::Meaning;
use crate::traffic::agent::AgentError;

/// A worker process cannot communicate with the process that started it.
#[derive(Debug, Error)]
pub enum WorkerProcessError {
    /// The order cannot be read from the input.
    #[error("cannot read the run order from stdin")]
    Order(#[source] std::io::Error),
    /// The thread that waits for the end of the input cannot be started.
    #[error("cannot watch stdin for the stop request")]
    WatchInput(#[source] std::io::Error),
    /// Events cannot be written to the output.
    #[error("cannot write events to stdout")]
    WriteEvents(#[source] std::io::Error),
    /// The agent of a node with its own limits has failed.
    #[error("cannot run the agent of the node")]
    Agent(#[source] AgentError),
}

/// Executes the order on `input`, writes events to `output`, and returns the exit code.
///
/// Must be called while the process has only one thread, because it forks into a process tree of its own. The tree ends
/// when this process ends.
///
/// # Errors
///
/// Only if the order cannot be read, the input cannot be watched or the output cannot be written. Every other failure
/// becomes an event.
pub fn worker(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<u8, WorkerProcessError> {
    let mut input = BufReader::new(input);
    let mut order = read_order(&mut input).map_err(WorkerProcessError::Order)?;
    // Open the file first: it may be out of reach from inside the sandbox.
    let packets = order
        .capture
        .as_ref()
        .map(|path| File::options().write(true).open(path));
    let entered = sandbox::enter(named_capabilities(&order));
    if let Ok(Entered::Finished(code)) = entered {
        return Ok(code);
    }
    let cancel = CancelToken::default();
    cancel_when_closed(input, cancel.clone()).map_err(WorkerProcessError::WatchInput)?;
    let privileges = match entered {
        Ok(Entered::Inside(privileges)) => Ok(privileges),
        Ok(Entered::Finished(code)) => return Ok(code),
        Err(error) => Err(error),
    };
    order.scope.own_netns = privileges.is_ok();
    execute(&order, privileges, packets, output, &cancel)?;
    Ok(0)
}

/// Executes an order inside a virtual machine that exists only for this run, and writes events to `output`. Processes
/// started by the run end with the machine.
///
/// # Errors
///
/// Only if the output cannot be written. Every other failure becomes an event.
pub fn in_machine(
    order: &WorkOrder,
    output: impl Write + Send + 'static,
) -> Result<(), WorkerProcessError> {
    if let Some(inquiry) = &order.inquiry {
        return answer(inquiry, output).map_err(WorkerProcessError::WriteEvents);
    }
    let packets = order.capture.as_ref().map(File::create);
    execute(
        order,
        Ok(Privileges::Root),
        packets,
        output,
        &CancelToken::default(),
    )
}

/// Answers a question about the kernel's settings, before this process has a second thread.
fn answer(inquiry: &SysctlInquiry, mut output: impl Write) -> io::Result<()> {
    let answered = inquiry.answer().map_err(|error| chain(&error));
    let text = answered
        .and_then(|answer| serde_json::to_string(&answer).map_err(|error| error.to_string()));
    let events = match text {
        Ok(text) => vec![
            Event::Note { t: None, text },
            Event::Finished {
                t: Offset::ZERO,
                interrupted: false,
            },
        ],
        Err(error) => vec![Event::Errored { error }],
    };
    for event in events {
        serde_json::to_writer(&mut output, &event)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

fn execute(
    order: &WorkOrder,
    privileges: Result<Privileges, SandboxError>,
    packets: Option<io::Result<File>>,
    output: impl Write + Send + 'static,
    cancel: &CancelToken,
) -> Result<(), WorkerProcessError> {
    let (recorder, written) = Recorder::start(output).map_err(WorkerProcessError::WriteEvents)?;
    let ended = privileges
        .map_err(RunError::Sandbox)
        .and_then(|privileges| {
            let packets = packets.and_then(|file| packets_to(file, &recorder));
            run(order, privileges, packets, &recorder, cancel)
        });
    match ended {
        Ok(()) => {}
        Err(RunError::NotApplicable(reason)) => recorder.record(Event::NotApplicable { reason }),
        Err(error) => recorder.record(Event::Errored {
            error: chain(&error),
        }),
    }
    drop(recorder);
    written.wait().map_err(WorkerProcessError::WriteEvents)
}

/// Returns the file for packets. If it cannot be opened, records a note; the run continues without a capture.
fn packets_to(file: io::Result<File>, recorder: &Recorder) -> Option<File> {
    let no_file = |error| {
        recorder.record(Event::Gap {
            t: None,
            of: CAPTURE.to_owned(),
            text: format!("packets were not captured: cannot open the capture file: {error}"),
        });
    };
    file.map_err(no_file).ok()
}

/// Returns the capabilities that commands of the scenario have beyond those of every program.
fn named_capabilities(order: &WorkOrder) -> impl Iterator<Item = u8> {
    let commands = order.spec.workload.commands.iter();
    commands
        .flat_map(|command| &command.privileges)
        .filter_map(|privilege| match privilege.meaning() {
            Meaning::Capability(number) => Some(number),
            Meaning::Root | Meaning::Homes | Meaning::All => None,
        })
}

fn read_order(input: &mut impl BufRead) -> std::io::Result<WorkOrder> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Cancels the run when `input` is closed: by the starting process to stop the run, or by the kernel when that process
/// has died. Nothing more is read from it.
fn cancel_when_closed(
    mut input: impl Read + Send + 'static,
    cancel: CancelToken,
) -> io::Result<()> {
    let watch = move || {
        let mut rest = [0; 64];
        while input.read(&mut rest).is_ok_and(|length| length > 0) {}
        cancel.cancel();
    };
    std::thread::Builder::new().spawn(watch).map(drop)
}

/// Runs the traffic of one node that has limits of its own.
///
/// # Errors
///
/// If the input or output breaks, or the input is not what a worker writes.
pub fn agent(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), WorkerProcessError> {
    crate::traffic::agent::run(BufReader::new(input), output).map_err(WorkerProcessError::Agent)
}

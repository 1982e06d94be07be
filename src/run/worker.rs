//! A worker process: takes an order on its input, tells events on its output, ends when its input is closed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use thiserror::Error;

use super::{CancelToken, RunError, WorkOrder, run};
use crate::causes::chain;
use crate::lab::sandbox::{self, Entered, SandboxError};
use crate::record::{Event, Privileges, Recorder};
use crate::traffic::agent::AgentError;

/// Why a worker cannot do its work.
#[derive(Debug, Error)]
pub enum WorkerProcessError {
    /// Its order cannot be read.
    #[error("cannot read the order of the run")]
    Order(#[source] std::io::Error),
    /// Nobody can wait for the end of its input.
    #[error("cannot listen for the wish to end")]
    Listen(#[source] std::io::Error),
    /// Its events cannot be written.
    #[error("cannot tell events")]
    Tell(#[source] std::io::Error),
    /// The traffic of a node cannot be driven.
    #[error("cannot drive the traffic of the node")]
    Agent(#[source] AgentError),
}

/// Executes the order on `input` and tells events on `output`; gives the code to exit with. Must be called before the
/// process has a second thread: it forks into a process tree of its own, which ends with this process.
///
/// # Errors
/// Where it cannot listen or tell. All else is told.
pub fn worker(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<u8, WorkerProcessError> {
    let mut input = BufReader::new(input);
    let mut order = read_order(&mut input).map_err(WorkerProcessError::Order)?;
    // The file may be out of reach from inside.
    let packets = order
        .capture
        .as_ref()
        .map(|path| File::options().write(true).open(path));
    let entered = sandbox::enter();
    if let Ok(Entered::Over(code)) = entered {
        return Ok(code);
    }
    let cancel = CancelToken::default();
    cancel_when_closed(input, cancel.clone()).map_err(WorkerProcessError::Listen)?;
    let privileges = match entered {
        Ok(Entered::Inside(privileges)) => Ok(privileges),
        Ok(Entered::Over(code)) => return Ok(code),
        Err(error) => Err(error),
    };
    order.ground.own_netns = privileges.is_ok();
    execute(&order, privileges, packets, output, &cancel)?;
    Ok(0)
}

/// Executes an order as the first process of a machine that is there for nothing else, and tells events on `output`. What
/// it starts ends with the machine.
///
/// # Errors
/// Where it cannot tell. All else is told.
pub fn in_machine(
    order: &WorkOrder,
    output: impl Write + Send + 'static,
) -> Result<(), WorkerProcessError> {
    let packets = order.capture.as_ref().map(File::create);
    execute(
        order,
        Ok(Privileges::Root),
        packets,
        output,
        &CancelToken::default(),
    )
}

fn execute(
    order: &WorkOrder,
    privileges: Result<Privileges, SandboxError>,
    packets: Option<io::Result<File>>,
    output: impl Write + Send + 'static,
    cancel: &CancelToken,
) -> Result<(), WorkerProcessError> {
    let (recorder, written) = Recorder::start(output).map_err(WorkerProcessError::Tell)?;
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
    written.wait().map_err(WorkerProcessError::Tell)
}

/// The file for packets; a run goes on without.
fn packets_to(file: io::Result<File>, recorder: &Recorder) -> Option<File> {
    let no_file = |error| {
        let text = format!("there is no capture: cannot open its file: {error}");
        recorder.record(Event::Note { t: None, text });
    };
    file.map_err(no_file).ok()
}

fn read_order(input: &mut impl BufRead) -> std::io::Result<WorkOrder> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// The input says nothing more; its end is the wish to end, or the end of whoever started this.
fn cancel_when_closed(
    mut input: impl Read + Send + 'static,
    cancel: CancelToken,
) -> io::Result<()> {
    let listen = move || {
        let mut rest = [0; 64];
        while input.read(&mut rest).is_ok_and(|length| length > 0) {}
        cancel.cancel();
    };
    std::thread::Builder::new().spawn(listen).map(drop)
}

/// Drives the traffic of one node that has limits of its own.
///
/// # Errors
/// Where it cannot listen or tell.
pub fn agent(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), WorkerProcessError> {
    crate::traffic::agent::run(BufReader::new(input), output).map_err(WorkerProcessError::Agent)
}

//! A built-in actor in a process of its own, for nodes with a limit on descriptors: `RLIMIT_NOFILE` applies to a
//! process.
//!
//! The process is this program again, with the hidden argument [`ARGUMENT`], on the actor's node and under its
//! limit. On its input it reads a [`RunSpec`] with one actor, then the clock, one JSON line each; it ends when the
//! input ends. On its output it writes [`Event`]s, with series ids of its own, and signals, one JSON line each.
//!
//! [`Event`]: crate::record::Event

mod output;
mod supervise;

pub(super) use supervise::supervise;

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::output::SharedOutput;
use super::{HostProcess, Traffic, TrafficError};
use crate::lab::{Lab, LiveNode};
use crate::record::{Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::workload::StopHow;
use crate::sys::{NetNs, timer};

/// The only argument of this program that makes it an agent.
pub const ARGUMENT: &str = "agent";

/// A message of an agent besides its events.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Signal {
    /// The actor is ready; a server listens.
    Ready,
    /// The actor has ended by itself.
    Ended,
    /// The actor could not be made ready, or an error of the lab itself stopped it.
    Failed {
        /// Error number of the kernel; 0 if the error is not the kernel's.
        errno: i32,
        /// The message for people.
        text: String,
    },
}

/// The start of the run's clock, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Serialize, Deserialize)]
struct ClockStart {
    start: u64,
}

/// An agent cannot communicate with its worker. Errors of its actor are written to its output instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The input or the output is broken.
    #[error("communicate with the worker")]
    Io(#[source] io::Error),
    /// The input is not a valid order.
    #[error("parse an order")]
    Order(#[source] serde_json::Error),
}

/// Runs an agent from start to end. `cli` calls it with standard input and output.
///
/// # Errors
/// If the input is not what a worker writes, or the output is closed.
pub fn run(mut input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), AgentError> {
    let output = SharedOutput::new(output);
    let spec: RunSpec = serde_json::from_str(&line(&mut input)?).map_err(AgentError::Order)?;
    let (recorder, closed) = Recorder::start(output.whole_lines()).map_err(AgentError::Io)?;
    let result = match prepare(&spec, &recorder) {
        Ok(traffic) => {
            output.signal(&Signal::Ready).map_err(AgentError::Io)?;
            drive(traffic, &mut input, &output)?
        }
        Err(error) => Err(error),
    };
    drop(recorder);
    closed.wait().map_err(AgentError::Io)?;
    match result {
        Ok(()) => Ok(()),
        Err(error) => output.signal(&failed(&error)).map_err(AgentError::Io),
    }
}

fn prepare(spec: &RunSpec, recorder: &Recorder) -> Result<Traffic, TrafficError> {
    let workload = &spec.workload;
    let servers = workload.servers.iter().map(|server| &server.node);
    let mut nodes = servers.chain(workload.clients.iter().map(|client| &client.node));
    let here = NetNs::current().map_err(TrafficError::Prepare)?;
    let node = nodes.next().map(|name| LiveNode {
        name: name.clone(),
        netns: here,
        nofile: None,
    });
    Traffic::prepare_in(
        HostProcess::Bounded,
        spec,
        &Lab::of(node.into_iter().collect()),
        recorder,
    )
}

fn drive(
    mut traffic: Traffic,
    input: &mut impl BufRead,
    output: &SharedOutput,
) -> Result<Result<(), TrafficError>, AgentError> {
    let begin = line(input)?;
    if !begin.is_empty() {
        let begin: ClockStart = serde_json::from_str(&begin).map_err(AgentError::Order)?;
        let start = timer::from_monotonic(Duration::from_nanos(begin.start));
        traffic.begin(RunClock::starting_at(start.map_err(AgentError::Io)?));
        let (mut unfinished, output) = (traffic.unfinished.clone(), output.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(AgentError::Io)?;
        let report_end = move || {
            let _all_ended = runtime.block_on(unfinished.wait_for(|count| *count == 0));
            // If nobody reads the output any more, the end of the input stops the agent as well.
            let _output_is_closed = output.signal(&Signal::Ended);
        };
        std::thread::Builder::new()
            .spawn(report_end)
            .map_err(AgentError::Io)?;
    }
    // The worker closes its end of the pipe to stop the actor. Before that it may send a line that selects how
    // connections are closed.
    let how = line(input)?;
    let how = match how.is_empty() {
        true => StopHow::Fin,
        false => serde_json::from_str(&how).map_err(AgentError::Order)?,
    };
    Ok(traffic.finish_as(how))
}

fn line(input: &mut impl BufRead) -> Result<String, AgentError> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(AgentError::Io)?;
    Ok(line)
}

fn failed(error: &TrafficError) -> Signal {
    let source = std::error::Error::source(error);
    let kernel = source.and_then(|source| source.downcast_ref::<io::Error>());
    Signal::Failed {
        errno: kernel.and_then(io::Error::raw_os_error).unwrap_or(0),
        text: source.map_or_else(|| error.to_string(), ToString::to_string),
    }
}

#[cfg(test)]
mod tests;

//! A built-in actor in a process of its own, for nodes with a bound on descriptors: `RLIMIT_NOFILE` is a process's.
//!
//! The process is this program again, with the hidden argument [`ARGUMENT`], on the actor's node and under its bound. It reads a
//! [`RunSpec`] that holds one actor, then the clock, one JSON line each, and ends when its input does. It writes [`Event`]s with series
//! numbered by itself, and signals between them, one JSON line each.
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

/// The first and only argument of this program that makes it an agent.
pub const ARGUMENT: &str = "agent";

/// What an agent says besides events.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Signal {
    /// The actor is ready: a server listens.
    Ready,
    /// The actor has come to its end by itself.
    Ended,
    /// It could not be made ready, or stopped because of an error of the lab's.
    Failed {
        /// What the kernel said; 0 where it was not the kernel.
        errno: i32,
        /// For people.
        text: String,
    },
}

/// When the run's clock starts, as `CLOCK_MONOTONIC` counts, nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
struct ClockStart {
    start: u64,
}

/// Why an agent could not do its work. What the actor meets is told on its output instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its input or output broke.
    #[error("talk to the worker")]
    Talk(#[source] io::Error),
    /// Its input was not what it should be.
    #[error("read an order")]
    Order(#[source] serde_json::Error),
}

/// The whole life of an agent, for `cli` to call with standard input and output.
///
/// # Errors
/// Where its input is not what a worker writes, or its output is gone.
pub fn run(mut input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), AgentError> {
    let output = SharedOutput::new(output);
    let spec: RunSpec = serde_json::from_str(&line(&mut input)?).map_err(AgentError::Order)?;
    let (recorder, closed) = Recorder::start(output.whole_lines()).map_err(AgentError::Talk)?;
    let result = match prepare(&spec, &recorder) {
        Ok(traffic) => {
            output.signal(&Signal::Ready).map_err(AgentError::Talk)?;
            drive(traffic, &mut input, &output)?
        }
        Err(error) => Err(error),
    };
    drop(recorder);
    closed.wait().map_err(AgentError::Talk)?;
    match result {
        Ok(()) => Ok(()),
        Err(error) => output.signal(&failed(&error)).map_err(AgentError::Talk),
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
        traffic.begin(RunClock::starting_at(start.map_err(AgentError::Talk)?));
        let (mut unfinished, output) = (traffic.unfinished.clone(), output.clone());
        let tell = move || {
            let _everyone_is_gone =
                futures::executor::block_on(unfinished.wait_for(|count| *count == 0));
            // Where nobody listens any more, the end of the input says so too.
            let _nobody_listens = output.signal(&Signal::Ended);
        };
        std::thread::Builder::new()
            .spawn(tell)
            .map_err(AgentError::Talk)?;
    }
    // The worker's end of the pipe closes when the actor is to stop; before, it may say how.
    let how = line(input)?;
    let how = match how.is_empty() {
        true => StopHow::Fin,
        false => serde_json::from_str(&how).map_err(AgentError::Order)?,
    };
    Ok(traffic.finish_as(how))
}

fn line(input: &mut impl BufRead) -> Result<String, AgentError> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(AgentError::Talk)?;
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

//! Runs one scenario once: from an empty machine to everything that was observed.
//!
//! Not here: judging the observations (`expect`), and choosing where the process runs (`backend`).

mod cancel_token;
mod environment;
mod live_run;
mod order;
mod pinned_notes;
mod preflight;
mod steps;
mod worker;

use std::fs::File;
use std::time::Duration;

use thiserror::Error;

pub use crate::lab::LabScope;
pub use crate::lab::sysctl_inquiry::{SysctlAnswer, SysctlInquiry};
pub use cancel_token::CancelToken;
pub use live_run::LiveRun;
pub use order::{LabHold, TraceMode, WorkOrder};
pub(crate) use preflight::{missing_program, unmet_requirement};
pub use worker::{WorkerProcessError, agent, in_machine, worker};

use crate::lab::BuildError;
use crate::lab::sandbox::SandboxError;
use crate::probe::{CaptureError, ProbeError};
use crate::record::{Privileges, Recorder};
use crate::traffic::TrafficError;

/// An error that ends a run before it has observed anything usable.
#[derive(Debug, Error)]
pub enum RunError {
    /// The kernel or machine lacks something the scenario needs; the text says what.
    #[error("{0}")]
    NotApplicable(String),
    /// The process lacks the privileges to create a lab.
    #[error(
        "cannot build a lab on this kernel (it needs no privilege in a virtual machine: nslab run --kernel KERNEL; \
         see nslab kernel --help)"
    )]
    Sandbox(#[source] SandboxError),
    /// The lab cannot be built.
    #[error("cannot build the lab")]
    Lab(#[source] BuildError),
    /// Servers, clients or commands cannot be started.
    #[error("cannot start the traffic")]
    Traffic(#[source] TrafficError),
    /// The kernel cannot be watched.
    #[error("cannot watch the kernel")]
    Probe(#[source] ProbeError),
    /// Packets cannot be captured.
    #[error("cannot capture packets")]
    Capture(#[source] CaptureError),
    /// The trace of the kernel, which an expectation needs, broke off.
    #[error("cannot trace the kernel")]
    Trace(#[source] std::io::Error),
    /// The run exceeded its timeout. Only checked in virtual time; in real time the backend kills the process.
    #[error("the run did not end within its timeout of {0:?} of virtual time")]
    TimedOut(Duration),
    /// A step of the scenario cannot be taken.
    #[error(transparent)]
    Step(#[from] steps::RunStepError),
}

impl From<BuildError> for RunError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::NotApplicable(reason) => Self::NotApplicable(reason.to_string()),
            error => Self::Lab(error),
        }
    }
}

impl From<TrafficError> for RunError {
    fn from(error: TrafficError) -> Self {
        match error {
            error if error.is_not_applicable() => Self::NotApplicable(error.to_string()),
            error => Self::Traffic(error),
        }
    }
}

/// Runs one scenario, from building the lab to the last sample. Events go to `recorder`; packets go to the file
/// `packets`, if there is one.
///
/// # Errors
///
/// If the scenario cannot be run here. Whatever the kernel does to the traffic is an observation, never an error.
pub fn run(
    order: &WorkOrder,
    privileges: Privileges,
    packets: Option<File>,
    recorder: &Recorder,
    cancel: &CancelToken,
) -> Result<(), RunError> {
    let mut live = LiveRun::prepare(order, privileges, packets, recorder, cancel)?;
    let clock = live.begin();
    let interrupted = live.wait(clock, cancel)?;
    if let Some(hold) = order.hold.filter(|_| !interrupted) {
        live.hold(clock, hold, cancel)?;
    }
    live.finish(clock, interrupted)
}

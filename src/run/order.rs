//! The order that a worker process reads from its standard input.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lab::LabScope;
use crate::lab::sysctl_inquiry::SysctlInquiry;
use crate::record::Guest;
use crate::scenario::RunSpec;

/// Everything a worker needs to execute one run. Written as one JSON line on its standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// The run, with every reference resolved.
    pub spec: RunSpec,
    /// The changes that the lab may make to the kernel.
    pub scope: LabScope,
    /// False if no program of the scenario may run.
    #[serde(default = "allowed")]
    pub programs: bool,
    /// The inputs of the virtual machine, if the worker runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// The file for captured packets, if packets are captured. It must exist and be writable when the worker starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<PathBuf>,
    /// Set if the kernel is traced.
    #[serde(default, skip_serializing_if = "TraceMode::is_none")]
    pub trace: TraceMode,
    /// Set if the lab is kept after the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LabHold>,
    /// Set if the kernel of a virtual machine is examined instead of running the scenario. The answer is the only note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquiry: Option<SysctlInquiry>,
}

/// Selects whether the kernel records its own account of sockets and packets, which only root of the host can have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceMode {
    /// The kernel is traced only if an expectation needs it.
    #[default]
    None,
    /// The kernel is traced if that is possible here.
    IfPossible,
    /// The kernel is traced; a note says if that is not possible here.
    Wanted,
}

impl TraceMode {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A request to keep the lab, with its servers, after the end of the run, so that people can look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabHold {
    /// The longest time to keep it. If absent, it is kept until the run is cancelled.
    pub at_most: Option<Duration>,
}

fn allowed() -> bool {
    true
}

impl WorkOrder {
    /// Orders a run on a kernel that other programs use too, with nothing besides its record.
    pub fn new(spec: RunSpec) -> Self {
        Self {
            spec,
            scope: LabScope::default(),
            programs: true,
            guest: None,
            capture: None,
            trace: TraceMode::None,
            hold: None,
            inquiry: None,
        }
    }

    /// Orders a lab for people to use: with its servers and without load, kept until the run is cancelled.
    pub fn of_idle_lab(spec: RunSpec) -> Self {
        let mut idle = spec;
        idle.workload.clients.clear();
        idle.workload.steps.clear();
        (idle.workload.commands).retain(|command| command.ready.is_some());
        idle.expect.clear();
        idle.watched.clear();
        idle.watch_until = Duration::ZERO;
        Self {
            hold: Some(LabHold { at_most: None }),
            ..Self::new(idle)
        }
    }

    /// Returns true if the run uses a virtual clock, so that no process outside can time it out.
    pub fn in_virtual_time(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.virtual_time)
    }
}

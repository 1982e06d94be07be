//! The places where a run can execute: each starts a worker process that takes a work order and sends events.
//!
//! A backend only decides where that process runs. The process never outlives this one, and the kernel frees what it
//! held. Code that uses a backend does not depend on which one it is.

mod bounded_lines;
mod error;
mod hang;
mod host;
mod last_words;
mod machine;
mod other_suites;
mod protocol;
pub(crate) mod vm;

pub use crate::run::{LabHold, SysctlAnswer, SysctlInquiry, TraceMode, WorkOrder};
pub(crate) use error::StartError;
pub(crate) use hang::HangLimit;
pub use host::HostBackend;
pub(crate) use machine::{MachineCapacity, RunShare};
pub use other_suites::OtherSuites;
pub(crate) use protocol::Worker;
pub use vm::VmBackend;

use std::fs::File;

/// The place where runs execute.
#[derive(Debug, Clone)]
pub enum Backend {
    /// On this machine's kernel.
    Host(HostBackend),
    /// On another kernel, in a virtual machine.
    Vm(VmBackend),
}

impl Default for Backend {
    fn default() -> Self {
        Self::Host(HostBackend::default())
    }
}

impl Backend {
    /// Starts a worker and sends it its work order. Must be called on a thread that lives as long as the worker.
    pub(crate) async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, StartError> {
        match self {
            Self::Host(host) => Ok(host.start(order, capture).await?),
            Self::Vm(vm) => Ok(vm.start(order, capture).await?),
        }
    }

    /// Returns true if a busy machine can disturb a run: its time is this machine's, not a virtual one.
    pub(crate) fn is_in_real_time(&self) -> bool {
        match self {
            Self::Host(_) => true,
            Self::Vm(vm) => vm.is_in_real_time(),
        }
    }

    /// Identifies the kernel of a virtual machine and its kind of time; empty for this machine's kernel.
    pub(crate) fn kernel(&self) -> String {
        match self {
            Self::Host(_) => String::new(),
            Self::Vm(vm) => vm.kernel(),
        }
    }

    /// Returns what runs may fill of this machine, whose processors have this speed.
    pub(crate) fn capacity(&self, speed: f64) -> MachineCapacity {
        match self {
            Self::Host(_) => MachineCapacity::here().for_real_time(speed),
            // A processor of a virtual machine is always busy, and virtual time does not notice other runs.
            Self::Vm(_) => MachineCapacity::here(),
        }
    }

    /// Returns the speed of a processor, relative to the machine on which the costs of runs were measured. Takes some
    /// milliseconds.
    pub(crate) fn speed(&self) -> f64 {
        match self {
            Self::Host(_) => machine::speed(),
            // Each run takes the same share of any machine.
            Self::Vm(_) => 1.0,
        }
    }

    /// Returns the share of the machine that each run takes, if it is the same for all; `None` if it depends on the
    /// load.
    pub(crate) fn share_of_each_run(&self) -> Option<RunShare> {
        match self {
            Self::Host(_) => None,
            Self::Vm(_) => Some(VmBackend::SHARE),
        }
    }
}

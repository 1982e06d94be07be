//! Where a run executes: a worker process that takes an order and tells events.
//!
//! A backend only decides where that process runs. Its end is certain: it dies with this process, and the kernel
//! clears away what it held.

mod host;
mod machine;
mod neighbours;
mod protocol;
pub mod vm;

pub use crate::run::{Ground, WorkOrder};
pub use host::HostBackend;
pub use machine::Machine;
pub use neighbours::{Neighbours, Place};
pub use protocol::{Worker, WorkerEnd, WorkerError};
pub use vm::VmBackend;

use std::fs::File;

/// Where runs execute.
#[derive(Debug, Clone)]
pub enum Backend {
    /// On this kernel.
    Host(HostBackend),
    /// On another one, in a virtual machine.
    Vm(VmBackend),
}

impl Default for Backend {
    fn default() -> Self {
        Self::Host(HostBackend::default())
    }
}

impl Backend {
    /// Starts a worker and hands it its order. Must be called on a thread that lives as long as the worker shall.
    ///
    /// # Errors
    /// Where the worker cannot be started.
    pub async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, WorkerError> {
        match self {
            Self::Host(host) => host.start(order, capture).await,
            Self::Vm(vm) => Ok(vm.start(order, capture).await?),
        }
    }
}

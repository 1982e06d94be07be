//! The error of starting a worker on some backend.

use thiserror::Error;

use super::protocol::ProtocolError;
use super::vm::VmError;

/// An error in starting a worker.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// The worker process cannot be started.
    #[error(transparent)]
    Worker(#[from] ProtocolError),
    /// The guest cannot be started.
    #[error(transparent)]
    Vm(#[from] VmError),
}

impl StartError {
    /// Returns what the kernel lacks if that is the only reason: the run is then not applicable on it.
    pub(crate) fn not_applicable(&self) -> Option<String> {
        match self {
            Self::Worker(_) => None,
            Self::Vm(error) => error.missing(),
        }
    }

    /// Returns the last lines of the guest's console if it got that far.
    pub(crate) fn last_words(&self) -> &[String] {
        match self {
            Self::Worker(_) => &[],
            Self::Vm(error) => error.console(),
        }
    }
}

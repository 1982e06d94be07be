//! What a worker is told: everything it needs, before it begins.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::lab::Ground;
use crate::record::Guest;
use crate::scenario::RunSpec;

/// One run, resolved, and the ground it stands on. The first line of a worker's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// The run.
    pub spec: RunSpec,
    /// What the lab may do to the kernel.
    pub ground: Ground,
    /// What the guest depends on, where the worker is the payload of a virtual machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// Where packets are written to, where they are wanted: a file that is there and can be written by the worker as it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<PathBuf>,
}

impl WorkOrder {
    /// Whether the clock of the run is virtual: no one can act on it from outside.
    pub fn in_virtual_time(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.virtual_time)
    }
}

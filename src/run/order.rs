//! The order that a worker process reads from its standard input.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::lab::LabScope;
use crate::record::Guest;
use crate::scenario::RunSpec;

/// Everything a worker needs to execute one run. Written as one JSON line on its standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// The run, with every reference resolved.
    pub spec: RunSpec,
    /// The changes that the lab may make to the kernel.
    pub scope: LabScope,
    /// The inputs of the virtual machine, if the worker runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// The file for captured packets, if packets are captured. It must exist and be writable when the worker starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<PathBuf>,
}

impl WorkOrder {
    /// Returns true if the run uses a virtual clock, so that no process outside can time it out.
    pub fn in_virtual_time(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.virtual_time)
    }
}

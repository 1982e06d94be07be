//! What a worker is told: everything it needs, before it begins.

use serde::{Deserialize, Serialize};

use crate::lab::Ground;
use crate::scenario::RunSpec;

/// One run, resolved, and the ground it stands on. The first line of a worker's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// The run.
    pub spec: RunSpec,
    /// What the lab may do to the kernel.
    pub ground: Ground,
}

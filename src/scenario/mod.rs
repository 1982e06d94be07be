//! Intent: what should happen. Pure: no files, no clocks, no environment, no kernel.

pub mod expr;
pub mod model;
pub mod topology;
pub mod workload;

pub use model::{Place, Requires, RunId, RunSpec, Scenario, VersionBound};

//! Where a run executes: a worker process that takes an order and tells events.
//!
//! A backend only decides where that process runs. Its end is certain: it dies with this process, and the kernel
//! clears away what it held.

mod host;
mod machine;
mod protocol;
pub mod vm;

pub use crate::run::{Ground, WorkOrder};
pub use host::HostBackend;
pub use machine::Machine;
pub use protocol::{Worker, WorkerEnd, WorkerError};

//! Linux, without opinions: links, sockets, tables, processes. No domain word lives here.
//!
//! All `unsafe`, all netlink and all `/proc` paths of the crate are below this module.

pub mod fdtable;
pub mod netns;
pub mod ports;
pub mod process;
pub mod readiness;
pub mod sched;
pub mod sockopt;
pub mod timer;
pub mod uring;
pub mod wake;

#[cfg(test)]
pub(crate) mod loopback;

pub use netns::NetNs;

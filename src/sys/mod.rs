//! Linux, without opinions: links, sockets, tables, processes. No domain word lives here.
//!
//! All `unsafe`, all netlink and all `/proc` paths of the crate are below this module.

pub mod conntrack;
pub mod kmsg;
pub mod netlink;
pub mod netns;
pub mod procfs;
pub mod sock_diag;
#[cfg(test)]
pub(crate) mod testing;

pub use netns::NetNs;

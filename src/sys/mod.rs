//! Linux, without opinions: links, sockets, tables, processes. No domain word lives here.
//!
//! All `unsafe`, all netlink and all `/proc` paths of the crate are below this module.

pub mod netlink;
pub mod netns;
pub mod nft;
pub mod rtnl;
pub mod sandbox;
pub mod support;
pub mod sysctl;

pub use netns::NetNs;

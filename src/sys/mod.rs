//! Wrappers of Linux interfaces: links, sockets, tables, processes. None of them depends on scenarios or runs.
//!
//! All `unsafe` code, all netlink messages and all `/proc` paths of the crate are in this module.

#[cfg(any(test, feature = "fixtures"))]
pub(crate) mod answers;
mod bpf;
pub mod build_config;
pub mod confine;
pub mod conntrack;
pub mod conntrack_events;
pub mod conntrack_stat;
pub mod enter;
pub mod ethtool;
pub mod fdtable;
pub mod holders;
pub mod kernel_modules;
pub mod kernel_trace;
pub mod kmsg;
pub mod lifeline;
pub mod loopback;
pub mod machine;
pub mod memory_file;
pub mod named_option;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod packet;
mod packet_filter;
pub mod packet_ring;
pub mod port_io;
pub mod ports;
pub mod presence;
pub mod process;
pub mod processors;
pub mod procfs;
pub mod qdisc;
pub mod readiness;
pub mod rerun;
pub mod rtnl;
pub mod sandbox;
pub mod sched;
pub mod search_path;
pub mod slabinfo;
pub mod sock_destroy;
pub mod sock_diag;
pub mod sockopt;
pub mod sparse_file;
pub mod support;
pub mod sysctl;
pub mod sysctl_tree;
pub mod tcp_clock;
pub mod tcp_info;
pub mod timer;
pub mod wake;

#[cfg(test)]
pub(crate) mod testing;

pub use netns::NetNs;

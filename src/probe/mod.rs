//! Watches, never acts: socket states, counters, connection tracking tables, the kernel's log.
//!
//! One thread a node, born in its namespace, looks at set times; each look tells what has changed and what looking took.
//! What the values mean is judged elsewhere.

mod actors;
mod budget;
mod capture;
mod conntrack;
mod counters;
mod cpu;
mod kernel_log;
mod listed;
mod log_limit;
mod mib;
mod named;
mod sampler;
mod slabs;
mod sockets;
mod watched;

#[cfg(test)]
mod tests;

pub use capture::{Capture, CaptureError, CaptureSummary};

use std::collections::BTreeSet;
use std::io;

use thiserror::Error;

use crate::lab::{Lab, LiveNode};
use crate::names::NodeName;
use crate::record::{Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::topology::IpVersion;
use crate::sys::netlink::NetlinkError;
use actors::{Destination, WatchedActor};
use kernel_log::KernelLog;
pub use log_limit::wait_for_quiet_log;
use named::NamedSeries;
use sampler::{Sampler, Stopping, Watch};

/// Why a lab cannot be watched.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// A thread could not be started.
    #[error("cannot start a thread that watches")]
    Thread(#[source] io::Error),
    /// The namespace could not be entered.
    #[error("cannot watch `{node}` from inside its namespace")]
    Namespace {
        /// The node.
        node: NodeName,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// What the kernel tells of a connection could not be learnt.
    #[error("cannot ask what `{node}` tells of a connection (TCP_INFO)")]
    TcpInfo {
        /// The node.
        node: NodeName,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of the kernel's could not be read.
    #[error("cannot read `{file}` of `{node}`'s network in /proc")]
    File {
        /// The node.
        node: NodeName,
        /// The file, below `/proc/thread-self/net`.
        file: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The kernel would not list sockets.
    #[error("cannot list the TCP sockets of `{node}` (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG)")]
    Sockets {
        /// The node.
        node: NodeName,
        /// The cause.
        #[source]
        source: NetlinkError,
    },
    /// The kernel would not tell of the connection tracking table.
    #[error("cannot read the connection tracking table of `{node}` (CONFIG_NF_CT_NETLINK)")]
    Conntrack {
        /// The node.
        node: NodeName,
        /// The cause.
        #[source]
        source: NetlinkError,
    },
    /// The kernel's log could not be read on.
    #[error("cannot read on in /dev/kmsg")]
    KernelLog(#[source] io::Error),
    /// A fault of this program.
    #[error("cannot watch `{node}`: its thread has failed, which is a fault of this program")]
    Panicked {
        /// The node.
        node: NodeName,
    },
}

impl ProbeError {
    fn file(node: &NodeName, file: &'static str, source: io::Error) -> Self {
        let node = node.clone();
        Self::File { node, file, source }
    }

    fn sockets(node: &NodeName, source: NetlinkError) -> Self {
        let node = node.clone();
        Self::Sockets { node, source }
    }

    fn tcp_info(node: &NodeName, source: io::Error) -> Self {
        let node = node.clone();
        Self::TcpInfo { node, source }
    }

    fn conntrack(node: &NodeName, source: NetlinkError) -> Self {
        let node = node.clone();
        Self::Conntrack { node, source }
    }
}

/// Everything that watches a lab. Where it is dropped and not stopped, its threads end at their own time.
#[derive(Debug)]
pub struct Probes {
    samplers: Vec<Sampler>,
    log: Option<KernelLog>,
}

impl Probes {
    /// Starts a thread a node and waits until each has its baseline: counters count from here. Declares the series that
    /// are always there and those that the run's expectations name and this kernel has.
    ///
    /// # Errors
    /// Where a namespace, its files or its netlink protocols cannot be had. A kernel log that cannot be read is a note.
    pub fn prepare(spec: &RunSpec, lab: &Lab, recorder: &Recorder) -> Result<Self, ProbeError> {
        Self::watching(spec, &lab.nodes().collect::<Vec<_>>(), recorder)
    }

    fn watching(
        spec: &RunSpec,
        nodes: &[&LiveNode],
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let named = NamedSeries::of(spec);
        let mut samplers = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            // What is the whole machine's is seen from anywhere.
            let of_kernel = if number == 0 {
                named.of_owner("kernel")
            } else {
                BTreeSet::new()
            };
            let watch = Watch {
                of_kernel,
                ..watch_of(spec, &node.name, &named)
            };
            samplers.push(Sampler::spawn(watch, &node.netns, recorder)?);
        }
        let inodes = nodes.iter().map(|node| {
            node.netns.inode().map_err(|source| ProbeError::Namespace {
                node: node.name.clone(),
                source,
            })
        });
        let log = KernelLog::prepare(
            inodes.collect::<Result<_, _>>()?,
            named.kernel_log(),
            recorder,
        )?;
        let samplers = samplers.into_iter().map(Sampler::prepared);
        Ok(Self {
            samplers: samplers.collect::<Result<_, _>>()?,
            log,
        })
    }

    /// Starts looking: at the clock's zero, then each time the run's `sample_every` has passed.
    pub fn begin(&self, clock: RunClock) {
        for sampler in &self.samplers {
            sampler.begin(clock);
        }
        if let Some(log) = &self.log {
            log.begin(clock);
        }
    }

    /// Takes a last look at everything, at once, and ends.
    ///
    /// # Errors
    /// The first thing that could not be read since the beginning; its node was not looked at from then on.
    pub fn stop(self) -> Result<(), ProbeError> {
        let stopping: Vec<_> = self.samplers.into_iter().map(Sampler::stop).collect();
        let log = self.log.map_or(Ok(()), KernelLog::stop);
        let ended: Vec<_> = stopping.into_iter().map(Stopping::join).collect();
        ended.into_iter().chain([log]).collect()
    }
}

fn watch_of(spec: &RunSpec, node: &NodeName, named: &NamedSeries) -> Watch {
    let actors = WatchedActor::of(spec, node, named);
    let named = named.of_node(node);
    let tracks = spec
        .topology
        .nodes
        .get(node)
        .is_some_and(|spec| !spec.nat.is_empty() || spec.conntrack_room.is_some());
    Watch {
        node: node.clone(),
        conntrack: tracks || named.iter().any(|name| name.starts_with("conntrack.")),
        destinations: Destination::of(spec, &named),
        actors,
        named,
        of_kernel: BTreeSet::new(),
        speaks_ipv6: spec.topology.ip == IpVersion::V6,
        every: spec.sample_every,
    }
}

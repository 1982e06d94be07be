//! Watches a lab without acting on it: socket states, counters, connection tracking tables, the kernel's log.
//!
//! One thread per node, started in its namespace, takes a look at set times. Each look records the values that
//! changed and the processor time that it took. Judging the values is done elsewhere (`expect`).

mod activity;
mod actors;
mod budget;
mod capture;
mod conntrack;
mod contention;
mod counters;
mod drop_bounds;
mod followed_states;
mod followed_windows;
mod kernel_log;
mod listed;
mod log_limit;
mod mib;
mod named;
mod rules;
mod sampler;
mod shared_sampler;
mod slabs;
mod sockets;
mod trace;
mod tracked_entries;
mod watched;

#[cfg(test)]
mod tests;

pub use capture::{CaptureError, CaptureSummary, PacketCapture};
pub use contention::Contention;
pub use trace::{NoTrace, TraceProbe};
pub use tracked_entries::EntryProbe;

use std::collections::BTreeSet;
use std::io;

use thiserror::Error;

use crate::lab::{Lab, LiveNode};
use crate::names::NodeName;
use crate::record::{Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::topology::{IpVersion, NodeSpec};
use crate::sys::netlink::NetlinkError;
use actors::{Destination, WatchedActor};
use kernel_log::KernelLog;
pub use log_limit::wait_for_quiet_log;
use named::NamedSeries;
use sampler::{Sampler, Stopping, Watch};
use shared_sampler::SharedSampler;

/// The reason why a lab cannot be watched.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ProbeError {
    /// No thread could be started.
    #[error("cannot start a sampler thread")]
    Thread(#[source] io::Error),
    #[error("cannot watch `{node}` from inside its namespace")]
    Namespace {
        node: NodeName,
        #[source]
        source: io::Error,
    },
    /// The length of `struct tcp_info` could not be found out.
    #[error("cannot read the TCP_INFO of connections on `{node}`")]
    TcpInfo {
        node: NodeName,
        #[source]
        source: io::Error,
    },
    /// A file below `/proc/thread-self/net` could not be read.
    #[error("cannot read `{file}` of `{node}`'s network in /proc")]
    File {
        node: NodeName,
        file: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot list the TCP sockets of `{node}` (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG)")]
    Sockets {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    #[error("cannot read the connection tracking table of `{node}` (CONFIG_NF_CT_NETLINK)")]
    Conntrack {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    #[error("cannot read the counters of the firewall of `{node}`")]
    Rules {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    #[error("cannot continue reading /dev/kmsg")]
    KernelLog(#[source] io::Error),
    /// A bug in nslab.
    #[error("cannot watch `{node}`: its sampler thread panicked, which is a bug in nslab")]
    Panicked { node: NodeName },
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

/// The threads that watch a lab. If it is dropped without being stopped, they end on their own.
#[derive(Debug)]
pub struct Probes {
    samplers: Vec<Sampler>,
    /// Of nodes that no expectation names, if there are many.
    shared: Vec<SharedSampler>,
    log: Option<KernelLog>,
}

impl Probes {
    /// Starts one thread per node, or a few for many nodes that no expectation names, and waits until each has taken
    /// its baseline, from which counters count.
    /// Declares the series that are always recorded, and those that the run's expectations name and this kernel
    /// has; `with_queues`, the accept queues of servers too.
    ///
    /// # Errors
    /// If a namespace, its files or its netlink protocols are not available. A kernel log that cannot be read is
    /// a note.
    pub fn prepare(
        (spec, with_queues): (&RunSpec, bool),
        lab: &Lab,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let named = NamedSeries::of(spec);
        let named = match with_queues {
            true => named.with_queues(spec),
            false => named,
        };
        Self::watching((spec, &named), &lab.nodes().collect::<Vec<_>>(), recorder)
    }

    fn watching(
        (spec, named): (&RunSpec, &NamedSeries),
        nodes: &[&LiveNode],
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let mut samplers = Vec::new();
        let mut many = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            // Any node sees what belongs to the whole machine.
            let of_kernel = if number == 0 {
                named.of_owner("kernel")
            } else {
                BTreeSet::new()
            };
            let watch = Watch {
                of_kernel,
                ..watch_of(spec, &node.name, named)
            };
            if nodes.len() > shared_sampler::OWN_THREADS && !watch.is_named() {
                many.push((watch, node.netns.clone()));
            } else {
                samplers.push(Sampler::spawn(watch, &node.netns, recorder)?);
            }
        }
        let shared = shared_sampler::spawn(many, recorder)?;
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
        let shared = shared.into_iter().map(SharedSampler::prepared);
        Ok(Self {
            samplers: samplers.collect::<Result<_, _>>()?,
            shared: shared.collect::<Result<_, _>>()?,
            log,
        })
    }

    /// Starts the looks: at time zero, and then each time the run's `sample_every` has passed.
    pub fn begin(&self, clock: RunClock) {
        for sampler in &self.samplers {
            sampler.begin(clock);
        }
        for sampler in &self.shared {
            sampler.begin(clock);
        }
        if let Some(log) = &self.log {
            log.begin(clock);
        }
    }

    /// Looks at every node now. Returns true if TCP is at rest on all of them: nothing but time can change its sockets.
    ///
    /// False if there are so many nodes that some share a thread: looking at all of them would take too long.
    pub fn is_at_rest(&self) -> bool {
        if !self.shared.is_empty() {
            return false;
        }
        let replies: Vec<_> = self.samplers.iter().map(Sampler::ask_for_rest).collect();
        replies
            .into_iter()
            .all(|reply| reply.recv().unwrap_or(false))
    }

    /// Takes a last look at everything at once, and ends.
    ///
    /// # Errors
    /// The first thing that could not be read since the beginning. Its node has not been looked at since.
    pub fn stop(self) -> Result<(), ProbeError> {
        let stopping: Vec<_> = self.samplers.into_iter().map(Sampler::stop).collect();
        let shared: Vec<_> = self.shared.into_iter().map(SharedSampler::stop).collect();
        let log = self.log.map_or(Ok(()), KernelLog::stop);
        let mut ended: Vec<_> = stopping.into_iter().map(Stopping::join).collect();
        ended.extend(shared.into_iter().map(|wait| wait()));
        ended.into_iter().chain([log]).collect()
    }
}

fn watch_of(spec: &RunSpec, node: &NodeName, named: &NamedSeries) -> Watch {
    let actors = WatchedActor::of(spec, node, named);
    let named = named.of_node(node);
    let of_node = spec.topology.nodes.get(node);
    let tracks = of_node.is_some_and(NodeSpec::tracks);
    let rules = of_node.iter().flat_map(|node| &node.firewall);
    let rules = rules.filter_map(|rule| rule.name.clone()).collect();
    Watch {
        node: node.clone(),
        rules,
        conntrack: tracks || named.iter().any(|name| name.starts_with("conntrack.")),
        destinations: Destination::of(spec, &named),
        actors,
        named,
        of_kernel: BTreeSet::new(),
        speaks_ipv6: spec.topology.ip == IpVersion::V6,
        every: spec.sample_every,
    }
}

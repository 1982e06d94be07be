//! Captures the run's packets at every link end of every node into one file.
//!
//! Each link end has a packet socket, opened in its namespace. One thread empties all of them and writes the
//! packets in the order of time. Only TCP is captured, and only the headers of each packet. The caller decides
//! where the file is and whether it is kept.

mod sorter;
#[cfg(test)]
mod tests;
mod thread;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

use crate::lab::{Lab, LiveNode};
use crate::names::{IfName, NodeName};
use crate::record::{LinkEnd, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::topology::InterfaceSpec;
use crate::scenario::workload::{ClientSpec, Load, Protocol, ServerSpec};
use crate::sys::packet_ring::{BLOCK, PacketRing};
use crate::sys::wake::StopFlag;
use thread::CaptureThread;

/// Bytes kept of each packet: Ethernet (14), IPv6 (40) and the longest TCP header (60, RFC 9293, section 3.1),
/// rounded up.
const SNAP: u32 = 128;
/// The most bytes of a file: half a million packets.
const LIMIT: u64 = 64 << 20;
/// Bytes that all rings share.
const RINGS: usize = 64 << 20;
/// Blocks of one ring: enough for 160 ms of few packets (`RETIRE` closes one every 20 ms), or 400 ms of 100,000
/// per second.
const BLOCKS: std::ops::RangeInclusive<usize> = 8..=256;

/// The reason why packets cannot be captured.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CaptureError {
    #[error("cannot start a capture thread")]
    Thread(#[source] io::Error),
    /// The namespace could not be entered.
    #[error("cannot capture packets of `{node}` from inside its namespace")]
    Namespace {
        node: NodeName,
        #[source]
        source: io::Error,
    },
    #[error("cannot capture packets at `{node}:{interface}` (CONFIG_PACKET, CAP_NET_RAW)")]
    Socket {
        node: NodeName,
        interface: IfName,
        #[source]
        source: io::Error,
    },
}

/// The result of a capture.
#[derive(Debug, Default)]
pub struct CaptureSummary {
    /// Packets in the file.
    pub packets: u64,
    /// Packets that arrived faster than they could be captured.
    pub dropped: u64,
    /// True if the file reached its greatest size and the capture stopped.
    pub truncated: bool,
    /// The amount by which the machine's clock was set during the capture. Times in the file are those of that clock.
    pub clock_set: Option<Duration>,
    /// The error of the file or a socket that ended the capture early.
    pub broken: Option<io::Error>,
}

impl CaptureSummary {
    /// Returns the notes on the capture that a reader of the result needs.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.truncated {
            let limit = LIMIT >> 20;
            notes.push(format!(
                "the capture reached its limit of {limit} MiB and stops there, after {} packets",
                self.packets
            ));
        }
        if self.dropped > 0 {
            notes.push(format!(
                "the capture lacks {} packets, which arrived faster than they could be captured",
                self.dropped
            ));
        }
        if let Some(by) = self.clock_set {
            notes.push(format!(
                "the machine's clock was set by {by:.0?} during the capture: its times are off by up to that much"
            ));
        }
        notes
    }

    /// Returns the reason why the rest of the packets is missing, if the capture ended before the run.
    pub fn gap(&self) -> Option<String> {
        let error = self.broken.as_ref()?;
        Some(format!(
            "the capture ends after {} packets: {error}",
            self.packets
        ))
    }
}

/// A running capture. If it is dropped without being stopped, its thread ends soon and leaves what has been written.
#[derive(Debug)]
pub struct PacketCapture {
    begin: Sender<RunClock>,
    stop: Arc<StopFlag>,
    thread: Option<JoinHandle<CaptureSummary>>,
}

impl PacketCapture {
    /// Opens a socket at each link end of each node and starts capturing. Packets are written once it
    /// [begins](Self::begin).
    ///
    /// # Errors
    /// If a namespace or its packet sockets are not available. A file that cannot be written is reported in the
    /// summary.
    pub fn prepare(
        spec: &RunSpec,
        lab: &Lab,
        sink: impl Write + Send + 'static,
    ) -> Result<Self, CaptureError> {
        Self::with_limit(spec, lab, sink, LIMIT)
    }

    /// Like [`Self::prepare`], with a limit for the size of the file.
    fn with_limit(
        spec: &RunSpec,
        lab: &Lab,
        sink: impl Write + Send + 'static,
        limit: u64,
    ) -> Result<Self, CaptureError> {
        let sites: Vec<_> = lab
            .nodes()
            .filter_map(|node| {
                let spec = spec.topology.nodes.get(&node.name)?;
                Some((node, &spec.interfaces[..]))
            })
            .collect();
        let (ends, rings) = open_all(&sites, protocols(spec))?.into_iter().unzip();
        let stop = Arc::new(StopFlag::new().map_err(CaptureError::Thread)?);
        let thread = CaptureThread::new(spec.id.to_string(), ends, rings, limit);
        let (begin, clock) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || match clock.recv() {
                Ok(clock) => thread.run(clock, &stopped, sink),
                Err(_) => CaptureSummary::default(),
            })
            .map_err(CaptureError::Thread)?;
        Ok(Self {
            begin,
            stop,
            thread: Some(thread),
        })
    }

    /// Starts writing.
    pub fn begin(&self, clock: RunClock) {
        // If the thread has ended, joining it returns the reason.
        let _ended = self.begin.send(clock);
    }

    /// Captures the packets under way, writes them and ends.
    pub fn stop(mut self) -> CaptureSummary {
        self.stop.raise();
        let thread = self.thread.take();
        drop(self);
        let ended = thread.map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or_else(|| {
            let fault = "its thread panicked, which is a bug in nslab";
            CaptureSummary {
                broken: Some(io::Error::other(fault)),
                ..CaptureSummary::default()
            }
        })
    }
}

impl Drop for PacketCapture {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

/// A link end with its description.
type DescribedEnd = (LinkEnd, String);

/// Opens the rings of all nodes at once, so that they share the kernel's grace periods (`synchronize_net`).
fn open_all(
    sites: &[(&LiveNode, &[InterfaceSpec])],
    protocols: &'static [i32],
) -> Result<Vec<(DescribedEnd, PacketRing)>, CaptureError> {
    let ends: usize = sites.iter().map(|(_, interfaces)| interfaces.len()).sum();
    let blocks = (RINGS / BLOCK / ends.max(1)).clamp(*BLOCKS.start(), *BLOCKS.end());
    let opening: Vec<_> = sites
        .iter()
        .map(|(node, interfaces)| {
            let (name, interfaces) = (node.name.clone(), interfaces.to_vec());
            node.netns
                .spawn("capture-open", move || {
                    open(&name, &interfaces, (blocks, protocols))
                })
                .map_err(CaptureError::Thread)
        })
        .collect::<Result<_, _>>()?;
    let mut all = Vec::with_capacity(ends);
    for (opened, (node, _)) in opening.into_iter().zip(sites) {
        let panicked = |_| Err(io::Error::other("a thread in a namespace panicked"));
        let opened = opened.join().unwrap_or_else(panicked);
        all.extend(opened.map_err(|source| CaptureError::Namespace {
            node: node.name.clone(),
            source,
        })??);
    }
    Ok(all)
}

/// Returns the protocols of a scenario's packets: TCP, and UDP if a server or a client speaks it.
fn protocols(spec: &RunSpec) -> &'static [i32] {
    let workload = &spec.workload;
    let serves = |server: &ServerSpec| server.protocol == Protocol::Udp;
    let asks = |client: &ClientSpec| matches!(client.load, Load::Queries(_));
    match workload.servers.iter().any(serves) || workload.clients.iter().any(asks) {
        true => &[libc::IPPROTO_TCP, libc::IPPROTO_UDP],
        false => &[libc::IPPROTO_TCP],
    }
}

/// Opens the rings of one node from inside its namespace.
fn open(
    node: &NodeName,
    interfaces: &[InterfaceSpec],
    (blocks, protocols): (usize, &[i32]),
) -> Result<Vec<(DescribedEnd, PacketRing)>, CaptureError> {
    let open = |interface: &InterfaceSpec| {
        let ring = PacketRing::open(interface.name.as_str(), blocks, (protocols, SNAP)).map_err(
            |source| CaptureError::Socket {
                node: node.clone(),
                interface: interface.name.clone(),
                source,
            },
        )?;
        let end = LinkEnd {
            node: node.clone(),
            interface: interface.name.clone(),
        };
        Ok(((end, describe(node, interface)), ring))
    };
    interfaces.iter().map(open).collect()
}

/// Describes a link end: `nat, toward server, 10.0.1.1/24`.
fn describe(node: &NodeName, interface: &InterfaceSpec) -> String {
    let addresses = interface
        .addresses
        .iter()
        .map(|address| format!(", {address}"));
    format!(
        "{node}, toward {}{}",
        interface.peer,
        addresses.collect::<String>()
    )
}

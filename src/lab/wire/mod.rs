//! The userspace wire: a link whose packets pass through a thread of ours.
//!
//! Two veth pairs end in a namespace that holds nothing else; a wire joins them there, frame by frame. On its way a packet
//! meets the faults of single segments (`faults`), then delay, loss and rate (`line`), and at the end of a node that emulates a kernel feature, its stand-in
//! (`tw_recycle`; `host_clock` for what that needs of its peers). Without any of these a wire is transparent: order, contents and offload state are kept, for every
//! protocol. Here are its life and its handle; `forward` moves the frames.
//!
//! The namespace's own IP must be silent: no addresses, IPv6 off.

mod counters;
mod direction;
mod faults;
mod forward;
mod host_clock;
mod link_model;
pub(super) mod precision;
pub mod recycle;
mod rewrite;
pub mod segment;
#[cfg(test)]
mod tests;
mod tw_recycle;

pub use host_clock::HostClock;
pub use tw_recycle::TwRecycle;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use nix::sys::eventfd::{EfdFlags, EventFd};
use thiserror::Error;

use crate::names::{IfName, NodeName};
use crate::record::{Recorder, RunClock};
use crate::scenario::fault::FaultSpec;
use crate::scenario::topology::Impairment;
use crate::sys::NetNs;
use crate::sys::netlink::NetlinkError;
use crate::sys::packet::PacketSocket;
use forward::{WireCommand, WireForwarder, WireRequest};

/// Why a wire could not be laid, or broke.
#[derive(Debug, Error)]
pub enum WireError {
    /// The namespace of the wire cannot be entered.
    #[error("enter the namespace of the wire")]
    Enter(#[source] io::Error),
    /// An end of the wire has no interface to work on.
    #[error("open a packet socket on `{interface}`, which leads to `{node}`{}", takes(.source))]
    Open {
        /// The interface.
        interface: IfName,
        /// The node that it leads to.
        node: NodeName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread or one of its descriptors cannot be created.
    #[error("start the thread of the wire")]
    Start(#[source] io::Error),
    /// The sockets of an emulating node cannot be reached.
    #[error("look into the sockets of `{node}`, which emulates net.ipv4.tcp_tw_recycle")]
    Sockets {
        /// The node.
        node: NodeName,
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// TIME_WAIT cannot be ended before its time, which the emulation takes.
    #[error("end TIME_WAIT sockets of `{node}` early, as net.ipv4.tcp_tw_recycle did")]
    NoEarlyEnd {
        /// The node.
        node: NodeName,
        /// The kernel's refusal.
        #[source]
        source: NetlinkError,
    },
    /// The wire stopped working before it was stopped.
    #[error("keep the wire working")]
    Broke(#[source] io::Error),
}

/// One end of a wire.
#[derive(Debug, Clone)]
pub struct WireEnd {
    /// The interface in the namespace of the wire.
    pub interface: IfName,
    /// The node that it leads to.
    pub node: NodeName,
    /// That node's emulation, shared by all of its wires.
    pub recycle: Option<TwRecycle>,
    /// That node's timestamp clock, where it has one of its own (`Topology::has_own_clock`).
    pub clock: Option<HostClock>,
}

/// A wire at work. It stops when it is dropped.
#[derive(Debug)]
pub struct Wire {
    requests: Sender<WireRequest>,
    wakeup: Arc<EventFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Wire {
    /// Joins two interfaces of a namespace, both up. Packets pass from the return of this on, untouched until
    /// [`Self::begin`]. Chance is that of the seed: give each wire one of its own.
    ///
    /// # Errors
    /// Where an interface is missing, or the privilege for packet sockets (CAP_NET_RAW).
    pub fn start(
        netns: &NetNs,
        ends: [WireEnd; 2],
        impairment: &Impairment,
        faults: &[FaultSpec],
        seed: u64,
    ) -> Result<Self, WireError> {
        let sockets = open(netns, &ends)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wakeup = EventFd::from_flags(flags).map_err(|error| WireError::Start(error.into()))?;
        let wakeup = Arc::new(wakeup);
        let (requests, inbox) = mpsc::channel();
        let forwarder = WireForwarder::new(
            sockets,
            ends,
            (impairment, faults),
            seed,
            inbox,
            wakeup.clone(),
        )
        .map_err(WireError::Start)?;
        let thread = std::thread::Builder::new()
            .name("wire".to_owned())
            .spawn(move || forwarder.run())
            .map_err(WireError::Start)?;
        Ok(Self {
            requests,
            wakeup,
            thread: Some(thread),
        })
    }

    /// From the return of this on the impairment and the emulation apply, and what they do is recorded.
    pub fn begin(&self, clock: RunClock, recorder: &Recorder) {
        self.send(WireCommand::Begin(clock, recorder.clone()));
    }

    /// Changes what happens to packets that arrive from the return of this on; those on their way keep their time.
    pub fn set_impairment(&self, impairment: Impairment) {
        self.send(WireCommand::SetImpairment(impairment));
    }

    /// Nothing passes any more, either way, and neither end is told: as where a cable is cut beyond a switch.
    pub fn cut(&self) {
        self.send(WireCommand::Cut);
    }

    /// Stops it. Packets on their way are gone.
    ///
    /// # Errors
    /// Where it had stopped working by itself.
    pub fn stop(mut self) -> Result<(), WireError> {
        self.join().map_err(WireError::Broke)
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.send(WireCommand::Stop);
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread of a wire panicked")))
    }

    /// Has something done, and waits until it is. A wire that broke says so when it is stopped.
    fn send(&self, send: WireCommand) {
        let (done, wait) = mpsc::channel();
        let _broken = self.requests.send(WireRequest { send, done });
        // The wakeup can only refuse where it has been rung 2^64 - 2 times in vain.
        let _rung = self.wakeup.write(1);
        let _done = wait.recv();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _unheard = self.join();
    }
}

fn takes(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; it takes CAP_NET_RAW",
        _ => "",
    }
}

fn open(netns: &NetNs, ends: &[WireEnd; 2]) -> Result<[PacketSocket; 2], WireError> {
    let names = [ends[0].interface.clone(), ends[1].interface.clone()];
    let opened = netns
        .run(move || names.map(|name| PacketSocket::open(name.as_str())))
        .map_err(WireError::Enter)?;
    let failed = |end: usize| {
        let WireEnd {
            interface, node, ..
        } = ends[end].clone();
        move |source| WireError::Open {
            interface,
            node,
            source,
        }
    };
    let [first, second] = opened;
    Ok([first.map_err(failed(0))?, second.map_err(failed(1))?])
}

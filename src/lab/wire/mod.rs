//! The userspace wire: a link whose packets pass through a thread of this process.
//!
//! Two veth pairs end in a namespace that holds nothing else, and a wire connects them there, frame by frame. The
//! faults of single segments (`faults`) apply first, then delay, loss and rate (`link_model`), and last, at a node
//! that emulates a kernel feature, the emulation (`tw_recycle`; `host_clock` gives the node's peers the clocks that
//! this needs). Without any of these a wire is transparent: it keeps the order, contents and
//! offload state of packets of every protocol. This file holds the handle of a wire; `forward` moves the frames.
//!
//! The namespace must not send packets of its own: it has no addresses, and IPv6 is off.

mod counters;
mod direction;
mod faults;
mod forward;
mod host_clock;
mod link_model;
pub(super) mod precision;
mod priority;
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

/// An error of starting or running a wire.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WireError {
    /// The namespace of the wire cannot be entered.
    #[error("cannot enter the namespace of the wire")]
    Enter(#[source] io::Error),
    /// A packet socket cannot be opened on one end's interface.
    #[error("cannot open a packet socket on `{interface}`, which leads to `{node}`{}", hint(.source))]
    Open {
        interface: IfName,
        node: NodeName,
        #[source]
        source: io::Error,
    },
    /// A thread or one of its descriptors cannot be created.
    #[error("cannot start the thread of the wire")]
    Start(#[source] io::Error),
    /// The sockets of an emulating node cannot be accessed.
    #[error("cannot access the sockets of `{node}`, which emulates net.ipv4.tcp_tw_recycle")]
    Sockets {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    /// TIME_WAIT sockets cannot be ended early, as the emulation requires.
    #[error("cannot end TIME_WAIT sockets of `{node}` early, as net.ipv4.tcp_tw_recycle did")]
    NoEarlyEnd {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    /// The wire failed while it was running.
    #[error("the wire failed while it was running")]
    Broke(#[source] io::Error),
}

/// One end of a wire.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WireEnd {
    /// The interface in the namespace of the wire.
    pub interface: IfName,
    pub node: NodeName,
    /// That node's emulation, shared by all of its wires.
    pub recycle: Option<TwRecycle>,
    /// That node's timestamp clock, if it has one of its own (`Topology::has_own_clock`).
    pub clock: Option<HostClock>,
}

/// A running wire. It stops when it is dropped.
#[derive(Debug)]
pub struct Wire {
    requests: Sender<WireRequest>,
    wakeup: Arc<EventFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Wire {
    /// Connects two interfaces of a namespace, both up. Packets pass unchanged until [`Self::begin`]. Each
    /// wire should get a seed of its own, from which its random numbers are derived.
    ///
    /// # Errors
    /// An interface does not exist, or the privilege for packet sockets (CAP_NET_RAW) is missing.
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

    /// Makes the impairment and the emulation apply from now on, and records what they do.
    pub fn begin(&self, clock: RunClock, recorder: &Recorder) {
        self.send(WireCommand::Begin(clock, recorder.clone()));
    }

    /// Changes the impairment of packets that arrive from now on; those in flight keep their times.
    pub fn set_impairment(&self, impairment: Impairment) {
        self.send(WireCommand::SetImpairment(impairment));
    }

    /// Discards all packets from now on, in both directions. The ends are not notified, as if a cable were
    /// cut beyond a switch.
    pub fn cut(&self) {
        self.send(WireCommand::Cut);
    }

    /// Lets packets pass again after [`Self::cut`].
    pub fn mend(&self) {
        self.send(WireCommand::Mend);
    }

    /// Stops the wire. Packets in flight are lost.
    ///
    /// # Errors
    /// The wire had failed before.
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

    /// Sends a command and waits until it has been carried out. If the wire has failed,
    /// [`Self::stop`] returns the error.
    fn send(&self, send: WireCommand) {
        let (done, wait) = mpsc::channel();
        let _broken = self.requests.send(WireRequest { send, done });
        // Writing could fail only after 2^64 - 2 writes that nobody has read.
        let _rung = self.wakeup.write(1);
        let _done = wait.recv();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _dropped_result = self.join();
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; this needs CAP_NET_RAW",
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

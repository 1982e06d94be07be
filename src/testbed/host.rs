//! A node of a testbed: running code and programs on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Output};
use std::thread::JoinHandle;

use crate::lab::LiveNode;
use crate::scenario::topology::Topology;
use crate::sys::NetNs;

/// A node of a [`Testbed`](super::Testbed): a network namespace with its own interfaces, addresses and sockets.
///
/// Clones are cheap and refer to the same node.
#[derive(Debug, Clone)]
pub struct Host {
    netns: NetNs,
    address: IpAddr,
}

impl Host {
    pub(super) fn new(node: &LiveNode, topology: &Topology) -> Self {
        let interfaces = topology.nodes.get(&node.name).map(|node| &node.interfaces);
        let addresses = interfaces.into_iter().flatten();
        let address = addresses.flat_map(|interface| &interface.addresses).next();
        Self {
            netns: node.netns.clone(),
            // A node without links has only its loopback.
            address: address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |prefix| prefix.address),
        }
    }

    /// Returns the node's first address, or 127.0.0.1 if the node has no links.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Runs a closure on the node, in a new thread, and waits for its result.
    ///
    /// A socket belongs to the node it was created on, so you may return it and use it from any thread:
    ///
    /// ```ignore
    /// let listener = server.run(|| TcpListener::bind("0.0.0.0:80"))??;
    /// ```
    ///
    /// The first `?` is for this method, the second for what the closure returned.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started or cannot enter the node, or if the closure panics.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.netns.run(work)
    }

    /// Runs a closure on the node, in a new thread, and returns at once. [`JoinHandle::join`] gives the closure's
    /// result, or an error if the thread could not enter the node.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        self.netns.spawn("testbed-host", work)
    }

    /// Starts a program on the node and returns at once. Inside [`isolated`](super::isolated) the kernel kills the
    /// program when the test ends, even if it has turned itself into a daemon.
    ///
    /// # Errors
    ///
    /// The errors of [`Command::spawn`], and an error if no thread can be started on the node.
    pub fn start(&self, mut command: Command) -> io::Result<Child> {
        self.netns.run(move || command.spawn())?
    }

    /// Runs a program on the node, waits for it to end, and returns its exit status and output:
    ///
    /// ```ignore
    /// let mut ss = Command::new("ss");
    /// ss.args(["-H", "-tln"]);
    /// let output = bed.host("server")?.output(ss)?;
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`Command::output`], and an error if no thread can be started on the node.
    pub fn output(&self, mut command: Command) -> io::Result<Output> {
        self.netns.run(move || command.output())?
    }
}

//! A node of a testbed, as a test acts on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Output};
use std::thread::JoinHandle;

use crate::lab::Node;
use crate::scenario::topology::Topology;
use crate::sys::NetNs;

/// A node: a network namespace with an address.
#[derive(Debug, Clone)]
pub struct Host {
    netns: NetNs,
    address: IpAddr,
}

impl Host {
    pub(super) fn new(node: &Node, topology: &Topology) -> Self {
        let interfaces = topology.nodes.get(&node.name).map(|node| &node.interfaces);
        let addresses = interfaces.into_iter().flatten();
        let address = addresses.flat_map(|interface| &interface.addresses).next();
        Self {
            netns: node.netns.clone(),
            // A node without links has only its loopback.
            address: address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |prefix| prefix.address),
        }
    }

    /// Its first address; of a node without links, that of its loopback.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Runs something on the node, in a thread of its own, and waits for it. Sockets that are made there stay on the node,
    /// wherever they are used.
    ///
    /// # Errors
    /// Where there is no thread, or it panicked.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.netns.run(work)
    }

    /// Runs something on the node, in a thread of its own. The join gives an error where the thread could not enter the node.
    ///
    /// # Errors
    /// Where there is no thread.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        self.netns.spawn("testbed-host", work)
    }

    /// Starts a program on the node. Within [`super::isolated`] it ends with the test at the latest, whatever it does.
    ///
    /// # Errors
    /// Those of [`Command::spawn`].
    pub fn start(&self, mut command: Command) -> io::Result<Child> {
        self.netns.run(move || command.spawn())?
    }

    /// Runs a program on the node to its end, and gives what it wrote.
    ///
    /// # Errors
    /// Those of [`Command::output`].
    pub fn output(&self, mut command: Command) -> io::Result<Output> {
        self.netns.run(move || command.output())?
    }
}

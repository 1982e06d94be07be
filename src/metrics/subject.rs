//! The subjects of metrics: whatever a series can belong to.

use std::fmt;

/// The kind of a subject. A scenario gives names to all but the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Client,
    /// A connection of a client, by the number of the attempt that opened it: `load:1`.
    Connection,
    /// A client that sends queries over UDP.
    QueryClient,
    Server,
    UdpServer,
    /// A server that passes requests on to another.
    Proxy,
    Command,
    /// A command that listens on a port (`ready`).
    ServingCommand,
    Flood,
    Fault,
    Node,
    Kernel,
    /// The lab's own wire between two nodes.
    Wire,
}

impl Subject {
    #[cfg(test)]
    pub(super) const ALL: [Self; 13] = [
        Self::Client,
        Self::Connection,
        Self::QueryClient,
        Self::Server,
        Self::UdpServer,
        Self::Proxy,
        Self::Command,
        Self::ServingCommand,
        Self::Flood,
        Self::Fault,
        Self::Node,
        Self::Kernel,
        Self::Wire,
    ];

    /// Returns true if it listens on a port of its own.
    pub(crate) fn serves(self) -> bool {
        matches!(self, Self::Server | Self::Proxy | Self::ServingCommand)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Connection => "connection",
            Self::QueryClient => "query client",
            Self::Server => "server",
            Self::UdpServer => "UDP server",
            Self::Proxy => "proxy",
            Self::Command => "command",
            Self::ServingCommand => "serving command",
            Self::Flood => "flood",
            Self::Fault => "fault",
            Self::Node => "node",
            Self::Kernel => "kernel",
            Self::Wire => "wire",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

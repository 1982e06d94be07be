//! The resolved address translation of a node.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::workload::Protocol;
use crate::names::IfName;

/// One address translation on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NatSpec {
    /// To the source address of the outgoing interface; the port is kept if it is free.
    Masquerade {
        /// The interface that the packets leave by.
        out: IfName,
        /// The ports that may be used, and the order in which they are tried.
        #[serde(default)]
        ports: NatPorts,
    },
    /// To source addresses and ports from a range.
    Snat {
        /// The interface that the packets leave by.
        out: IfName,
        /// First and last address; both are on the outgoing interface.
        addresses: [IpAddr; 2],
        /// The ports that may be used, and the order in which they are tried.
        ports: NatPorts,
        /// The only source address that is translated; `None` for all.
        #[serde(default)]
        only_from: Option<IpAddr>,
    },
    /// From a port of this node to servers.
    Dnat {
        /// The protocol of the port.
        #[serde(default)]
        protocol: Protocol,
        /// The port on this node.
        port: u16,
        /// The addresses that packets are sent on to; never empty.
        to: Vec<SocketAddr>,
        /// The choice between several addresses.
        #[serde(default)]
        by: DnatBalance,
    },
}

impl NatSpec {
    /// Returns a masquerade that keeps ports if they are free.
    pub fn masquerade(out: impl Into<IfName>) -> Self {
        Self::Masquerade {
            out: out.into(),
            ports: NatPorts::default(),
        }
    }

    /// Returns the translation of a TCP port to one server.
    pub fn dnat(port: u16, to: SocketAddr) -> Self {
        Self::Dnat {
            protocol: Protocol::Tcp,
            port,
            to: vec![to],
            by: DnatBalance::default(),
        }
    }
}

/// The ports that a source translation uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatPorts {
    /// First and last port, if the range is bounded.
    pub range: Option<[u16; 2]>,
    /// The order in which they are tried.
    pub order: PortOrder,
}

impl NatPorts {
    /// Returns a bounded range, in which the port of the connection itself is tried first.
    pub fn within(range: [u16; 2]) -> Self {
        Self {
            range: Some(range),
            order: PortOrder::default(),
        }
    }
}

/// The order in which a source translation tries ports, as nft(8) names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortOrder {
    /// The port of the connection first.
    #[default]
    Kept,
    /// From a port that depends on the addresses and a secret (`random`).
    Random,
    /// From a random port (`fully-random`).
    FullyRandom,
    /// As by default; a client gets the same address for each of its connections (`persistent`).
    Persistent,
}

impl PortOrder {
    /// Returns the word of nft(8); empty for the default.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::Random => "random",
            Self::FullyRandom => "fully-random",
            Self::Persistent => "persistent",
        }
    }
}

/// The choice between several servers behind a port, made once for each connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnatBalance {
    /// In turn.
    #[default]
    RoundRobin,
    /// At random, each equally likely.
    Random,
    /// By the client's address, so that a client always gets the same one.
    Hash,
}

impl DnatBalance {
    /// Returns the word of the scenario format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::Hash => "hash",
        }
    }
}

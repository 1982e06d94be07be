//! Entries of connection tracking tables, as the kernel reported them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use crate::names::NodeName;

/// A report about the connection tracking table of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedEvent {
    /// The time of the report, or the time at which it was read if the kernel does not stamp its reports.
    pub t: Offset,
    /// The node.
    pub node: NodeName,
    /// The report.
    #[serde(flatten)]
    pub what: TrackedFact,
}

/// The kind of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum TrackedFact {
    /// From now on, the record has every report about the table. Entries made before are not reported.
    Followed,
    /// An entry was made or changed.
    Entry(TrackedEntry),
    /// An entry was removed.
    Removed(TrackedEntry),
    /// From now on, the record has no reports about the table.
    Left {
        /// The cause, one sentence.
        reason: String,
    },
}

/// An entry at the moment of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedEntry {
    /// The kernel's number for the entry.
    pub id: u32,
    /// `tcp`, `udp`, or the number of the protocol.
    pub protocol: String,
    /// Source and destination of the packets that opened it; port 0 if the protocol has no ports.
    pub original: [SocketAddr; 2],
    /// Source and destination of the packets that answer it.
    pub reply: [SocketAddr; 2],
    /// The state of a TCP connection, as connection tracking sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// True if a packet has answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
    /// True if a full table does not evict it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assured: bool,
    /// Seconds until it is removed, if no packet renews it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// True if the kernel did not stamp the report: it is a few milliseconds older than the time of the event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

impl TrackedEntry {
    /// Returns true if the answers do not come from the destination to the source: an address or a port was
    /// translated.
    pub fn is_translated(&self) -> bool {
        self.reply != [self.original[1], self.original[0]]
    }
}

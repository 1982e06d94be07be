//! The variable part in the name of a metric: an error, a status, a state, a cache, a server.

use super::{errno, kernel};
use crate::tcp::TcpState;

/// The values that a part of a name can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameParameter {
    /// The name of an error: `ECONNREFUSED`.
    Errno,
    /// A status code of HTTP (RFC 9110, section 15): `503`.
    HttpStatus,
    /// The name of a TCP state: `TIME_WAIT`.
    TcpState,
    /// A cache of the kernel's slab allocator: `TCP`.
    SlabCache,
    /// The kernel's reason for dropping a packet: `NO_SOCKET`.
    DropReason,
    /// The name of a server, or of a command that listens.
    Server,
    /// The name of a rule of the node's firewall.
    Rule,
}

impl NameParameter {
    /// Returns the word that stands for it in [`Metric::name`](super::Metric::name).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Errno => "ERRNO",
            Self::HttpStatus => "STATUS",
            Self::TcpState => "STATE",
            Self::SlabCache => "CACHE",
            Self::DropReason => "REASON",
            Self::Server => "SERVER",
            Self::Rule => "RULE",
        }
    }

    /// Returns true if a text can stand in its place. Only a scenario has the names of its
    /// servers and rules, so any name is accepted there.
    pub(super) fn accepts(self, value: &str) -> bool {
        match self {
            Self::HttpStatus => {
                let code = value.parse().unwrap_or(0_u16);
                value.len() == 3 && (100..=599).contains(&code)
            }
            // Each kernel has its own; the run says if one is unknown.
            Self::DropReason => {
                let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                !value.is_empty() && value.chars().all(is_part)
            }
            Self::Server | Self::Rule => !value.is_empty(),
            Self::Errno | Self::TcpState | Self::SlabCache => self.values().contains(&value),
        }
    }

    /// Returns its values, if they can be listed.
    pub(crate) fn values(self) -> Vec<&'static str> {
        match self {
            Self::Errno => errno::names().collect(),
            Self::TcpState => TcpState::ALL.map(TcpState::as_str).to_vec(),
            Self::SlabCache => kernel::SLAB_CACHES.to_vec(),
            Self::HttpStatus | Self::DropReason | Self::Server | Self::Rule => Vec::new(),
        }
    }
}

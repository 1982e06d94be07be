//! Packet faults as meant: which segments of a link's TCP connections something happens to, and what.
//!
//! Not here: doing it (the lab's wire).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::names::ActorName;
use crate::units::{self, ByteCount};

/// A fault on a link. Connections of a link count from 1, in the order of their first SYNs on it; a four-tuple that is used
/// again is another connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSpec {
    /// Its name; what it did is counted in `NAME.matched`.
    pub name: ActorName,
    /// What it does to which segments.
    pub action: FaultAction,
    /// Where the scenario says so.
    pub place: Place,
}

/// What a fault does. Of several faults on one link each sees what those before it in the file have let through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FaultAction {
    /// The segment is lost.
    Drop(SegmentMatch),
    /// The segment waits; those behind it overtake it.
    Delay {
        /// Which.
        of: SegmentMatch,
        /// How long.
        #[serde(with = "units::duration")]
        by: Duration,
    },
    /// The segment arrives twice, one behind the other.
    Duplicate(SegmentMatch),
    /// The segment passes, and arrives once more, later: a stale segment.
    Replay {
        /// Which.
        of: SegmentMatch,
        /// How much later.
        #[serde(with = "units::duration")]
        after: Duration,
        /// Where the copy stands in the newest connection of its four-tuple; as it stood, where absent.
        sequence: Option<Sequence>,
    },
    /// A segment that nobody sent, with the addresses of a connection.
    Inject(Forged),
}

impl FaultAction {
    /// Which segments it waits for; `None` where it makes its own.
    pub fn of(&self) -> Option<&SegmentMatch> {
        match self {
            Self::Drop(of)
            | Self::Delay { of, .. }
            | Self::Duplicate(of)
            | Self::Replay { of, .. } => Some(of),
            Self::Inject(_) => None,
        }
    }
}

/// Which segments a fault is for: all that is given must be so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMatch {
    /// The end of the link that it comes from: 0 or 1, in the order of the link's nodes.
    pub from: Option<usize>,
    /// Its flags.
    pub flags: Option<Flags>,
    /// Whether it carries data.
    pub data: Option<bool>,
    /// Which connection, from 1.
    pub connection: Option<u64>,
    /// Which of those that match in a connection, from 1: first and last.
    pub nth: Option<[u64; 2]>,
}

/// Flags of a segment. SYN, FIN and RST are exactly as given. ACK, where it is given, is set; where only SYN is given it is not,
/// and beside FIN and RST it does not matter (a FIN always acknowledges, a RST may).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
}

impl Flags {
    /// Whether a segment with exactly the flags of `seen` is meant.
    pub fn match_those(self, seen: Self) -> bool {
        let ack_is_as_given = match (self.ack, self.syn) {
            (true, _) => seen.ack,
            (false, true) => !seen.ack,
            (false, false) => true,
        };
        ack_is_as_given && (self.syn, self.fin, self.rst) == (seen.syn, seen.fin, seen.rst)
    }
}

/// A sequence number in a live connection: relative to the next that the receiver expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// How far ahead of it; below zero for behind.
    pub ahead: i64,
}

/// A segment that nobody sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forged {
    /// When, from the start of the clock.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// The end of the link that it goes to: 0 or 1. It carries the address of the other end of the connection.
    pub to: usize,
    /// Which connection, from 1.
    pub connection: u64,
    /// Its flags, exactly.
    pub flags: Flags,
    /// Its sequence number.
    pub sequence: Sequence,
    /// Bytes of data, all of them `x`.
    pub data: ByteCount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags {
        Flags {
            syn: text.contains('S'),
            ack: text.contains('A'),
            fin: text.contains('F'),
            rst: text.contains('R'),
        }
    }

    #[test]
    fn flags_mean_what_people_mean_by_them() {
        for (wanted, seen, matches) in [
            ("S", "S", true),
            ("S", "SA", false),
            ("SA", "SA", true),
            ("SA", "S", false),
            ("F", "FA", true),
            ("F", "A", false),
            ("R", "R", true),
            ("R", "RA", true),
            ("A", "A", true),
            ("A", "FA", false),
            ("A", "SA", false),
            ("RA", "R", false),
        ] {
            assert_eq!(
                flags(wanted).match_those(flags(seen)),
                matches,
                "{wanted} of {seen}"
            );
        }
    }
}

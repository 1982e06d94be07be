//! Resolved packet faults: the segments of a link's TCP connections that are affected, and the effect on them.
//!
//! The lab's wire carries them out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::names::ActorName;
use crate::units::{self, ByteCount};

/// A fault on a link. The connections of a link count from 1, in the order of their first SYNs on it. A
/// four-tuple that is used again counts as another connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSpec {
    /// Its name; `NAME.matched` counts the segments that it matched.
    pub name: ActorName,
    /// The effect, and the segments that it applies to.
    pub action: FaultAction,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

/// The effect of a fault. If a link has several faults, each sees the segments that those before it in
/// the file let pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FaultAction {
    /// Loses the segment, as if it had never been sent.
    Drop(SegmentMatch),
    /// Holds the segment back; those behind it overtake it.
    Delay {
        /// The segments that are delayed.
        of: SegmentMatch,
        /// Time that each is held back.
        #[serde(with = "units::duration")]
        by: Duration,
    },
    /// Delivers the segment twice in a row.
    Duplicate(SegmentMatch),
    /// Passes the segment, and delivers a copy of it later: a stale segment.
    Replay {
        /// The segments that are replayed.
        of: SegmentMatch,
        /// Time between a segment and its copy.
        #[serde(with = "units::duration")]
        after: Duration,
        /// Sequence number of the copy in the newest connection with its four-tuple; `None`
        /// keeps the original number.
        sequence: Option<Sequence>,
    },
    /// Delivers a segment that nobody sent, with the addresses of a connection.
    Inject(Forged),
}

impl FaultAction {
    /// Returns the segments that it waits for; `None` for an action that makes its own.
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

/// The segments that a fault applies to: those that satisfy every condition that is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMatch {
    /// The end of the link that it comes from: 0 or 1, in the order of the link's nodes.
    pub from: Option<usize>,
    /// The flags that the segment must have.
    pub flags: Option<SegmentFlags>,
    /// True for segments with data, false for those without.
    pub data: Option<bool>,
    /// The connection's number, from 1.
    pub connection: Option<u64>,
    /// First and last of the matching segments in a connection, counted from 1.
    pub nth: Option<[u64; 2]>,
}

/// Flags of a segment. SYN, FIN and RST must be exactly as given. If ACK is given, it must be set. If only
/// SYN is given, ACK must not be set; beside FIN and RST, ACK does not matter (a FIN always acknowledges,
/// and a RST may).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SegmentFlags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
}

impl SegmentFlags {
    /// Returns true if these flags match a segment that has exactly the flags of `seen`.
    pub fn match_exactly(self, seen: Self) -> bool {
        let ack_is_as_given = match (self.ack, self.syn) {
            (true, _) => seen.ack,
            (false, true) => !seen.ack,
            (false, false) => true,
        };
        ack_is_as_given && (self.syn, self.fin, self.rst) == (seen.syn, seen.fin, seen.rst)
    }
}

/// A sequence number in a live connection, relative to the next one that the receiver expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Bytes ahead of the expected number; negative if behind.
    pub ahead: i64,
}

/// A segment that nobody sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forged {
    /// Time from the start of the clock.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// The end of the link that it goes to: 0 or 1. The segment carries the address of
    /// the connection's other end.
    pub to: usize,
    /// The connection's number, from 1.
    pub connection: u64,
    /// Its flags, and no others.
    pub flags: SegmentFlags,
    /// Its sequence number, relative to the receiver's state.
    pub sequence: Sequence,
    /// Number of data bytes, all of them `x`.
    pub data: ByteCount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> SegmentFlags {
        SegmentFlags {
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
                flags(wanted).match_exactly(flags(seen)),
                matches,
                "{wanted} of {seen}"
            );
        }
    }
}

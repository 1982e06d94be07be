//! Packet faults as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Bytes, Count, ScalarValue, Text, Timespan, Wrong, schema, words};
use crate::scenario::decode::{List, OneOrMany, document};
use crate::scenario::fault::Sequence;
use crate::scenario::span::Spanned;
use crate::scenario::suggest;

document! {
    /// A fault of single segments on a link. Exactly one of `drop`, `delay`, `duplicate`, `replay` and
    /// `inject`; `NAME.matched` counts the segments.
    FaultDoc, "a fault" {
        /// The two nodes of the link. It may be left out if there is only one link.
        "between" => between: Option<Spanned<List<Spanned<Text>>>>,
        /// Loses segments of the link.
        "drop" => drop: Option<SegmentDoc>,
        /// Holds segments back, so that those behind them arrive first.
        "delay" => delay: Option<DelayDoc>,
        /// Delivers segments twice in a row.
        "duplicate" => duplicate: Option<SegmentDoc>,
        /// Delivers segments once more, later.
        "replay" => replay: Option<ReplayDoc>,
        /// Delivers a segment that nobody sent.
        "inject" => inject: Option<InjectDoc>,
    }
}

/// Defines the keys of an action on segments: those that select segments, and its own.
macro_rules! action {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($rest:tt)* }) => {
        document! {
            $(#[$meta])*
            $name, $what {
                /// The node of the link that they come from. The default is either.
                "from" => from: Option<Spanned<Text>>,
                /// `SYN`, `ACK`, `FIN`, `RST`, or several: `[SYN, ACK]`. SYN, FIN and RST are exactly as
                /// given; `SYN` alone means without ACK. The default is any.
                "flags" => flags: Option<OneOrMany<FlagWord>>,
                /// `true` for segments with data, `false` for those without. The default is either.
                "data" => data: Option<super::values::Switch>,
                /// The connection of the link, from 1, in the order of their first SYNs. The
                /// default is every connection.
                "connection" => connection: Option<Spanned<Count>>,
                /// The position among the matching segments of a connection, from 1: `1`, or `1-3`.
                /// The default is all.
                "nth" => nth: Option<Ordinals>,
                $($rest)*
            }
        }

        impl $name {
            pub(crate) fn selection(&self) -> SegmentSelection<'_> {
                SegmentSelection {
                    from: self.from.as_ref(),
                    flags: self.flags.as_ref().map(|flags| &flags.0[..]),
                    data: self.data.map(|data| data.0),
                    connection: self.connection,
                    nth: self.nth.map(|nth| nth.0),
                }
            }
        }
    };
}

/// The selection of segments that all actions have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentSelection<'a> {
    pub(crate) from: Option<&'a Spanned<Text>>,
    pub(crate) flags: Option<&'a [FlagWord]>,
    pub(crate) data: Option<bool>,
    pub(crate) connection: Option<Spanned<Count>>,
    pub(crate) nth: Option<[u64; 2]>,
}

action! {
    /// A selection of segments.
    SegmentDoc, "a selection of segments" {}
}

action! {
    /// A selection of segments, and the time that they are held back.
    DelayDoc, "`delay`" {
        /// Time that they are held back.
        "by" => by: Timespan,
    }
}

action! {
    /// A selection of segments, and the time at which they are delivered again.
    ReplayDoc, "`replay`" {
        /// Time between a segment and its copy.
        "after" => after: Timespan,
        /// `expected`, `expected+100`, `expected-100`: moves the copy into the newest connection with the
        /// same addresses and ports, at this distance from the next byte that its receiver expects. By
        /// default the copy is unchanged.
        "seq" => seq: Option<SequenceWord>,
    }
}

document! {
    /// A segment that nobody sent, with the addresses and ports of a connection.
    InjectDoc, "`inject`" {
        /// Time from the start of the clock.
        "at" => at: Timespan,
        /// The node of the link that it goes to.
        "to" => to: Spanned<Text>,
        /// `SYN`, `ACK`, `FIN`, `RST`, or several; exactly these.
        "flags" => flags: OneOrMany<FlagWord>,
        /// The connection of the link, from 1, in the order of their first SYNs. The default is 1.
        "connection" => connection: Option<Spanned<Count>>,
        /// `expected` (the default), `expected+100`, `expected-100`: relative to the next byte
        /// that the receiver expects.
        "seq" => seq: Option<SequenceWord>,
        /// Bytes of data, up to 1000. The default is none.
        "data" => data: Option<Spanned<Bytes>>,
    }
}

/// The name of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagWord {
    Syn,
    Ack,
    Fin,
    Rst,
}

words!(FlagWord, "Flag", "a flag", [
    "SYN" => Self::Syn,
    "ACK" => Self::Ack,
    "FIN" => Self::Fin,
    "RST" => Self::Rst,
]);

/// First and last position, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ordinals(pub(crate) [u64; 2]);

impl ScalarValue for Ordinals {
    const WHAT: &'static str = "a number or a range";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self([first, last])),
            _ => Err(Wrong::new(
                "positions count upwards from 1",
                "write `1` for the first, `1-3` for the first three",
            )),
        }
    }
}
schema!(Ordinals, "Ordinals", { "type": ["string", "integer"], "pattern": r"^(\$.+|[0-9]+(-[0-9]+)?)$" });

/// A sequence number relative to the expected one: `expected+100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceWord(pub(crate) Sequence);

impl ScalarValue for SequenceWord {
    const WHAT: &'static str = "a sequence number";
    fn parse(text: &str) -> Result<Self, Wrong> {
        /// Half of all sequence numbers. A number that is further ahead counts as behind
        /// (RFC 9293, section 3.4).
        const MOST: i64 = 1 << 31;
        let ahead = text.trim().strip_prefix("expected").and_then(|rest| {
            let rest = rest.replace(' ', "");
            if rest.is_empty() {
                Some(0)
            } else if rest.starts_with(['+', '-']) {
                rest.parse::<i64>().ok()
            } else {
                None
            }
        });
        match ahead {
            Some(ahead) if (-MOST..MOST).contains(&ahead) => Ok(Self(Sequence { ahead })),
            Some(_) => Err(Wrong::new("it is too far away", "write at most 2147483647")),
            None => Err(Wrong::new(
                "not a position in a connection",
                "write `expected`, `expected+100` or `expected-100`",
            )),
        }
    }
}
schema!(SequenceWord, "Sequence", { "type": "string", "pattern": r"^(\$.+|expected *([+-] *[0-9]+)?)$" });

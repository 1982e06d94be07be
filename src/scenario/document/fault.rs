//! Packet faults as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Bytes, Count, Text, Timespan, Value, Wrong, schema, words};
use crate::scenario::decode::{List, OneOrMany, document};
use crate::scenario::fault::Sequence;
use crate::scenario::span::Spanned;
use crate::scenario::suggest;

document! {
    /// Something that happens to single segments of a link. Exactly one of `drop`, `delay`, `duplicate`, `replay` and `inject`;
    /// how often it happened is `NAME.matched`.
    FaultDoc, "a fault" {
        /// The two nodes of the link. Where there is only one link, it may be left out.
        "between" => between: Option<Spanned<List<Spanned<Text>>>>,
        /// Segments that are lost.
        "drop" => drop: Option<SegmentDoc>,
        /// Segments that come later than those behind them.
        "delay" => delay: Option<DelayDoc>,
        /// Segments that arrive twice.
        "duplicate" => duplicate: Option<SegmentDoc>,
        /// Segments that arrive once more, later.
        "replay" => replay: Option<ReplayDoc>,
        /// A segment that nobody sent.
        "inject" => inject: Option<InjectDoc>,
    }
}

/// Defines what each action on segments takes: which segments, and what it needs beside that.
macro_rules! action {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($rest:tt)* }) => {
        document! {
            $(#[$meta])*
            $name, $what {
                /// The node of the link that they come from. Without it, either.
                "from" => from: Option<Spanned<Text>>,
                /// `SYN`, `ACK`, `FIN`, `RST`, or several: `[SYN, ACK]`. SYN, FIN and RST are exactly as given; `SYN` alone is
                /// without ACK. Without it, any.
                "flags" => flags: Option<OneOrMany<FlagWord>>,
                /// `true`: with data; `false`: without. Without it, either.
                "data" => data: Option<super::values::Switch>,
                /// Which connection of the link, from 1, in the order of their first SYNs. Without it, each.
                "connection" => connection: Option<Spanned<Count>>,
                /// Which of those that match in a connection, from 1: `1`, or `1-3`. Without it, all.
                "nth" => nth: Option<Ordinals>,
                $($rest)*
            }
        }

        impl $name {
            pub(crate) fn selection(&self) -> Selection<'_> {
                Selection {
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

/// What the actions have in common: which segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    pub(crate) from: Option<&'a Spanned<Text>>,
    pub(crate) flags: Option<&'a [FlagWord]>,
    pub(crate) data: Option<bool>,
    pub(crate) connection: Option<Spanned<Count>>,
    pub(crate) nth: Option<[u64; 2]>,
}

action! {
    /// Which segments.
    SegmentDoc, "segments" {}
}

action! {
    /// Which segments, and how long they wait.
    DelayDoc, "`delay`" {
        /// How long they wait.
        "by" => by: Timespan,
    }
}

action! {
    /// Which segments, and when they come again.
    ReplayDoc, "`replay`" {
        /// How much later they arrive once more.
        "after" => after: Timespan,
        /// `expected`, `expected+100`, `expected-100`: the copy is moved into the newest connection with the same addresses and
        /// ports, so far from the next byte that its receiver expects. Without it, it comes as it was.
        "seq" => seq: Option<SequenceWord>,
    }
}

document! {
    /// A segment that nobody sent, with addresses and ports of a connection.
    InjectDoc, "`inject`" {
        /// When, from the start of the clock.
        "at" => at: Timespan,
        /// The node of the link that it goes to.
        "to" => to: Spanned<Text>,
        /// `SYN`, `ACK`, `FIN`, `RST`, or several; exactly these.
        "flags" => flags: OneOrMany<FlagWord>,
        /// Which connection of the link, from 1, in the order of their first SYNs. The default is 1.
        "connection" => connection: Option<Spanned<Count>>,
        /// `expected` (the default), `expected+100`, `expected-100`: how far from the next byte that the receiver expects.
        "seq" => seq: Option<SequenceWord>,
        /// Bytes of data, up to 1000. The default is none.
        "data" => data: Option<Spanned<Bytes>>,
    }
}

/// One flag.
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

/// First and last of a count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ordinals(pub(crate) [u64; 2]);

impl Value for Ordinals {
    const WHAT: &'static str = "a number or a range";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self([first, last])),
            _ => Err(Wrong::new(
                "they count from 1, upwards",
                "write `1` for the first, `1-3` for the first three",
            )),
        }
    }
}
schema!(Ordinals, "Ordinals", { "type": ["string", "integer"], "pattern": r"^(\$.+|[0-9]+(-[0-9]+)?)$" });

/// Where a segment stands: `expected+100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceWord(pub(crate) Sequence);

impl Value for SequenceWord {
    const WHAT: &'static str = "a sequence number";
    fn parse(text: &str) -> Result<Self, Wrong> {
        /// Half of the numbers that there are: what lies further ahead lies behind (RFC 9293, section 3.4).
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
            Some(_) => Err(Wrong::new("it is too far away", "at most 2147483647 away")),
            None => Err(Wrong::new(
                "not a place in a connection",
                "write `expected`, `expected+100` or `expected-100`",
            )),
        }
    }
}
schema!(SequenceWord, "Sequence", { "type": "string", "pattern": r"^(\$.+|expected *([+-] *[0-9]+)?)$" });

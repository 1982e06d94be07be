//! `moments:` as written.

use super::values::{Text, Timespan};
use crate::scenario::decode::document;
use crate::scenario::span::Spanned;

document! {
    /// A bookmark: a moment that is worth a look.
    MomentDoc, "a moment" {
        /// The time, from the start of the clock.
        "at" => at: Timespan,
        /// A note on what there is to see.
        "note" => note: Text,
        /// The connection to show, a client or command with the number of its attempt: `load:201`.
        "connection" => connection: Option<Spanned<Text>>,
    }
}

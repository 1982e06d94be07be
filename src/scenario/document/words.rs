//! Words with a fixed meaning that servers and clients use.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{ScalarValue, Wrong, schema, words};
use crate::scenario::suggest;
use crate::scenario::topology::Baseline;
use crate::scenario::workload::{PoolOrder, Protocol, QuerySockets};

words!(Protocol, "Protocol", "a protocol", ["tcp" => Self::Tcp, "udp" => Self::Udp]);
words!(QuerySockets, "QuerySockets", "`one` or `each`", [
    "one" => Self::One,
    "each" => Self::Each,
]);
words!(PoolOrder, "PoolOrder", "the order in which connections are used again", [
    "lifo" => Self::Lifo,
    "fifo" => Self::Fifo,
]);
words!(Baseline, "Baseline", "`pinned` or `kernel`", [
    "pinned" => Self::Pinned,
    "kernel" => Self::Kernel,
]);

/// The interface by which a client reaches a server on its own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViaWord {
    Loopback,
}

words!(ViaWord, "Via", "a way to the server", ["loopback" => Self::Loopback]);

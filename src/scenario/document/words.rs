//! Words with a fixed meaning that servers and clients use.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{ScalarValue, Wrong, schema, words};
use crate::scenario::suggest;
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

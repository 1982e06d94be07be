//! Real programs that run on a node.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::privilege::Privilege;
use crate::names::{ActorName, NodeName};
use crate::scenario::place::Place;
use crate::units;

/// The folder that `${files}` stands for. Each command has its own; nobody else sees it, and it is removed
/// with the command. POSIX shared memory lives in the folder above it (shm_overview(7)), so that one
/// exists on every machine.
pub const FILES: &str = "/dev/shm/nslab";

/// A real program on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Unique among all servers, clients and commands.
    pub name: ActorName,
    /// The node on which it runs.
    pub node: NodeName,
    /// Program and arguments, with addresses filled in.
    pub run: Vec<String>,
    /// The program is killed after this long. A program that serves has this long until it listens; for a
    /// program in the background there is no limit.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Start time, from the start of the clock; a program that serves starts before the clock does.
    #[serde(with = "units::duration")]
    pub start: Duration,
    /// The TCP port that it serves. The clock does not start until the program listens on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<u16>,
    /// True if the program runs until the lab ends and nothing waits for it. The same holds for
    /// any program that serves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// Contents of the files in its folder ([`FILES`]) by file name; `None` if it has no such folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
    /// True if its output has the results of tests, each of which is judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tap: bool,
    /// Environment variables in addition to the lab's own.
    pub env: BTreeMap<String, String>,
    /// Privileges beyond those of every program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<Privilege>,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

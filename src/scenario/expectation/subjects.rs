//! The subjects that expectations may name.

use indexmap::{IndexMap, IndexSet};

use crate::metrics::Subject;

/// The names that the expectations of one run may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subjects {
    pub(crate) nodes: IndexSet<String>,
    pub(crate) actors: IndexMap<String, Subject>,
    /// The node of each actor that has one.
    pub(crate) homes: IndexMap<String, String>,
    /// Names of the rules of each node's firewall.
    pub(crate) rules: IndexMap<String, Vec<String>>,
    /// Nodes whose connection tracking table is certainly always empty.
    pub(crate) untracked: IndexSet<String>,
    /// True if nothing in the lab uses IPv4, so that counters of IPv4 stay at 0.
    pub(crate) without_ipv4: bool,
    /// The number of attempts that each client makes.
    pub(crate) attempts: IndexMap<String, u64>,
}

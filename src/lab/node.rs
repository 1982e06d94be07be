//! A live node: a namespace with a name.

use crate::names::NodeName;
use crate::sys::NetNs;

/// A live node.
#[derive(Debug, Clone)]
pub struct LiveNode {
    /// Its name in the scenario.
    pub name: NodeName,
    /// Its namespace.
    pub netns: NetNs,
    /// Bound on descriptors of each process that runs on it, where the scenario gives one.
    pub nofile: Option<u64>,
}

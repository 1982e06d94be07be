//! A live node of a lab.

use crate::names::NodeName;
use crate::sys::NetNs;

/// A namespace that stands for a node of the scenario.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LiveNode {
    pub name: NodeName,
    pub netns: NetNs,
    /// Limit on the descriptors of each process that runs on the node, if the scenario sets one.
    pub nofile: Option<u64>,
}

//! Where a run happens: a live topology of namespaces.

mod node;
pub mod wire;

pub use node::Node;

use indexmap::IndexMap;

use crate::names::NodeName;

/// A live topology. It lives by descriptors and threads: when it is dropped, or its process dies, the kernel clears it away.
#[derive(Debug)]
pub struct Lab {
    nodes: IndexMap<NodeName, Node>,
}

impl Lab {
    /// The live node of this name; every node of the topology that the lab was built from has one.
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Every node, in the order of the scenario.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }
}

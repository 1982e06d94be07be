//! Where a run happens: a live topology of namespaces.

mod node;
mod room;

pub use node::Node;
pub use room::{RoomError, flush_room, make_room};

use indexmap::IndexMap;

use crate::names::NodeName;

/// A live topology. It lives by descriptors and threads: when it is dropped, or its process dies, the kernel clears it away.
#[derive(Debug)]
pub struct Lab {
    nodes: IndexMap<NodeName, Node>,
}

impl Lab {
    /// A lab of nodes that exist already.
    pub(crate) fn of(nodes: Vec<Node>) -> Self {
        let nodes = nodes.into_iter().map(|node| (node.name.clone(), node));
        Self {
            nodes: nodes.collect(),
        }
    }

    /// The live node of this name; every node of the topology that the lab was built from has one.
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Every node, in the order of the scenario.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }
}

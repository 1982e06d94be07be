//! Where a run happens: a live topology of namespaces.
//!
//! [`plan()`] says what to build, purely; [`Lab::build`] builds it. A lab lives by descriptors and threads, nothing of it has
//! a name on disk: when it is dropped, or its process dies, the kernel clears it away.

pub mod ability;
mod apply;
mod baseline;
mod birth;
mod capacity;
mod error;
mod ledger;
mod messages;
mod node;
mod plan;
mod print;
mod rules;
mod settings;
mod steps;
#[cfg(test)]
mod tests;

pub use error::{BuildError, Feature, NotApplicable};
pub use node::Node;
pub use plan::{NamespaceOp, Op, Plan, PlannedEnd, Site, WireSide, plan};
pub use steps::StepError;

use std::collections::BTreeMap;
use std::time::Instant;

use indexmap::IndexMap;

use crate::names::NodeName;
use crate::record::Built;
use crate::scenario::RunSpec;
use crate::scenario::topology::{Impairment, Topology};
use crate::sys::NetNs;
use crate::sys::sysctl::Sysctls;

/// What the lab stands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ground {
    /// Whether the lab owns the kernel (a virtual machine), so that host-wide settings may be made. The thread that builds
    /// is then in the initial namespace.
    pub owns_kernel: bool,
    /// Whether the calling thread's namespace is the lab's own, as in a sandbox, so that settings of it may be made.
    pub own_netns: bool,
}

/// Every setting that the lab pinned or the scenario set, as read back; goes into the record's environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeSettings {
    /// By node: key and value.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
    /// Of these, what differs from the baseline.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
}

/// A place for a wire: two interfaces to be joined, both up.
#[derive(Debug, Clone)]
pub struct WirePlace {
    /// The namespace of both, which holds nothing else.
    pub netns: NetNs,
    /// Index into the topology's links.
    pub link: usize,
    /// Both ends, in the order of the link's nodes. What a node emulates is left out where its kernel has the real thing.
    pub ends: [WireSide; 2],
    /// What the wire does to packets.
    pub impairment: Impairment,
}

/// A live topology.
#[derive(Debug)]
pub struct Lab {
    nodes: IndexMap<NodeName, Node>,
    topology: Topology,
    wires: Vec<WirePlace>,
}

impl Lab {
    /// Builds what a run needs: namespaces, links, addresses, routes, settings, address translation. What is then still to be
    /// done: wires ([`Self::wires`]) and room in connection tracking tables.
    ///
    /// # Errors
    /// [`BuildError::NotApplicable`] where this kernel lacks what the scenario needs; all others are errors of the run.
    pub fn build(
        spec: &RunSpec,
        ground: Ground,
    ) -> Result<(Self, Built, NodeSettings), BuildError> {
        let started = Instant::now();
        settings::set_kernel(&spec.kernel_sysctls, ground.owns_kernel)?;
        let entries =
            (ground.owns_kernel || ground.own_netns).then(|| capacity::entries(&spec.workload));
        if let Some(entries) = entries {
            capacity::size_socket_hash(&mut Sysctls::new(), entries);
        }
        let plan = plan(&spec.topology);
        let standing = apply::apply(&plan, entries, ground.owns_kernel)?;
        let lab = Self {
            nodes: nodes(&spec.topology, &standing.sites),
            topology: spec.topology.clone(),
            wires: wires(&plan, &standing),
        };
        let built = Built {
            took: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            emulated: standing.ledger.emulated,
            ..Built::default()
        };
        Ok((lab, built, standing.ledger.settings))
    }

    /// The live node of this name; every node of the topology that the lab was built from has one.
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Every node, in the order of the scenario.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The places where wires belong, in the order of the links.
    pub fn wires(&self) -> &[WirePlace] {
        &self.wires
    }

    /// Lets go of everything at once. The kernel clears the namespaces away in its own time, once nothing else is in them.
    pub fn shutdown(self) {
        drop(self);
    }
}

fn nodes(topology: &Topology, sites: &IndexMap<Site, NetNs>) -> IndexMap<NodeName, Node> {
    topology
        .nodes
        .iter()
        .filter_map(|(name, spec)| {
            let netns = sites.get(&Site::Node(name.clone()))?.clone();
            let node = Node {
                name: name.clone(),
                netns,
                nofile: spec.nofile,
            };
            Some((name.clone(), node))
        })
        .collect()
}

fn wires(plan: &Plan, standing: &apply::Standing) -> Vec<WirePlace> {
    let place = |op: &Op| {
        let Op::Wire {
            link,
            ends,
            impairment,
        } = op
        else {
            return None;
        };
        let mut ends = ends.clone();
        for end in &mut ends {
            if !standing.ledger.emulated.contains_key(end.node.as_str()) {
                end.emulate.clear();
            }
        }
        Some(WirePlace {
            netns: standing.sites.get(&Site::Wire)?.clone(),
            link: *link,
            ends,
            impairment: impairment.clone(),
        })
    };
    plan.ops.iter().filter_map(place).collect()
}

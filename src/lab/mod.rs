//! The live topology of namespaces in which a run takes place.
//!
//! [`plan()`] is a pure function that returns what to build, and [`Lab::build`] builds it. A lab consists of
//! descriptors and threads and has no names on disk: when it is dropped, or its process dies, the kernel removes it.

pub mod abilities;
mod applied_settings;
mod apply;
mod assembly;
mod baseline;
mod capacity;
mod changes;
mod conntrack_fill;
mod error;
mod firewall;
mod known_sysctls;
pub mod leaks;
pub mod loadable_modules;
mod machine;
mod mark;
mod messages;
mod namespaces;
mod neighbours;
mod netem;
mod node;
mod plan;
mod power;
mod print;
pub mod programs;
pub(crate) mod rules;
pub mod running;
pub mod sandbox;
mod settings;
pub mod sysctl_inquiry;
pub mod sysctl_survey;
#[cfg(test)]
mod tests;
pub mod wire;
mod wires;

pub use changes::ChangeError;
pub use conntrack_fill::{ConntrackFillError, flush_conntrack, leave_free_entries};
pub use error::{BuildError, Feature, NotApplicable};
pub use node::LiveNode;
pub(crate) use plan::emulated_key;
pub use plan::{LabPlan, NamespaceOp, Op, PlannedEnd, Site, WireSide, plan};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::names::NodeName;
use wire::precision;
use wires::Wires;

use crate::record::{Built, ConntrackRoom, Recorder, RunClock, WirePrecision};
use crate::scenario::RunSpec;
use crate::scenario::fault::FaultSpec;
use crate::scenario::topology::{Impairment, Topology};
use crate::sys::NetNs;
pub(crate) use crate::sys::kernel_modules::is_present as has_kernel_module;
use crate::sys::process::raise_nofile;
pub(crate) use crate::sys::support::descriptors as descriptor_limit;
use crate::sys::sysctl::Sysctls;
#[cfg(test)]
pub(crate) use crate::sysctls::Machine;
use crate::units::as_nanos;

pub(crate) use baseline::{PinnedDifference, differences as pinned_differences};

/// Returns the page about the pinned settings (`docs/baseline.md`).
pub fn baseline_page() -> String {
    baseline::page()
}

/// The part of the system that belongs to the lab, apart from its own namespaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabScope {
    /// True if the lab owns the kernel (as in a virtual machine), so that it may change host-wide settings.
    /// The thread that builds the lab is then in the initial namespace.
    pub owns_kernel: bool,
    /// True if the calling thread's namespace belongs to the lab, as in a sandbox, so that the lab
    /// may change its settings.
    pub own_netns: bool,
}

/// The settings that the lab pinned or the scenario set, as read back. They go into the record's environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeSettings {
    /// Values by node and key.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
    /// The values that differ from the baseline, by node and key.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
    /// The values set for the whole kernel.
    pub of_kernel: BTreeMap<String, String>,
    /// Keys of the baseline that this kernel does not have.
    pub absent: BTreeSet<String>,
}

/// Two interfaces, both up, that a wire will connect.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WirePlace {
    /// The namespace of both interfaces, which holds nothing else.
    pub netns: NetNs,
    /// Index into the topology's links.
    pub link: usize,
    /// Both ends, in the order of the link's nodes. An emulation is left out if the node's kernel
    /// has the real setting.
    pub ends: [WireSide; 2],
    pub impairment: Impairment,
    pub faults: Vec<FaultSpec>,
}

/// A live topology of namespaces, links and wires.
#[derive(Debug)]
pub struct Lab {
    nodes: IndexMap<NodeName, LiveNode>,
    topology: Topology,
    wires: Wires,
    /// Nodes whose conntrack table was filled, and must be emptied before the namespaces are removed.
    filled: Vec<NodeName>,
    /// Nodes that are cut off now.
    cut_off: Mutex<BTreeSet<NodeName>>,
}

impl Lab {
    /// Builds what a run needs: namespaces, links, addresses, routes, settings, address translation, wires,
    /// and filled conntrack tables. The wires pass packets unchanged until [`Self::begin`].
    ///
    /// # Errors
    /// [`BuildError::NotApplicable`] if this kernel lacks something that the scenario needs; any other error
    /// is one of the run.
    pub fn build(
        spec: &RunSpec,
        scope: LabScope,
    ) -> Result<(Self, Built, NodeSettings), BuildError> {
        let started = Instant::now();
        // Each node takes several descriptors. If the limit stays too low, a later call will fail.
        let _as_many_as_there_are = raise_nofile();
        let pinned = match scope.owns_kernel {
            true => baseline::pin_kernel(spec.topology.baseline),
            false => BTreeMap::new(),
        };
        let set = settings::set_kernel_sysctls(&spec.kernel_sysctls, scope.owns_kernel)?;
        let entries = (scope.owns_kernel || scope.own_netns)
            .then(|| capacity::entries(&spec.workload, spec.topology.nodes.len()));
        if let Some(entries) = entries {
            capacity::size_socket_hash(&mut Sysctls::new(), entries);
        }
        let plan = plan(&spec.topology);
        let built_namespaces = apply::apply(&plan, entries, scope)?;
        let nodes = nodes(&spec.topology, &built_namespaces.sites);
        if let Some(node) = nodes.values().next().filter(|_| !set.is_empty()) {
            settings::check_hold_on(node, &set)?;
        }
        let places = wire_places(&plan, &built_namespaces);
        let wires = Wires::start(&places, &spec.topology, |name| nodes.get(name), spec.seed)?;
        let mut lab = Self {
            nodes,
            topology: spec.topology.clone(),
            wires,
            filled: Vec::new(),
            cut_off: Mutex::default(),
        };
        let filling = Instant::now();
        let conntrack_room = lab.fill_conntrack_tables(
            scope,
            capacity::entries(&spec.workload, spec.topology.nodes.len()),
        )?;
        let built = Built {
            took: as_nanos(started.elapsed()),
            fill_took: as_nanos(filling.elapsed()),
            conntrack_room,
            wire: lab.wire_precision(places.first()),
            emulated: lab.wires.emulation_statements(),
        };
        Ok((lab, built, built_namespaces.applied.finish(pinned, set)))
    }

    /// Measures the precision of one wire, as a sample for all. Returns `None` if there are no wires or if
    /// packets did not arrive in time; in that case the run itself will show it.
    fn wire_precision(&self, place: Option<&WirePlace>) -> Option<WirePrecision> {
        let link = self.topology.links.get(place?.link)?;
        let [Some(first), Some(second)] = link.between.each_ref().map(|name| self.node(name))
        else {
            return None;
        };
        let probe = |node: &'_ LiveNode, end: usize| precision::WireProbe {
            netns: node.netns.clone(),
            interface: link.interfaces[end].clone(),
        };
        precision::measure([probe(first, 0), probe(second, 1)], link.mtu).ok()
    }

    /// Makes the wires impair and emulate from now on, and record what they do.
    pub fn begin(&self, clock: RunClock, recorder: &Recorder) {
        self.wires.begin(clock, recorder);
    }

    fn fill_conntrack_tables(
        &mut self,
        scope: LabScope,
        sockets: u64,
    ) -> Result<BTreeMap<String, ConntrackRoom>, BuildError> {
        let rooms = self
            .topology
            .nodes
            .iter()
            .filter_map(|(name, node)| Some((name, node.conntrack_room?)));
        let mut by_limit = scope.owns_kernel;
        if let Some((first, _)) = rooms.clone().next().filter(|_| by_limit) {
            let each: Vec<u32> = rooms.clone().map(|(_, room)| room).collect();
            // A connection may stay in a table twice as long as in TIME_WAIT
            // (nf_conntrack_tcp_timeout_time_wait, 120 s).
            let others = u32::try_from(2 * sockets).unwrap_or(u32::MAX);
            let shared = conntrack_fill::lower_shared_limit(&each, others);
            by_limit = !shared.map_err(|source| BuildError::Conntrack {
                node: first.clone(),
                source,
            })?;
        }
        let mut made = BTreeMap::new();
        for (name, room) in rooms {
            let Some(node) = self.nodes.get(name) else {
                continue;
            };
            let done = leave_free_entries(&node.netns, room, by_limit).map_err(|source| {
                BuildError::Conntrack {
                    node: name.clone(),
                    source,
                }
            })?;
            if done.filled > 0 {
                self.filled.push(name.clone());
            }
            made.insert(name.to_string(), done);
        }
        Ok(made)
    }

    /// Creates a lab of nodes that exist already, without links.
    pub(crate) fn of(nodes: Vec<LiveNode>) -> Self {
        let nodes = nodes.into_iter().map(|node| (node.name.clone(), node));
        Self {
            nodes: nodes.collect(),
            topology: Topology::default(),
            wires: Wires::default(),
            filled: Vec::new(),
            cut_off: Mutex::default(),
        }
    }

    /// Returns a live node by name; every node of the lab's topology has one.
    pub fn node(&self, name: &NodeName) -> Option<&LiveNode> {
        self.nodes.get(name)
    }

    /// Iterates over the nodes in the order of the scenario.
    pub fn nodes(&self) -> impl Iterator<Item = &LiveNode> {
        self.nodes.values()
    }

    /// Stops the wires and releases all descriptors. The kernel removes the namespaces later, once they are unused.
    ///
    /// Filled conntrack tables are emptied first: on request the kernel does it twice as fast as when
    /// it removes a namespace.
    pub fn shutdown(self) {
        // Wires first, so that they do not record packets of the shutdown.
        drop(self.wires);
        for node in self.filled.iter().filter_map(|name| self.nodes.get(name)) {
            // A table that cannot be emptied disappears with its namespace.
            let _slower = flush_conntrack(&node.netns);
        }
    }
}

fn nodes(topology: &Topology, sites: &IndexMap<Site, NetNs>) -> IndexMap<NodeName, LiveNode> {
    topology
        .nodes
        .iter()
        .filter_map(|(name, spec)| {
            let netns = sites.get(&Site::Node(name.clone()))?.clone();
            let node = LiveNode {
                name: name.clone(),
                netns,
                nofile: spec.nofile,
            };
            Some((name.clone(), node))
        })
        .collect()
}

fn wire_places(plan: &LabPlan, built_namespaces: &apply::BuiltNamespaces) -> Vec<WirePlace> {
    let place = |op: &Op| {
        let Op::Wire {
            link,
            ends,
            impairment,
            faults,
        } = op
        else {
            return None;
        };
        let mut ends = ends.clone();
        for end in &mut ends {
            if !built_namespaces
                .applied
                .emulated
                .contains_key(end.node.as_str())
            {
                end.emulate.clear();
            }
        }
        Some(WirePlace {
            netns: built_namespaces.sites.get(&Site::Wire)?.clone(),
            link: *link,
            ends,
            impairment: impairment.clone(),
            faults: faults.clone(),
        })
    };
    plan.ops.iter().filter_map(place).collect()
}

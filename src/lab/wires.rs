//! The wires of a lab: one for each link that needs it, with the emulations of its nodes.

use std::collections::BTreeMap;

use super::wire::{HostClock, TwRecycle, Wire, WireEnd, WireError, recycle};
use super::{LiveNode, WirePlace};
use crate::names::NodeName;
use crate::record::{Recorder, RunClock};
use crate::scenario::topology::{Emulation, Impairment, Topology};

/// Running wires. They stop when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Wires {
    wires: BTreeMap<usize, Wire>,
    recycles: BTreeMap<NodeName, TwRecycle>,
}

impl Wires {
    /// Connects every place with a wire. Packets pass unchanged until [`Self::begin`].
    pub(super) fn start<'a>(
        places: &[WirePlace],
        topology: &Topology,
        node: impl Fn(&NodeName) -> Option<&'a LiveNode>,
        seed: u64,
    ) -> Result<Self, WireError> {
        let mut wires = Self::default();
        for place in places {
            for end in &place.ends {
                let (Some(live), Some(spec)) = (node(&end.node), topology.nodes.get(&end.node))
                else {
                    continue;
                };
                let recycles = end.emulate.contains(&Emulation::TcpTwRecycle);
                if recycles && !wires.recycles.contains_key(&end.node) {
                    let recycle = TwRecycle::start(&live.netns, &end.node, spec)?;
                    wires.recycles.insert(end.node.clone(), recycle);
                }
            }
            let ends = place.ends.each_ref().map(|end| WireEnd {
                interface: end.interface.clone(),
                node: end.node.clone(),
                recycle: wires.recycles.get(&end.node).cloned(),
                clock: topology
                    .nodes
                    .get(&end.node)
                    .filter(|_| topology.has_own_clock(&end.node))
                    .map(|spec| HostClock::of(&end.node, spec, seed)),
            });
            // Each wire has its own seed, so that losses on one link are independent of the others.
            let seed = seed.wrapping_add(place.link as u64);
            wires.wires.insert(
                place.link,
                Wire::start(&place.netns, ends, &place.impairment, &place.faults, seed)?,
            );
        }
        Ok(wires)
    }

    /// Makes impairments and emulations apply from now on.
    pub(super) fn begin(&self, clock: RunClock, recorder: &Recorder) {
        for wire in self.wires.values() {
            wire.begin(clock, recorder);
        }
    }

    /// Returns sentences that describe the emulations, by node.
    pub(super) fn emulation_statements(&self) -> BTreeMap<String, Vec<String>> {
        self.recycles
            .keys()
            .map(|node| (node.to_string(), vec![recycle::emulation_statement(node)]))
            .collect()
    }

    /// Changes the impairment of a link's wire; `false` if the link has no wire.
    pub(super) fn set_impairment(&self, link: usize, impairment: &Impairment) -> bool {
        self.wires
            .get(&link)
            .inspect(|wire| wire.set_impairment(impairment.clone()))
            .is_some()
    }

    /// Stops everything on a link; `false` if the link has no wire.
    pub(super) fn cut(&self, link: usize) -> bool {
        self.wires.get(&link).inspect(|wire| wire.cut()).is_some()
    }

    /// Lets a link that was cut carry packets again.
    pub(super) fn mend(&self, link: usize) {
        if let Some(wire) = self.wires.get(&link) {
            wire.mend();
        }
    }

    /// Changes an emulated sysctl; `false` if the node does not emulate it.
    pub(super) fn set_sysctl(&self, node: &NodeName, key: &str, value: &str) -> bool {
        let recycle = self
            .recycles
            .get(node)
            .filter(|_| key == "net.ipv4.tcp_tw_recycle");
        recycle.inspect(|recycle| recycle.set(value)).is_some()
    }
}

//! The pinned settings whose value is not the kernel's own default on a machine.

use super::pins::{CONNTRACK, IPV6, KERNEL, NODE};
use super::{LabScope, Pin};
use crate::scenario::topology::{IpVersion, Topology};
use crate::sys::sysctl::same;
use crate::sysctls::{self, Machine};

/// A pinned setting that differs from the kernel's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinnedDifference {
    pub(crate) key: &'static str,
    /// The value in the lab, or the preferred one of several.
    pub(crate) pinned: String,
    /// The kernel's own default.
    pub(crate) default: String,
}

/// Returns the settings that a lab pins to another value than the default of a machine. A setting whose default is not
/// known is left out.
pub(crate) fn differences(
    topology: &Topology,
    scope: LabScope,
    machine: Machine,
) -> Vec<PinnedDifference> {
    let tracks = topology.nodes.values().any(|node| node.tracks());
    let groups = [
        (NODE, true),
        (CONNTRACK, tracks),
        (IPV6, topology.ip == IpVersion::V6),
        (KERNEL, scope.owns_kernel),
    ];
    let applied = groups.into_iter().filter(|(_, applies)| *applies);
    let pins = applied.flat_map(|(pins, _)| pins);
    pins.filter_map(|pin| difference(pin, machine)).collect()
}

fn difference(pin: &Pin, machine: Machine) -> Option<PinnedDifference> {
    let default = sysctls::default(pin.key, machine)?;
    let values = pin.values();
    let pinned = values.first()?.clone();
    let differs = !values.iter().any(|value| same(value, &default));
    differs.then_some(PinnedDifference {
        key: pin.key,
        pinned,
        default,
    })
}

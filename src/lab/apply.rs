//! Executes a plan with a plain loop: namespaces with their settings and rules, then links, addresses and routes.

use indexmap::IndexMap;

use super::applied_settings::AppliedSettings;
use super::assembly::Assembly;
use super::error::BuildError;
use super::namespaces::{CreatedNamespace, Creating};
use super::plan::{LabPlan, Op, PlannedEnd, Site};
use super::settings::{SetOutcome, WantedSysctl, write_all};
use crate::names::NodeName;
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::ethtool;
use crate::sys::netlink::Netlink;
use crate::sys::rtnl;
use crate::sys::sysctl::Sysctls;

/// The namespaces under construction, in the order of the plan.
type CreatedNamespaces = IndexMap<Site, CreatedNamespace>;

/// The namespaces of an executed plan.
#[derive(Debug)]
pub(super) struct BuiltNamespaces {
    pub(super) sites: IndexMap<Site, NetNs>,
    pub(super) applied: AppliedSettings,
}

/// Executes a plan. If the lab owns the kernel, the calling thread must be in its initial namespace. If
/// `socket_hash` is given, the namespaces get socket hashes of their own with that many entries.
pub(super) fn apply(
    plan: &LabPlan,
    socket_hash: Option<u64>,
    scope: super::LabScope,
) -> Result<BuiltNamespaces, BuildError> {
    let outside = (scope.own_netns || scope.owns_kernel)
        .then(|| Netlink::open(libc::NETLINK_ROUTE))
        .transpose()
        .map_err(|source| BuildError::Netlink {
            site: Site::Wire,
            source,
        })?;
    let mut creating = Creating::start(plan, socket_hash)?;
    let mut assembly = Assembly::of(plan, outside);
    while let Some(created) = creating.next()? {
        assembly.join(created)?;
    }
    let mut builds = assembly.into_created();
    for (end, most) in limited_segments(plan) {
        cut_segments(&mut builds, end, most)?;
    }
    for end in not_ready_at_once(plan) {
        wait_for_carrier(&mut builds, end)?;
    }
    for site in with_ipv6(plan) {
        wait_for_addresses(&mut builds, site)?;
    }
    conclude(builds, scope.owns_kernel)
}

/// Returns the ends that drop packets for a moment after they are up: the first end of each pair, which comes up before
/// its peer, and every port of a bridge, which is enabled when the kernel has noticed its carrier (`br_device_event`,
/// Linux `net/bridge/br.c`).
fn not_ready_at_once(plan: &LabPlan) -> impl Iterator<Item = &PlannedEnd> {
    let bridges = plan.ops.iter().filter_map(|op| match op {
        Op::Bridge { node, .. } => Some(node),
        _ => None,
    });
    let bridges: Vec<&NodeName> = bridges.collect();
    let is_port = move |end: &&PlannedEnd| match &end.site {
        Site::Node(node) => bridges.contains(&node),
        _ => false,
    };
    let ends = plan.ops.iter().filter_map(|op| match op {
        Op::Veth { ends, .. } => Some(ends),
        _ => None,
    });
    ends.flat_map(move |[first, second]| [Some(first), Some(second).filter(&is_port)])
        .flatten()
}

fn with_ipv6(plan: &LabPlan) -> impl Iterator<Item = &Site> {
    plan.ops.iter().filter_map(|op| match op {
        Op::Namespace(op) if op.ip == IpVersion::V6 => Some(&op.site),
        _ => None,
    })
}

/// Returns the node ends whose packets carry a limited number of segments, and the limit.
fn limited_segments(plan: &LabPlan) -> impl Iterator<Item = (&PlannedEnd, u32)> {
    let ends = plan.ops.iter().filter_map(|op| match op {
        Op::Veth {
            ends,
            max_segments: Some(most),
            ..
        } => Some(ends.each_ref().map(|end| (end, *most))),
        _ => None,
    });
    ends.flatten().filter(|(end, _)| end.site != Site::Wire)
}

/// Turns off segmentation offload at an end if an old kernel ignored the limit given when the link was created.
fn cut_segments(
    builds: &mut CreatedNamespaces,
    end: &PlannedEnd,
    most: u32,
) -> Result<(), BuildError> {
    let Some(created) = builds.get_mut(&end.site) else {
        return Ok(());
    };
    let limit = rtnl::gso_max_segs(&mut created.route, end.index).map_err(|source| {
        BuildError::Netlink {
            site: end.site.clone(),
            source,
        }
    })?;
    if limit == Some(most) {
        return Ok(());
    }
    let interface = end.interface.to_string();
    let turned_off = created.netns.run(move || ethtool::turn_tso_off(&interface));
    turned_off.flatten().map_err(|source| BuildError::Segments {
        site: end.site.clone(),
        interface: end.interface.to_string(),
        source,
    })
}

/// Waits until the kernel has noticed the carrier of an end.
fn wait_for_carrier(builds: &mut CreatedNamespaces, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(build) = builds.get_mut(&end.site) else {
        return Ok(());
    };
    let route = &mut build.route;
    let up = rtnl::wait_until(|| rtnl::is_operational(route, end.index));
    match up {
        Ok(true) => Ok(()),
        Ok(false) => Err(BuildError::NoCarrier {
            site: end.site.clone(),
            interface: end.interface.to_string(),
        }),
        Err(source) => Err(BuildError::Netlink {
            site: end.site.clone(),
            source,
        }),
    }
}

/// Waits until the IPv6 addresses can be used; the kernel takes a moment after assigning them.
fn wait_for_addresses(builds: &mut CreatedNamespaces, site: &Site) -> Result<(), BuildError> {
    let Some(build) = builds.get_mut(site) else {
        return Ok(());
    };
    let route = &mut build.route;
    match rtnl::wait_until(|| Ok(!rtnl::has_tentative_addresses(route)?)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BuildError::Tentative { site: site.clone() }),
        Err(source) => Err(BuildError::Netlink {
            site: site.clone(),
            source,
        }),
    }
}

/// Applies the settings of interfaces, and collects the settings of every node.
fn conclude(builds: CreatedNamespaces, owns_kernel: bool) -> Result<BuiltNamespaces, BuildError> {
    let mut applied = AppliedSettings::new(owns_kernel);
    let mut sites = IndexMap::new();
    for (site, build) in builds {
        let CreatedNamespace {
            netns,
            pinned,
            mut outcomes,
            of_interfaces,
            ..
        } = build;
        if let Site::Node(node) = &site {
            outcomes.extend(set_inside(&netns, node, of_interfaces)?);
            applied.add_node(node, &pinned, outcomes)?;
        }
        sites.insert(site, netns);
    }
    Ok(BuiltNamespaces { sites, applied })
}

fn set_inside(
    netns: &NetNs,
    node: &NodeName,
    wanted: Vec<WantedSysctl>,
) -> Result<Vec<(WantedSysctl, SetOutcome)>, BuildError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let name = node.clone();
    netns
        .run(move || write_all(wanted, &name, &mut Sysctls::new()))
        .map_err(|source| BuildError::Enter {
            site: Site::Node(node.clone()),
            source,
        })?
}

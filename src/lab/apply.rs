//! Executes a plan with a plain loop: namespaces with their settings and rules, then links, addresses and routes.

use indexmap::IndexMap;

use super::applied_settings::AppliedSettings;
use super::error::BuildError;
use super::mark;
use super::messages::Messages;
use super::namespaces::{CreatedNamespace, create_all};
use super::netem::netem;
use super::plan::{LabPlan, Op, PlannedEnd, Site};
use super::settings::{SetOutcome, WantedSysctl, write_all};
use crate::names::NodeName;
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::ethtool;
use crate::sys::netlink::{Batch, Netlink};
use crate::sys::qdisc;
use crate::sys::rtnl::{self, VethEnd};
use crate::sys::sysctl::Sysctls;

/// A namespace under construction.
#[derive(Debug)]
struct NamespaceBuild {
    created: CreatedNamespace,
    messages: Messages,
}

/// The namespaces under construction, in the order of the plan.
type NamespaceBuilds = IndexMap<Site, NamespaceBuild>;

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
    let mut outside = (scope.own_netns || scope.owns_kernel)
        .then(|| Netlink::open(libc::NETLINK_ROUTE))
        .transpose()
        .map_err(|source| BuildError::Netlink {
            site: Site::Wire,
            source,
        })?;
    let mut builds: NamespaceBuilds = create_all(plan, socket_hash)?
        .into_iter()
        .map(|(site, created)| {
            let messages = Messages::default();
            (site, NamespaceBuild { created, messages })
        })
        .collect();
    let mut links = Messages::default();
    let (mut first_up, mut with_ipv6) = (Vec::new(), Vec::new());
    for (line, op) in plan.ops.iter().enumerate() {
        match op {
            Op::Namespace(op) => {
                message(&mut builds, &op.site, line, |batch| {
                    rtnl::set_up_with_alias(batch, rtnl::LOOPBACK, &mark::of(&op.site));
                });
                if op.ip == IpVersion::V6 {
                    with_ipv6.push(&op.site);
                }
            }
            Op::Veth { ends, .. } => {
                add_veth(&builds, &mut links, line, op);
                message(&mut builds, &ends[1].site, line, |batch| {
                    rtnl::set_link(batch, ends[1].index, true);
                });
                first_up.push(&ends[0]);
                if links.is_full() {
                    send_links(plan, &mut builds, outside.as_mut(), &mut links)?;
                }
            }
            Op::Bridge {
                node,
                interface,
                index,
                ports,
            } => {
                let site = Site::Node(node.clone());
                message(&mut builds, &site, line, |batch| {
                    rtnl::bridge(batch, interface.as_str(), *index);
                });
                for (_, port) in ports {
                    message(&mut builds, &site, line, |batch| {
                        rtnl::set_master(batch, *port, *index);
                    });
                }
            }
            Op::Netem {
                node,
                index,
                impairment,
                ..
            } => message(&mut builds, &Site::Node(node.clone()), line, |batch| {
                qdisc::netem(batch, *index, &netem(impairment));
            }),
            Op::Address {
                node,
                index,
                prefix,
                ..
            } => message(&mut builds, &Site::Node(node.clone()), line, |batch| {
                rtnl::address(batch, *index, prefix.address, prefix.length);
            }),
            Op::Local { node, prefix } => {
                message(&mut builds, &Site::Node(node.clone()), line, |batch| {
                    rtnl::local_prefix(batch, prefix.address, prefix.length);
                });
            }
            Op::Route { node, to, via, mtu } => {
                message(&mut builds, &Site::Node(node.clone()), line, |batch| {
                    rtnl::route(batch, to.address, to.length, *via, *mtu);
                });
            }
            Op::Neighbour {
                node,
                index,
                address,
                mac,
            } => message(&mut builds, &Site::Node(node.clone()), line, |batch| {
                rtnl::neighbour(batch, *index, *address, *mac);
            }),
            // Already applied while the namespaces were created, or applied later to the running lab.
            Op::Sysctl { .. } | Op::Rules { .. } => {}
            Op::Room { .. } | Op::Wire { .. } | Op::Limit { .. } => {}
        }
    }
    send_links(plan, &mut builds, outside.as_mut(), &mut links)?;
    for end in single_segments(plan) {
        cut_segments(&mut builds, end)?;
    }
    for build in builds.values_mut() {
        build.messages.send(plan, &mut build.created.route)?;
    }
    for end in first_up {
        wait_for_carrier(&mut builds, end)?;
    }
    for site in with_ipv6 {
        wait_for_addresses(&mut builds, site)?;
    }
    conclude(builds, scope.owns_kernel)
}

fn message(builds: &mut NamespaceBuilds, site: &Site, line: usize, write: impl FnOnce(&mut Batch)) {
    if let Some(build) = builds.get_mut(site) {
        build.messages.add(line, write);
    }
}

/// Adds the message that creates a veth pair.
fn add_veth(builds: &NamespaceBuilds, links: &mut Messages, line: usize, op: &Op) {
    let Op::Veth {
        ends,
        mtu,
        single_segments,
        ..
    } = op
    else {
        return;
    };
    if let [Some(a), Some(b)] = ends.each_ref().map(|end| builds.get(&end.site)) {
        let end = |end, build| veth_end(end, build, *mtu, *single_segments);
        links.add(line, |batch| {
            rtnl::veth(batch, &[end(&ends[0], a), end(&ends[1], b)]);
        });
    }
}

fn veth_end<'a>(
    end: &'a PlannedEnd,
    build: &'a NamespaceBuild,
    mtu: Option<u32>,
    single_segments: bool,
) -> VethEnd<'a> {
    VethEnd {
        netns: &build.created.netns,
        name: end.interface.as_str(),
        index: end.index,
        mac: end.mac,
        mtu,
        // The wire's own end must not answer ARP.
        arp: end.site != Site::Wire,
        gso_max_segs: single_segments.then_some(1),
    }
}

/// Returns the node ends that must send segments one by one.
fn single_segments(plan: &LabPlan) -> impl Iterator<Item = &PlannedEnd> {
    let ends = plan.ops.iter().filter_map(|op| match op {
        Op::Veth {
            ends,
            single_segments: true,
            ..
        } => Some(ends),
        _ => None,
    });
    ends.flatten().filter(|end| end.site != Site::Wire)
}

/// Turns off segmentation offload at an end if an old kernel ignored the limit given when the link was created.
fn cut_segments(builds: &mut NamespaceBuilds, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(NamespaceBuild { created, .. }) = builds.get_mut(&end.site) else {
        return Ok(());
    };
    let most = rtnl::gso_max_segs(&mut created.route, end.index).map_err(|source| {
        BuildError::Netlink {
            site: end.site.clone(),
            source,
        }
    })?;
    if most == Some(1) {
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

/// Creates all links from one namespace, each end directly in its own: from the calling thread's namespace if
/// that belongs to the lab, otherwise from the first node's. Older kernels (at least up to 5.10) check a new
/// link's index in the namespace that sends the message, and refuse one that is taken there; the calling
/// thread's namespace has none of the lab's links.
fn send_links(
    plan: &LabPlan,
    builds: &mut NamespaceBuilds,
    outside: Option<&mut Netlink>,
    links: &mut Messages,
) -> Result<(), BuildError> {
    match (outside, builds.first_mut()) {
        (Some(outside), _) => links.send(plan, outside),
        (None, Some((_, build))) => links.send(plan, &mut build.created.route),
        (None, None) => Ok(()),
    }
}

/// Waits for carrier at an end that came up before its peer.
fn wait_for_carrier(builds: &mut NamespaceBuilds, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(build) = builds.get_mut(&end.site) else {
        return Ok(());
    };
    let route = &mut build.created.route;
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
fn wait_for_addresses(builds: &mut NamespaceBuilds, site: &Site) -> Result<(), BuildError> {
    let Some(build) = builds.get_mut(site) else {
        return Ok(());
    };
    let route = &mut build.created.route;
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
fn conclude(builds: NamespaceBuilds, owns_kernel: bool) -> Result<BuiltNamespaces, BuildError> {
    let mut applied = AppliedSettings::new(owns_kernel);
    let mut sites = IndexMap::new();
    for (site, build) in builds {
        let CreatedNamespace {
            netns,
            pinned,
            mut outcomes,
            of_interfaces,
            ..
        } = build.created;
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

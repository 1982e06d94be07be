//! Executes a plan: namespaces with their settings and rules, then links, then addresses and routes. A dull loop.

use indexmap::IndexMap;

use super::birth::{Born, bear_all};
use super::error::BuildError;
use super::ledger::Ledger;
use super::mark;
use super::messages::Messages;
use super::netem::netem;
use super::plan::{Op, Plan, PlannedEnd, Site};
use super::settings::{Became, Wanted, write_all};
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
struct Ground {
    born: Born,
    messages: Messages,
}

/// The namespaces under construction, in the order of the plan.
type Grounds = IndexMap<Site, Ground>;

/// What stands once a plan has been executed.
#[derive(Debug)]
pub(super) struct Standing {
    /// The namespaces.
    pub(super) sites: IndexMap<Site, NetNs>,
    /// How the nodes are set.
    pub(super) ledger: Ledger,
}

/// Executes a plan. Where the lab owns the kernel, the calling thread must be in its initial namespace. Namespaces get socket hashes
/// of their own where a size is given.
pub(super) fn apply(
    plan: &Plan,
    socket_hash: Option<u64>,
    ground: super::Ground,
) -> Result<Standing, BuildError> {
    let mut workshop = (ground.own_netns || ground.owns_kernel)
        .then(|| Netlink::open(libc::NETLINK_ROUTE))
        .transpose()
        .map_err(|source| BuildError::Netlink {
            site: Site::Wire,
            source,
        })?;
    let mut grounds: Grounds = bear_all(plan, socket_hash)?
        .into_iter()
        .map(|(site, born)| {
            let messages = Messages::default();
            (site, Ground { born, messages })
        })
        .collect();
    let mut links = Messages::default();
    let (mut first_up, mut with_ipv6) = (Vec::new(), Vec::new());
    for (line, op) in plan.ops.iter().enumerate() {
        match op {
            Op::Namespace(op) => {
                message(&mut grounds, &op.site, line, |batch| {
                    rtnl::set_up_with_alias(batch, rtnl::LOOPBACK, mark::MARK);
                });
                if op.ip == IpVersion::V6 {
                    with_ipv6.push(&op.site);
                }
            }
            Op::Veth { ends, .. } => {
                lay(&grounds, &mut links, line, op);
                message(&mut grounds, &ends[1].site, line, |batch| {
                    rtnl::set_link(batch, ends[1].index, true);
                });
                first_up.push(&ends[0]);
                if links.is_full() {
                    send_links(plan, &mut grounds, workshop.as_mut(), &mut links)?;
                }
            }
            Op::Netem {
                node,
                index,
                impairment,
                ..
            } => message(&mut grounds, &Site::Node(node.clone()), line, |batch| {
                qdisc::netem(batch, *index, &netem(impairment));
            }),
            Op::Address {
                node,
                index,
                prefix,
                ..
            } => message(&mut grounds, &Site::Node(node.clone()), line, |batch| {
                rtnl::address(batch, *index, prefix.address, prefix.length);
            }),
            Op::Local { node, prefix } => {
                message(&mut grounds, &Site::Node(node.clone()), line, |batch| {
                    rtnl::local_prefix(batch, prefix.address, prefix.length);
                });
            }
            Op::Route { node, to, via } => {
                message(&mut grounds, &Site::Node(node.clone()), line, |batch| {
                    rtnl::route(batch, to.address, to.length, *via);
                });
            }
            // Done at birth, or to a lab that stands.
            Op::Sysctl { .. } | Op::Rules { .. } => {}
            Op::Room { .. } | Op::Wire { .. } | Op::Limit { .. } => {}
        }
    }
    send_links(plan, &mut grounds, workshop.as_mut(), &mut links)?;
    for end in single_segments(plan) {
        cut_segments(&mut grounds, end)?;
    }
    for ground in grounds.values_mut() {
        ground.messages.send(plan, &mut ground.born.route)?;
    }
    for end in first_up {
        wait_for_carrier(&mut grounds, end)?;
    }
    for site in with_ipv6 {
        wait_for_addresses(&mut grounds, site)?;
    }
    conclude(grounds, ground.owns_kernel)
}

fn message(grounds: &mut Grounds, site: &Site, line: usize, write: impl FnOnce(&mut Batch)) {
    if let Some(ground) = grounds.get_mut(site) {
        ground.messages.add(line, write);
    }
}

/// Adds the message that creates a veth pair.
fn lay(grounds: &Grounds, links: &mut Messages, line: usize, op: &Op) {
    let Op::Veth {
        ends,
        mtu,
        single_segments,
        ..
    } = op
    else {
        return;
    };
    if let [Some(a), Some(b)] = ends.each_ref().map(|end| grounds.get(&end.site)) {
        let end = |end, ground| veth_end(end, ground, *mtu, *single_segments);
        links.add(line, |batch| {
            rtnl::veth(batch, &[end(&ends[0], a), end(&ends[1], b)]);
        });
    }
}

fn veth_end<'a>(
    end: &'a PlannedEnd,
    ground: &'a Ground,
    mtu: Option<u32>,
    single_segments: bool,
) -> VethEnd<'a> {
    VethEnd {
        netns: &ground.born.netns,
        name: end.interface.as_str(),
        index: end.index,
        mac: end.mac,
        mtu,
        // A wire's own end says nothing.
        arp: end.site != Site::Wire,
        gso_max_segs: single_segments.then_some(1),
    }
}

/// The ends on nodes that segments leave one by one.
fn single_segments(plan: &Plan) -> impl Iterator<Item = &PlannedEnd> {
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

/// Has an old kernel cut segments that was not told so when the link was made.
fn cut_segments(grounds: &mut Grounds, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(Ground { born, .. }) = grounds.get_mut(&end.site) else {
        return Ok(());
    };
    let most =
        rtnl::gso_max_segs(&mut born.route, end.index).map_err(|source| BuildError::Netlink {
            site: end.site.clone(),
            source,
        })?;
    if most == Some(1) {
        return Ok(());
    }
    let interface = end.interface.to_string();
    let turned_off = born.netns.run(move || ethtool::turn_tso_off(&interface));
    turned_off.flatten().map_err(|source| BuildError::Segments {
        site: end.site.clone(),
        interface: end.interface.to_string(),
        source,
    })
}

/// All links are created from one namespace, each end directly where it belongs: from the calling thread's where that is the lab's own,
/// else from the first. Older kernels (5.10 at least) look for a new link's index where the message comes from, and refuse one that is
/// taken there; nothing of the lab is in the calling thread's.
fn send_links(
    plan: &Plan,
    grounds: &mut Grounds,
    workshop: Option<&mut Netlink>,
    links: &mut Messages,
) -> Result<(), BuildError> {
    match (workshop, grounds.first_mut()) {
        (Some(workshop), _) => links.send(plan, workshop),
        (None, Some((_, ground))) => links.send(plan, &mut ground.born.route),
        (None, None) => Ok(()),
    }
}

/// An end that came up before its peer waits for carrier.
fn wait_for_carrier(grounds: &mut Grounds, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(ground) = grounds.get_mut(&end.site) else {
        return Ok(());
    };
    let route = &mut ground.born.route;
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

/// IPv6 addresses are taken into use a moment after they are given.
fn wait_for_addresses(grounds: &mut Grounds, site: &Site) -> Result<(), BuildError> {
    let Some(ground) = grounds.get_mut(site) else {
        return Ok(());
    };
    let route = &mut ground.born.route;
    match rtnl::wait_until(|| Ok(!rtnl::has_tentative_addresses(route)?)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BuildError::Tentative { site: site.clone() }),
        Err(source) => Err(BuildError::Netlink {
            site: site.clone(),
            source,
        }),
    }
}

/// Sets what belongs to interfaces, and takes down how every node is set.
fn conclude(grounds: Grounds, owns_kernel: bool) -> Result<Standing, BuildError> {
    let mut ledger = Ledger::new(owns_kernel);
    let mut sites = IndexMap::new();
    for (site, ground) in grounds {
        let Born {
            netns,
            survey,
            mut became,
            of_interfaces,
            ..
        } = ground.born;
        if let Site::Node(node) = &site {
            became.extend(set_inside(&netns, node, of_interfaces)?);
            ledger.enter(node, &survey, became)?;
        }
        sites.insert(site, netns);
    }
    Ok(Standing { sites, ledger })
}

fn set_inside(
    netns: &NetNs,
    node: &NodeName,
    wanted: Vec<Wanted>,
) -> Result<Vec<(Wanted, Became)>, BuildError> {
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

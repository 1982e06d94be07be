//! Executes a plan: namespaces, then links, then addresses and routes, then settings and rules. A dull loop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::NodeSettings;
use super::baseline;
use super::error::BuildError;
use super::namespace::{Messages, Namespace, bring_up_loopback};
use super::plan::{Op, Plan, PlannedEnd, Site};
use super::rules::Rules;
use super::settings::{Became, Wanted};
use crate::names::NodeName;
use crate::sys::NetNs;
use crate::sys::rtnl::{self, VethEnd};
use crate::sys::sysctl::same;

/// A pair that is up on both ends has carrier within a moment; this long means that it never will.
const CARRIER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks at a link on kernels before 6.8, where only time lets them catch up.
const CARRIER_LOOK: Duration = Duration::from_micros(100);

/// The namespaces under construction, in the order of the plan.
type Grounds = IndexMap<Site, Namespace>;

/// What stands once a plan has been executed.
#[derive(Debug)]
pub(super) struct Standing {
    /// The namespaces.
    pub(super) sites: IndexMap<Site, NetNs>,
    /// How the nodes are set.
    pub(super) settings: NodeSettings,
    /// What the wires must emulate, by node: sentences.
    pub(super) emulated: BTreeMap<String, Vec<String>>,
}

/// Executes a plan. Where the lab owns the kernel, the calling thread must be in its initial namespace.
pub(super) fn apply(plan: &Plan, owns_kernel: bool) -> Result<Standing, BuildError> {
    let mut grounds = Grounds::new();
    let mut links = Messages::default();
    let mut first_up = Vec::new();
    for (line, op) in plan.ops.iter().enumerate() {
        match op {
            Op::Namespace(op) => {
                let common = grounds.first().map(|(_, first)| &first.common);
                let mut namespace = Namespace::create(op, common)?;
                bring_up_loopback(&mut namespace, line);
                grounds.insert(op.site.clone(), namespace);
            }
            Op::Veth { ends, .. } => {
                first_up.push(&ends[0]);
                lay(&mut grounds, &mut links, line, op);
                if links.is_full() {
                    send_links(plan, &mut grounds, &mut links)?;
                }
            }
            Op::Address { node, .. } | Op::Local { node, .. } | Op::Route { node, .. } => {
                if let Some(ground) = grounds.get_mut(&Site::Node(node.clone())) {
                    address(ground, line, op);
                }
            }
            Op::Sysctl { node, .. } | Op::Rules { node, .. } => {
                if let Some(ground) = grounds.get_mut(&Site::Node(node.clone())) {
                    order(ground, op);
                }
            }
            // What is done to a lab that stands.
            Op::Room { .. } | Op::Wire { .. } | Op::Limit { .. } => {}
        }
    }
    send_links(plan, &mut grounds, &mut links)?;
    for ground in grounds.values_mut() {
        ground.send(plan)?;
    }
    for end in first_up {
        wait_for_carrier(&mut grounds, end)?;
    }
    finish(grounds, owns_kernel)
}

/// Adds the messages that create a veth pair and bring up its second end.
fn lay(grounds: &mut Grounds, links: &mut Messages, line: usize, op: &Op) {
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
    if let Some(ground) = grounds.get_mut(&ends[1].site) {
        ground.messages.add(line, |batch| {
            rtnl::set_link(batch, ends[1].index, true);
        });
    }
}

fn veth_end<'a>(
    end: &'a PlannedEnd,
    ground: &'a Namespace,
    mtu: Option<u32>,
    single_segments: bool,
) -> VethEnd<'a> {
    VethEnd {
        netns: &ground.netns,
        name: end.interface.as_str(),
        index: end.index,
        mac: end.mac,
        mtu,
        // A wire's own end says nothing.
        arp: end.site != Site::Wire,
        gso_max_segs: single_segments.then_some(1),
    }
}

/// All links are created from the first namespace, each end directly where it belongs.
fn send_links(plan: &Plan, grounds: &mut Grounds, links: &mut Messages) -> Result<(), BuildError> {
    match grounds.first_mut() {
        Some((_, ground)) => links.send(plan, &mut ground.route),
        None => Ok(()),
    }
}

/// Adds the message for an address or a route.
fn address(ground: &mut Namespace, line: usize, op: &Op) {
    ground.messages.add(line, |batch| match op {
        Op::Address { index, prefix, .. } => {
            rtnl::address(batch, *index, prefix.address, prefix.length);
        }
        Op::Local { prefix, .. } => rtnl::local_prefix(batch, prefix.address, prefix.length),
        Op::Route { to, via, .. } => rtnl::route(batch, to.address, to.length, *via),
        _ => {}
    });
}

/// Notes a setting or rules for the end, when every interface is there.
fn order(ground: &mut Namespace, op: &Op) {
    match op {
        Op::Sysctl {
            key,
            value,
            place,
            emulate,
            ..
        } => ground.sysctls.push(Wanted {
            key: key.clone(),
            value: value.clone(),
            place: *place,
            emulated: emulate.is_some(),
        }),
        Op::Rules { ip, nat, own, .. } => {
            ground.rules = Some(Rules {
                ip: *ip,
                nat: nat.clone(),
                own: own.clone(),
                line: op.to_string(),
            });
        }
        _ => {}
    }
}

fn wait_for_carrier(grounds: &mut Grounds, end: &PlannedEnd) -> Result<(), BuildError> {
    let Some(ground) = grounds.get_mut(&end.site) else {
        return Ok(());
    };
    let deadline = Instant::now() + CARRIER_TIMEOUT;
    while !rtnl::is_operational(&mut ground.route, end.index).map_err(|source| {
        BuildError::Netlink {
            site: end.site.clone(),
            source,
        }
    })? {
        if Instant::now() > deadline {
            return Err(BuildError::NoCarrier {
                site: end.site.clone(),
                interface: end.interface.to_string(),
            });
        }
        std::thread::sleep(CARRIER_LOOK);
    }
    Ok(())
}

/// Settings and rules, node by node, and what came of them.
fn finish(grounds: Grounds, owns_kernel: bool) -> Result<Standing, BuildError> {
    let mut standing = Standing {
        sites: IndexMap::new(),
        settings: NodeSettings::default(),
        emulated: BTreeMap::new(),
    };
    let mut of_kernel = BTreeMap::new();
    for (site, ground) in grounds {
        let Namespace {
            netns,
            survey,
            sysctls,
            rules,
            ..
        } = ground;
        if let Site::Node(node) = &site {
            let mut values: BTreeMap<String, String> = survey
                .values
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect();
            let mut off = off_baseline(&values);
            for (wanted, became) in set_inside(&netns, node, sysctls, rules)? {
                let emulated = standing.emulated.entry(node.to_string()).or_default();
                let kept = match became {
                    Became::Kept(kept) => Some(kept),
                    Became::NotHere(why) => {
                        let of_all = if owns_kernel {
                            set_for_all(&mut of_kernel, node, &wanted)?
                        } else {
                            None
                        };
                        if of_all.is_none() {
                            if !wanted.emulated {
                                return Err(why.into());
                            }
                            emulated.push(format!("{} = {}", wanted.key, wanted.value));
                        }
                        of_all
                    }
                };
                if let Some(kept) = kept {
                    if values.get(&wanted.key) != Some(&kept) {
                        off.insert(wanted.key.clone(), kept.clone());
                    }
                    values.insert(wanted.key, kept);
                }
            }
            standing.settings.sysctls.insert(node.to_string(), values);
            if !off.is_empty() {
                standing.settings.off_baseline.insert(node.to_string(), off);
            }
        }
        standing.sites.insert(site, netns);
    }
    standing
        .emulated
        .retain(|_, sentences| !sentences.is_empty());
    Ok(standing)
}

/// What the kernel keeps at another value than the baseline's.
fn off_baseline(values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    values
        .iter()
        .filter(|(key, value)| baseline::is_off(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Sets what the scenario wants, on a thread inside.
fn set_inside(
    netns: &NetNs,
    node: &NodeName,
    sysctls: Vec<Wanted>,
    rules: Option<Rules>,
) -> Result<Vec<(Wanted, Became)>, BuildError> {
    if sysctls.is_empty() && rules.is_none() {
        return Ok(Vec::new());
    }
    let name = node.clone();
    netns
        .run(move || {
            // Rules first: some settings are there only once connections are tracked.
            if let Some(rules) = rules {
                rules.apply()?;
            }
            sysctls
                .into_iter()
                .map(|wanted| Ok((wanted.clone(), wanted.write(&name)?)))
                .collect()
        })
        .map_err(|source| BuildError::Enter {
            site: Site::Node(node.clone()),
            source,
        })?
}

/// Sets for the whole kernel what a namespace cannot have, where no other node wants it otherwise.
fn set_for_all(
    of_kernel: &mut BTreeMap<String, String>,
    node: &NodeName,
    wanted: &Wanted,
) -> Result<Option<String>, BuildError> {
    if let Some(other) = of_kernel.get(&wanted.key)
        && !same(other, &wanted.value)
    {
        return Err(BuildError::Conflict {
            node: node.clone(),
            key: wanted.key.clone(),
            wanted: wanted.value.clone(),
            other: other.clone(),
            place: wanted.place,
        });
    }
    let kept = wanted.write_for_all(node)?;
    if let Some(kept) = &kept {
        of_kernel.insert(wanted.key.clone(), kept.clone());
    }
    Ok(kept)
}

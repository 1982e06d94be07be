//! Connects the namespaces of a lab as they come: a link is created as soon as both of its ends exist, and a namespace
//! gets its addresses and routes when it has all of its links, while other processors create the next ones.

use indexmap::IndexMap;

use super::error::BuildError;
use super::mark;
use super::messages::Messages;
use super::namespaces::CreatedNamespace;
use super::netem::netem;
use super::plan::{LabPlan, Op, PlannedEnd, Site};
use crate::sys::netlink::{Batch, Netlink};
use crate::sys::qdisc;
use crate::sys::rtnl::{self, VethEnd};

/// The namespaces of a plan under construction.
#[derive(Debug)]
pub(super) struct Assembly<'a> {
    plan: &'a LabPlan,
    /// Every namespace of the plan, in its order.
    sites: IndexMap<Site, SiteAssembly>,
    /// Links between namespaces that exist, not sent yet: their messages, and their lines of the plan.
    links: Messages,
    unsent: Vec<usize>,
    /// A socket in the calling thread's namespace, if that belongs to the lab.
    outside: Option<Netlink>,
}

/// A namespace under construction.
#[derive(Debug, Default)]
struct SiteAssembly {
    created: Option<CreatedNamespace>,
    /// Messages that it gets when it has all of its links.
    messages: Messages,
    /// The lines of its links in the plan.
    links: Vec<usize>,
    /// The number of those that do not exist yet.
    missing: usize,
}

impl<'a> Assembly<'a> {
    /// Prepares the messages of a plan.
    ///
    /// Links are created from the calling thread's namespace (`outside`) if that belongs to the lab, otherwise from the
    /// first node's. Older kernels (at least up to 5.10) check a new link's index in the namespace that sends the
    /// message, and refuse one that is taken there; the calling thread's namespace has none of the lab's links.
    pub(super) fn of(plan: &'a LabPlan, outside: Option<Netlink>) -> Self {
        let mut assembly = Self {
            plan,
            sites: IndexMap::new(),
            links: Messages::default(),
            unsent: Vec::new(),
            outside,
        };
        for (line, op) in plan.ops.iter().enumerate() {
            assembly.add(line, op);
        }
        assembly
    }

    fn add(&mut self, line: usize, op: &Op) {
        match op {
            Op::Namespace(op) => {
                self.sites.insert(op.site.clone(), SiteAssembly::default());
                self.message(&op.site, line, |batch| {
                    rtnl::set_up_with_alias(batch, rtnl::LOOPBACK, &mark::of(&op.site));
                });
            }
            Op::Veth { ends, .. } => {
                for end in ends {
                    if let Some(site) = self.sites.get_mut(&end.site)
                        && site.links.last() != Some(&line)
                    {
                        site.links.push(line);
                        site.missing += 1;
                    }
                }
                self.message(&ends[1].site, line, |batch| {
                    rtnl::set_link(batch, ends[1].index, true);
                });
            }
            Op::Bridge {
                node,
                interface,
                index,
                ports,
            } => {
                let site = Site::Node(node.clone());
                self.message(&site, line, |batch| {
                    rtnl::bridge(batch, interface.as_str(), *index);
                });
                for (_, port) in ports {
                    self.message(&site, line, |batch| {
                        rtnl::set_master(batch, *port, *index);
                    });
                }
            }
            Op::Netem {
                node,
                index,
                impairment,
                ..
            } => self.message(&Site::Node(node.clone()), line, |batch| {
                qdisc::netem(batch, *index, &netem(impairment));
            }),
            Op::Address {
                node,
                index,
                prefix,
                ..
            } => self.message(&Site::Node(node.clone()), line, |batch| {
                rtnl::address(batch, *index, prefix.address, prefix.length);
            }),
            Op::Local { node, prefix } => {
                self.message(&Site::Node(node.clone()), line, |batch| {
                    rtnl::local_prefix(batch, prefix.address, prefix.length);
                });
            }
            Op::Route { node, to, via, mtu } => {
                self.message(&Site::Node(node.clone()), line, |batch| {
                    rtnl::route(batch, to.address, to.length, *via, *mtu);
                });
            }
            Op::Neighbour {
                node,
                index,
                address,
                mac,
            } => self.message(&Site::Node(node.clone()), line, |batch| {
                rtnl::neighbour(batch, *index, *address, *mac);
            }),
            // Applied while the namespaces are created, or later to the running lab.
            Op::Sysctl { .. } | Op::Rules { .. } => {}
            Op::Room { .. } | Op::Wire { .. } | Op::Limit { .. } => {}
        }
    }

    fn message(&mut self, site: &Site, line: usize, write: impl FnOnce(&mut Batch)) {
        if let Some(site) = self.sites.get_mut(site) {
            site.messages.add(line, write);
        }
    }

    /// Adds namespaces that have been created, and connects what can be connected.
    pub(super) fn join(
        &mut self,
        created: Vec<(Site, CreatedNamespace)>,
    ) -> Result<(), BuildError> {
        let mut touched = Vec::with_capacity(created.len());
        for (site, namespace) in created {
            let Some((index, _, assembly)) = self.sites.get_full_mut(&site) else {
                continue;
            };
            assembly.created = Some(namespace);
            touched.push(index);
            for line in assembly.links.clone() {
                self.add_veth(line);
                if self.links.is_full() {
                    self.send_links(&mut touched)?;
                }
            }
        }
        self.send_links(&mut touched)?;
        for index in touched {
            self.finish(index)?;
        }
        Ok(())
    }

    /// Adds the message that creates a veth pair, if both namespaces exist.
    fn add_veth(&mut self, line: usize) {
        let Some(Op::Veth {
            ends,
            mtu,
            max_segments,
            ..
        }) = self.plan.ops.get(line)
        else {
            return;
        };
        let sites = ends
            .each_ref()
            .map(|end| self.sites.get(&end.site)?.created.as_ref());
        if let [Some(a), Some(b)] = sites {
            let end = |end, created| veth_end(end, created, *mtu, *max_segments);
            self.links.add(line, |batch| {
                rtnl::veth(batch, &[end(&ends[0], a), end(&ends[1], b)]);
            });
            self.unsent.push(line);
        }
    }

    /// Creates the links that can be created, and adds their namespaces to the touched ones.
    fn send_links(&mut self, touched: &mut Vec<usize>) -> Result<(), BuildError> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match (&mut self.outside, self.sites.first_mut()) {
            (Some(outside), _) => self.links.send(self.plan, outside)?,
            (None, Some((_, site))) => match &mut site.created {
                Some(created) => self.links.send(self.plan, &mut created.route)?,
                // The first node does not exist yet.
                None => return Ok(()),
            },
            (None, None) => {}
        }
        for line in std::mem::take(&mut self.unsent) {
            let Some(Op::Veth { ends, .. }) = self.plan.ops.get(line) else {
                continue;
            };
            let both = &ends[..if ends[0].site == ends[1].site { 1 } else { 2 }];
            for end in both {
                if let Some((index, _, site)) = self.sites.get_full_mut(&end.site) {
                    site.missing = site.missing.saturating_sub(1);
                    touched.push(index);
                }
            }
        }
        Ok(())
    }

    /// Sends a namespace its messages, if it has all of its links.
    fn finish(&mut self, index: usize) -> Result<(), BuildError> {
        let Some((_, site)) = self.sites.get_index_mut(index) else {
            return Ok(());
        };
        match &mut site.created {
            Some(created) if site.missing == 0 => site.messages.send(self.plan, &mut created.route),
            _ => Ok(()),
        }
    }

    /// Returns the namespaces in the order of the plan.
    pub(super) fn into_created(self) -> IndexMap<Site, CreatedNamespace> {
        let each = self.sites.into_iter();
        each.filter_map(|(site, assembly)| Some((site, assembly.created?)))
            .collect()
    }
}

fn veth_end<'a>(
    end: &'a PlannedEnd,
    created: &'a CreatedNamespace,
    mtu: Option<u32>,
    max_segments: Option<u32>,
) -> VethEnd<'a> {
    VethEnd {
        netns: &created.netns,
        name: end.interface.as_str(),
        index: end.index,
        mac: end.mac,
        mtu,
        // The wire's own end must not answer ARP.
        arp: end.site != Site::Wire,
        gso_max_segs: max_segments,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::super::namespaces::Creating;
    use super::super::plan::plan;
    use super::super::tests::row;
    use super::*;
    use crate::scenario::topology::IpVersion;

    /// ```text
    /// a eth0 ---- eth0 b eth1 ---- eth0 c
    ///  10.0.0.1           10.0.1.1   10.0.1.2
    /// ```
    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_namespaces_are_connected_in_whatever_order_they_come() {
        let plan = plan(&row(IpVersion::V4, &["a", "b", "c"]));
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut creating = Creating::start(&plan, None).unwrap();
            let mut created = IndexMap::new();
            while let Some(next) = creating.next().unwrap() {
                created.extend(next);
            }
            let sites = ["a", "b", "c"].map(|name| Site::Node(name.into())).to_vec();
            let mut assembly = Assembly::of(&plan, None);
            for number in order {
                let site = sites[number].clone();
                let namespace = created.swap_remove(&site).unwrap();
                assembly.join(vec![(site, namespace)]).unwrap();
            }
            let built = assembly.into_created();
            assert_eq!(built.keys().cloned().collect::<Vec<_>>(), sites);
            let listen = || TcpListener::bind("10.0.1.2:80").unwrap();
            let _listener = built[2].netns.run(listen).unwrap();
            let server = "10.0.1.2:80".parse().unwrap();
            let connect = move || TcpStream::connect_timeout(&server, Duration::from_secs(5));
            built[0].netns.run(connect).unwrap().unwrap();
        }
    }
}

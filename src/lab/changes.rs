//! Changes to a running lab: a link goes down or up, a node vanishes, a setting or an impairment changes.

use std::io;

use thiserror::Error;

use super::Lab;
use super::error::BuildError;
use super::settings::{SetOutcome, WantedSysctl};
use crate::names::{IfName, NodeName};
use crate::scenario::Place;
use crate::scenario::topology::{Impairment, IpVersion, Prefix};
use crate::sys::netlink::{Batch, Netlink, NetlinkError};
use crate::sys::rtnl;
use crate::sys::sysctl::Sysctls;

/// An error of changing a running lab.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChangeError {
    #[error("cannot find {what} in the lab")]
    Unknown { what: String },
    /// The namespace cannot be entered.
    #[error("cannot enter the namespace of `{node}`")]
    Enter {
        node: NodeName,
        #[source]
        source: io::Error,
    },
    /// The kernel refused to change the state of a link.
    #[error("cannot take the link of `{node}` {}", if *.up { "up" } else { "down" })]
    Link {
        node: NodeName,
        up: bool,
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused to end the connections of a node.
    #[error(
        "cannot end the connections of `{node}` (CONFIG_INET_DIAG_DESTROY, Linux 4.5 and later)"
    )]
    Forget {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused to empty a table.
    #[error("cannot empty the connection tracking table of `{node}`")]
    Flush {
        node: NodeName,
        #[source]
        source: super::ConntrackFillError,
    },
    /// The kernel refused to change a translation.
    #[error("cannot change the address translation of `{node}`")]
    Dnat {
        node: NodeName,
        #[source]
        source: NetlinkError,
    },
    /// A setting cannot be written.
    #[error(transparent)]
    Sysctl(#[from] BuildError),
}

impl Lab {
    /// Takes both ends of a link down or up (`ip link set dev ethN down`). An interface that goes down loses
    /// its routes and its IPv6 addresses; those of the topology are added again when it comes up.
    ///
    /// # Errors
    /// There is no such link, or the kernel refuses.
    pub fn set_link(&self, link: usize, up: bool) -> Result<(), ChangeError> {
        let Some(spec) = self.topology.links.get(link) else {
            return Err(ChangeError::Unknown {
                what: format!("link {link}"),
            });
        };
        let ends = || spec.between.iter().zip(&spec.interfaces);
        for (node, interface) in ends() {
            let change = self.change(node, interface, up);
            self.inside(node, up, move |netlink| netlink.request(change))?;
        }
        for (node, interface) in ends().filter(|_| up) {
            let index = self.index(node, interface);
            self.inside(node, up, move |netlink| {
                rtnl::wait_until(|| rtnl::is_operational(netlink, index))?;
                rtnl::wait_until(|| Ok(!rtnl::has_tentative_addresses(netlink)?))?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes a setting of a node and reads it back. An emulated setting is passed to the wire.
    ///
    /// # Errors
    /// The same as for the settings of a scenario: the value was refused or not kept, or the kernel does not have
    /// the setting.
    pub fn write_sysctl(&self, node: &NodeName, key: &str, value: &str) -> Result<(), ChangeError> {
        if self.wires.set_sysctl(node, key, value) {
            return Ok(());
        }
        let live = self.live(node)?;
        let (name, wanted) = (
            node.clone(),
            WantedSysctl {
                key: key.to_owned(),
                value: value.to_owned(),
                place: Place::default(),
                emulated: false,
            },
        );
        let outcome = live
            .netns
            .run(move || wanted.write(&name, &mut Sysctls::new()))
            .map_err(|source| enter(node, source))??;
        match outcome {
            SetOutcome::Kept(_) => Ok(()),
            SetOutcome::NotHere(why) => Err(BuildError::from(why).into()),
        }
    }

    ///
    /// # Errors
    /// The link has no wire, because no step of the scenario changes it.
    pub fn set_impairment(&self, link: usize, impairment: &Impairment) -> Result<(), ChangeError> {
        if self.wires.set_impairment(link, impairment) {
            return Ok(());
        }
        Err(ChangeError::Unknown {
            what: format!("the wire of link {link}"),
        })
    }

    /// Cuts all links of a node silently, so that its peers are not notified. Neighbours can
    /// still resolve its address.
    ///
    /// # Errors
    /// One of the node's links has no wire to cut.
    pub fn vanish(&self, node: &NodeName) -> Result<(), ChangeError> {
        let spec = self.topology.nodes.get(node);
        let spec = spec.ok_or_else(|| ChangeError::Unknown {
            what: format!("node `{node}`"),
        })?;
        self.mark_cut_off(node);
        for link in spec.interfaces.iter().map(|own| own.link) {
            if !self.wires.cut(link) {
                return Err(ChangeError::Unknown {
                    what: format!("the wire of link {link}"),
                });
            }
        }
        Ok(())
    }

    pub(super) fn live(&self, node: &NodeName) -> Result<&super::LiveNode, ChangeError> {
        self.node(node).ok_or_else(|| ChangeError::Unknown {
            what: format!("node `{node}`"),
        })
    }

    /// Performs rtnetlink requests in a node's namespace.
    fn inside(
        &self,
        node: &NodeName,
        up: bool,
        work: impl FnOnce(&mut Netlink) -> Result<(), NetlinkError> + Send + 'static,
    ) -> Result<(), ChangeError> {
        self.live(node)?
            .netns
            .run(move || work(&mut Netlink::open(libc::NETLINK_ROUTE)?))
            .map_err(|source| enter(node, source))?
            .map_err(|source| ChangeError::Link {
                node: node.clone(),
                up,
                source,
            })
    }

    fn index(&self, node: &NodeName, interface: &IfName) -> u32 {
        super::plan::interface_index(&self.topology, node, interface)
    }

    /// Returns the requests that take an interface down, or up with its addresses and routes.
    fn change(&self, node: &NodeName, interface: &IfName, up: bool) -> Batch {
        let mut batch = Batch::new();
        let index = self.index(node, interface);
        rtnl::set_link(&mut batch, index, up);
        let spec = self.topology.nodes.get(node).filter(|_| up);
        for spec in spec.into_iter() {
            let own = spec.interfaces.iter().filter(|own| own.name == *interface);
            let prefixes: Vec<Prefix> = own.flat_map(|own| own.addresses.clone()).collect();
            if self.topology.ip == IpVersion::V6 {
                for prefix in &prefixes {
                    rtnl::address(&mut batch, index, prefix.address, prefix.length);
                }
            }
            let over_it = |via| {
                prefixes
                    .iter()
                    .any(|prefix| rtnl::covers(prefix.address, prefix.length, via))
            };
            for route in spec.routes.iter().filter(|route| over_it(route.via)) {
                rtnl::route(
                    &mut batch,
                    route.to.address,
                    route.to.length,
                    route.via,
                    route.mtu,
                );
            }
        }
        batch.acknowledge_last();
        batch
    }
}

pub(super) fn enter(node: &NodeName, source: io::Error) -> ChangeError {
    ChangeError::Enter {
        node: node.clone(),
        source,
    }
}

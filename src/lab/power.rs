//! Nodes that lose their power and come back, and tables that change while a lab runs.

use std::sync::PoisonError;

use super::changes::{ChangeError, enter};
use super::{Lab, flush_conntrack, rules};
use crate::names::NodeName;
use crate::scenario::topology::{NatSpec, NodeSpec};
use crate::sys::netlink::Netlink;
use crate::sys::sock_destroy;

impl Lab {
    /// Ends every TCP connection of a node that is cut off, TIME_WAIT and half-closed ones included, and empties its
    /// connection tracking table. A table that the scenario keeps full (`room`) stays as it is. Its peers receive
    /// nothing.
    ///
    /// # Errors
    /// The kernel cannot end sockets, or refuses to empty the table.
    pub fn forget_connections(&self, node: &NodeName) -> Result<(), ChangeError> {
        let live = self.live(node)?;
        live.netns
            .run(sock_destroy::destroy_all_tcp)
            .map_err(|source| enter(node, source))?
            .map_err(|source| ChangeError::Forget {
                node: node.clone(),
                source,
            })?;
        let spec = self.topology.nodes.get(node);
        if spec.is_some_and(|spec| spec.tracks() && spec.conntrack_room.is_none()) {
            self.flush_tracked(node)?;
        }
        Ok(())
    }

    /// Connects a node again. A link stays cut while the node at its other end is cut off.
    ///
    /// # Errors
    /// There is no such node.
    pub fn power_on(&self, node: &NodeName) -> Result<(), ChangeError> {
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        cut_off.remove(node);
        let spec = self.topology.nodes.get(node);
        let spec = spec.ok_or_else(|| ChangeError::Unknown {
            what: format!("node `{node}`"),
        })?;
        for own in spec
            .interfaces
            .iter()
            .filter(|own| !cut_off.contains(&own.peer))
        {
            self.wires.mend(own.link);
        }
        Ok(())
    }

    pub(super) fn mark_cut_off(&self, node: &NodeName) {
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        cut_off.insert(node.clone());
    }

    /// Empties the connection tracking table of a node.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn flush_tracked(&self, node: &NodeName) -> Result<(), ChangeError> {
        flush_conntrack(&self.live(node)?.netns).map_err(|source| ChangeError::Flush {
            node: node.clone(),
            source,
        })
    }

    /// Replaces the destination translations of a node. Tracked connections keep theirs.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn set_dnat(&self, node: &NodeName, nat: &[NatSpec]) -> Result<(), ChangeError> {
        let spec = self.topology.nodes.get(node);
        let own = spec.map(NodeSpec::own_addresses).unwrap_or_default();
        let change = rules::replace_dnat(self.topology.ip, &own, nat);
        self.live(node)?
            .netns
            .run(move || {
                let mut netlink = Netlink::open(libc::NETLINK_NETFILTER)?;
                change.commit(&mut netlink)
            })
            .map_err(|source| enter(node, source))?
            .map_err(|source| ChangeError::Dnat {
                node: node.clone(),
                source,
            })
    }
}

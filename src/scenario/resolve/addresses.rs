//! The addresses of the nodes of a lab, as rules, routes and clients need them.

use std::net::IpAddr;

use super::topology::ResolvedLab;
use crate::names::IfName;
use crate::scenario::bounds::MAX_SOURCES;
use crate::scenario::firewall::host;
use crate::scenario::topology::{IpVersion, Prefix};

impl ResolvedLab<'_> {
    /// Returns `count` local addresses of a node, after the first `skip` that are in use already.
    pub(crate) fn source_addresses(&self, node: usize, skip: u64, count: u64) -> Vec<IpAddr> {
        let Some(prefix) = self.sources.keys().position(|other| *other == node) else {
            return Vec::new();
        };
        (skip..(skip + count).min(MAX_SOURCES))
            .filter_map(|n| usize::try_from(n).ok())
            .map(|n| self.network.source_address(prefix, n))
            .collect()
    }

    /// Returns the protocol of the lab.
    pub(crate) fn ip(&self) -> IpVersion {
        self.ip
    }

    /// Returns the addresses of a node: those of its interfaces, and its local sources.
    pub(crate) fn addresses_of(&self, node: usize) -> Vec<Prefix> {
        let ends = self.network.ends(node).iter();
        let own = ends.map(|(link, end)| host(self.network.end_address(*link, *end).address));
        own.chain(self.source_prefix(node)).collect()
    }

    /// Returns the addresses of the clients whose packets reach an interface of a node through another one, in the
    /// order of the file: the address of each node, and its local sources.
    pub(crate) fn clients_behind(&self, node: usize, out: &IfName) -> Vec<IpAddr> {
        let paths = self.network.paths(node);
        let others =
            (0..self.names.len()).filter(|other| *other != node && !self.network.is_switch(*other));
        let mut addresses = Vec::new();
        for other in others {
            let Some(path) = paths.to(other) else {
                continue;
            };
            if self.interface(node, path.leaves.0) == *out {
                continue;
            }
            let (link, end) = path.arrives;
            addresses.push(self.network.end_address(link, end).address);
            let sources = self.sources.get(&other).copied().unwrap_or_default();
            addresses.extend(self.source_addresses(other, 0, sources));
        }
        addresses
    }

    pub(crate) fn source_prefix(&self, node: usize) -> Option<Prefix> {
        let number = self.sources.keys().position(|other| *other == node)?;
        let prefix = self.network.source_prefix(number);
        Some(prefix)
    }
}

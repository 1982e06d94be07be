//! A node's own addresses, as opposed to those that it only forwards for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::scenario::topology::{NodeSpec, Prefix};

/// A node's own addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalAddresses {
    hosts: BTreeSet<IpAddr>,
    prefix: Option<Prefix>,
}

impl LocalAddresses {
    /// Returns the addresses of a node's interfaces and of its source prefix.
    pub fn of(spec: &NodeSpec) -> Self {
        let interfaces = spec.interfaces.iter();
        Self {
            hosts: interfaces
                .flat_map(|interface| &interface.addresses)
                .map(|prefix| prefix.address)
                .collect(),
            prefix: spec.source_prefix,
        }
    }

    /// Returns whether an address is one of the node's own.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.hosts.contains(&address)
            || self
                .prefix
                .is_some_and(|prefix| lies_within(prefix, address))
    }
}

impl FromIterator<IpAddr> for LocalAddresses {
    fn from_iter<T: IntoIterator<Item = IpAddr>>(hosts: T) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            prefix: None,
        }
    }
}

fn lies_within(prefix: Prefix, address: IpAddr) -> bool {
    let differ = match (prefix.address, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    differ >= prefix.length.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contains_its_addresses_and_no_others() {
        let local = LocalAddresses {
            hosts: BTreeSet::new(),
            prefix: Some(Prefix {
                address: "10.9.0.1".parse().unwrap(),
                length: 16,
            }),
        };
        assert!(local.contains("10.9.255.255".parse().unwrap()));
        assert!(!local.contains("10.8.0.1".parse().unwrap()));
        assert!(!local.contains("::1".parse().unwrap()));
    }
}

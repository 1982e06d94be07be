//! The mark that a lab's namespaces carry, so that what is left of one is known for what it is: an alias of the loopback interface.
//!
//! Not here: looking for what is left (`leaks`).

use crate::sys::NetNs;
use crate::sys::netlink::Netlink;
use crate::sys::rtnl;

/// The alias (`IFLA_IFALIAS`, `ip link show`).
pub(super) const MARK: &str = env!("CARGO_PKG_NAME");

/// Whether a namespace carries the mark; one that cannot be looked into does not.
pub(super) fn is_on(netns: &NetNs) -> bool {
    let alias = netns.run(|| {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).ok()?;
        rtnl::alias(&mut netlink, rtnl::LOOPBACK).ok()?
    });
    alias.is_ok_and(|alias| alias.as_deref() == Some(MARK))
}

/// Puts it on.
#[cfg(test)]
pub(super) fn put_on(netns: &NetNs) {
    use crate::sys::netlink::Batch;
    let put = || {
        let mut batch = Batch::new();
        rtnl::set_up_with_alias(&mut batch, rtnl::LOOPBACK, MARK);
        batch.acknowledge_last();
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).unwrap();
        netlink.request(batch).unwrap();
    };
    netns.run(put).unwrap();
}

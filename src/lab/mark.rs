//! The mark by which a lab's namespaces are recognized later: an alias of the loopback interface.
//!
//! Not here: the search for leaks (`leaks`).

use crate::sys::NetNs;
use crate::sys::netlink::Netlink;
use crate::sys::rtnl;

/// The alias (`IFLA_IFALIAS`, `ip link show`).
pub(super) const MARK: &str = env!("CARGO_PKG_NAME");

/// Returns whether a namespace carries the mark; `false` if it cannot be inspected.
pub(super) fn is_on(netns: &NetNs) -> bool {
    let alias = netns.run(|| {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).ok()?;
        rtnl::alias(&mut netlink, rtnl::LOOPBACK).ok()?
    });
    alias.is_ok_and(|alias| alias.as_deref() == Some(MARK))
}

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

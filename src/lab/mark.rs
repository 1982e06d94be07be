//! The mark by which a lab's namespaces are recognized later: an alias of the loopback interface.
//!
//! Not here: the search for leaks (`leaks`) and for labs (`running`).

use super::plan::Site;
use crate::sys::NetNs;
use crate::sys::netlink::Netlink;
use crate::sys::rtnl;

/// The first word of the alias (`IFLA_IFALIAS`, `ip link show`). In the namespace of a node, its name follows.
const MARK: &str = env!("CARGO_PKG_NAME");

/// Returns the alias for a namespace of a lab.
pub(super) fn of(site: &Site) -> String {
    match site {
        Site::Node(node) => format!("{MARK} {node}"),
        Site::Wire => MARK.to_owned(),
    }
}

/// Returns whether a namespace carries the mark; `false` if it cannot be inspected.
pub(super) fn is_on(netns: &NetNs) -> bool {
    alias(netns).is_some_and(|alias| alias.split(' ').next() == Some(MARK))
}

/// Returns the name of the node that a namespace stands for, or `None` if it stands for none.
pub(super) fn node(netns: &NetNs) -> Option<String> {
    let alias = alias(netns)?;
    let (mark, node) = alias.split_once(' ')?;
    (mark == MARK).then(|| node.to_owned())
}

fn alias(netns: &NetNs) -> Option<String> {
    let alias = netns.run(|| {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).ok()?;
        rtnl::alias(&mut netlink, rtnl::LOOPBACK).ok()?
    });
    alias.ok()?
}

#[cfg(test)]
pub(super) fn put_on(netns: &NetNs) {
    use crate::sys::netlink::Batch;
    let put = || {
        let mut batch = Batch::new();
        rtnl::set_up_with_alias(&mut batch, rtnl::LOOPBACK, &of(&Site::Wire));
        batch.acknowledge_last();
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).unwrap();
        netlink.request(batch).unwrap();
    };
    netns.run(put).unwrap();
}

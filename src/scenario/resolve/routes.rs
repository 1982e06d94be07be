//! Resolves routes that a node is given explicitly.

use super::View;
use super::links;
use crate::scenario::document::RouteDoc;
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::topology::{Prefix, RouteSpec};

/// Resolves a written route: one to each address of the destination, longer than any other prefix, so that it wins.
pub(crate) fn explicit(
    node: usize,
    written: &RouteDoc,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<RouteSpec> {
    let (names, network) = (view.names, &view.lab.network);
    let to = names.node(&written.to, cx);
    let via = names.node(&written.via, cx);
    let (Some(to), Some(via)) = (to, via) else {
        return Vec::new();
    };
    let of = |number| quoted(names.node_name(number));
    if to == node {
        cx.error(
            written.to.span,
            format!("{} needs no route to itself", of(node)),
        );
        return Vec::new();
    }
    let path = network.paths(node).to(via).filter(|path| path.length == 1);
    let Some(path) = path else {
        if view.lab.complete {
            let text = format!("{} is not a neighbour of {}", of(via), of(node));
            cx.error(written.via.span, text)
                .help("`via` names a node on a link or segment of this node");
        }
        return Vec::new();
    };
    let hop = network.next_hop(path);
    let addresses = network.ends(to).iter().map(|(link, end)| {
        let address = network.end_address(*link, *end).address;
        let length = if address.is_ipv4() { 32 } else { 128 };
        Prefix { address, length }
    });
    let sources = view.lab.source_prefix(to);
    let mtu = links::mtu(written.mtu, view.lab.ip, cx);
    let routes: Vec<RouteSpec> = addresses
        .filter(|prefix| prefix.address != hop)
        .chain(sources)
        .map(|to| RouteSpec { to, via: hop, mtu })
        .collect();
    if let (Some(mtu), true) = (written.mtu, routes.is_empty()) {
        cx.error(
            mtu.span,
            format!("{} is a neighbour, so it has no route", of(to)),
        )
        .help("the `mtu` of a link applies to neighbours");
    }
    routes
}

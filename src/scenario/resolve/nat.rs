//! Resolves address translation: interfaces, addresses and the targets of ports.

use std::net::SocketAddr;

use super::View;
use super::server::number;
use super::target::target;
use crate::names::IfName;
use crate::scenario::bounds::MAX_SNAT_ADDRESSES;
use crate::scenario::decode::Framed;
use crate::scenario::document::{NatDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{InterfaceSpec, NatSpec};

/// Resolves the `nat:` of a node. SNAT with several addresses takes them from the outgoing link (`extra`
/// counts those assigned on each link) and adds them to the node's interface.
pub(crate) fn nat(
    node: usize,
    written: &NatDoc,
    view: View<'_, '_>,
    extra: &mut [usize],
    interfaces: &mut [InterfaceSpec],
    cx: &mut Collector<'_>,
) -> Vec<NatSpec> {
    let mut specs = Vec::new();
    if let Some(masquerade) = &written.masquerade
        && let Some((out, _)) = outgoing(node, &masquerade.toward, view, cx)
    {
        specs.push(NatSpec::Masquerade { out });
    }
    if let (Some(masquerade), Some(snat)) = (&written.masquerade, &written.snat)
        && masquerade.toward.value == snat.toward.value
    {
        cx.error_between(
            snat.head(),
            "`snat` and `masquerade` apply to the same packets",
            masquerade.head(),
            "the source address is already set here",
        )
        .help("keep one of the two");
    }
    if let Some(snat) = &written.snat
        && let Some((out, link)) = outgoing(node, &snat.toward, view, cx)
    {
        let count: usize = number(snat.addresses, 1, 1..=MAX_SNAT_ADDRESSES, "`addresses`", cx);
        let first = extra[link];
        extra[link] += count;
        if let Some(addresses) = snat.addresses
            && extra[link] > usize::try_from(MAX_SNAT_ADDRESSES).unwrap_or(usize::MAX)
        {
            cx.error(
                addresses.span,
                format!("a link has at most {MAX_SNAT_ADDRESSES} SNAT addresses in total"),
            );
        }
        let given: Vec<_> = (first..first + count)
            .map(|n| view.lab.network.extra_address(link, n))
            .collect();
        if let (Some(low), Some(high)) = (given.first(), given.last()) {
            specs.push(NatSpec::Snat {
                out: out.clone(),
                addresses: [low.address, high.address],
                ports: snat.ports.map(|ports| ports.0),
            });
        }
        if let Some(interface) = interfaces
            .iter_mut()
            .find(|interface| interface.name == out)
        {
            interface.addresses.extend(given);
        }
    }
    specs.extend(dnats(node, written, view, cx));
    specs
}

fn dnats(
    node: usize,
    written: &NatDoc,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<NatSpec> {
    let mut specs = Vec::new();
    let mut taken = std::collections::BTreeMap::new();
    for dnat in written.dnat.iter().flat_map(|dnats| &dnats.0) {
        let port = dnat.port.value.0;
        if let Some(first) = taken.insert(port, dnat.port.span) {
            cx.error_between(
                dnat.port.span,
                format!("port {port} is already translated"),
                first,
                "first used here",
            )
            .label("used again here");
        }
        let Some(target) = target(&dnat.to, view.document, view.names, cx) else {
            continue;
        };
        if target.node == node && !target.by_name && target.port == port {
            cx.error(dnat.to.span, format!("port {port} is translated to itself"));
            continue;
        }
        match view.lab.network.address_from(node, target.node) {
            Some(address) => specs.push(NatSpec::Dnat {
                port,
                to: SocketAddr::new(address, target.port),
            }),
            None => report_unreachable(node, target.node, &dnat.to, view, cx),
        }
    }
    specs
}

/// Returns the interface on the path to a node, and its link.
fn outgoing(
    node: usize,
    toward: &Spanned<Text>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<(IfName, usize)> {
    let text = toward.value.0.as_str();
    if let (None, Some(Some(server))) = (view.names.nodes.get(text), view.names.servers.get(text)) {
        cx.error(
            toward.span,
            format!("`toward` must be a node, but {} is a server", quoted(text)),
        )
        .help(format!("did you mean `{}`?", server.node.value.0));
        return None;
    }
    let to = view.names.node(toward, cx)?;
    if to == node {
        cx.error(
            toward.span,
            format!("{} cannot translate packets to itself", quoted(text)),
        )
        .help("name the node on the other side");
        return None;
    }
    match view.lab.network.paths(node).to(to) {
        Some(path) => {
            let (link, _) = path.leaves;
            Some((view.lab.interface(node, link), link))
        }
        None => {
            report_unreachable(node, to, toward, view, cx);
            None
        }
    }
}

/// Reports that there is no path, unless one of the links could not be read.
pub(crate) fn report_unreachable(
    from: usize,
    to: usize,
    at: &Spanned<Text>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) {
    if view.lab.complete {
        cx.error(
            at.span,
            format!(
                "there is no path from `{}` to `{}`",
                view.names.node_name(from),
                view.names.node_name(to)
            ),
        )
        .help("links connect nodes: `links: [{ between: [a, b] }]`");
    }
}

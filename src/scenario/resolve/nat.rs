//! Resolves address translation: interfaces, addresses and the targets of ports.

use std::net::SocketAddr;

use super::View;
use super::server::{number, protocol};
use super::target::{ResolvedTarget, target};
use crate::names::IfName;
use crate::scenario::bounds::MAX_SNAT_ADDRESSES;
use crate::scenario::decode::{Framed, OneOrMany};
use crate::scenario::document::{Count, DnatDoc, NatDoc, PortsWord, SnatDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{InterfaceSpec, NatPorts, NatSpec, Prefix};
use crate::scenario::workload::Protocol;

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
        let ports = ports(masquerade.ports.as_ref(), cx);
        specs.push(NatSpec::Masquerade { out, ports });
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
        let given = snat_addresses(snat, link, view, extra, cx);
        if let (Some(low), Some(high)) = (given.first(), given.last()) {
            let spec = NatSpec::Snat {
                out: out.clone(),
                addresses: [low.address, high.address],
                ports: ports(snat.ports.as_ref(), cx),
                only_from: None,
            };
            match snat.block {
                Some(block) => specs.extend(blocks(node, block, &spec, snat, view, cx)),
                None => specs.push(spec),
            }
        }
        if let Some(interface) = interfaces
            .iter_mut()
            .find(|interface| interface.name == out)
        {
            interface.addresses.extend(given);
        }
    }
    let ports = written.dnat.as_ref().map_or(&[][..], |dnats| &dnats.0);
    specs.extend(dnats(node, ports, view, cx));
    specs
}

/// Assigns the source addresses of an SNAT on its outgoing link.
fn snat_addresses(
    snat: &SnatDoc,
    link: usize,
    view: View<'_, '_>,
    extra: &mut [usize],
    cx: &mut Collector<'_>,
) -> Vec<Prefix> {
    let count: usize = number(snat.addresses, 1, 1..=MAX_SNAT_ADDRESSES, "`addresses`", cx);
    let net = view.lab.network.first_of_subnet(link);
    let first = extra[net];
    extra[net] += count;
    if let Some(addresses) = snat.addresses
        && extra[net] > usize::try_from(MAX_SNAT_ADDRESSES).unwrap_or(usize::MAX)
    {
        cx.error(
            addresses.span,
            format!("a link has at most {MAX_SNAT_ADDRESSES} SNAT addresses in total"),
        );
    }
    (first..first + count)
        .map(|n| view.lab.network.extra_address(link, n))
        .collect()
}

/// Resolves `ports`: at most one range and one order.
fn ports(written: Option<&Spanned<OneOrMany<PortsWord>>>, cx: &mut Collector<'_>) -> NatPorts {
    let mut ports = NatPorts::default();
    let Some(written) = written else { return ports };
    let mut orders = 0;
    let mut ranges = 0;
    for word in &written.value.0 {
        match word {
            PortsWord::Range(range) => {
                ranges += 1;
                ports.range = Some(range.0);
            }
            PortsWord::Order(order) => {
                orders += 1;
                ports.order = *order;
            }
        }
    }
    if ranges > 1 || orders > 1 {
        cx.error(
            written.span,
            "`ports` takes one range and one of `random`, `fully-random` and `persistent`",
        )
        .help("write `ports: [20000-20099, fully-random]`");
    }
    ports
}

/// Splits the ports of an SNAT into blocks, one for each client behind the node.
fn blocks(
    node: usize,
    block: Spanned<Count>,
    spec: &NatSpec,
    snat: &SnatDoc,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<NatSpec> {
    let NatSpec::Snat {
        out,
        addresses,
        ports,
        ..
    } = spec
    else {
        return Vec::new();
    };
    let Some([low, high]) = ports.range else {
        cx.error(block.span, "`block` without a range of `ports`")
            .help("say which ports are given out: `ports: 20000-20999`");
        return Vec::new();
    };
    if addresses[0] != addresses[1] {
        cx.error(block.span, "`block` with several `addresses`")
            .help("a client has the ports of one address: leave `addresses` out");
        return Vec::new();
    }
    let size: u16 = number(Some(block), 1, 1..=65_535, "`block`", cx);
    let behind = view.lab.clients_behind(node, out);
    let room = usize::from((high - low + 1) / size.max(1));
    if behind.len() > room {
        cx.error(
            snat.head(),
            format!(
                "{} clients need a block of {size} ports each, but ports {low}-{high} have room for {room}",
                behind.len()
            ),
        )
        .help("widen `ports`, or make `block` smaller");
        return Vec::new();
    }
    let starts = (low..=high).step_by(usize::from(size.max(1)));
    behind
        .into_iter()
        .zip(starts)
        .map(|(client, start)| NatSpec::Snat {
            out: out.clone(),
            addresses: *addresses,
            ports: NatPorts {
                range: Some([start, start + (size - 1)]),
                ..*ports
            },
            only_from: Some(client),
        })
        .collect()
}

/// Resolves the ports of a node that lead to servers.
pub(crate) fn dnats(
    node: usize,
    written: &[DnatDoc],
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<NatSpec> {
    let mut specs = Vec::new();
    let mut taken = std::collections::BTreeMap::new();
    for dnat in written {
        let port = dnat.port.value.0;
        let targets = dnat.to.0.iter();
        let targets: Vec<_> = targets
            .map(|to| (to, target(to, view.document, view.names, cx)))
            .collect();
        let spoken = protocol_of(dnat, &targets, cx);
        if let Some(first) = taken.insert((port, spoken), dnat.port.span) {
            cx.error_between(
                dnat.port.span,
                format!("port {port} is already translated"),
                first,
                "first used here",
            )
            .label("used again here");
        }
        if let (Some(by), [_]) = (dnat.by, targets.as_slice()) {
            cx.error(by.span, "`by` with a single server")
                .help("name several: `to: [one, two]`");
        }
        let mut to = Vec::new();
        for (written, target) in targets {
            let Some(target) = target else { continue };
            if target.node == node && !target.by_name && target.port == port {
                cx.error(written.span, format!("port {port} is translated to itself"));
                continue;
            }
            match view.lab.network.address_from(node, target.node) {
                Some(address) => to.push(SocketAddr::new(address, target.port)),
                None => report_unreachable(node, target.node, written, view, cx),
            }
        }
        if !to.is_empty() {
            specs.push(NatSpec::Dnat {
                protocol: spoken,
                port,
                to,
                by: dnat.by.map(|by| by.value).unwrap_or_default(),
            });
        } else if dnat.to.0.is_empty() && dnat.complete() {
            cx.error(dnat.head(), "`dnat` leads to no server")
                .help("write `to: web`, or `to: [one, two]`");
        }
    }
    specs
}

/// Returns the protocol of a translated port: as written, or that of the servers.
fn protocol_of(
    dnat: &DnatDoc,
    targets: &[(&Spanned<Text>, Option<ResolvedTarget<'_>>)],
    cx: &mut Collector<'_>,
) -> Protocol {
    let servers = targets.iter().filter_map(|(written, target)| {
        let server = target.as_ref()?.server?;
        Some((*written, protocol(server)))
    });
    let servers: Vec<_> = servers.collect();
    let spoken = dnat
        .protocol
        .map(|protocol| protocol.value)
        .or_else(|| servers.first().map(|(_, protocol)| *protocol))
        .unwrap_or_default();
    for (written, there) in servers {
        if there != spoken {
            let speaks = |protocol| match protocol {
                Protocol::Tcp => "TCP",
                Protocol::Udp => "UDP",
            };
            cx.error(
                written.span,
                format!(
                    "{} is a {} server, but the port is translated for {}",
                    quoted(&written.value.0),
                    speaks(there),
                    speaks(spoken)
                ),
            )
            .help("translate each protocol in an entry of its own");
        }
    }
    spoken
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

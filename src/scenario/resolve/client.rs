//! Resolves clients: their targets, their loads and the side that closes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::View;
use super::load::{self, ResolvedLoad};
use super::nat::report_unreachable;
use super::socket_options::options;
use super::target::{ResolvedTarget, target};
use super::udp;
use crate::names::{ActorName, NodeName};
use crate::scenario::document::{ClientDoc, ViaWord};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::workload::{
    ClientClose, ClientSpec, Load, PortChoice, RequestRule, ServerClose,
};

/// The resolved clients of a run.
#[derive(Default)]
pub(crate) struct Clients {
    pub(crate) specs: Vec<ClientSpec>,
    /// Time by which each client is done at the latest.
    pub(crate) ends: Vec<Duration>,
}

/// Resolves every client that could be read.
pub(crate) fn clients(view: View<'_, '_>, cx: &mut Collector<'_>) -> Clients {
    let View {
        document,
        names,
        lab,
    } = view;
    let mut clients = Clients::default();
    let mut floods = 0;
    let mut sources_used: BTreeMap<usize, u64> = BTreeMap::new();
    for (name, client) in document.clients.iter().flat_map(|clients| &clients.0) {
        let Some(client) = client else { continue };
        let node = names.node(&client.node, cx);
        let target = target(&client.to, document, names, cx);
        udp::check_client(client, target.as_ref(), cx);
        let close = close(client, target.as_ref(), cx);
        let forged = lab.network.forged_address(floods);
        floods += usize::from(client.flood.is_some());
        let loaded = load::load(client, close, forged, cx);
        let port = port_choice(client, loaded.as_ref(), cx);
        let (Some(node), Some(target), Some(loaded)) = (node, target, loaded) else {
            continue;
        };
        let address = match client.via {
            Some(via) => loopback(node, target.node, via, view, cx),
            None => lab.network.address_from(node, target.node),
        };
        let Some(address) = address else {
            report_unreachable(node, target.node, &client.to, view, cx);
            continue;
        };
        let sources = client.sources.map_or(0, |sources| sources.value.0);
        let used = sources_used.entry(node).or_default();
        let addresses = lab.source_addresses(node, *used, sources);
        *used += sources;
        let protocol = load::protocol_of(client).unwrap_or_default();
        if let (Some(connections), None) = (client.connections, &client.exchange) {
            cx.error(connections.span, "only an `exchange` has `connections`")
                .help("write the number inside the load: `hold: { connections: 10, .. }`");
        }
        let start = client.start.map_or(Duration::ZERO, |start| start.value.0);
        clients
            .ends
            .push(start.saturating_add(load::longest(&loaded.load)));
        clients.specs.push(ClientSpec {
            name: ActorName::new(&name.value),
            node: NodeName::new(names.node_name(node)),
            target: SocketAddr::new(address, target.port),
            to: target.by_name.then(|| ActorName::new(&client.to.value.0)),
            exchange: exchange(client, &loaded.load, &target, cx),
            load: loaded.load,
            sources: addresses,
            port,
            start,
            so_keepalive: client.so_keepalive.is_some_and(|on| on.0),
            options: options(client.options.as_ref(), protocol, cx),
            named: Vec::new(),
            place: cx.source.place(name.span.start),
        });
    }
    clients
}

/// Returns the address of `via: loopback`, and reports a server on another node.
fn loopback(
    node: usize,
    of_server: usize,
    via: Spanned<ViaWord>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<IpAddr> {
    let ViaWord::Loopback = via.value;
    if node != of_server {
        let (client, server) = (view.names.node_name(node), view.names.node_name(of_server));
        cx.error(
            via.span,
            "`via: loopback` reaches only servers on the client's own node",
        )
        .label(format!(
            "the client is on `{client}`, the server on `{server}`"
        ))
        .help("leave `via` out, or run both on one node");
        return view.lab.network.address_from(node, of_server);
    }
    Some(view.lab.network.loopback())
}

/// Returns true if a connection carries a request and a reply. The client's `request` decides. Without it,
/// there is an exchange if the client waits for the server to close, if the load counts requests, or if the
/// scenario gives the server a reply.
fn exchange(
    client: &ClientDoc,
    load: &Load,
    target: &ResolvedTarget<'_>,
    cx: &mut Collector<'_>,
) -> bool {
    let replies = target
        .server
        .is_some_and(|server| server.reply.is_some() || server.forward.is_some());
    let rule = load.request_rule();
    let Some(written) = client.request else {
        return match rule {
            RequestRule::Required => true,
            RequestRule::Optional => replies,
            RequestRule::Impossible => false,
        };
    };
    let requested = written.value.0;
    match (rule, requested) {
        (RequestRule::Impossible, true) => {
            cx.error(
                written.span,
                "a load without replies cannot have a `request`",
            )
            .help("leave `request` out");
        }
        (RequestRule::Required, false) => {
            cx.error(written.span, "this load needs a request").help(
                "a `loop` counts replies, and a server that closes first does so after its reply: \
                 leave `request` out",
            );
        }
        _ => {}
    }
    requested
}

/// Returns the side that closes: as the client says; otherwise the server if it closes first, else the client.
fn close(
    client: &ClientDoc,
    target: Option<&ResolvedTarget<'_>>,
    cx: &mut Collector<'_>,
) -> ClientClose {
    let connect = client.connect.as_ref().and_then(|connect| connect.close);
    let written = connect.or(client.ramp.as_ref().and_then(|ramp| ramp.close));
    let server = target
        .and_then(|target| target.server)
        .and_then(|server| server.close);
    let Some(written) = written else {
        return match server.map(|server| server.value) {
            Some(ServerClose::First) => ClientClose::Server,
            _ => ClientClose::Client,
        };
    };
    if let Some(server) = server {
        report_contradiction(written, server, cx);
    }
    written.value
}

fn report_contradiction(
    client: Spanned<ClientClose>,
    server: Spanned<ServerClose>,
    cx: &mut Collector<'_>,
) {
    let (message, here, there) = match (client.value, server.value) {
        (ClientClose::Client | ClientClose::Reset | ClientClose::Hold, ServerClose::First) => (
            "client and server disagree about which side closes",
            "here the client closes, or neither side",
            "here the server closes first",
        ),
        (ClientClose::Server, ServerClose::AfterClient) => (
            "client and server wait for each other to close",
            "the client waits for the server",
            "the server waits for the client",
        ),
        (ClientClose::Server, ServerClose::Never) => (
            "the client waits for a server that never closes",
            "the client waits for the server",
            "the server never closes",
        ),
        _ => return,
    };
    cx.error_between(client.span, message, server.span, there)
        .label(here)
        .help("leave out the client's `close`: it then follows the server");
}

/// Returns the port choice, which may be written beside the load or inside it.
fn port_choice(
    client: &ClientDoc,
    loaded: Option<&ResolvedLoad>,
    cx: &mut Collector<'_>,
) -> PortChoice {
    let inside = loaded.and_then(|loaded| loaded.port);
    if let (Some(outside), Some(inside)) = (client.port, inside) {
        cx.error_between(
            inside.span,
            "`port` is given twice",
            outside.span,
            "first here",
        )
        .label("again here");
    }
    client
        .port
        .or(inside)
        .map_or(PortChoice::Kernel, |port| port.value)
}

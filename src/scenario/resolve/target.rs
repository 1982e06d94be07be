//! Resolves the target of a client, a DNAT port or a command's address.

use std::collections::BTreeSet;

use super::names::Names;
use crate::metrics::Subject;
use crate::scenario::decode::Framed;
use crate::scenario::document::{CommandDoc, DnatDoc, Document, ServerDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;

/// An address to connect to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResolvedTarget<'d> {
    /// The node that has the address.
    pub(crate) node: usize,
    pub(crate) port: u16,
    /// The server that answers, even behind a DNAT port, if it is known.
    pub(crate) server: Option<&'d ServerDoc>,
    /// True if the scenario names the server itself.
    pub(crate) by_name: bool,
}

/// Resolves `to:`, which is a server, `NODE:PORT`, or a node with one `dnat` port. `None` means that a
/// problem has been reported, either here or when the server was read.
pub(crate) fn target<'d>(
    to: &Spanned<Text>,
    document: &'d Document,
    names: &Names<'d>,
    cx: &mut Collector<'_>,
) -> Option<ResolvedTarget<'d>> {
    let text = to.value.0.as_str();
    if let Some(server) = names.servers.get(text) {
        let server = (*server)?;
        return Some(ResolvedTarget {
            node: names.nodes.get_index_of(server.node.value.0.as_str())?,
            port: server.port.value.0,
            server: Some(server),
            by_name: true,
        });
    }
    if let Some((_, command, port)) = names.serving().find(|(name, ..)| *name == text) {
        return Some(ResolvedTarget {
            node: names.nodes.get_index_of(command.node.value.0.as_str())?,
            port,
            server: None,
            by_name: true,
        });
    }
    if let Some((node_name, port)) = text.rsplit_once(':')
        && let Some(node) = names.nodes.get_index_of(node_name)
    {
        return at_port(to, node, port, document, names, cx);
    }
    if let Some(node) = names.nodes.get_index_of(text) {
        return on_node(to, node, document, names, cx);
    }
    unknown(to, names, cx);
    None
}

fn at_port<'d>(
    to: &Spanned<Text>,
    node: usize,
    port: &str,
    document: &'d Document,
    names: &Names<'d>,
    cx: &mut Collector<'_>,
) -> Option<ResolvedTarget<'d>> {
    let node_name = names.node_name(node);
    let Ok(port) = port.parse::<u16>() else {
        cx.error(to.span, format!("{} is not a port", quoted(port)))
            .help(format!("write `{node_name}:8080`"));
        return None;
    };
    for (dnat_port, dnat) in dnats(node_name, document) {
        if dnat_port == port {
            return Some(ResolvedTarget {
                node,
                port,
                server: behind(dnat, document, names),
                by_name: false,
            });
        }
    }
    let mut here = names
        .servers
        .values()
        .flatten()
        .filter(|server| server.node.value.0 == node_name);
    if let Some(server) = here.clone().find(|server| server.port.value.0 == port) {
        return Some(ResolvedTarget {
            node,
            port,
            server: Some(server),
            by_name: false,
        });
    }
    let serving: Vec<u16> = names
        .serving()
        .filter(|(_, command, _)| command.node.value.0 == node_name)
        .map(|(.., port)| port)
        .collect();
    if serving.contains(&port) {
        return Some(ResolvedTarget {
            node,
            port,
            server: None,
            by_name: false,
        });
    }
    // The program of a command may open the port, or a rule that it sets up may lead elsewhere.
    let is_here = |command: &&CommandDoc| command.node.value.0 == node_name;
    let mut commands = names.commands.values().flatten();
    if cx.code_listens || commands.any(|command| is_here(command) && command.ready.is_none()) {
        return Some(ResolvedTarget {
            node,
            port,
            server: None,
            by_name: false,
        });
    }
    let not_all_known =
        names.servers.values().any(Option::is_none) || names.commands.values().any(Option::is_none);
    if is_broken(node_name, document) || not_all_known {
        return None;
    }
    let open: BTreeSet<String> = dnats(node_name, document)
        .map(|(port, _)| port)
        .chain(here.by_ref().map(|server| server.port.value.0))
        .chain(serving)
        .map(|port| format!("`{node_name}:{port}`"))
        .collect();
    let help = if open.is_empty() {
        "name a server, or give the node a `dnat` port; a command that listens there has `ready: port N`"
            .to_owned()
    } else {
        let open: Vec<String> = open.into_iter().collect();
        format!("available: {}", open.join(", "))
    };
    cx.error(
        to.span,
        format!("nothing listens on port {port} of `{node_name}`"),
    )
    .help(help);
    None
}

fn on_node<'d>(
    to: &Spanned<Text>,
    node: usize,
    document: &'d Document,
    names: &Names<'d>,
    cx: &mut Collector<'_>,
) -> Option<ResolvedTarget<'d>> {
    let node_name = names.node_name(node);
    let ports: Vec<(u16, &DnatDoc)> = dnats(node_name, document).collect();
    if let [(port, dnat)] = ports.as_slice() {
        return Some(ResolvedTarget {
            node,
            port: *port,
            server: behind(dnat, document, names),
            by_name: false,
        });
    }
    if is_broken(node_name, document) {
        return None;
    }
    let here: Vec<&str> = names
        .servers
        .iter()
        .filter(|(_, server)| server.is_some_and(|server| server.node.value.0 == node_name))
        .map(|(name, _)| *name)
        .collect();
    let help = if ports.is_empty() && here.is_empty() {
        "name a server, or give the node a `dnat` port".to_owned()
    } else if ports.is_empty() {
        format!("use the name of the server: {}", suggest::listed(&here))
    } else {
        format!("the node has several `dnat` ports: write `{node_name}:PORT`")
    };
    cx.error(
        to.span,
        format!("`{node_name}` is a node, and the port is missing"),
    )
    .help(help);
    None
}

/// Returns the name in an address as other programs write it: `http://web:80/`, `web/80`.
fn host_of(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or(rest)
}

fn unknown(to: &Spanned<Text>, names: &Names<'_>, cx: &mut Collector<'_>) {
    let text = to.value.0.as_str();
    if names.commands.get(text).is_some_and(Option::is_none) {
        return;
    }
    let mut what_to_do = None;
    let message = match names.actors.get(text) {
        Some((Subject::Client | Subject::QueryClient | Subject::Flood, _)) => {
            format!("{} is a client: nothing can connect to it", quoted(text))
        }
        Some((Subject::Command, _)) => {
            what_to_do = Some(format!(
                "add its port there: `{text}: {{ ready: port 80 }}`"
            ));
            format!("{} is a command, and its port is not known", quoted(text))
        }
        Some((Subject::Fault, _)) => {
            format!("{} is a fault: nothing can connect to it", quoted(text))
        }
        _ => format!("unknown server {}", quoted(text)),
    };
    let servers = || {
        let serving = names.serving().map(|(name, ..)| name);
        names.servers.keys().copied().chain(serving)
    };
    let host = host_of(text);
    let known = servers().chain(names.nodes.keys().copied());
    let nearest = suggest::nearest(host, known).map(|name| format!("did you mean `{name}`?"));
    let address = suggest::is_address(text)
        .then(|| suggest::did_you_mean_one_of(text, servers()))
        .flatten();
    let help =
        what_to_do
            .or(address)
            .or(nearest)
            .unwrap_or_else(|| match servers().collect::<Vec<_>>() {
                servers if servers.is_empty() => "declare it under `servers:`".to_owned(),
                servers => format!("available: {}", suggest::listed(&servers)),
            });
    cx.error(to.span, message).help(help);
}

/// Returns the DNAT ports of a node.
fn dnats<'d>(node: &str, document: &'d Document) -> impl Iterator<Item = (u16, &'d DnatDoc)> {
    document
        .nodes
        .0
        .iter()
        .filter(move |(name, _)| name.value == node)
        .filter_map(|(_, node)| node.as_ref()?.nat.as_ref()?.dnat.as_ref())
        .flat_map(|dnats| &dnats.0)
        .map(|dnat| (dnat.port.value.0, dnat))
}

/// Returns true if a node or its `nat` could not be read, so that it is not known what the node has.
fn is_broken(node: &str, document: &Document) -> bool {
    document.nodes.0.iter().any(|(name, node_doc)| {
        name.value == node && node_doc.as_ref().is_none_or(|node| !node.complete())
    })
}

/// Returns the server behind a DNAT port, if the scenario names it.
fn behind<'d>(dnat: &DnatDoc, document: &'d Document, names: &Names<'d>) -> Option<&'d ServerDoc> {
    let text = dnat.to.0.first()?.value.0.as_str();
    if let Some(server) = names.servers.get(text) {
        return *server;
    }
    let (node, port) = text.rsplit_once(':')?;
    document
        .servers
        .iter()
        .flat_map(|servers| &servers.0)
        .filter_map(|(_, server)| server.as_ref())
        .find(|server| server.node.value.0 == node && port.parse() == Ok(server.port.value.0))
}

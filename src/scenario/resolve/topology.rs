//! Resolves nodes and links: interfaces, addresses, routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::View;
use super::firewall;
use super::links;
use super::names::Names;
use super::nat;
use super::node;
use super::routes;
use super::segments;
use super::server::number;
use crate::names::{IfName, NodeName};
use crate::scenario::addressing::{Network, Paths};
use crate::scenario::bounds::{MAX_LINKS, MAX_NODES_OF_A_LAB, MAX_ROUTES, MAX_SOURCES};
use crate::scenario::decode::Framed;
use crate::scenario::document::{Document, LinkDoc};
use crate::scenario::problem::Collector;
use crate::scenario::span::{Span, Spanned};
use crate::scenario::topology::{
    ImpairedBy, InterfaceSpec, IpVersion, LinkSpec, NatSpec, NodeSpec, RouteSpec, SysctlSpec,
    Topology,
};

/// The network that a document describes, with the numbers of its nodes and links.
pub(crate) struct ResolvedLab<'d> {
    pub(crate) network: Network,
    /// True if every link could be read. Otherwise, unreachable nodes are not reported.
    pub(crate) complete: bool,
    pub(super) ip: IpVersion,
    /// The written links. Those of segments follow them in the network.
    links: Vec<&'d LinkDoc>,
    /// The names of nodes, then those of segments.
    pub(super) names: Vec<NodeName>,
    /// The place of the segment that each further link belongs to.
    segment_places: Vec<Span>,
    /// Number of local source addresses of each node that has any, in the order of the file.
    pub(super) sources: BTreeMap<usize, u64>,
    /// The node of each flood, in the order of the file.
    floods: Vec<usize>,
}

impl<'d> ResolvedLab<'d> {
    pub(crate) fn new(document: &'d Document, names: &Names<'_>, cx: &mut Collector<'_>) -> Self {
        bounded(
            names.nodes.len(),
            MAX_NODES_OF_A_LAB,
            "nodes",
            document.nodes.0.last().map(|node| node.0.span),
            cx,
        );
        let written = document.links.iter().flat_map(|links| &links.0);
        // Links under a misspelt key are missing here.
        let mut complete = document.links.is_some() || document.complete();
        let mut links = Vec::new();
        let mut ends = Vec::new();
        for link in written {
            let between = link
                .as_ref()
                .and_then(|link| Some((link, links::between(&link.between, names, cx)?)));
            match between {
                Some((link, between)) => {
                    links.push(link);
                    ends.push(between);
                }
                None => complete = false,
            }
        }
        if links.len() > MAX_LINKS {
            bounded(
                links.len(),
                MAX_LINKS,
                "links",
                links.last().map(|link| link.head()),
                cx,
            );
            links.truncate(MAX_LINKS);
            ends.truncate(MAX_LINKS);
        }
        let ip = ip_version(document, cx);
        let mut segment_places = Vec::new();
        for (end, place) in segments::ends(document, names, cx) {
            ends.push(end);
            segment_places.push(place);
        }
        let switches = names.segments.len();
        let network = Network::new(ip, names.nodes.len() + switches, switches, ends);
        let mut lab = Self {
            network,
            complete,
            ip,
            links,
            names: names
                .nodes
                .keys()
                .chain(names.segments.keys())
                .map(|name| NodeName::new(*name))
                .collect(),
            segment_places,
            sources: BTreeMap::new(),
            floods: Vec::new(),
        };
        lab.count_sources(document, names, cx);
        lab.find_floods(document, names, cx);
        lab
    }

    fn count_sources(&mut self, document: &Document, names: &Names<'_>, cx: &mut Collector<'_>) {
        for (_, client) in document.clients.iter().flat_map(|clients| &clients.0) {
            let Some((client, sources)) = client
                .as_ref()
                .and_then(|client| Some((client, client.sources?)))
            else {
                continue;
            };
            let count: u64 = number(Some(sources), 1, 1..=MAX_SOURCES, "`sources`", cx);
            let Some(node) = names.nodes.get_index_of(client.node.value.0.as_str()) else {
                continue;
            };
            let so_far = self.sources.entry(node).or_default();
            *so_far += count;
            if *so_far > MAX_SOURCES {
                cx.error(
                    sources.span,
                    format!(
                        "the clients of a node can have at most {MAX_SOURCES} sources in total"
                    ),
                );
                *so_far = MAX_SOURCES;
            }
            if self.sources.len() > self.network.source_prefixes() {
                cx.error(
                    sources.span,
                    format!(
                        "at most {} nodes can have `sources`",
                        self.network.source_prefixes()
                    ),
                );
            }
        }
    }

    fn find_floods(&mut self, document: &Document, names: &Names<'_>, cx: &mut Collector<'_>) {
        let clients = document.clients.iter().flat_map(|clients| &clients.0);
        for client in clients.filter_map(|(_, client)| client.as_ref()) {
            let (Some(flood), Some(node)) = (
                &client.flood,
                names.nodes.get_index_of(client.node.value.0.as_str()),
            ) else {
                continue;
            };
            if self.floods.len() == self.network.forged_prefixes() {
                let most = self.network.forged_prefixes();
                cx.error(flood.head(), format!("a lab has at most {most} floods"));
            }
            if self.network.ends(node).len() > 1 {
                cx.error(
                    client.node.span,
                    "the node of a flood must have exactly one link",
                )
                .label("this node routes, and would report the forged addresses as unreachable")
                .help("give the flood a node of its own");
            }
            if let Some(sources) = client.sources {
                cx.error(sources.span, "a flood cannot have local addresses")
                    .help("for forged addresses write `flood: { sources: ... }`");
            }
            self.floods.push(node);
        }
    }

    /// Returns true if a link is impaired by the kernel's netem.
    pub(crate) fn is_by_netem(&self, link: usize) -> bool {
        let by = self.links.get(link).and_then(|link| link.by);
        by.is_some_and(|by| by.value == ImpairedBy::Netem)
    }

    /// Returns the name of a node's interface on a link.
    pub(crate) fn interface(&self, node: usize, link: usize) -> IfName {
        let number = self.network.place_at_node(node, link).unwrap_or_default();
        IfName::new(format!("eth{number}"))
    }

    fn link_specs(&self, cx: &mut Collector<'_>) -> Vec<LinkSpec> {
        let mut specs = Vec::new();
        for (number, link) in self.links.iter().enumerate() {
            let between = self.network.between(number);
            let written = links::written!(link);
            if let Some(by) = link.by
                && !written.is_given()
                && link.complete()
            {
                cx.error(by.span, "the link has `by`, but no impairment")
                    .help("add an impairment: `delay: 20ms`");
            }
            specs.push(LinkSpec {
                interfaces: between.map(|node| self.interface(node, number)),
                between: between.map(|node| self.names[node].clone()),
                mtu: links::mtu(link.mtu, self.ip, cx),
                impairment: written.impairment(link.complete(), cx),
                tso: links::tso(link, cx),
                by: link.by.map(|by| by.value).unwrap_or_default(),
                faults: Vec::new(),
                changes: false,
                place: cx.source.place(link.head().start),
            });
        }
        for (number, place) in (self.links.len()..).zip(&self.segment_places) {
            let between = self.network.between(number);
            specs.push(LinkSpec {
                place: cx.source.place(place.start),
                ..LinkSpec::plain(
                    between.map(|node| self.names[node].clone()),
                    between.map(|node| self.interface(node, number)),
                )
            });
        }
        specs
    }

    fn bare_node(&self, node: usize, links: &[LinkSpec]) -> NodeSpec {
        let interfaces: Vec<InterfaceSpec> = self
            .network
            .ends(node)
            .iter()
            .map(|(link, end)| InterfaceSpec {
                name: links[*link].interfaces[*end].clone(),
                link: *link,
                peer: links[*link].between[1 - *end].clone(),
                addresses: match self.network.is_switch(node) {
                    true => Vec::new(),
                    false => vec![self.network.end_address(*link, *end)],
                },
            })
            .collect();
        let switch = self.network.is_switch(node);
        NodeSpec {
            switch,
            forwards: !switch && interfaces.len() >= 2,
            interfaces,
            source_prefix: self.source_prefix(node),
            ..NodeSpec::default()
        }
    }

    /// Returns routes to everything that is not directly connected. With one link, everything else
    /// goes over that link.
    fn routes(&self, node: usize) -> Vec<RouteSpec> {
        let mut routes = self.routes_to_nodes(node);
        routes.extend(self.forged_routes(node));
        routes
    }

    /// Returns routes for the answers to forged addresses: back to the flood's node, where they are lost.
    fn forged_routes(&self, node: usize) -> Vec<RouteSpec> {
        if self.floods.is_empty() {
            return Vec::new();
        }
        let paths = self.network.paths(node);
        let floods = self.floods.iter().enumerate();
        floods
            .filter_map(|(number, flood)| {
                Some(RouteSpec {
                    to: self.network.forged_prefix(number),
                    via: self.network.next_hop(paths.to(*flood)?),
                    mtu: None,
                })
            })
            .collect()
    }

    fn routes_to_nodes(&self, node: usize) -> Vec<RouteSpec> {
        let ends = self.network.ends(node);
        if ends.is_empty() {
            return Vec::new();
        }
        if let [(link, end)] = ends
            && !self
                .network
                .is_switch(self.network.between(*link)[1 - *end])
        {
            let peer = self.network.between(*link)[1 - *end];
            let beyond = self.network.ends(peer).len() > 1 || self.sources.contains_key(&peer);
            return beyond
                .then(|| RouteSpec {
                    to: self.network.default_prefix(),
                    via: self.network.end_address(*link, 1 - *end).address,
                    mtu: None,
                })
                .into_iter()
                .collect();
        }
        let paths = self.network.paths(node);
        let subnets = self
            .network
            .subnets()
            .filter(|link| !self.network.is_on(node, *link))
            .filter_map(|link| {
                let path = self.network.path_to_link(&paths, link)?;
                Some(RouteSpec {
                    to: self.network.subnet(link),
                    via: self.network.next_hop(path),
                    mtu: None,
                })
            });
        subnets.chain(self.source_routes(node, &paths)).collect()
    }

    fn source_routes<'a>(
        &'a self,
        node: usize,
        paths: &'a Paths,
    ) -> impl Iterator<Item = RouteSpec> + 'a {
        self.sources
            .keys()
            .filter(move |other| **other != node)
            .filter_map(|other| {
                Some(RouteSpec {
                    to: self.source_prefix(*other)?,
                    via: self.network.next_hop(paths.to(*other)?),
                    mtu: None,
                })
            })
    }
}

/// Resolves nodes and links, with addresses and routes assigned.
pub(crate) fn topology(view: View<'_, '_>, cx: &mut Collector<'_>) -> Topology {
    let View { document, lab, .. } = view;
    let links = lab.link_specs(cx);
    let mut extra = vec![0; lab.network.links()];
    let mut routes = 0;
    let mut topology = Topology {
        ip: lab.ip,
        baseline: document.baseline.unwrap_or_default(),
        nodes: indexmap::IndexMap::new(),
        links,
    };
    for (node, (name, written)) in document.nodes.0.iter().enumerate() {
        let mut spec = lab.bare_node(node, &topology.links);
        if routes <= MAX_ROUTES {
            spec.routes = lab.routes(node);
            routes += spec.routes.len();
            if routes > MAX_ROUTES {
                cx.error(
                    name.span,
                    format!("this network needs more than {MAX_ROUTES} routes"),
                )
                .help("use fewer nodes with several links");
            }
        }
        if let Some(written) = written {
            node::apply(&mut spec, written, cx);
            for route in written.routes.iter().flat_map(|routes| &routes.0).flatten() {
                spec.routes.extend(routes::explicit(node, route, view, cx));
            }
            if let Some(written) = &written.nat {
                spec.nat = nat::nat(node, written, view, &mut extra, &mut spec.interfaces, cx);
            }
            if let Some(written) = &written.firewall {
                spec.firewall = firewall::firewall(written, view, cx);
            }
        }
        topology.nodes.insert(lab.names[node].clone(), spec);
    }
    forward_between_routes(&mut topology);
    for switch in document.nodes.0.len()..lab.names.len() {
        let mut spec = lab.bare_node(switch, &topology.links);
        if lab.ip == IpVersion::V6 {
            // The bridge passes frames of any protocol, and must not send any of its own.
            spec.sysctls.push(SysctlSpec {
                key: "net.ipv6.conf.all.disable_ipv6".to_owned(),
                value: "1".to_owned(),
                place: topology
                    .links
                    .last()
                    .map(|link| link.place)
                    .unwrap_or_default(),
            });
        }
        topology.nodes.insert(lab.names[switch].clone(), spec);
    }
    topology
}

fn bounded(count: usize, most: usize, what: &str, at: Option<Span>, cx: &mut Collector<'_>) {
    if count > most {
        cx.error(
            at.unwrap_or_default(),
            format!("a lab has at most {most} {what}, this one has {count}"),
        );
    }
}

/// Returns true if anything in the document asks for IPv6.
pub(super) fn asks_for_ipv6(document: &Document) -> bool {
    versions(document).any(|asked| asked.value == IpVersion::V6)
}

/// Returns the protocols that the scenario, its nodes and its links ask for.
fn versions(document: &Document) -> impl Iterator<Item = Spanned<IpVersion>> {
    let nodes = document
        .nodes
        .0
        .iter()
        .filter_map(|(_, node)| node.as_ref()?.ip);
    let links = document
        .links
        .iter()
        .flat_map(|links| &links.0)
        .filter_map(|link| link.as_ref()?.ip);
    document.ip.into_iter().chain(nodes).chain(links)
}

/// Returns the lab's protocol: IPv6 if anything asks for it. To ask for IPv4 as well is a contradiction.
fn ip_version(document: &Document, cx: &mut Collector<'_>) -> IpVersion {
    let said: Vec<Spanned<IpVersion>> = versions(document).collect();
    let find = |version| said.iter().find(|said| said.value == version);
    match (find(IpVersion::V6), find(IpVersion::V4)) {
        (None, _) => IpVersion::V4,
        (Some(_), None) => IpVersion::V6,
        (Some(six), Some(four)) => {
            cx.error_between(
                six.span,
                "the scenario asks for both IPv4 and IPv6",
                four.span,
                "IPv4 is set here",
            )
            .label("IPv6 is set here")
            .help("a lab uses one of the two; to cover both, write two variants, one with `ip: 6`");
            IpVersion::V6
        }
    }
}

/// Makes nodes with one link forward if they translate ports for others, or if a route leads through them.
fn forward_between_routes(topology: &mut Topology) {
    let routes = topology.nodes.values().flat_map(|node| &node.routes);
    let hops: BTreeSet<IpAddr> = routes.map(|route| route.via).collect();
    for node in topology.nodes.values_mut() {
        let interfaces = node.interfaces.iter();
        let prefixes = interfaces.flat_map(|interface| &interface.addresses);
        let own: BTreeSet<IpAddr> = prefixes.map(|prefix| prefix.address).collect();
        let translates = node.nat.iter().any(|nat| match nat {
            NatSpec::Dnat { to, .. } => to.iter().any(|to| !own.contains(&to.ip())),
            NatSpec::Masquerade { .. } | NatSpec::Snat { .. } => false,
        });
        node.forwards |= translates || !own.is_disjoint(&hops);
    }
}

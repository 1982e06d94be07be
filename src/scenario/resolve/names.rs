//! The names of a scenario's nodes and actors, with the place where each is first written.

use indexmap::IndexMap;

use super::server::protocol;
use super::topology;
use crate::metrics::Subject;
use crate::scenario::decode::{Entries, Framed, check_name};
use crate::scenario::document::{CommandDoc, Document, NodeDoc, ServerDoc, Text};
use crate::scenario::expectation::Subjects;
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::suggest;
use crate::scenario::workload::Protocol;

/// The names of one run's document, including those of entries that could not be read.
#[derive(Debug)]
pub(crate) struct Names<'d> {
    /// The index is the node's number.
    pub(crate) nodes: IndexMap<&'d str, Span>,
    /// Segments; their switches are numbered after the nodes.
    pub(crate) segments: IndexMap<&'d str, Span>,
    /// Servers, clients, commands and faults share one name space.
    pub(crate) actors: IndexMap<&'d str, (Subject, Span)>,
    /// The node of each actor that names one.
    homes: IndexMap<&'d str, &'d str>,
    /// Servers by name; `None` for one that could not be read.
    pub(crate) servers: IndexMap<&'d str, Option<&'d ServerDoc>>,
    /// Commands by name; `None` for one that could not be read.
    pub(crate) commands: IndexMap<&'d str, Option<&'d CommandDoc>>,
}

impl<'d> Names<'d> {
    pub(crate) fn of(document: &'d Document, cx: &mut Collector<'_>) -> Self {
        let mut names = Self {
            nodes: IndexMap::new(),
            segments: IndexMap::new(),
            actors: IndexMap::new(),
            homes: IndexMap::new(),
            servers: IndexMap::new(),
            commands: IndexMap::new(),
        };
        for (name, _) in &document.nodes.0 {
            check_name(&name.value, name.span, "a node", cx);
            names.nodes.insert(&name.value, name.span);
        }
        for (name, _) in document.segments.iter().flat_map(|segments| &segments.0) {
            check_name(&name.value, name.span, "a segment", cx);
            if let Some(node) = names.nodes.get(name.value.as_str()) {
                cx.error_between(
                    name.span,
                    format!("the name {} is already taken", quoted(&name.value)),
                    *node,
                    "a node has it",
                )
                .label("used for a segment here")
                .help("nodes and segments share one name space: both appear in reports");
            }
            names.segments.insert(&name.value, name.span);
        }
        for (name, server) in document.servers.iter().flat_map(|servers| &servers.0) {
            names.servers.insert(&name.value, server.as_ref());
            let home = server.as_ref().map(|server| &server.node);
            names.at_home(&name.value, home);
        }
        for (name, command) in document.commands.iter().flat_map(|commands| &commands.0) {
            names.commands.insert(&name.value, command.as_ref());
            let home = command.as_ref().map(|command| &command.node);
            names.at_home(&name.value, home);
        }
        names.add(document.servers.as_ref(), Subject::Server, "a server", cx);
        names.add(document.clients.as_ref(), Subject::Client, "a client", cx);
        names.add(
            document.commands.as_ref(),
            Subject::Command,
            "a command",
            cx,
        );
        for (name, client) in document.clients.iter().flat_map(|clients| &clients.0) {
            let Some(client) = client else { continue };
            names.at_home(&name.value, Some(&client.node));
            let special = match (&client.flood, &client.queries) {
                (Some(_), _) => Some(Subject::Flood),
                (None, Some(_)) => Some(Subject::QueryClient),
                (None, None) => None,
            };
            if let (Some(special), Some((kind, _))) =
                (special, names.actors.get_mut(name.value.as_str()))
            {
                *kind = special;
            }
        }
        names.add(document.faults.as_ref(), Subject::Fault, "a fault", cx);
        for (name, server) in &names.servers {
            let Some(server) = server else { continue };
            let special = match protocol(server) {
                Protocol::Udp => Some(Subject::UdpServer),
                Protocol::Tcp => server.forward.as_ref().map(|_| Subject::Proxy),
            };
            if let (Some(special), Some((kind, _))) = (special, names.actors.get_mut(name)) {
                *kind = special;
            }
        }
        for (name, command) in &names.commands {
            let serves = command.is_some_and(|command| command.ready.is_some());
            if let Some((kind, _)) = names.actors.get_mut(name).filter(|_| serves) {
                *kind = Subject::ServingCommand;
            }
        }
        names
    }

    fn at_home(&mut self, actor: &'d str, home: Option<&'d Spanned<Text>>) {
        if let Some(home) = home {
            self.homes.entry(actor).or_insert(&home.value.0);
        }
    }

    fn add<T>(
        &mut self,
        entries: Option<&'d Entries<T>>,
        kind: Subject,
        what: &str,
        cx: &mut Collector<'_>,
    ) {
        for (name, _) in entries.iter().flat_map(|entries| &entries.0) {
            check_name(&name.value, name.span, what, cx);
            if let Some((_, first)) = self.actors.get(name.value.as_str()) {
                cx.error_between(
                    name.span,
                    format!("the name {} is already taken", quoted(&name.value)),
                    *first,
                    "first used here",
                )
                .label("used again here")
                .help(
                "servers, clients, commands and faults share one name space, because expectations \
                refer to them by name",
                );
                continue;
            }
            self.actors.insert(&name.value, (kind, name.span));
        }
    }

    /// Looks up the number of a node, and reports an unknown name.
    pub(crate) fn node(&self, name: &Spanned<Text>, cx: &mut Collector<'_>) -> Option<usize> {
        let number = self.nodes.get_index_of(name.value.0.as_str());
        if number.is_none() {
            cx.error(name.span, format!("unknown node {}", quoted(&name.value.0)))
                .maybe_help(suggest::did_you_mean_one_of(
                    &name.value.0,
                    self.nodes.keys().copied(),
                ));
        }
        number
    }

    /// Looks up the number of a node, or of a segment's switch, and reports an unknown name.
    pub(crate) fn node_or_segment(
        &self,
        name: &Spanned<Text>,
        cx: &mut Collector<'_>,
    ) -> Option<usize> {
        match self.segments.get_index_of(name.value.0.as_str()) {
            Some(segment) => Some(self.nodes.len() + segment),
            None => self.node(name, cx),
        }
    }

    /// Returns the commands that serve a port, with their names and ports.
    pub(crate) fn serving(&self) -> impl Iterator<Item = (&'d str, &'d CommandDoc, u16)> {
        self.commands.iter().filter_map(|(name, command)| {
            let command = (*command)?;
            Some((*name, command, command.ready?.value.0))
        })
    }

    /// Returns the name of a node, or of a segment, by its number.
    pub(crate) fn node_name(&self, number: usize) -> &'d str {
        let mut names = self.nodes.keys().chain(self.segments.keys());
        names.nth(number).copied().unwrap_or_default()
    }

    /// Returns the nodes and actors that expectations may refer to.
    pub(crate) fn subjects(&self, document: &Document) -> Subjects {
        let read = document.nodes.0.iter();
        let read = read.filter_map(|(name, node)| Some((&name.value, node.as_ref()?)));
        let rules = read.clone().map(|(name, node)| {
            let rules = node
                .firewall
                .iter()
                .flat_map(|rules| rules.0.iter().flatten());
            let names = rules.filter_map(|rule| Some(rule.name.as_ref()?.value.0.clone()));
            (name.clone(), names.collect())
        });
        // A command may set up tracking by itself.
        let has_command = |name: &str| {
            self.commands
                .values()
                .any(|command| command.is_none_or(|command| command.node.value.0 == name))
        };
        let untracked = read
            .filter(|(name, node)| node.complete() && !tracks(node) && !has_command(name))
            .map(|(name, _)| name.clone());
        Subjects {
            rules: rules.collect(),
            // A command may use IPv4 on the loopback interface.
            without_ipv4: topology::asks_for_ipv6(document) && self.commands.is_empty(),
            untracked: untracked.collect(),
            nodes: self.nodes.keys().map(|name| (*name).to_owned()).collect(),
            actors: self
                .actors
                .iter()
                .map(|(name, (kind, _))| ((*name).to_owned(), *kind))
                .collect(),
            homes: self
                .homes
                .iter()
                .map(|(actor, home)| ((*actor).to_owned(), (*home).to_owned()))
                .collect(),
            attempts: IndexMap::new(),
        }
    }
}

/// Returns true if a node tracks connections.
fn tracks(node: &NodeDoc) -> bool {
    let conntrack = node.conntrack.as_ref();
    let rules = || {
        node.firewall
            .iter()
            .flat_map(|rules| rules.0.iter().flatten())
    };
    let matches = rules().flat_map(|rule| [&rule.accept, &rule.drop, &rule.reject]);
    node.nat.is_some()
        || conntrack.is_some_and(|own| own.room.is_some() || own.track.is_some_and(|on| on.0))
        || matches.flatten().any(|matches| matches.ct.is_some())
}

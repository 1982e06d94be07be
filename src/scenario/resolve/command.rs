//! Commands as meant: addresses filled in.

use std::time::Duration;

use super::View;
use super::load::timeout;
use super::target::target;
use crate::names::{ActorName, NodeName};
use crate::scenario::document::{Text, TextWithReferences};
use crate::scenario::node::{Origin, Piece};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::workload::CommandSpec;

/// A command is killed after this long unless the scenario says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What can be asked of a server or node.
const FIELDS: [&str; 2] = ["address", "port"];

/// Every command that could be read.
pub(crate) fn commands(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<CommandSpec> {
    let View {
        document, names, ..
    } = view;
    let mut specs = Vec::new();
    for (name, command) in document.commands.iter().flat_map(|commands| &commands.0) {
        let Some(command) = command else { continue };
        let node = names.node(&command.node, cx);
        let filler = Filler { node, view };
        let run: Vec<String> = command
            .run
            .value
            .0
            .iter()
            .flatten()
            .map(|text| filler.fill(text, cx))
            .collect();
        if run.first().is_none_or(String::is_empty) {
            cx.error(command.run.span, "`run` names no program")
                .help("write `run: [program, argument, ...]`");
        }
        let env = command
            .env
            .iter()
            .flat_map(|env| &env.0)
            .filter_map(|(key, text)| {
                if key.value.is_empty() || key.value.contains(['=', '\0']) {
                    cx.error(
                        key.span,
                        format!("{} cannot be a variable", quoted(&key.value)),
                    );
                }
                Some((key.value.clone(), filler.fill(text.as_ref()?, cx)))
            })
            .collect();
        let Some(node) = node else { continue };
        specs.push(CommandSpec {
            name: ActorName::new(&name.value),
            node: NodeName::new(names.node_name(node)),
            run,
            timeout: timeout(command.timeout, TIMEOUT, cx),
            start: command.start.map_or(Duration::ZERO, |start| start.value.0),
            env,
            place: cx.source.place(name.span.start),
        });
    }
    specs
}

/// Fills addresses in, as one node sees them.
struct Filler<'a, 'd> {
    node: Option<usize>,
    view: View<'a, 'd>,
}

impl Filler<'_, '_> {
    fn fill(&self, text: &TextWithReferences, cx: &mut Collector<'_>) -> String {
        let whole = text.scalar.text.as_str();
        if whole.contains('\0') {
            cx.error(text.span, "a NUL cannot be passed to a program");
        }
        let mut filled = String::new();
        let pieces = &text.scalar.pieces;
        for (index, piece) in pieces.iter().enumerate() {
            let end = pieces.get(index + 1).map_or(whole.len(), |next| next.at);
            let part = whole.get(piece.at..end).unwrap_or_default();
            if piece.origin == Origin::Reference {
                let in_url = filled.ends_with("//")
                    || whole.get(end..).is_some_and(|rest| rest.starts_with(':'));
                filled.push_str(&self.reference(part, piece, in_url, cx).unwrap_or_default());
            } else {
                filled.push_str(part);
            }
        }
        filled
    }

    /// What `${subject.field}` stands for.
    fn reference(
        &self,
        written: &str,
        piece: &Piece,
        in_url: bool,
        cx: &mut Collector<'_>,
    ) -> Option<String> {
        let inner = written.strip_prefix("${")?.strip_suffix('}')?;
        let (subject, field) = inner.split_once('.')?;
        if !FIELDS.contains(&field) {
            cx.error(
                piece.source,
                format!("{} has no {}", quoted(subject), quoted(field)),
            )
            .maybe_help(suggest::did_you_mean(field, FIELDS));
            return None;
        }
        let name = Spanned {
            value: Text(subject.to_owned()),
            span: piece.source,
        };
        let (node, port) = match (field, self.view.names.servers.get(subject)) {
            // A node has an address also where nothing listens.
            ("address", None) => (self.node_named(&name, cx)?, 0),
            _ => {
                let target = target(&name, self.view.document, self.view.names, cx)?;
                (target.node, target.port)
            }
        };
        if field == "port" {
            return Some(port.to_string());
        }
        let Some(address) = self.view.lab.network.address_from(self.node?, node) else {
            super::nat::unreachable_node(self.node?, node, &name, self.view, cx);
            return None;
        };
        Some(if in_url && address.is_ipv6() {
            format!("[{address}]")
        } else {
            address.to_string()
        })
    }

    fn node_named(&self, name: &Spanned<Text>, cx: &mut Collector<'_>) -> Option<usize> {
        let text = name.value.0.as_str();
        let node = self.view.names.nodes.get_index_of(text);
        if node.is_none() {
            let known = self
                .view
                .names
                .servers
                .keys()
                .chain(self.view.names.nodes.keys());
            cx.error(
                name.span,
                format!("no server or node is called {}", quoted(text)),
            )
            .maybe_help(suggest::did_you_mean(text, known.copied()));
        }
        node
    }
}

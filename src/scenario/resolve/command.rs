//! Resolves commands, with addresses filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::View;
use super::load::timeout;
use super::target::target;
use crate::names::{ActorName, NodeName};
use crate::scenario::decode::Entries;
use crate::scenario::document::{CommandDoc, ListensOn, Text, TextWithReferences};
use crate::scenario::node::{Origin, Piece};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::workload::{CommandSpec, FILES};

/// Default time after which a command is killed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Default time until a command that serves must listen. Squid takes 3 s, and several times that
/// on a busy machine.
const UNTIL_READY: Duration = Duration::from_secs(30);
/// The fields of a server or node that a command can refer to.
const FIELDS: [&str; 2] = ["address", "port"];

/// Resolves every command that could be read.
pub(crate) fn commands(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<CommandSpec> {
    let View {
        document, names, ..
    } = view;
    let mut specs = Vec::new();
    for (name, command) in document.commands.iter().flat_map(|commands| &commands.0) {
        let Some(command) = command else { continue };
        let node = names.node(&command.node, cx);
        let has_files = command.files.is_some();
        let filler = AddressFiller {
            node,
            view,
            has_files,
        };
        let run: Vec<String> = command
            .run
            .value
            .0
            .iter()
            .flatten()
            .map(|text| filler.fill(text, cx))
            .collect();
        if run.first().is_none_or(String::is_empty) {
            cx.error(command.run.span, "`run` does not name a program")
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
                        format!("{} is not a valid variable name", quoted(&key.value)),
                    );
                }
                Some((key.value.clone(), filler.fill(text.as_ref()?, cx)))
            })
            .collect();
        let files = command
            .files
            .as_ref()
            .map(|entries| files(entries, &filler, cx));
        let privileges = command.privileges.iter().flat_map(|list| &list.0);
        let privileges = privileges.flatten().map(|privilege| privilege.value);
        let privileges = privileges.collect();
        let ready = command.ready.map(|ready| ready.value.0);
        let background = in_background(command, cx);
        let default = ready.map_or(TIMEOUT, |_| UNTIL_READY);
        let Some(node) = node else { continue };
        if let Some(ready) = command.ready {
            check_port_is_free(&name.value, node, ready, view, cx);
        }
        specs.push(CommandSpec {
            name: ActorName::new(&name.value),
            node: NodeName::new(names.node_name(node)),
            run,
            timeout: timeout(command.timeout, default, cx),
            start: command.start.map_or(Duration::ZERO, |start| start.value.0),
            env,
            ready,
            background,
            files,
            tap: prints_tap(command, background, cx),
            privileges,
            place: cx.source.place(name.span.start),
        });
    }
    specs
}

/// Returns true if a command runs until the lab ends.
fn in_background(command: &CommandDoc, cx: &mut Collector<'_>) -> bool {
    let said = command.background.map(|background| background.value.0);
    if let Some(ready) = command.ready {
        if let Some(start) = command.start {
            cx.error_between(
                start.span,
                "a command that serves starts before the clock",
                ready.span,
                "this makes it serve",
            )
            .help("leave `start` out");
        }
        if let (Some(background), Some(false)) = (command.background, said) {
            cx.error_between(
                background.span,
                "a command that serves runs until the lab ends",
                ready.span,
                "this makes it serve",
            )
            .help("leave `background` out");
        }
        return true;
    }
    let background = said.unwrap_or(false);
    if let (true, Some(timeout), Some(said)) = (background, command.timeout, command.background) {
        cx.error_between(
            timeout.span,
            "a command in the background ends with the lab",
            said.span,
            "this puts it in the background",
        )
        .help("leave `timeout` out; a step can end the command earlier: `{ at: 5s, stop: NAME }`");
    }
    background
}

/// Returns true if the results in a command's output are judged. Only a command that ends has complete results.
fn prints_tap(command: &CommandDoc, background: bool, cx: &mut Collector<'_>) -> bool {
    let Some(tap) = command.tap.filter(|tap| tap.value.0) else {
        return false;
    };
    if background {
        cx.error(
            tap.span,
            "a command with `tap` must end by itself, but this one runs until the lab ends",
        )
        .help("leave out `tap`, or `ready` and `background`");
    }
    true
}

/// Checks that no other server or command listens on the same port of a node.
fn check_port_is_free(
    name: &str,
    node: usize,
    ready: Spanned<ListensOn>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) {
    let names = view.names;
    let (node_name, port) = (names.node_name(node), ready.value.0);
    let servers = names.servers.values().flatten();
    let servers = servers.map(|server| (&server.node, server.port.value.0, server.port.span));
    let before = names.serving().take_while(|(other, ..)| *other != name);
    let before =
        before.filter_map(|(_, command, port)| Some((&command.node, port, command.ready?.span)));
    let mut taken = servers
        .chain(before)
        .filter(|(on, taken, _)| on.value.0 == node_name && *taken == port);
    if let Some((_, _, by)) = taken.next() {
        cx.error_between(
            ready.span,
            format!("port {port} of {} is already taken", quoted(node_name)),
            by,
            "first used here",
        )
        .label("used again here");
    }
}

/// Resolves the files of a command, by their names in its folder.
fn files(
    entries: &Entries<TextWithReferences>,
    filler: &AddressFiller<'_, '_>,
    cx: &mut Collector<'_>,
) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (name, text) in &entries.0 {
        let mut parts = name.value.split('/');
        if name.value.contains('\0') || parts.any(|part| matches!(part, "" | "." | "..")) {
            cx.error(
                name.span,
                format!(
                    "{} is not a valid file name for a command",
                    quoted(&name.value)
                ),
            )
            .help("write a name within the command's folder: `nginx.conf`, `conf/nginx.conf`");
        }
        if let Some(text) = text {
            files.insert(name.value.clone(), filler.fill(text, cx));
        }
    }
    files
}

/// Fills addresses into the text of commands, as one node sees them.
struct AddressFiller<'a, 'd> {
    node: Option<usize>,
    view: View<'a, 'd>,
    has_files: bool,
}

impl AddressFiller<'_, '_> {
    fn fill(&self, text: &TextWithReferences, cx: &mut Collector<'_>) -> String {
        let whole = text.scalar.text.as_str();
        if whole.contains('\0') {
            cx.error(text.span, "a NUL byte cannot be passed to a program");
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

    /// Returns the text that `${subject.field}` stands for.
    fn reference(
        &self,
        written: &str,
        piece: &Piece,
        in_url: bool,
        cx: &mut Collector<'_>,
    ) -> Option<String> {
        let inner = written.strip_prefix("${")?.strip_suffix('}')?;
        if inner == "files" {
            if !self.has_files {
                cx.error(piece.source, "this command has no folder for files")
                    .help("add `files: { NAME: TEXT }`, or `files: {}` for an empty folder");
            }
            return Some(FILES.to_owned());
        }
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
        let names = self.view.names;
        let serves = names.servers.contains_key(subject)
            || names.serving().any(|(serving, ..)| serving == subject);
        let (node, port) = match (field, serves) {
            // A node has an address even if nothing listens there.
            ("address", false) => (self.node_named(&name, cx)?, 0),
            _ => {
                let target = target(&name, self.view.document, self.view.names, cx)?;
                (target.node, target.port)
            }
        };
        if field == "port" {
            return Some(port.to_string());
        }
        let Some(address) = self.view.lab.network.address_from(self.node?, node) else {
            super::nat::report_unreachable(self.node?, node, &name, self.view, cx);
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
            let names = self.view.names;
            let known = names.servers.keys().chain(names.nodes.keys());
            let known = known.copied().chain(names.serving().map(|(name, ..)| name));
            cx.error(
                name.span,
                format!("no server or node named {}", quoted(text)),
            )
            .maybe_help(suggest::did_you_mean(text, known));
        }
        node
    }
}

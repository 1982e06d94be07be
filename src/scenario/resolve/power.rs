//! Resolves the steps that start and stop servers and nodes, flush a table, and change a translation.

use std::collections::BTreeSet;

use super::View;
use super::nat;
use crate::metrics::Subject;
use crate::names::{ActorName, NodeName};
use crate::scenario::document::{NatStepDoc, StartDoc, StepDoc, StopFormDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::suggest;
use crate::scenario::topology::NatSpec;
use crate::scenario::workload::{StepAction, StepSpec, StopHow};
use crate::units::format_seconds;

/// Resolves a step that has exactly one of `start`, `restart`, `conntrack` and `nat`.
pub(super) fn actions(
    step: &StepDoc,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<StepAction> {
    match &step.start {
        Some(StartDoc::Name(name)) => return start(name, view, cx).into_iter().collect(),
        Some(StartDoc::Form(form)) => {
            let node = view.names.node(&form.node, cx);
            let action = node.map(|node| StepAction::PowerOn {
                node: NodeName::new(view.names.node_name(node)),
            });
            return action.into_iter().collect();
        }
        None => {}
    }
    if let Some(name) = &step.restart {
        let start = start(name, view, cx);
        let actor = ActorName::new(&name.value.0);
        let stop = start.is_some().then_some(StepAction::Stop {
            actor,
            how: StopHow::Fin,
        });
        return stop.into_iter().chain(start).collect();
    }
    if let Some(conntrack) = &step.conntrack {
        return flush(&conntrack.flush, view, cx).into_iter().collect();
    }
    let change = step.nat.as_ref().map(|written| dnat(written, view, cx));
    change.into_iter().flatten().collect()
}

fn start(name: &Spanned<Text>, view: View<'_, '_>, cx: &mut Collector<'_>) -> Option<StepAction> {
    let text = name.value.0.as_str();
    let Some(server) = view.names.servers.get(text) else {
        let known = view.names.servers.keys().copied();
        let kind = view.names.actors.get(text).map(|(kind, _)| *kind);
        match kind {
            None | Some(Subject::Fault) => cx
                .error(name.span, format!("no server named {}", quoted(text)))
                .maybe_help(suggest::did_you_mean(text, known)),
            Some(kind) => cx
                .error(
                    name.span,
                    format!(
                        "{} is a {kind}, and only built-in servers can be started again",
                        quoted(text)
                    ),
                )
                .help("a client or command that begins later has `start: 5s`"),
        };
        return None;
    };
    let limited = |node: &str| {
        let mut nodes = view.document.nodes.0.iter();
        nodes.any(|(name, doc)| {
            name.value == node && doc.as_ref().is_some_and(|doc| doc.limits.is_some())
        })
    };
    if let Some(server) = server
        && limited(&server.node.value.0)
    {
        cx.error(
            name.span,
            "a server on a node with `limits` cannot be started again",
        )
        .help("it runs in a process of its own, which ends with it: leave `limits` out");
        return None;
    }
    Some(StepAction::Start {
        actor: ActorName::new(text),
    })
}

/// Resolves `stop: { node: server }`.
pub(super) fn stop_node(
    written: &Spanned<Text>,
    form: &StopFormDoc,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<StepAction> {
    if let Some(how) = form.how {
        cx.error(
            how.span,
            "a node that stops sends nothing, so `how` does not apply",
        )
        .help("leave `how` out; `stop: { actor: web, how: reset }` ends connections with RST");
    }
    let Some(number) = view.names.node(written, cx) else {
        return Vec::new();
    };
    for (link, _) in view.lab.network.ends(number) {
        if view.lab.is_by_netem(*link) {
            cx.error(
                written.span,
                "a node behind a link with `by: netem` cannot stop",
            )
            .help("the lab's own wire cuts it off: leave `by: netem` out");
        }
    }
    vec![StepAction::PowerOff {
        node: NodeName::new(view.names.node_name(number)),
    }]
}

fn flush(
    written: &Spanned<Text>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<StepAction> {
    let number = view.names.node(written, cx)?;
    let name = view.names.node_name(number);
    let mut nodes = view.document.nodes.0.iter();
    let doc = nodes.find(|(node, _)| node.value == name)?.1.as_ref()?;
    if view.names.subjects(view.document).untracked.contains(name) {
        cx.error(
            written.span,
            format!("{} does not track connections", quoted(name)),
        )
        .help("its table is always empty; to track, give the node `conntrack: { track: true }`");
        return None;
    }
    let room = doc.conntrack.as_ref().and_then(|conntrack| conntrack.room);
    if let Some(room) = room {
        cx.error_between(
            written.span,
            "the table is kept full, so it cannot be flushed",
            room.span,
            "`room` is set here",
        )
        .help("use `conntrack: { track: true }`, which fills nothing");
        return None;
    }
    Some(StepAction::FlushConntrack {
        node: NodeName::new(name),
    })
}

/// Resolves a change of DNAT: the translations of the node as in the file, with those of the step in place of those
/// for the same port. [`complete_translations`] adds the others.
fn dnat(written: &NatStepDoc, view: View<'_, '_>, cx: &mut Collector<'_>) -> Option<StepAction> {
    let number = view.names.node(&written.node, cx)?;
    let name = view.names.node_name(number);
    let mut nodes = view.document.nodes.0.iter();
    let doc = nodes.find(|(node, _)| node.value == name)?.1.as_ref()?;
    if doc.nat.as_ref().is_none_or(|nat| nat.dnat.is_none()) {
        cx.error(
            written.node.span,
            format!("{} has no `dnat` that could change", quoted(name)),
        )
        .help("give the node `nat: { dnat: ... }`");
        return None;
    }
    let changed = nat::dnats(number, &written.dnat.0, view, cx);
    Some(StepAction::Dnat {
        node: NodeName::new(name),
        nat: changed,
    })
}

/// Checks that what starts was stopped before, and that nothing brings a vanished node back.
pub(super) fn check_order(specs: &[(StepSpec, Span)], view: View<'_, '_>, cx: &mut Collector<'_>) {
    const COMES_BACK: &str =
        "for a node that comes back, use `stop: { node: NAME }` and `start: { node: NAME }` alone";
    let stays_cut =
        |node: &str, at: &str| format!("`{node}` has vanished before {at}, and its links stay cut");
    let servers_on = |node: &NodeName| {
        let node = node.to_string();
        let servers = view.names.servers.iter();
        servers
            .filter(move |(_, server)| server.is_some_and(|server| server.node.value.0 == node))
            .map(|(name, _)| *name)
    };
    let mut stopped: BTreeSet<String> = BTreeSet::new();
    let mut off: BTreeSet<String> = BTreeSet::new();
    let mut vanished: BTreeSet<String> = BTreeSet::new();
    for (step, head) in specs {
        let at = format_seconds(step.at);
        let mut refuse = |message: String, help: &str| {
            cx.error(*head, message).help(help);
        };
        match &step.action {
            StepAction::Stop { actor, .. } => {
                stopped.insert(actor.to_string());
            }
            StepAction::Start { actor } => {
                if !stopped.remove(actor.as_str()) {
                    refuse(
                        format!("`{actor}` is running already at {at}"),
                        "stop it before, or use `restart`",
                    );
                }
                let server = view.names.servers.get(actor.as_str()).copied().flatten();
                let node = server.map(|server| server.node.value.0.as_str());
                if let Some(node) = node.filter(|node| vanished.contains(*node)) {
                    refuse(stays_cut(node, &at), COMES_BACK);
                }
                if node.is_some_and(|node| off.contains(node)) {
                    refuse(
                        format!("the node of `{actor}` is stopped at {at}"),
                        "start the node: `start: { node: NAME }`",
                    );
                }
            }
            StepAction::Vanish { node } => {
                vanished.insert(node.to_string());
            }
            StepAction::PowerOff { node } => {
                if !off.insert(node.to_string()) {
                    refuse(
                        format!("`{node}` is stopped already at {at}"),
                        "start it before",
                    );
                }
                stopped.extend(servers_on(node).map(str::to_owned));
            }
            StepAction::PowerOn { node } => {
                if !off.remove(node.as_str()) {
                    refuse(
                        format!("`{node}` is running already at {at}"),
                        "stop it before: `stop: { node: NAME }`",
                    );
                }
                if vanished.contains(node.as_str()) {
                    refuse(stays_cut(node.as_str(), &at), COMES_BACK);
                }
                for name in servers_on(node) {
                    stopped.remove(name);
                }
            }
            StepAction::LinkState { link, .. } | StepAction::LinkImpair { link, .. } => {
                let between = view
                    .lab
                    .network
                    .between(*link)
                    .map(|node| view.names.node_name(node));
                if let Some(node) = between.iter().find(|node| vanished.contains(**node)) {
                    refuse(stays_cut(node, &at), COMES_BACK);
                }
            }
            StepAction::Sysctl { .. }
            | StepAction::FlushConntrack { .. }
            | StepAction::Dnat { .. } => {}
        }
    }
}

/// Completes each change of DNAT by the translations of other ports, which stay as they were.
pub(crate) fn complete_translations(
    specs: &mut [StepSpec],
    before: impl Fn(&NodeName) -> Vec<NatSpec>,
) {
    let mut current: std::collections::BTreeMap<NodeName, Vec<NatSpec>> = Default::default();
    for step in specs {
        let StepAction::Dnat { node, nat } = &mut step.action else {
            continue;
        };
        let known = current.entry(node.clone()).or_insert_with(|| before(node));
        let port_of = |spec: &NatSpec| match spec {
            NatSpec::Dnat { protocol, port, .. } => Some((*protocol, *port)),
            NatSpec::Masquerade { .. } | NatSpec::Snat { .. } => None,
        };
        for changed in nat.iter() {
            known.retain(|spec| port_of(spec) != port_of(changed));
            known.push(changed.clone());
        }
        *nat = known.clone();
    }
}

//! Resolves steps, in the order of their times.

use super::View;
use super::links;
use super::names::Names;
use super::power;
use super::sysctl;
use super::topology::ResolvedLab;
use crate::metrics::Subject;
use crate::names::{ActorName, NodeName};
use crate::scenario::decode::{Framed, List};
use crate::scenario::document::{StepDoc, StopDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::suggest;
use crate::scenario::topology::{Impairment, Topology};
use crate::scenario::workload::{StepAction, StepSpec, StopHow};

/// Resolves every step that could be read. A step that names two nodes acts on every link between them.
pub(crate) fn steps(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<StepSpec> {
    let document = view.document;
    let mut specs = Vec::new();
    for step in document.steps.iter().flat_map(|steps| &steps.0).flatten() {
        let actions = actions(step, view, cx);
        if actions.is_none() && step.complete() {
            cx.error(step.head(), "a step must do exactly one thing")
                .help("use one of `link`, `impair`, `sysctl`, `stop`, `start`, `restart`, `conntrack` and `nat`");
        }
        let place = cx.source.place(step.head().start);
        specs.extend(actions.into_iter().flatten().map(|action| {
            let spec = StepSpec {
                at: step.at.value.0,
                action,
                place,
            };
            (spec, step.head())
        }));
    }
    specs.sort_by_key(|(step, _)| step.at);
    power::check_order(&specs, view, cx);
    specs.into_iter().map(|(step, _)| step).collect()
}

/// Returns the actions of a step; `None` if it has no action, or several of different kinds.
fn actions(step: &StepDoc, view: View<'_, '_>, cx: &mut Collector<'_>) -> Option<Vec<StepAction>> {
    let View { names, lab, .. } = view;
    let others = [
        step.start.is_some(),
        step.restart.is_some(),
        step.conntrack.is_some(),
        step.nat.is_some(),
    ];
    match others.iter().filter(|given| **given).count() {
        0 => {}
        1 if step.link.is_none()
            && step.impair.is_none()
            && step.sysctl.is_none()
            && step.stop.is_none() =>
        {
            return Some(power::actions(step, view, cx));
        }
        _ => return None,
    }
    match (&step.link, &step.impair, &step.sysctl, &step.stop) {
        (Some(link), None, None, None) => {
            let written = links::written!(link);
            if link.state.is_none() && !written.is_given() && link.complete() {
                cx.error(link.head(), "`link` changes nothing")
                    .help("add a `state`, or an impairment: `loss: 10%`");
            }
            let impairment = written.impairment(link.complete(), cx);
            let mut actions = Vec::new();
            for number in links_between(&link.between, names, lab, cx) {
                if written.is_given() {
                    refuse_netem_change(number, link.between.span, lab, cx);
                    actions.push(impair(number, &impairment));
                }
                actions.extend(link.state.map(|state| StepAction::LinkState {
                    link: number,
                    up: state.0,
                }));
            }
            Some(actions)
        }
        (None, Some(doc), None, None) => {
            let impairment = links::written!(doc).impairment(doc.complete(), cx);
            Some(
                links_between(&doc.between, names, lab, cx)
                    .into_iter()
                    .map(|link| {
                        refuse_netem_change(link, doc.between.span, lab, cx);
                        impair(link, &impairment)
                    })
                    .collect(),
            )
        }
        (None, None, Some(sysctl), None) => {
            let node = names.node(&sysctl.node, cx);
            if sysctl.settings.0.is_empty() {
                cx.error(sysctl.node.span, "`sysctl` sets nothing")
                    .help("write `sysctl: { node: NAME, net.ipv4.tcp_fin_timeout: 10 }`");
            }
            let settings = sysctl::resolve(&sysctl.settings, cx);
            Some(node.map_or_else(Vec::new, |node| {
                settings
                    .into_iter()
                    .map(|setting| StepAction::Sysctl {
                        node: NodeName::new(names.node_name(node)),
                        key: setting.key,
                        value: setting.value,
                    })
                    .collect()
            }))
        }
        (None, None, None, Some(written)) => Some(stop(written, view, cx)),
        _ => None,
    }
}

/// Reports a change to a link that is impaired by netem, whose settings are applied only once.
fn refuse_netem_change(link: usize, written: Span, lab: &ResolvedLab<'_>, cx: &mut Collector<'_>) {
    if lab.is_by_netem(link) {
        cx.error(
            written,
            "the impairment of a link with `by: netem` cannot change",
        )
        .help("leave `by: netem` out: steps can change the lab's own wire");
    }
}

fn impair(link: usize, impairment: &Impairment) -> StepAction {
    StepAction::LinkImpair {
        link,
        impairment: impairment.clone(),
    }
}

/// Resolves `stop`. A node vanishes before the actor on it stops; otherwise, its peers would receive packets.
fn stop(written: &StopDoc, view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<StepAction> {
    let (name, said) = match written {
        StopDoc::Name(name) => (name, None),
        StopDoc::Form(form) => match (&form.actor, &form.node) {
            (Some(actor), None) => (actor, form.how),
            (None, Some(node)) => return power::stop_node(node, form, view, cx),
            _ => {
                if form.complete() {
                    cx.error(form.head(), "`stop` needs either an `actor` or a `node`")
                        .help("write `stop: web`, or `stop: { node: server }`");
                }
                return Vec::new();
            }
        },
    };
    let text = name.value.0.as_str();
    let how = said.map_or(StopHow::Fin, |how| how.value);
    let actors = &view.names.actors;
    let kind = actors.get(text).map(|(kind, _)| *kind);
    match (kind, said) {
        (None | Some(Subject::Fault), _) => {
            let known = actors
                .iter()
                .filter(|(_, (kind, _))| *kind != Subject::Fault)
                .map(|(name, _)| *name);
            cx.error(
                name.span,
                format!("no server, client or command named {}", quoted(text)),
            )
            .maybe_help(suggest::did_you_mean(text, known));
        }
        (Some(Subject::Command), Some(how)) if how.value == StopHow::Reset => {
            cx.error(how.span, "the connections of a command cannot be reset")
                .help("`fin` kills the command; `vanish` cuts off its node");
        }
        _ => {}
    }
    let mut actions = Vec::new();
    if how == StopHow::Vanish
        && let Some(node) = node_of(text, view)
    {
        actions.push(StepAction::Vanish { node });
    }
    actions.push(StepAction::Stop {
        actor: ActorName::new(text),
        how,
    });
    actions
}

/// Returns the node that an actor is on; `None` if it could not be read.
fn node_of(actor: &str, view: View<'_, '_>) -> Option<NodeName> {
    let document = view.document;
    let servers = document.servers.iter().flat_map(|all| &all.0);
    let clients = document.clients.iter().flat_map(|all| &all.0);
    let commands = document.commands.iter().flat_map(|all| &all.0);
    let nodes = servers
        .map(|(name, doc)| (name, doc.as_ref().map(|doc| &doc.node)))
        .chain(clients.map(|(name, doc)| (name, doc.as_ref().map(|doc| &doc.node))))
        .chain(commands.map(|(name, doc)| (name, doc.as_ref().map(|doc| &doc.node))));
    let (_, node) = { nodes }.find(|(name, _)| name.value == actor)?;
    Some(NodeName::new(&node?.value.0))
}

/// Marks the links whose treatment of packets changes later, so that they are set up for it from the start.
pub(crate) fn prepare_links(steps: &[StepSpec], topology: &mut Topology) {
    for step in steps {
        match &step.action {
            StepAction::LinkImpair { link, .. } => {
                if let Some(link) = topology.links.get_mut(*link) {
                    link.changes = true;
                }
            }
            StepAction::Vanish { node } | StepAction::PowerOff { node } => {
                for link in &mut topology.links {
                    link.changes |= link.between.contains(node);
                }
            }
            StepAction::LinkState { .. }
            | StepAction::Sysctl { .. }
            | StepAction::Stop { .. }
            | StepAction::Start { .. }
            | StepAction::PowerOn { .. }
            | StepAction::FlushConntrack { .. }
            | StepAction::Dnat { .. } => {}
        }
    }
}

pub(super) fn links_between(
    written: &Spanned<List<Spanned<Text>>>,
    names: &Names<'_>,
    lab: &ResolvedLab<'_>,
    cx: &mut Collector<'_>,
) -> Vec<usize> {
    let Some([one, other]) = links::existing(written, names, cx) else {
        return Vec::new();
    };
    let links: Vec<usize> = (0..lab.network.links())
        .filter(|link| {
            let between = lab.network.between(*link);
            between == [one, other] || between == [other, one]
        })
        .collect();
    if links.is_empty() && lab.complete {
        cx.error(
            written.span,
            format!(
                "there is no link between `{}` and `{}`",
                names.node_name(one),
                names.node_name(other)
            ),
        );
    }
    links
}

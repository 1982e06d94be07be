//! Steps as meant, in the order of their times.

use super::View;
use super::links::{self, Written};
use super::names::Names;
use super::sysctl::sysctls;
use super::topology::Lab;
use crate::names::{ActorName, NodeName};
use crate::scenario::decode::{Framed, List};
use crate::scenario::document::{StepDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::workload::{StepAction, StepSpec};

/// Every step that could be read. One that names two nodes acts on every link between them.
pub(crate) fn steps(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<StepSpec> {
    let View {
        document,
        names,
        lab,
    } = view;
    let mut specs = Vec::new();
    for step in document.steps.iter().flat_map(|steps| &steps.0).flatten() {
        let actions = actions(step, names, lab, cx);
        if actions.is_none() && step.complete() {
            cx.error(step.head(), "a step does exactly one thing")
                .help("give it one of `link`, `impair`, `sysctl` and `stop`");
        }
        let place = cx.source.place(step.head().start);
        specs.extend(actions.into_iter().flatten().map(|action| StepSpec {
            at: step.at.value.0,
            action,
            place,
        }));
    }
    specs.sort_by_key(|step| step.at);
    specs
}

/// What a step does; `None` where it says nothing, or several things.
fn actions(
    step: &StepDoc,
    names: &Names<'_>,
    lab: &Lab<'_>,
    cx: &mut Collector<'_>,
) -> Option<Vec<StepAction>> {
    match (&step.link, &step.impair, &step.sysctl, &step.stop) {
        (Some(link), None, None, None) => Some(
            links_between(&link.between, names, lab, cx)
                .into_iter()
                .map(|number| StepAction::LinkState {
                    link: number,
                    up: link.state.0,
                })
                .collect(),
        ),
        (None, Some(impair), None, None) => {
            let impairment = Written {
                delay: impair.delay,
                jitter: impair.jitter,
                loss: impair.loss,
                rate: impair.rate,
                queue: impair.queue,
            }
            .impairment(impair.complete(), cx);
            Some(
                links_between(&impair.between, names, lab, cx)
                    .into_iter()
                    .map(|link| StepAction::LinkImpair {
                        link,
                        impairment: impairment.clone(),
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
            let settings = sysctls(&sysctl.settings, cx);
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
        (None, None, None, Some(stop)) => Some(vec![StepAction::Stop {
            actor: actor(stop, names, cx),
        }]),
        _ => None,
    }
}

fn actor(name: &Spanned<Text>, names: &Names<'_>, cx: &mut Collector<'_>) -> ActorName {
    let text = name.value.0.as_str();
    if !names.actors.contains_key(text) {
        cx.error(
            name.span,
            format!("no server, client or command is called {}", quoted(text)),
        )
        .maybe_help(suggest::did_you_mean(text, names.actors.keys().copied()));
    }
    ActorName::new(text)
}

fn links_between(
    written: &Spanned<List<Spanned<Text>>>,
    names: &Names<'_>,
    lab: &Lab<'_>,
    cx: &mut Collector<'_>,
) -> Vec<usize> {
    let Some([one, other]) = links::between(written, names, cx) else {
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

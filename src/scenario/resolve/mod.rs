//! Resolves a document as written into a run: looks up references, applies defaults, checks bounds.
//!
//! Problems are collected; whatever is broken is left out and reported only once.

mod addresses;
mod client;
mod command;
mod exercises;
mod expectations;
mod faults;
mod firewall;
mod lasting;
mod links;
mod load;
pub(super) mod moments;
mod names;
mod nat;
mod node;
mod power;
mod queries;
mod reply;
mod routes;
mod segments;
mod server;
mod socket_options;
mod steps;
pub(crate) mod sysctl;
mod target;
mod topology;
mod udp;

use std::collections::BTreeMap;
use std::time::Duration;

use super::bounds::{MAX_DURATION, MAX_PROCESSORS, SAMPLE};
use super::document::{Document, RequiresDoc, Timespan};
use super::expectation::{NameScope, Subjects};
use super::expr::Expectation;
use super::model::{Requires, RunId, RunSpec};
use super::problem::{Collector, quoted};
use super::span::Spanned;
use super::topology::NatSpec;
use super::workload::Workload;

pub(crate) use exercises::exercises;
pub(crate) use expectations::{expectations, report_fault};
pub(crate) use names::Names;

/// Default interval between samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Default seed of a run.
const SEED: u64 = 1;
/// Time allowed for set-up, tear-down and the end of connections, in addition to the load itself.
const MARGIN: Duration = Duration::from_secs(60);
/// Number of nodes that the margin is for.
const NODES_OF_MARGIN: usize = 100;
/// Additional time for each further node. It takes 4.5 ms of processor time to set up (measured), and others may keep
/// the processors busy: 3,000 nodes took more than a minute beside other work.
const NODE_SET_UP: Duration = Duration::from_millis(40);

/// The document, its names and its network: everything that references are looked up in.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, 'd> {
    pub(crate) document: &'d Document,
    pub(crate) names: &'a Names<'d>,
    pub(crate) lab: &'a topology::ResolvedLab<'d>,
}

/// Resolves one run of a document.
pub(crate) fn run<'d>(
    document: &'d Document,
    names: &Names<'d>,
    id: RunId,
    params: BTreeMap<String, String>,
    variants: &[String],
    cx: &mut Collector<'_>,
) -> RunSpec {
    let lab = topology::ResolvedLab::new(document, names, cx);
    let view = View {
        document,
        names,
        lab: &lab,
    };
    let mut topology = topology::topology(view, cx);
    faults::faults(view, &mut topology, cx);
    let servers = server::servers(view, cx);
    let clients = client::clients(view, cx);
    let commands = command::commands(view, cx);
    let mut steps = steps::steps(view, cx);
    power::complete_translations(&mut steps, |node| {
        let nat = topology.nodes.get(node).map(|node| node.nat.clone());
        let mut nat = nat.unwrap_or_default();
        nat.retain(|nat| matches!(nat, NatSpec::Dnat { .. }));
        nat
    });
    steps::prepare_links(&steps, &mut topology);
    let moments = moments::moments(document, &clients.specs, cx);
    let workload = Workload {
        servers,
        clients: clients.specs,
        commands,
        steps,
    };
    let attempts = workload.clients.iter();
    let attempts = attempts.map(|client| (client.name.to_string(), client.load.starts().count()));
    let scope = NameScope::Run {
        subjects: Box::new(Subjects {
            attempts: attempts.collect(),
            ..names.subjects(document)
        }),
        variants: variants.to_vec(),
    };
    let expect = document
        .expect
        .as_ref()
        .map(|list| expectations(&list.0, &scope, cx))
        .unwrap_or_default();
    let watch_until = watch_until(&expect).max(faults::latest(&topology));
    let needed = clients
        .ends
        .into_iter()
        .chain(
            workload
                .commands
                .iter()
                .map(|command| match command.background {
                    true => command.start,
                    false => command.start + command.timeout,
                }),
        )
        .chain(workload.servers.iter().map(|server| server.start))
        .chain(workload.steps.iter().map(|step| step.at))
        .fold(watch_until, Duration::max);
    RunSpec {
        id,
        params,
        topology,
        requires: document
            .requires
            .as_ref()
            .map(|written| requires(written, cx))
            .unwrap_or_default(),
        brings: brings(document, cx),
        kernel_sysctls: sysctl::of_the_kernel(document, cx),
        timeout: timeout(document.timeout, needed, names.nodes.len(), cx),
        sample_every: sample_every(document.sample, cx),
        seed: document.seed.map_or(SEED, |seed| seed.0),
        exclusive: document.exclusive.is_some_and(|exclusive| exclusive.0),
        quiet: false,
        workload,
        expect,
        moments,
        // Filled in once the comparisons are known.
        watched: Vec::new(),
        watch_until,
    }
}

/// Returns the time limit: by default a minute plus twice the time that the load, commands,
/// steps and windows need, and more for the set-up of many nodes.
fn timeout(
    written: Option<Spanned<Timespan>>,
    needed: Duration,
    nodes: usize,
    cx: &mut Collector<'_>,
) -> Duration {
    let more = nodes.saturating_sub(NODES_OF_MARGIN);
    match written {
        None => needed
            .saturating_mul(2)
            .saturating_add(MARGIN)
            .saturating_add(NODE_SET_UP * u32::try_from(more).unwrap_or_default())
            .min(MAX_DURATION),
        Some(written) => {
            if written.value.0.is_zero() {
                cx.error(written.span, "the timeout of a run must be above zero")
                    .help("`timeout` limits the whole run, set-up included");
            }
            written.value.0
        }
    }
}

fn sample_every(written: Option<Spanned<Timespan>>, cx: &mut Collector<'_>) -> Duration {
    let Some(written) = written else {
        return SAMPLE_EVERY;
    };
    if !SAMPLE.contains(&written.value.0) {
        cx.error(written.span, "`sample` must be between 10ms and 1h")
            .help("leave `sample` out for the default of 100ms");
    }
    written.value.0
}

fn watch_until(expectations: &[Expectation]) -> Duration {
    expectations
        .iter()
        .map(|expectation| expectation.window.latest())
        .max()
        .unwrap_or_default()
}

/// Returns the files and folders of the scenario and its commands, each once.
fn brings(document: &Document, cx: &mut Collector<'_>) -> Vec<String> {
    let commands = document.commands.iter().flat_map(|all| &all.0);
    let of_commands = commands.filter_map(|(_, command)| command.as_ref()?.brings.as_ref());
    let mut paths = Vec::new();
    for written in document.brings.iter().chain(of_commands) {
        for path in &written.0 {
            let text = path.value.0.trim_end_matches('/');
            let mut parts = text.split('/').skip(1);
            if !text.starts_with('/') || parts.any(|part| matches!(part, "" | "." | "..")) {
                cx.error(
                    path.span,
                    format!("{} is not an absolute path below `/`", quoted(&path.value.0)),
                )
                .help(
                    "write `brings: [/srv/tests]`; for a path that differs from machine to machine, add \
                     `params: { tests: /srv/tests }`, write `$tests`, and run with `--set tests=$PWD/tests`",
                );
            } else if !paths.iter().any(|known| known == text) {
                paths.push(text.to_owned());
            }
        }
    }
    paths
}

/// Returns the modules by the names that the kernel uses (`sch-fq` is `sch_fq`), each once.
fn modules(written: &RequiresDoc, cx: &mut Collector<'_>) -> Vec<String> {
    let mut modules = Vec::new();
    for module in written.modules.iter().flat_map(|modules| &modules.0) {
        let name = module.value.0.replace('-', "_");
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(valid) {
            cx.error(
                module.span,
                format!(
                    "{} is not the name of a kernel module",
                    quoted(&module.value.0)
                ),
            )
            .help("write names as `lsmod` prints them: `modules: [tun, sch_fq]`");
        } else if !modules.contains(&name) {
            modules.push(name);
        }
    }
    modules
}

fn requires(written: &RequiresDoc, cx: &mut Collector<'_>) -> Requires {
    Requires {
        kernel: written
            .kernel
            .iter()
            .flat_map(|bounds| &bounds.0)
            .flat_map(|bounds| bounds.0.clone())
            .collect(),
        programs: written
            .programs
            .iter()
            .flat_map(|programs| &programs.0)
            .map(|program| program.0.clone())
            .collect(),
        modules: modules(written, cx),
        processors: server::number(
            written.processors,
            1,
            1..=MAX_PROCESSORS,
            "`processors`",
            cx,
        ),
    }
}

//! Checks that the load was what the scenario asked for. If it was not, the run proves nothing about its claim.

use std::collections::BTreeSet;

use super::bottleneck;
use super::show;
use crate::names::ActorName;
use crate::record::{LoadReport, ProcessorTime, RunEnd, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::workload::StepAction;
use crate::units::Unit;

/// The share of the offered rate that must be achieved. The engine keeps within 0.1 % on a quiet machine, and scenarios
/// judge rates to 2 %, so a greater deviation of the load could decide them.
const LEAST_ACHIEVED: f64 = 0.98;

/// The lateness of starts that is always acceptable, in nanoseconds: half the default sampling interval, which is
/// all that a record at that interval can resolve. A machine with builds beside the run was seen 3 ms late (p99).
const LATE_FORGIVEN: u64 = 50_000_000;

/// The time in seconds by which a slower load may take longer. Ten connects that are over within 10 ms are 5 %
/// slower if one start is half a millisecond late.
const LONGER_FORGIVEN: f64 = 0.001;

/// In long loads, the share of the span by which starts may be late: half of the 2 % to which scenarios judge times.
const LATE_SHARE: u64 = 100;

/// The mean wait for a processor, in nanoseconds, beyond which the lab's own threads (servers, wires, probes) count as
/// starved. On two processors it is 30 µs at 20,000 connections per second on a quiet machine, and 700 µs if the probes
/// of nine runs side by side wake at once, whose loads are on time nevertheless. A thread that waits for another to use
/// up its slice waits for 3 ms (Linux 6.18 `kernel/sched/fair.c`, `sysctl_sched_base_slice`, two processors).
const MOST_WAITING: u64 = 1_000_000;

/// The total wait that is always acceptable, in nanoseconds: half the default sampling interval (see
/// [`LATE_FORGIVEN`]).
const WAITING_FORGIVEN: u64 = 50_000_000;

/// The number of clients that a message names. A lab can have thousands.
const NAMED: usize = 5;

/// Returns a sentence with the figures if the lab's own threads did not get the processor time that they needed.
pub(super) fn starved_of_processors(timeline: &Timeline) -> Option<String> {
    let ProcessorTime { ran, waited, turns } = timeline.processor?;
    let each = waited / turns.max(1);
    (waited > WAITING_FORGIVEN && each > MOST_WAITING).then(|| {
        let seconds = |nanos: u64| show::number(nanos as f64 / 1e9, Unit::Seconds);
        format!(
            "the machine was too busy: the lab's own threads ran for {} and waited for a processor for {}, \
             {} each time",
            seconds(ran),
            seconds(waited),
            seconds(each)
        )
    })
}

/// Returns a sentence with the figures of every client whose load was not as asked; `None` if all were.
pub(super) fn shortfall(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let interrupted = is_interrupted(timeline);
    let short: Vec<(String, Option<String>)> = timeline
        .loads
        .iter()
        .filter(|load| is_short(load, spec, timeline))
        .map(|load| (figures(load), bottleneck::of(load, spec, timeline)))
        .collect();
    let at_a_limit = short.iter().any(|(_, bottleneck)| bottleneck.is_some());
    let is_short = !short.is_empty();
    let short = short
        .into_iter()
        .map(|(figures, bottleneck)| match bottleneck {
            Some(why) => format!("{figures} ({why})"),
            None => figures,
        });
    let reported: BTreeSet<_> = timeline.loads.iter().map(|load| &load.client).collect();
    let unreported = spec
        .workload
        .clients
        .iter()
        .filter(|client| {
            let scheduled = client.load.schedule().is_some();
            scheduled && !reported.contains(&client.name) && !interrupted
        })
        .map(|client| format!("client `{}` sent no load report", client.name));
    let mut clients: Vec<String> = short.chain(unreported).collect();
    let more = clients.len().saturating_sub(NAMED);
    if more > 1 {
        clients.truncate(NAMED);
        clients.push(format!("and {more} more clients"));
    }
    let advice = if at_a_limit {
        ". Another attempt would end in the same way; `nslab scale FILE` prints the same question at a smaller size"
            .to_owned()
    } else {
        let busy = starved_of_processors(timeline).filter(|_| is_short);
        busy.map_or_else(String::new, |busy| {
            format!(
                ". The cause: {busy}. Run it when the machine is idle, or use `nslab scale FILE`, which prints the \
                 same question at a smaller size"
            )
        })
    };
    (!clients.is_empty()).then(|| {
        format!(
            "this machine could not generate the requested load: {}{advice}",
            clients.join("; ")
        )
    })
}

fn is_interrupted(timeline: &Timeline) -> bool {
    matches!(
        timeline.end,
        Some(RunEnd::Finished {
            interrupted: true,
            ..
        })
    )
}

/// Returns true if a load was not as asked.
pub(super) fn is_short(load: &LoadReport, spec: &RunSpec, timeline: &Timeline) -> bool {
    let cut_off = is_interrupted(timeline) || is_stopped(&load.client, spec);
    load.open_loop && fell_short(load, cut_off)
}

/// Returns true if a step of the scenario itself ends the load early.
fn is_stopped(client: &ActorName, spec: &RunSpec) -> bool {
    spec.workload.steps.iter().any(|step| match &step.action {
        StepAction::Stop { actor, .. } => actor == client,
        StepAction::PowerOff { node } => {
            let mut clients = spec.workload.clients.iter();
            clients.any(|own| own.name == *client && own.node == *node)
        }
        StepAction::Start { .. }
        | StepAction::PowerOn { .. }
        | StepAction::FlushConntrack { .. }
        | StepAction::Dnat { .. }
        | StepAction::LinkState { .. }
        | StepAction::Vanish { .. }
        | StepAction::LinkImpair { .. }
        | StepAction::Sysctl { .. } => false,
    })
}

/// Returns true if a load was too small, too slow or too late. A load that was cut off on purpose may have
/// started fewer attempts, and the first part of a ramp is slower than the whole.
fn fell_short(load: &LoadReport, cut_off: bool) -> bool {
    let late = LATE_FORGIVEN.max(load.span / LATE_SHARE);
    let fewer = load.started < load.scheduled;
    let takes = |rate: f64| load.started as f64 / rate;
    let longer = takes(load.achieved_rate) - takes(load.offered_rate);
    let slower =
        load.achieved_rate < LEAST_ACHIEVED * load.offered_rate && longer > LONGER_FORGIVEN;
    load.late_p99 > late || (!cut_off && (fewer || slower))
}

fn figures(load: &LoadReport) -> String {
    format!(
        "`{}` offered {}, achieved {}, {} of {} attempts started, starts late by {} (p99)",
        load.client,
        show::number(load.offered_rate, Unit::PerSecond),
        show::number(load.achieved_rate, Unit::PerSecond),
        load.started,
        load.scheduled,
        show::number(load.late_p99 as f64 / 1e9, Unit::Seconds),
    )
}

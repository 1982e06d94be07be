//! Whether the load was what the scenario asked for: if not, nothing can be learnt about its claim.

use super::show;
use crate::names::ActorName;
use crate::record::{LoadReport, ProcessorTime, RunEnd, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::workload::StepAction;
use crate::units::Unit;

/// Share of the offered rate that must be achieved. The engine is to keep within 0.1 % on a quiet machine; scenarios
/// judge rates to 2 %, so that a load further off than that could decide them.
const LEAST_ACHIEVED: f64 = 0.98;

/// Lateness of starts that is always forgiven, nanoseconds. A machine with builds beside the run was seen 3 ms late
/// (p99); half the default sampling interval is as much as a record at that interval can tell apart.
const LATE_FORGIVEN: u64 = 50_000_000;

/// Seconds by which a load that is slower may take longer all the same: one of ten connects, which is over within 10 ms, is 5 % slower
/// where one start is half a millisecond late.
const LONGER_FORGIVEN: f64 = 0.001;

/// In long loads, the share of the span by which starts may be late: half of the 2 % to which scenarios judge times.
const LATE_SHARE: u64 = 100;

/// Mean wait for a processor, nanoseconds, beyond which the lab's own threads (servers, wires, probes) were starved. On two
/// processors it is 30 µs at 20,000 connections a second with nothing beside; a thread that has to wait for another to use up
/// its slice waits for 3 ms (Linux 6.18 `kernel/sched/fair.c`, `sysctl_sched_base_slice`, two processors).
const MOST_WAITING: u64 = 500_000;

/// Waiting that is always forgiven, nanoseconds in all: half the default sampling interval is what a record can tell apart.
const WAITING_FORGIVEN: u64 = 50_000_000;

/// One sentence with the figures where the lab's own threads did not get the processors that they needed.
pub(super) fn starved_of_processors(timeline: &Timeline) -> Option<String> {
    let ProcessorTime { ran, waited, turns } = timeline.processor?;
    let each = waited / turns.max(1);
    (waited > WAITING_FORGIVEN && each > MOST_WAITING).then(|| {
        let seconds = |nanos: u64| show::number(nanos as f64 / 1e9, Unit::Seconds);
        format!(
            "the machine was too busy: the lab's own threads ran for {} and waited for a processor for {}, {} each time",
            seconds(ran),
            seconds(waited),
            seconds(each)
        )
    })
}

/// One sentence with the figures of every client whose load was not as asked; `None` where all were.
pub(super) fn shortfall(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let interrupted = matches!(
        timeline.end,
        Some(RunEnd::Finished {
            interrupted: true,
            ..
        })
    );
    let short = timeline
        .loads
        .iter()
        .filter(|load| {
            let cut_off = interrupted || is_stopped(&load.client, spec);
            load.open_loop && fell_short(load, cut_off)
        })
        .map(figures);
    let unreported = spec
        .workload
        .clients
        .iter()
        .filter(|client| {
            let scheduled = client.load.schedule().is_some();
            let reported = timeline.loads.iter().any(|load| load.client == client.name);
            scheduled && !reported && !interrupted
        })
        .map(|client| format!("`{}` left no account of it", client.name));
    let clients: Vec<String> = short.chain(unreported).collect();
    (!clients.is_empty()).then(|| {
        format!(
            "the load was not what was asked for: {}",
            clients.join("; ")
        )
    })
}

/// Whether a step of the scenario itself ends the load early.
fn is_stopped(client: &ActorName, spec: &RunSpec) -> bool {
    spec.workload.steps.iter().any(|step| match &step.action {
        StepAction::Stop { actor, .. } => actor == client,
        StepAction::LinkState { .. }
        | StepAction::Vanish { .. }
        | StepAction::LinkImpair { .. }
        | StepAction::Sysctl { .. } => false,
    })
}

/// A load that was cut off on purpose started fewer, and the first part of a ramp is slower than the whole.
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

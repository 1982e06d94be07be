//! Estimates how long the parts of a run take: its clients, its programs, its steps.

use std::time::Duration;

use super::path::{BYTE_RATE, DAY, WRITE_COST, along_links, longest_round_trip, seconds};
use crate::scenario::RunSpec;
use crate::scenario::expr::{Claim, CompareOp, Expr};
use crate::scenario::topology::Impairment;
use crate::scenario::workload::{ClientSpec, CommandSpec, ExchangeStep, Load, StepAction};

/// The duration of the start of a run or of a program.
pub(super) const SET_UP: Duration = Duration::from_millis(500);

/// The interval over which the kernel limits its messages (`net.core.message_cost`, 5 s by default).
pub(super) const LOG_LIMIT: Duration = Duration::from_secs(5);

/// The assumed duration of transfers and programs, which end by themselves.
const GUESS: Duration = Duration::from_secs(5);

/// Requests per second of each worker in a closed loop on a busy machine. An idle machine reaches about 10,000.
const LOOP_RATE: f64 = 3000.0;

/// Returns the expected duration of a run: its load, programs, steps and windows.
pub(crate) fn expected(spec: &RunSpec) -> Duration {
    let round_trip = longest_round_trip(spec);
    let clients = spec
        .workload
        .clients
        .iter()
        .map(|client| client.start + lasts(spec, client).saturating_add(round_trip));
    let command = |command: &CommandSpec| command.start + program(command);
    let commands = spec.workload.commands.iter().map(command);
    let steps = spec.workload.steps.iter().map(|step| step.at);
    let parts = clients.chain(commands).chain(steps);
    parts
        .fold(spec.watch_until, Duration::max)
        .min(spec.timeout)
        .saturating_add(waits_for_the_log(spec))
}

/// Returns the time for which a run waits until the kernel logs without limit again, on average: up to [`LOG_LIMIT`].
fn waits_for_the_log(spec: &RunSpec) -> Duration {
    match spec.reads_log() {
        true => LOG_LIMIT / 2,
        false => Duration::ZERO,
    }
}

/// Returns the time for which a program is busy.
pub(super) fn program(command: &CommandSpec) -> Duration {
    // A server is busy while it starts; its work after that is part of the clients' load.
    let serves = command.background || command.ready.is_some();
    command.timeout.min(if serves { SET_UP } else { GUESS })
}

/// Returns the time until a client's last attempt is expected to end.
fn lasts(spec: &RunSpec, client: &ClientSpec) -> Duration {
    let Some(patience) = gives_up_after(spec, client) else {
        return busy(spec, client);
    };
    let hold = client.load.hold_for().unwrap_or_default();
    known(spec, client)
        .unwrap_or_default()
        .saturating_add(hold)
        .saturating_add(patience)
}

/// Returns the time that a client's load is expected to take.
pub(super) fn busy(spec: &RunSpec, client: &ClientSpec) -> Duration {
    let hold = client.load.hold_for().unwrap_or_default();
    known(spec, client).unwrap_or(GUESS).saturating_add(hold)
}

/// Returns the time that follows from a client's rate, or from its path.
fn known(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    paced(client).or_else(|| along_links(spec, client))
}

/// Returns the time after which a client gives up an attempt, if the scenario is about attempts that are given up.
fn gives_up_after(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    let ends: &[&str] = match client.load {
        // A query fails because no answer comes.
        Load::Queries(_) => &[".errors.ETIMEDOUT", ".failed"],
        _ => &[".errors.ETIMEDOUT"],
    };
    let is_failure = |series: &str| {
        let end = series.strip_prefix(client.name.as_str());
        end.is_some_and(|end| ends.contains(&end))
    };
    let names_it = |claim: &Claim| {
        let metrics = claim.metrics();
        (metrics.iter()).any(|metric| is_failure(metric.series.as_str()))
    };
    let mut claims = spec.expect.iter().map(|each| &each.claim);
    claims.find(|claim| names_it(claim) && !is_none(claim))?;
    client.load.timeout()
}

/// Returns true for a claim that nothing has happened: `.. == 0`.
fn is_none(claim: &Claim) -> bool {
    let is_zero = |right: &Expr| matches!(right, Expr::Number { value, .. } if *value == 0.0);
    matches!(claim, Claim::Compare { op: CompareOp::Equal, right, .. } if is_zero(right))
}

/// Returns the time for which a client keeps processors busy, if that is known beforehand.
pub(super) fn busy_for(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    let mut links = spec.topology.links.iter().map(|link| &link.impairment);
    match &client.load {
        // If an unlimited transfer takes longer, it waits for an answer that does not come.
        Load::Bulk {
            bytes,
            streams,
            write,
            ..
        } if links.all(|link| *link == Impairment::default()) => {
            let bytes = bytes.0 as f64;
            let stream = bytes / BYTE_RATE + bytes / write.0 as f64 * WRITE_COST;
            let takes = seconds(f64::from(*streams) * stream);
            Some(stopped_after(spec, client).map_or(takes, |stopped| takes.min(stopped)))
        }
        // If a limited transfer takes longer, something else limits it, too.
        _ => known(spec, client),
    }
}

/// Returns the time until a step first holds up or ends what a client does.
fn stopped_after(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    let stops = spec
        .workload
        .steps
        .iter()
        .filter(|step| match &step.action {
            StepAction::LinkImpair { impairment, .. } => impairment.loss.is_some(),
            StepAction::LinkState { up, .. } => !up,
            StepAction::Stop { .. } | StepAction::Vanish { .. } | StepAction::PowerOff { .. } => {
                true
            }
            _ => false,
        });
    let after = stops.filter_map(|step| step.at.checked_sub(client.start));
    after.min()
}

/// Returns the time that a client's attempts take to start, if that is known beforehand.
fn paced(client: &ClientSpec) -> Option<Duration> {
    match &client.load {
        Load::Loop {
            concurrency,
            requests,
            think,
            ..
        } => Some(seconds(
            *requests as f64 / f64::from(*concurrency) * (1.0 / LOOP_RATE + think.as_secs_f64()),
        )),
        Load::Exchange { steps, .. } => {
            let pauses = steps.iter().map(|step| match step {
                ExchangeStep::Pause(time) => *time,
                ExchangeStep::Send(_) | ExchangeStep::Reply { .. } => Duration::ZERO,
            });
            Some(
                pauses
                    .fold(Duration::ZERO, Duration::saturating_add)
                    .min(DAY),
            )
        }
        load => load.schedule().map(|schedule| schedule.duration().min(DAY)),
    }
}

//! Checks that the probe behind a failed expectation kept looking. What it did not see may have happened all the same.

use std::time::Duration;

use super::absent;
use super::evidence::Evidence;
use crate::metrics;
use crate::names::SeriesName;
use crate::record::{Offset, Outcome, Timeline, Verdict};
use crate::scenario::expr::{Claim, Expectation, Expr, Window};

/// The longest time between two looks of a probe that is acceptable in any run. Claims about gauges span seconds.
const GAP_FORGIVEN: Duration = Duration::from_secs(1);

/// The number of sampling intervals that may pass without a look, for runs that sample rarely.
const INTERVALS_FORGIVEN: u32 = 10;

/// Makes a failed verdict inconclusive if a probe that it depends on did not look for long within its window.
pub(super) fn excuse(
    verdict: Verdict,
    expectation: &Expectation,
    sample_every: Duration,
    evidence: &Evidence<'_>,
) -> Verdict {
    if verdict.outcome != Outcome::Failed {
        return verdict;
    }
    let (from, to) = window(expectation, evidence);
    let longest =
        Offset::from_duration(GAP_FORGIVEN.max(sample_every.saturating_mul(INTERVALS_FORGIVEN)));
    let gap = expectation
        .metrics()
        .into_iter()
        .filter(|metric| absent::is_of_a_node(&metric.series))
        .find_map(|metric| {
            let timeline = evidence.timeline(metric).ok()?;
            probes_of(&metric.series, timeline).find_map(|(probe, looks)| {
                gap(looks, timeline.now, longest, from, to).map(|gap| (probe, gap))
            })
        });
    match gap {
        None => verdict,
        Some((probe, (since, until))) => {
            let failure = verdict.reason.map_or_else(String::new, |reason| {
                format!("; otherwise it would have failed: {reason}")
            });
            Verdict {
                outcome: Outcome::Inconclusive,
                reason: Some(format!(
                    "the probe `{probe}` did not get to look between {since} and {until}{failure}"
                )),
                ..verdict
            }
        }
    }
}

/// Returns the part of the run that decides an expectation: one moment, if it is about values at a moment.
fn window(expectation: &Expectation, evidence: &Evidence<'_>) -> (Offset, Offset) {
    let end = evidence.end();
    let (from, to) = match expectation.window {
        Window::End => (Offset::ZERO, end),
        Window::At(at) => (Offset::ZERO, Offset::from_duration(at)),
        Window::Within(limit) => return (Offset::ZERO, Offset::from_duration(limit)),
        Window::During(from, to) => {
            return (Offset::from_duration(from), Offset::from_duration(to));
        }
        Window::Always | Window::Never => return (Offset::ZERO, end),
    };
    if has_function(&expectation.claim) {
        (from, to)
    } else {
        (to, to)
    }
}

fn has_function(claim: &Claim) -> bool {
    fn in_expr(expr: &Expr) -> bool {
        match expr {
            Expr::Series { .. } => true,
            Expr::Number { .. } | Expr::Metric(_) => false,
            Expr::Binary { left, right, .. } => in_expr(left) || in_expr(right),
            Expr::Negate(inner) => in_expr(inner),
        }
    }
    match claim {
        Claim::Compare { left, right, .. } => in_expr(left) || in_expr(right),
        Claim::In { value, low, high } => [value, low, high].into_iter().any(in_expr),
        Claim::Matches { .. } => true,
    }
}

/// Returns the probe of a node that reads a series, `client.sockets`; if no probe has that name, every probe of
/// the node, which is `client` if one probe reads everything.
fn probes_of<'a>(
    series: &SeriesName,
    timeline: &'a Timeline,
) -> impl Iterator<Item = (&'a str, &'a [(Offset, u64)])> {
    let node = absent::owner(series).to_owned();
    let family = match absent::rest(series) {
        rest if metrics::node::TCP.value_in(rest).is_some() => "sockets",
        rest if rest.starts_with("conntrack.") => "conntrack",
        _ => "counters",
    };
    let (own, any) = (format!("{node}.{family}"), format!("{node}."));
    let exact = timeline.looks.contains_key(&own);
    timeline
        .looks
        .iter()
        .filter(move |(probe, _)| {
            if exact {
                **probe == own
            } else {
                **probe == node || probe.starts_with(&any)
            }
        })
        .map(|(probe, looks)| (probe.as_str(), looks.as_slice()))
}

/// Returns the first gap between looks that is too long and touches the window. The start of the clock and the end of
/// the run count as looks, because nothing outside them can be missed.
fn gap(
    looks: &[(Offset, u64)],
    end: Offset,
    longest: Offset,
    from: Offset,
    to: Offset,
) -> Option<(Offset, Offset)> {
    let mut since = Offset::ZERO;
    looks
        .iter()
        .map(|(t, _)| *t)
        .chain([end])
        .map(|until| (std::mem::replace(&mut since, until), until))
        .find(|(since, until)| {
            until.0.saturating_sub(since.0) > longest.0 && *since <= to && from <= *until
        })
}

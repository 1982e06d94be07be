//! Groups the quantities that belong together in one chart.

use indexmap::IndexMap;

use super::bound::{self, Bound, DrawnQuantity, drawn_unit};
use crate::metrics;
use crate::record::SeriesKind;
use crate::scenario::expr::{Expectation, SeriesFunction};
use crate::suite::RunResult;
use crate::units::Unit;

/// The subject of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ChartTopic {
    /// Sockets of a node by state.
    States,
    /// Entries of a node's conntrack table.
    Table,
    /// Increase of counters per second.
    Rates,
    Counts(Unit),
    Levels(Unit),
    Latency(Unit),
}

/// The quantities of one chart with their bounds.
pub(super) type Group<'a> = Vec<(DrawnQuantity<'a>, Option<Bound>)>;

/// Returns the quantities that the run's expectations and comparisons name, grouped by owner and subject, in the
/// order of their first mention.
pub(super) fn groups<'a>(
    run: &'a RunResult,
    compare: &'a [Expectation],
) -> IndexMap<(&'a str, ChartTopic), Group<'a>> {
    let variant = run.spec.id.variant.as_deref();
    let own = run.spec.expect.iter().flat_map(|expectation| {
        let mut bound = bound::bound(expectation, &run.verdict.verdicts);
        bound::wanted(expectation).into_iter().map(move |wanted| {
            let of_this = bound.take_if(|(quantity, _)| *quantity == wanted);
            (wanted, of_this.map(|(_, bound)| bound))
        })
    });
    let compared = compare
        .iter()
        .flat_map(bound::wanted)
        .filter(|wanted| wanted.metric.variant.as_deref() == variant)
        .map(|wanted| (wanted, None));
    let mut groups: IndexMap<(&str, ChartTopic), Group<'_>> = IndexMap::new();
    let mut bounded_states: Vec<(&str, &str)> = Vec::new();
    for (wanted, bound) in own.chain(compared) {
        let name = wanted.metric.series.as_str();
        let (owner, rest) = name.split_once('.').unwrap_or((name, ""));
        let Some(series) = run.timeline.series(name) else {
            continue;
        };
        let unit = drawn_unit(wanted);
        let subject = match series.declaration.kind {
            SeriesKind::Text => continue,
            _ if metrics::node::TCP.value_in(rest).is_some() => ChartTopic::States,
            _ if rest == metrics::conntrack::ENTRIES.name => ChartTopic::Table,
            _ if wanted.function == Some(SeriesFunction::Rate) => ChartTopic::Rates,
            SeriesKind::Counter => ChartTopic::Counts(unit),
            SeriesKind::Gauge => ChartTopic::Levels(unit),
            SeriesKind::Distribution => ChartTopic::Latency(unit),
        };
        // A bound on a state can be drawn only if the state is the lowest layer; another one gets its own chart.
        if subject == ChartTopic::States
            && bound.is_some()
            && !bounded_states.contains(&(owner, name))
        {
            bounded_states.push((owner, name));
        }
        let lowest = bounded_states.iter().find(|(of, _)| *of == owner);
        if subject == ChartTopic::States && bound.is_some() && lowest != Some(&(owner, name)) {
            let group = groups.entry((owner, ChartTopic::States)).or_default();
            group.push((wanted, None));
            let group = groups.entry((owner, ChartTopic::Levels(unit))).or_default();
            group.push((wanted, bound));
            continue;
        }
        let counts = matches!(subject, ChartTopic::Counts(Unit::Count));
        let group = groups.entry((owner, subject)).or_default();
        group.push((wanted, bound));
        // A client's totals are accompanied by their rates.
        if counts
            && run
                .timeline
                .series(metrics::client::ATTEMPTED.series(owner).as_str())
                .is_some()
        {
            let group = groups.entry((owner, ChartTopic::Rates)).or_default();
            group.push((wanted, None));
        }
    }
    groups
}

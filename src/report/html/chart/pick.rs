//! Makes the charts of a run, one or more for each group of quantities.

use maud::{Markup, html};

use super::bound::{self, Bound, DrawnQuantity};
use super::curve::Curve;
use super::group::{self, ChartTopic, Group};
use super::{Chart, Layer, rates, stack};
use crate::metrics::{conntrack, node};
use crate::record::{Offset, Series, SeriesKind, Timeline};
use crate::scenario::expr::{Expectation, SeriesFunction};
use crate::suite::RunResult;
use crate::tcp::TcpState;
use crate::units::Unit;

/// Curves that can still be distinguished in one chart.
const MOST_LAYERS: usize = 6;
/// Largest ratio between the maxima of two curves in one chart, beyond which the lower one would look flat.
const MOST_APART: f64 = 30.0;
/// Returns the charts of a run, in the order in which its expectations name their quantities.
pub(in super::super) fn charts(run: &RunResult, compare: &[Expectation]) -> Vec<Chart> {
    let timeline = &run.timeline;
    if timeline.now == Offset::ZERO {
        return Vec::new();
    }
    group::groups(run, compare)
        .iter()
        .flat_map(|((owner, subject), group)| match subject {
            ChartTopic::States => states(owner, group, timeline),
            ChartTopic::Table => table(owner, group, timeline),
            ChartTopic::Rates => rates::rates(owner, group, timeline),
            ChartTopic::Counts(unit) => {
                let mut charts = curves(owner, "total since the start", *unit, group, timeline);
                charts.iter_mut().for_each(Chart::mark_first_errors);
                charts
            }
            ChartTopic::Levels(unit) => curves(owner, "at each moment", *unit, group, timeline),
            ChartTopic::Latency(unit) => curves(owner, "of each span", *unit, group, timeline),
        })
        .collect()
}

/// Lists the quantities that were zero all the time, which are not drawn.
pub(in super::super) fn always_zero(run: &RunResult) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for wanted in run.spec.expect.iter().flat_map(bound::wanted) {
        let name = wanted.metric.series.as_str();
        let something = run.timeline.series(name).is_some_and(|series| {
            !series.histograms.is_empty() || Curve::of(series).is_ever_other_than_zero()
        });
        if !something && !names.contains(&name) {
            names.push(name);
        }
    }
    html! {
        @if !names.is_empty() && run.timeline.now > Offset::ZERO {
            p class="faint" {
                "Always 0: "
                @for (index, name) in names.iter().enumerate() {
                    @if index > 0 { ", " }
                    code { (name) }
                }
            }
        }
    }
}

fn states(owner: &str, group: &Group<'_>, timeline: &Timeline) -> Vec<Chart> {
    let prefix = node::TCP.series_of(owner, "").to_string();
    let lowest = group
        .iter()
        .find(|(_, bound)| bound.is_some())
        .or(group.first())
        .map(|(wanted, _)| wanted.metric.series.as_str());
    let mut layers: Vec<Layer> = timeline
        .all_series()
        .filter_map(|series| {
            let state = series.declaration.name.as_str().strip_prefix(&prefix)?;
            // A state has its number for its colour.
            let place = TcpState::ALL.iter().position(|each| each.as_str() == state);
            let curve = Curve::of(series);
            curve
                .is_ever_other_than_zero()
                .then(|| layer(state, curve, place.unwrap_or(TcpState::ALL.len()), series))
        })
        .collect();
    layers.sort_by_key(|each| {
        (
            lowest != Some(format!("{prefix}{}", each.name).as_str()),
            each.colour,
        )
    });
    // Without sockets in the lowest state, its bound would be drawn on another layer.
    let stands = |wanted: &DrawnQuantity<'_>| {
        layers.first().is_some_and(|first| {
            wanted.metric.series.as_str().strip_prefix(&prefix) == Some(&first.name)
        })
    };
    let bounds = group
        .iter()
        .filter(|(wanted, _)| stands(wanted))
        .filter_map(|(wanted, bound)| Some(labelled(*wanted, bound.clone()?)))
        .collect();
    if layers.is_empty() {
        return Vec::new();
    }
    vec![Chart {
        stacked: true,
        bounds,
        layers,
        ..Chart::empty(owner, "sockets by state", Unit::Count, timeline)
    }]
}

fn table(owner: &str, group: &Group<'_>, timeline: &Timeline) -> Vec<Chart> {
    let Some(entries) = timeline.series(conntrack::ENTRIES.series(owner).as_str()) else {
        return Vec::new();
    };
    let room = timeline
        .built
        .as_ref()
        .and_then(|built| built.conntrack_room.get(owner));
    let limit = match timeline.series(conntrack::MAX.series(owner).as_str()) {
        Some(max) => Some(Curve::of(max)),
        None => room.map(|room| Curve::constant(room.max.into())),
    };
    vec![Chart {
        layers: vec![layer("entries", Curve::of(entries), 0, entries)],
        limit: limit.map(|curve| ("limit".to_owned(), curve)),
        bounds: group
            .iter()
            .filter_map(|(wanted, bound)| Some(labelled(*wanted, bound.clone()?)))
            .collect(),
        ..Chart::empty(
            owner,
            "conntrack table against its limit",
            Unit::Count,
            timeline,
        )
    }]
}

fn curves(
    owner: &str,
    title: &str,
    unit: Unit,
    group: &Group<'_>,
    timeline: &Timeline,
) -> Vec<Chart> {
    let mut layers = Vec::new();
    for (wanted, _) in group {
        let name = wanted.metric.series.as_str();
        let Some(series) = timeline.series(name) else {
            continue;
        };
        let short = short(owner, name);
        let drawn: Vec<(String, Curve)> = if series.declaration.kind == SeriesKind::Distribution {
            let most = wanted.function == Some(SeriesFunction::Max);
            let shares = [("p50", 0.5, true), ("p99", 0.99, true), ("max", 1.0, most)];
            shares
                .into_iter()
                .filter(|(.., drawn)| *drawn)
                .map(|(word, share, _)| {
                    (format!("{short} {word}"), Curve::percentile(series, share))
                })
                .collect()
        } else {
            vec![(short.to_owned(), Curve::of(series))]
        };
        for (name, curve) in drawn {
            if layers.iter().all(|layer: &Layer| layer.name != name) {
                layers.push(layer(&name, curve, 0, series));
            }
        }
    }
    split(layers, group, || Chart::empty(owner, title, unit, timeline))
}

/// Returns the layers of the named series, each once.
pub(super) fn named(
    owner: &str,
    names: &[&str],
    timeline: &Timeline,
    curve: impl Fn(&Series) -> Curve,
) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for name in names {
        if let Some(series) = timeline.series(name) {
            let short = short(owner, name);
            if layers.iter().all(|layer| layer.name != short) {
                layers.push(layer(short, curve(series), 0, series));
            }
        }
    }
    layers
}

/// Distributes layers over as few charts as possible; those that are always zero are left out.
pub(super) fn split(
    mut layers: Vec<Layer>,
    group: &Group<'_>,
    chart: impl Fn() -> Chart,
) -> Vec<Chart> {
    layers.retain(|layer| layer.curve.is_ever_other_than_zero());
    let mut sheets: Vec<(f64, Vec<Layer>)> = Vec::new();
    for each in layers {
        let height = each
            .curve
            .extremes()
            .map_or(0.0, |[least, greatest]| greatest.1.max(-least.1));
        let fits = |(tallest, sheet): &&mut (f64, Vec<Layer>)| {
            sheet.len() < MOST_LAYERS
                && height <= *tallest * MOST_APART
                && *tallest <= height * MOST_APART
        };
        match sheets.iter_mut().find(fits) {
            Some((tallest, sheet)) => {
                *tallest = tallest.max(height);
                sheet.push(each);
            }
            None => sheets.push((height, vec![each])),
        }
    }
    sheets
        .into_iter()
        .map(|(_, mut layers)| {
            for (colour, each) in layers.iter_mut().enumerate() {
                each.colour = colour;
            }
            let mut chart = chart();
            for (wanted, bound) in group {
                let name = short(&chart.owner, wanted.metric.series.as_str());
                let here = layers.iter().any(|layer| {
                    layer.name == name
                        || layer
                            .name
                            .strip_prefix(name)
                            .is_some_and(|rest| rest.starts_with(' '))
                });
                if let (true, Some(bound)) = (here, bound.clone()) {
                    chart.bounds.push(labelled(*wanted, bound));
                }
            }
            chart.layers = layers;
            chart
        })
        .collect()
}

/// Names the quantity of a bound. For errors, marks show which came first, and the caption names the owner.
fn labelled(wanted: DrawnQuantity<'_>, bound: Bound) -> Bound {
    let name = wanted.metric.series.as_str();
    let name = name.rsplit('.').next().unwrap_or(name);
    let quantity = match wanted.function {
        None => name.to_owned(),
        Some(SeriesFunction::First) => "first".to_owned(),
        Some(function) => format!("{}({name})", function.name()),
    };
    Bound { quantity, ..bound }
}

fn short<'n>(owner: &str, name: &'n str) -> &'n str {
    name.strip_prefix(owner)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(name)
}

fn layer(name: &str, curve: Curve, colour: usize, series: &Series) -> Layer {
    Layer {
        name: name.to_owned(),
        curve,
        colour,
        emulated: series.declaration.emulated,
    }
}

impl Chart {
    pub(super) fn empty(owner: &str, title: &str, unit: Unit, timeline: &Timeline) -> Self {
        Self {
            owner: owner.to_owned(),
            title: title.to_owned(),
            unit,
            stacked: false,
            layers: Vec::new(),
            limit: None,
            bounds: Vec::new(),
            marks: Vec::new(),
            end: timeline.now,
        }
    }

    fn mark_first_errors(&mut self) {
        let first = |layer: &Layer| {
            let errno = layer.name.strip_prefix("errors.")?;
            Some((layer.curve.first_above_zero()?, errno.to_owned()))
        };
        self.marks = self.layers.iter().filter_map(first).collect();
        self.marks.sort();
    }

    /// Least and greatest value of any layer.
    pub(super) fn reach(&self) -> (f64, f64) {
        if self.stacked {
            return (0.0, stack::height(&self.layers));
        }
        let limits = self.limit.iter().map(|(_, curve)| curve);
        self.layers
            .iter()
            .map(|layer| &layer.curve)
            .chain(limits)
            .filter_map(Curve::extremes)
            .fold(
                (f64::INFINITY, f64::NEG_INFINITY),
                |(low, high), [least, greatest]| (low.min(least.1), high.max(greatest.1)),
            )
    }
}

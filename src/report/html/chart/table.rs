//! A chart as sentences and as a table, for readers who cannot see it or want the numbers.

use maud::{Markup, html};

use super::curve::Curve;
use super::scale::time_ticks;
use super::{Chart, Layer};
use crate::units::show;

/// Renders a sentence for each curve and each expectation.
pub(super) fn description(chart: &Chart) -> String {
    let mut text = String::new();
    let show = |value| show::spaced(value, chart.unit);
    for layer in &chart.layers {
        if let (Some([least, greatest]), Some(last)) = (layer.curve.extremes(), layer.curve.last())
        {
            text.push_str(&format!(
                "{}: from {} to {} (at {}), {} at the end. ",
                name(layer),
                show(least.1),
                show(greatest.1),
                show::seconds(greatest.0.as_secs_f64()),
                show(last)
            ));
        }
    }
    if let Some((limit, curve)) = &chart.limit
        && let Some(last) = curve.last()
    {
        text.push_str(&format!("{limit}: {}. ", show(last)));
    }
    for bound in &chart.bounds {
        text.push_str(&format!("Expected {}: {}. ", bound.text, bound.outcome));
    }
    text.trim_end().to_owned()
}

/// Renders values at round times, folded.
pub(super) fn table(chart: &Chart) -> Markup {
    let mut times: Vec<_> = time_ticks(chart.end);
    if times.last().is_none_or(|(last, _)| *last < chart.end) {
        times.push((chart.end, show::seconds(chart.end.as_secs_f64())));
    }
    html! {
        details class="values" {
            summary { "Values" }
            div class="wide" {
                table class="numbers" {
                    thead { tr {
                        th scope="col" { "Time" }
                        @for layer in &chart.layers { th scope="col" { (name(layer)) } }
                        @if let Some((limit, _)) = &chart.limit { th scope="col" { (limit) } }
                    } }
                    tbody {
                        @for (at, label) in times {
                            tr {
                                th scope="row" { (label) }
                                @for curve in curves(chart) {
                                    td {
                                        @match curve.at(at) {
                                            Some(value) => (show::spaced(value, chart.unit)),
                                            None => "–",
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the displayed name of a curve.
pub(super) fn name(layer: &Layer) -> String {
    if layer.emulated {
        format!("{} (emulated)", layer.name)
    } else {
        layer.name.clone()
    }
}

fn curves(chart: &Chart) -> impl Iterator<Item = &Curve> {
    let layers = chart.layers.iter().map(|layer| &layer.curve);
    layers.chain(chart.limit.iter().map(|(_, curve)| curve))
}

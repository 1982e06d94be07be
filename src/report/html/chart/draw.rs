//! Draws a chart as a figure: caption, legend, drawing, values.
//!
//! Curves are paths of whole numbers under one transformation to the drawing. That keeps them short and lets the script
//! read exact values back from the drawing.

use std::fmt::Write;

use maud::{Markup, html};

use super::super::badge;
use super::axis::{Axes, BOTTOM, HEIGHT, LEFT, PLOT_HEIGHT, PLOT_WIDTH, RIGHT, TOP, WIDTH, px};
use super::curve::Curve;
use super::label;
use super::scale::Scale;
use super::{Chart, Layer, overlay, table};
use crate::record::Offset;
use crate::units::Unit;

/// Resolution of times, and of values that are not whole numbers: far finer than the columns of a drawing.
const STEPS: f64 = 20_000.0;

pub(in super::super) fn figure(chart: &Chart, id: &str, columns: usize) -> Markup {
    let axes = axes(chart);
    let (title, description) = (format!("{id}-t"), format!("{id}-d"));
    let steps = Steps::of(chart, &axes);
    html! {
        figure class="chart" id=(id) {
            figcaption {
                b { (chart.owner) } " " (chart.title)
                (legend(chart))
            }
            div class="drawing" {
                svg class="plot" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" tabindex="0"
                    aria-labelledby=(title) aria-describedby=(description)
                    data-unit=(unit_word(chart.unit)) data-stacked[chart.stacked] data-seconds=(steps.seconds)
                    data-quantum=(steps.quantum) data-base=(steps.base) data-end=(steps.ticks(chart.end))
                    data-plot=(format!("{LEFT} {TOP} {PLOT_WIDTH} {PLOT_HEIGHT} {WIDTH}"))
                {
                    title id=(title) { (chart.owner) " " (chart.title) }
                    desc id=(description) { (table::description(chart)) }
                    (overlay::windows(chart, &axes))
                    (axes.grid())
                    g class=(if chart.stacked { "stack" } else { "lines" }) transform=(steps.transform(&axes)) {
                        (curves(chart, &steps, columns))
                    }
                    (overlay::bounds(chart, &axes))
                    (overlay::marks(chart, &axes))
                    (labels(chart, &axes))
                }
            }
            (table::table(chart))
        }
    }
}

fn legend(chart: &Chart) -> Markup {
    // Layers of a stack are listed from top to bottom, as drawn.
    let mut layers: Vec<&Layer> = chart.layers.iter().collect();
    if chart.stacked {
        layers.reverse();
    }
    html! {
        ul class="legend" {
            @for layer in layers {
                li {
                    svg class=(if chart.stacked { "swatch stack" } else { "swatch lines" })
                            viewBox="0 0 16 10" aria-hidden="true"
                        {
                        @if chart.stacked { path class=(colour(layer)) d="M0 0h16v10h-16Z" {} }
                        @else { path class=(colour(layer)) d="M0 5h16" {} }
                    }
                    (layer.name)
                    @if layer.emulated { " " (badge::emulated()) }
                }
            }
        }
    }
}

fn curves(chart: &Chart, steps: &Steps, columns: usize) -> Markup {
    let mut drawn: Vec<(&Layer, Curve)> = chart.layers.iter().zip(chart.drawn(columns)).collect();
    // The top edge is drawn first, so that each layer covers all but its own part of the one behind it.
    if chart.stacked {
        drawn.reverse();
    }
    html! {
        @if let Some((name, limit)) = &chart.limit {
            path class="limit" data-name=(name) d=(steps.path(limit, chart.end, false)) {}
        }
        @for (layer, curve) in &drawn {
            path class=(colour(layer)) data-name=(table::name(layer)) d=(steps.path(curve, chart.end, chart.stacked)) {}
        }
    }
}

fn labels(chart: &Chart, axes: &Axes) -> Markup {
    let mut labels = overlay::labels(chart, axes);
    let left_out = label::spread(&mut labels, TOP + 2.0, BOTTOM);
    html! {
        g class="labels" {
            @for each in &labels {
                g class=(each.class) {
                    title { (each.title) }
                    @if each.leader {
                        path class="leader" d=(format!("M{} {}L{} {}", RIGHT, px(each.at), RIGHT + 10.0, px(each.y))) {}
                    }
                    text x=(RIGHT + 13.0) y=(px(each.y)) dy="0.35em" { (each.text) }
                }
            }
            @if left_out > 0 {
                text x=(RIGHT + 13.0) y=(BOTTOM + 17.0) { "and " (left_out) " more" }
            }
        }
    }
}

fn axes(chart: &Chart) -> Axes {
    let (least, greatest) = chart.reach();
    // A bound far outside would squeeze the curves; it is labelled at the edge instead.
    let spread = (greatest - least.min(0.0)).max(f64::MIN_POSITIVE);
    let near = |value: &f64| (least - 2.0 * spread..=greatest + 2.0 * spread).contains(value);
    let (low, high) = chart
        .bounds
        .iter()
        .filter(|bound| !bound.of_time)
        .flat_map(|bound| bound.low.into_iter().chain(bound.high))
        .filter(near)
        .fold((least, greatest), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    Axes {
        end: chart.end,
        scale: Scale::covering(low, high, chart.unit, chart.stacked),
    }
}

fn colour(layer: &Layer) -> String {
    format!("c{}", layer.colour)
}

/// Returns the script's name of a unit.
fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Count | Unit::Text | Unit::TcpState => "count",
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
        Unit::PerSecond => "per-second",
        Unit::BytesPerSecond => "bytes-per-second",
    }
}

/// The whole numbers in which curves are drawn.
#[derive(Debug)]
struct Steps {
    /// Nanoseconds of one time step.
    tick: u64,
    /// Seconds of one time step, as the script reads it.
    seconds: f64,
    /// Value of one step.
    quantum: f64,
    /// The value that is drawn as 0: close to the values, so that their numbers are small.
    base: f64,
}

impl Steps {
    fn of(chart: &Chart, axes: &Axes) -> Self {
        let tick = power_of_ten(chart.end.0 as f64 / STEPS).max(1.0);
        let quantum = match chart.unit {
            Unit::Count | Unit::Text | Unit::TcpState => 1.0,
            _ => power_of_ten((axes.scale.high - axes.scale.low) / STEPS),
        };
        Self {
            tick: tick as u64,
            seconds: tick / 1e9,
            quantum,
            base: axes.scale.low.max(0.0).round(),
        }
    }

    fn ticks(&self, t: Offset) -> u64 {
        t.0 / self.tick
    }

    fn value(&self, value: f64) -> i64 {
        ((value - self.base) / self.quantum).round() as i64
    }

    fn transform(&self, axes: &Axes) -> String {
        let height = axes.scale.high - axes.scale.low;
        format!(
            "matrix({:e} 0 0 {:e} {LEFT} {:.3})",
            PLOT_WIDTH / self.ticks(axes.end).max(1) as f64,
            -PLOT_HEIGHT * self.quantum / height,
            axes.y(self.base),
        )
    }

    /// Writes a path: `M` to the first change, then `h` in time and `v` in value alternately, `H` to the end, and for
    /// an area back along the base.
    fn path(&self, curve: &Curve, end: Offset, area: bool) -> String {
        let mut changes = curve.changes().iter();
        let Some(first) = changes.next() else {
            return String::new();
        };
        let (mut x, mut y) = (self.ticks(first.0), self.value(first.1));
        let start = x;
        let mut path = format!("M{x} {y}");
        for (t, value) in changes {
            let (to_x, to_y) = (self.ticks(*t), self.value(*value));
            // Less than a step apart: invisible.
            if to_y == y {
                continue;
            }
            if to_x > x {
                let _ = write!(path, "h{}", to_x - x);
            }
            let _ = write!(path, "v{}", to_y - y);
            (x, y) = (to_x, to_y);
        }
        let _ = write!(path, "H{}", self.ticks(end).max(x));
        if area {
            let _ = write!(path, "V{}H{start}Z", self.value(0.0));
        }
        path
    }
}

/// Returns the greatest power of ten that is not above a value.
fn power_of_ten(value: f64) -> f64 {
    10_f64.powf(value.max(f64::MIN_POSITIVE).log10().floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_consists_of_whole_steps() {
        let steps = Steps {
            tick: 1_000_000,
            seconds: 0.001,
            quantum: 1.0,
            base: 0.0,
        };
        let ms = |t: u64| Offset(t * 1_000_000);
        let curve = Curve::new([(ms(0), 0.0), (ms(100), 3.0), (ms(250), 1.0)]);
        assert_eq!(steps.path(&curve, ms(400), false), "M0 0h100v3h150v-2H400");
        assert_eq!(
            steps.path(&curve, ms(400), true),
            "M0 0h100v3h150v-2H400V0H0Z"
        );
        assert_eq!(steps.path(&Curve::default(), ms(400), true), "");
    }

    #[test]
    fn powers_of_ten_are_exact() {
        assert!((power_of_ten(3_750_000.0) - 1_000_000.0).abs() < 1e-6);
        assert!((power_of_ten(0.0051) - 0.001).abs() < 1e-12);
    }
}

//! Overlays: windows and bounds of expectations in the colour of their verdicts, and first errors.

use maud::{Markup, html};

use super::super::badge;
use super::Chart;
use super::axis::{Axes, BOTTOM, LEFT, PLOT_HEIGHT, PLOT_WIDTH, RIGHT, TOP, px};
use super::bound::Bound;
use super::label::Label;
use crate::record::Offset;
use crate::scenario::expr::Window;
use crate::units::show;

/// Renders the shaded windows of bounds; each span once for each outcome.
pub(super) fn windows(chart: &Chart, axes: &Axes) -> Markup {
    let mut shaded: Vec<(Offset, Offset, &str)> = Vec::new();
    for bound in chart.bounds.iter().filter(|bound| bound.has_window()) {
        if let Some((from, to)) = bound.span(chart.end) {
            let window = (from, to, badge::class(bound.outcome));
            if !shaded.contains(&window) {
                shaded.push(window);
            }
        }
    }
    html! {
        @for (from, to, class) in shaded {
            rect class={ "window " (class) } x=(px(axes.x(from))) y=(TOP)
                width=(px((axes.x(to) - axes.x(from)).max(1.0))) height=(PLOT_HEIGHT) {}
        }
    }
}

/// Renders the bounds: lines, bands between two lines, a diamond at a single moment.
pub(super) fn bounds(chart: &Chart, axes: &Axes) -> Markup {
    html! {
        g class="bounds" {
            @for bound in &chart.bounds {
                g class=(badge::class(bound.outcome)) {
                    title { (bound.text) ": " (bound.outcome) }
                    @if bound.of_time { (times(bound, axes)) } @else { (values(bound, chart, axes)) }
                }
            }
        }
    }
}

fn times(bound: &Bound, axes: &Axes) -> Markup {
    let x = |seconds: f64| {
        axes.x(Offset((seconds.max(0.0) * 1e9) as u64))
            .clamp(LEFT, RIGHT)
    };
    let low = bound.low.map(x);
    let high = bound.high.map(x);
    let (from, to) = (low.unwrap_or(LEFT), high.unwrap_or(RIGHT));
    html! {
        @if to > from {
            rect class="band" x=(px(from)) y=(TOP) width=(px(to - from)) height=(PLOT_HEIGHT) {}
        }
        @for x in low.into_iter().chain(high) {
            line x1=(px(x)) x2=(px(x)) y1=(TOP) y2=(BOTTOM) {}
        }
    }
}

fn values(bound: &Bound, chart: &Chart, axes: &Axes) -> Markup {
    let inside = |y: &f64| (TOP - 0.5..=BOTTOM + 0.5).contains(y);
    let (low, high) = (bound.low.map(|v| axes.y(v)), bound.high.map(|v| axes.y(v)));
    let (from, to) = match bound.span(chart.end) {
        Some((from, to)) => (axes.x(from), axes.x(to)),
        None => (LEFT, RIGHT),
    };
    let mut lines: Vec<f64> = low.into_iter().chain(high).filter(inside).collect();
    lines.dedup();
    html! {
        @if let (Some(low), Some(high)) = (low, high) {
            @let (top, bottom) = (high.max(TOP), low.min(BOTTOM));
            @if bottom - top > 0.5 {
                rect class="band" x=(px(from)) y=(px(top)) width=(px(to - from)) height=(px(bottom - top)) {}
            }
        }
        @for y in &lines {
            @if to - from < PLOT_WIDTH || bound.moment(chart.end).is_some() {
                line class="beside" x1=(LEFT) x2=(RIGHT) y1=(px(*y)) y2=(px(*y)) {}
            }
            @if bound.moment(chart.end).is_none() {
                line x1=(px(from)) x2=(px(to)) y1=(px(*y)) y2=(px(*y)) {}
            }
        }
        @if let Some(moment) = bound.moment(chart.end) {
            @for y in &lines { (diamond(axes.x(moment), *y)) }
        }
    }
}

fn diamond(x: f64, y: f64) -> Markup {
    html! {
        path class="moment" d=(format!("M{} {}l5 5l-5 5l-5 -5Z", px(x), px(y - 5.0))) {}
    }
}

/// Renders marked moments: a dot at the first error, its name and time above, in rows so that names do not overlap.
pub(super) fn marks(chart: &Chart, axes: &Axes) -> Markup {
    let height = |name: &str, t| {
        let layer = chart
            .layers
            .iter()
            .find(|layer| layer.name.strip_prefix("errors.") == Some(name));
        layer.and_then(|layer| layer.curve.at(t)).unwrap_or(0.0)
    };
    html! {
        g class="marks" {
            @for (row, (t, name)) in chart.marks.iter().enumerate() {
                @let x = px(axes.x(*t));
                @let y = TOP + 12.0 + 14.0 * row as f64;
                // To the left of its line if there is no room on the right.
                @let left = x > LEFT + 0.72 * PLOT_WIDTH;
                line x1=(x) x2=(x) y1=(y - 8.0) y2=(BOTTOM) {}
                circle cx=(x) cy=(px(axes.y(height(name, *t)))) r="4" {}
                text x=(if left { x - 5.0 } else { x + 5.0 }) y=(y) text-anchor=(if left { "end" } else { "start" }) {
                    "first " (name) " " (show::seconds((t.as_secs_f64() * 1e3).round() / 1e3))
                }
            }
        }
    }
}

/// Returns the labels next to the plot: the bounds and the limit.
pub(super) fn labels(chart: &Chart, axes: &Axes) -> Vec<Label> {
    let mut labels: Vec<Label> = chart
        .bounds
        .iter()
        .map(|bound| bound_label(bound, axes))
        .collect();
    if let Some((name, curve)) = &chart.limit
        && let Some(last) = curve.last()
    {
        let text = format!("{name} {}", show::spaced(last, chart.unit));
        labels.push(Label {
            at: axes.y(last),
            y: 0.0,
            title: text.clone(),
            text,
            class: "limit",
            leader: true,
        });
    }
    labels
}

fn bound_label(bound: &Bound, axes: &Axes) -> Label {
    let middle = match (bound.low, bound.high) {
        (Some(low), Some(high)) => f64::midpoint(low, high),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0.0,
    };
    let y = if bound.of_time {
        TOP + 8.0
    } else {
        axes.y(middle)
    };
    let mark = badge::mark(bound.outcome);
    let never = if bound.window == Window::Never {
        "never "
    } else {
        ""
    };
    let beyond = if bound.of_time {
        ""
    } else if y < TOP - 0.5 {
        " ↑"
    } else if y > BOTTOM + 0.5 {
        " ↓"
    } else {
        ""
    };
    Label {
        at: y.clamp(TOP, BOTTOM),
        y: 0.0,
        text: {
            let rest = format!("{}{beyond}", bound.label);
            let taken = rest.chars().count() + never.len() + 3;
            let quantity = shortened(&bound.quantity, LONGEST_LABEL.saturating_sub(taken));
            format!("{mark} {never}{quantity} {rest}")
        },
        title: format!("{}: {}", bound.text, bound.outcome),
        class: badge::class(bound.outcome),
        leader: !bound.of_time && beyond.is_empty(),
    }
}

/// Characters of a label that fit next to the plot.
const LONGEST_LABEL: usize = 29;

/// Shortens a text to at most so many characters; a shortened text ends in an ellipsis.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

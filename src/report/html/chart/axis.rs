//! Axes: positions of values and times on the drawing, grid lines and their labels.

use std::fmt::Write;

use maud::{Markup, html};

use super::scale::{Scale, time_ticks};
use crate::record::Offset;

/// Size of the drawing in its units. All charts have the same width, so that their times line up.
pub(super) const WIDTH: f64 = 900.0;
pub(super) const HEIGHT: f64 = 214.0;
pub(super) const LEFT: f64 = 66.0;
pub(super) const TOP: f64 = 10.0;
/// Horizontal extent of the plot.
pub(super) const PLOT_WIDTH: f64 = 610.0;
/// Vertical extent of the plot.
pub(super) const PLOT_HEIGHT: f64 = 176.0;
pub(super) const RIGHT: f64 = LEFT + PLOT_WIDTH;
pub(super) const BOTTOM: f64 = TOP + PLOT_HEIGHT;

/// Maps times and values to positions.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) end: Offset,
    pub(super) scale: Scale,
}

impl Axes {
    /// Returns the horizontal position, from the left of the drawing.
    pub(super) fn x(&self, t: Offset) -> f64 {
        LEFT + PLOT_WIDTH * (t.as_secs_f64() / self.end.as_secs_f64().max(1e-9)).min(1.0)
    }

    /// Returns the vertical position, from the top of the drawing; outside the plot for values outside the scale.
    pub(super) fn y(&self, value: f64) -> f64 {
        BOTTOM - PLOT_HEIGHT * self.scale.share(value)
    }

    /// Renders the grid lines with the labels of their values and times.
    pub(super) fn grid(&self) -> Markup {
        let mut lines = String::new();
        for tick in &self.scale.ticks {
            let _ = write!(lines, "M{LEFT} {}h{PLOT_WIDTH}", px(self.y(*tick)));
        }
        let times = time_ticks(self.end);
        let mut base = format!("M{LEFT} {BOTTOM}h{PLOT_WIDTH}");
        for (at, _) in &times {
            let _ = write!(base, "M{} {BOTTOM}v4", px(self.x(*at)));
        }
        // Text stands on its baseline, a little below the middle of its letters.
        let middle = 3.8;
        html! {
            g class="axis" {
                path d=(lines) {}
                path class="base" d=(base) {}
                g text-anchor="end" {
                    @for tick in &self.scale.ticks {
                        text x=(LEFT - 8.0) y=(px(self.y(*tick) + middle)) { (self.scale.tick_label(*tick)) }
                    }
                }
                g text-anchor="middle" {
                    @for (at, label) in &times { text x=(px(self.x(*at))) y=(BOTTOM + 17.0) { (label) } }
                }
                @if self.scale.leaves_out_zero() {
                    // Two strokes across the foot of the axis.
                    path class="base" d=(format!("M{} {}l8 -4m-8 8l8 -4", LEFT - 4.0, BOTTOM - 6.0)) {
                        title { "This axis does not begin at zero" }
                    }
                }
            }
        }
    }
}

/// Writes a position to a tenth of a unit.
pub(super) fn px(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

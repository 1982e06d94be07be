//! Scales: ranges with round ends, and ticks at round numbers.

use crate::record::Offset;
use crate::units::Unit;
use crate::units::show;

/// The range of a value axis, and its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// Value at the lower edge.
    pub(super) low: f64,
    /// Value at the upper edge, above `low`.
    pub(super) high: f64,
    /// Labelled values, ascending.
    pub(super) ticks: Vec<f64>,
    unit: Unit,
}

impl Scale {
    /// Makes an axis that covers two values. It begins at zero, unless the values are so far from zero that their
    /// changes could not be seen.
    pub(super) fn covering(least: f64, greatest: f64, unit: Unit, from_zero: bool) -> Self {
        let spread = greatest - least;
        // The spread is less than a tenth of the height: from zero it would be a flat line.
        let cut = !from_zero && least > 0.0 && spread > 0.0 && spread < 0.1 * greatest;
        let base = if cut { least } else { least.min(0.0) };
        let top = if greatest > base {
            greatest
        } else {
            base + if unit == Unit::Seconds { 0.001 } else { 1.0 }
        };
        let step = step(top - base, 5.0, unit, top);
        let low = (base / step).floor() * step;
        // Leave a margin, so that the greatest value does not lie on the edge.
        let high = low + ((top + 0.03 * (top - low) - low) / step).ceil() * step;
        let count = ((high - low) / step).round() as usize;
        let ticks = (0..=count).map(|index| low + index as f64 * step).collect();
        Self {
            low,
            high,
            ticks,
            unit,
        }
    }

    /// Returns whether the axis leaves out zero.
    pub(super) fn leaves_out_zero(&self) -> bool {
        self.low > 0.0
    }

    /// Returns the share of the height, from 0 at the lower edge to 1 at the upper.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub(super) fn tick_label(&self, tick: f64) -> String {
        match self.unit {
            Unit::Count | Unit::Text => show::grouped(tick, 2),
            _ => show::spaced(tick, self.unit),
        }
    }
}

/// Returns a round step: 1, 2 or 5 times a power of ten; for bytes, of a binary multiple.
fn step(span: f64, wanted: f64, unit: Unit, top: f64) -> f64 {
    let base = match unit {
        Unit::Bytes | Unit::BytesPerSecond => show::binary_step(top),
        _ => 1.0,
    };
    let step = base * decimal_step(span / wanted / base);
    if unit == Unit::Count {
        step.max(1.0)
    } else {
        step
    }
}

fn decimal_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999)
        .unwrap_or(10.0);
    factor * power
}

/// Returns the labelled moments of the time axis.
pub(super) fn time_ticks(end: Offset) -> Vec<(Offset, String)> {
    let seconds = end.as_secs_f64();
    let (unit, name) = match seconds {
        s if s < 2.0 => (0.001, "ms"),
        s if s <= 300.0 => (1.0, "s"),
        s if s <= 3.0 * 3600.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    let step = decimal_step(seconds.max(1e-6) / 8.0 / unit) * unit;
    let count = (seconds / step + 1e-9).floor() as usize;
    (0..=count)
        .map(|index| {
            let at = index as f64 * step;
            let label = if index == 0 {
                "0".to_owned()
            } else {
                format!("{} {name}", show::grouped(at / unit, 3))
            };
            (Offset((at * 1e9).round() as u64), label)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale
            .ticks
            .iter()
            .map(|tick| scale.tick_label(*tick))
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let scale = Scale::covering(0.0, 1000.0, Unit::Count, false);
        assert_eq!(
            labels(&scale),
            ["0", "200", "400", "600", "800", "1,000", "1,200"]
        );
        let scale = Scale::covering(0.0, 3.0, Unit::Count, false);
        assert_eq!(labels(&scale), ["0", "1", "2", "3", "4"]);
        let scale = Scale::covering(0.0, 0.012, Unit::Seconds, false);
        assert_eq!(labels(&scale)[1], "5 ms");
        let scale = Scale::covering(0.0, 3.0 * 1_048_576.0, Unit::Bytes, false);
        assert_eq!(labels(&scale)[1], "1 MiB");
        let scale = Scale::covering(0.0, 95.0, Unit::PerSecond, false);
        assert_eq!(labels(&scale)[1], "20/s");
    }

    #[test]
    fn close_values_far_from_zero_get_an_axis_of_their_own() {
        let scale = Scale::covering(261_944.0, 262_144.0, Unit::Count, false);
        assert!(scale.leaves_out_zero());
        assert!(scale.low > 261_000.0 && scale.high < 263_000.0, "{scale:?}");
        assert!(!Scale::covering(261_944.0, 262_144.0, Unit::Count, true).leaves_out_zero());
        assert!(!Scale::covering(5.0, 5.0, Unit::Count, false).leaves_out_zero());
    }

    #[test]
    fn an_axis_without_values_still_has_a_height() {
        for unit in [Unit::Count, Unit::Seconds, Unit::Bytes, Unit::PerSecond] {
            let scale = Scale::covering(0.0, 0.0, unit, false);
            assert!(scale.high > scale.low, "{unit:?}: {scale:?}");
            assert!((2..12).contains(&scale.ticks.len()), "{unit:?}: {scale:?}");
        }
    }

    #[test]
    fn negative_values_are_shown() {
        let scale = Scale::covering(-7.0, 3.0, Unit::Count, false);
        assert!(scale.low <= -7.0 && scale.high >= 3.0);
        assert!(scale.share(-7.0) >= 0.0 && scale.share(3.0) <= 1.0);
    }

    #[test]
    fn the_time_unit_suits_the_length_of_the_run() {
        let names = |seconds: f64| -> Vec<String> {
            time_ticks(Offset((seconds * 1e9) as u64))
                .into_iter()
                .map(|(_, label)| label)
                .collect()
        };
        assert_eq!(names(75.0)[1], "10 s");
        assert_eq!(names(75.0).len(), 8);
        assert_eq!(names(0.5)[1], "100 ms");
        assert_eq!(names(7200.0)[1], "20 min");
        assert_eq!(names(0.0), ["0"]);
    }
}

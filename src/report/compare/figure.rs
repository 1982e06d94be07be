//! Figures of a comparison as people read them: `1000`, `12.5`, `1.4 ms`, `+80 %`.

use crate::compare::{Effect, Sample};
use crate::record::SeriesUnit;

/// A value in the base of its unit.
pub(super) fn value(value: f64, unit: SeriesUnit) -> String {
    match unit {
        SeriesUnit::Count | SeriesUnit::Text => digits(value),
        SeriesUnit::Bytes => scaled(value, &BYTES, ""),
        SeriesUnit::BytesPerSecond => scaled(value, &BYTES, "/s"),
        SeriesUnit::Nanoseconds => scaled(value, &SECONDS, ""),
    }
}

const BYTES: [(f64, &str); 4] = [
    (1_073_741_824.0, " GiB"),
    (1_048_576.0, " MiB"),
    (1024.0, " KiB"),
    (1.0, " B"),
];
const SECONDS: [(f64, &str); 3] = [(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")];

fn scaled(value: f64, scales: &[(f64, &str)], behind: &str) -> String {
    let fits = scales.iter().find(|(scale, _)| value.abs() >= *scale);
    let (scale, name) = fits.or(scales.last()).copied().unwrap_or((1.0, ""));
    format!("{}{name}{behind}", digits(value / scale))
}

/// Whole numbers and large ones without decimals, others with three significant digits.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        // Scaling leaves a rest that is none.
        size if (value - value.round()).abs() <= 1e-9 * size => 0,
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.decimals$}")
}

/// With its sign, so that it is seen to be a difference.
pub(super) fn change(difference: f64, unit: SeriesUnit) -> String {
    let sign = if difference < 0.0 { "-" } else { "+" };
    format!("{sign}{}", value(difference.abs(), unit))
}

/// A mean with its standard deviation, where there is one.
pub(super) fn sample(sample: &Sample, unit: SeriesUnit) -> String {
    if sample.deviation == 0.0 {
        value(sample.mean, unit)
    } else {
        format!(
            "{} ± {}",
            value(sample.mean, unit),
            value(sample.deviation, unit)
        )
    }
}

/// The difference as a share of the first side; none of nothing, and none where there is no difference.
pub(super) fn share(effect: &Effect) -> Option<String> {
    (effect.a.mean != 0.0 && effect.difference != 0.0).then(|| {
        let percent = 100.0 * effect.difference / effect.a.mean.abs();
        let decimals = usize::from(percent.abs() < 10.0);
        format!("{percent:+.decimals$} %")
    })
}

/// Where the difference lies.
pub(super) fn interval(effect: &Effect) -> String {
    let [low, high] = effect.interval;
    if low == high {
        return "exactly".to_owned();
    }
    format!(
        "{} .. {}",
        change(low, effect.unit),
        change(high, effect.unit)
    )
}

/// An effect in one piece: `load.established 1000 -> 1800 (+80 %)`, with its interval where there is noise.
pub(super) fn brief(effect: &Effect) -> String {
    let unit = effect.unit;
    let values = format!(
        "{} {} -> {}",
        effect.metric,
        value(effect.a.mean, unit),
        value(effect.b.mean, unit)
    );
    let mut beside: Vec<String> = share(effect).into_iter().collect();
    if effect.interval[0] != effect.interval[1] {
        beside.push(interval(effect));
    }
    if beside.is_empty() {
        values
    } else {
        format!("{values} ({})", beside.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        use SeriesUnit::{Bytes, BytesPerSecond, Count, Nanoseconds};
        for (number, unit, shown) in [
            (1800.0, Count, "1800"),
            (0.0, Count, "0"),
            (17.625, Count, "17.6"),
            (0.25, Count, "0.250"),
            (0.0014, Nanoseconds, "1.40 ms"),
            (2e-5, Nanoseconds, "20 µs"),
            (0.0, Nanoseconds, "0 µs"),
            (1.5, Nanoseconds, "1.50 s"),
            (2048.0, Bytes, "2 KiB"),
            (1.5 * 1_048_576.0, BytesPerSecond, "1.50 MiB/s"),
        ] {
            assert_eq!(value(number, unit), shown);
        }
        assert_eq!(change(-3.0, Count), "-3");
    }
}

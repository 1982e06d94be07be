//! Figures of a comparison: `1000`, `12.5`, `1.4 ms`, `+80 %`.

use crate::compare::{Effect, Sample};
use crate::units::Unit;
use crate::units::show;

/// Writes a value in the base of its unit.
pub(in crate::report) fn value(value: f64, unit: Unit) -> String {
    show::rounded(value, unit)
}

/// Writes a difference with its sign.
pub(super) fn change(difference: f64, unit: Unit) -> String {
    let sign = if difference < 0.0 { "-" } else { "+" };
    format!("{sign}{}", value(difference.abs(), unit))
}

/// Writes a mean with its standard deviation, if there is one.
pub(super) fn sample(sample: &Sample, unit: Unit) -> String {
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

/// Writes the difference as a share of the first side; `None` if the first side or the difference is zero.
pub(super) fn share(effect: &Effect) -> Option<String> {
    (effect.a.mean != 0.0 && effect.difference != 0.0).then(|| {
        let percent = 100.0 * effect.difference / effect.a.mean.abs();
        let decimals = usize::from(percent.abs() < 10.0);
        format!("{percent:+.decimals$} %")
    })
}

/// Writes the confidence interval of the difference.
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

/// Writes an effect on one line: `load.established 1000 -> 1800 (+80 %)`, with its interval if there is noise.
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
    fn a_change_has_its_sign() {
        assert_eq!(change(-3.0, Unit::Count), "-3");
    }
}

//! Figures of a comparison as people read them: `1000`, `12.5`, `1.4 ms`, `+80 %`.

use crate::compare::{Effect, Sample};
use crate::units::Unit;
use crate::units::show;

/// A value in the base of its unit.
pub(super) fn value(value: f64, unit: Unit) -> String {
    show::rounded(value, unit)
}

/// With its sign, so that it is seen to be a difference.
pub(super) fn change(difference: f64, unit: Unit) -> String {
    let sign = if difference < 0.0 { "-" } else { "+" };
    format!("{sign}{}", value(difference.abs(), unit))
}

/// A mean with its standard deviation, where there is one.
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
    fn a_change_has_its_sign() {
        assert_eq!(change(-3.0, Unit::Count), "-3");
    }
}

//! How observed values are written: `22`, `18.003s`, `470.2/s`, `1.5 KiB`.

use super::metric::Reading;
use crate::units::Unit;

/// What was observed, with its unit, as people read it.
pub(super) fn reading(reading: Reading, unit: Unit) -> String {
    match reading {
        Reading::Value(value) => number(value, unit),
        Reading::Nothing(instead) => instead.to_owned(),
    }
}

/// Two sides of a comparison that does not hold: with every digit where rounding would make them look alike.
pub(super) fn sides(left: Reading, right: Reading, unit: Unit) -> (String, String) {
    let texts = (reading(left, unit), reading(right, unit));
    match (left, right) {
        (Reading::Value(a), Reading::Value(b)) if a != b && texts.0 == texts.1 => {
            (exact(a, unit), exact(b, unit))
        }
        _ => texts,
    }
}

/// A number in its unit's base (see [`Unit`]).
pub(super) fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => decimals(value, 3),
        Unit::Seconds => seconds(value),
        Unit::Bytes => bytes(value),
        Unit::PerSecond if value.abs() >= 100.0 => format!("{}/s", decimals(value, 1)),
        Unit::PerSecond => format!("{}/s", decimals(value, 3)),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
    }
}

/// Every digit that the number has.
fn exact(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => format!("{value}"),
        Unit::Seconds => format!("{value}s"),
        Unit::Bytes => format!("{value} B"),
        Unit::PerSecond => format!("{value}/s"),
        Unit::BytesPerSecond => format!("{value} B/s"),
    }
}

/// At most so many decimals, none for nothing; three significant digits where that would leave none.
fn decimals(value: f64, most: usize) -> String {
    let text = format!("{value:.most$}");
    let text = if value != 0.0 && text.trim_matches(['0', '.', '-']).is_empty() {
        return format!("{value:.2e}");
    } else {
        text
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size >= 1.0 {
        format!("{}s", decimals(value, 3))
    } else if size >= 1e-3 {
        format!("{}ms", decimals(value * 1e3, 3))
    } else {
        format!("{}µs", decimals(value * 1e6, 3))
    }
}

fn bytes(value: f64) -> String {
    const STEPS: [(&str, f64); 4] = [
        ("TiB", 1024.0 * 1024.0 * 1024.0 * 1024.0),
        ("GiB", 1024.0 * 1024.0 * 1024.0),
        ("MiB", 1024.0 * 1024.0),
        ("KiB", 1024.0),
    ];
    match STEPS.iter().find(|(_, size)| value.abs() >= *size) {
        Some((name, size)) => format!("{} {name}", decimals(value / size, 2)),
        None => format!("{} B", decimals(value, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_their_units() {
        let shown = |value, unit| number(value, unit);
        assert_eq!(shown(22.0, Unit::Count), "22");
        assert_eq!(shown(-3.0, Unit::Count), "-3");
        assert_eq!(shown(100.0, Unit::Count), "100");
        assert_eq!(shown(9.0 + 2.0 / 3.0, Unit::Count), "9.667");
        assert_eq!(shown(18.0034, Unit::Seconds), "18.003s");
        assert_eq!(shown(50.0, Unit::Seconds), "50s");
        assert_eq!(shown(0.0, Unit::Seconds), "0s");
        assert_eq!(shown(0.0125, Unit::Seconds), "12.5ms");
        assert_eq!(shown(0.000_035, Unit::Seconds), "35µs");
        assert_eq!(shown(470.23, Unit::PerSecond), "470.2/s");
        assert_eq!(shown(0.05, Unit::PerSecond), "0.05/s");
        assert_eq!(shown(512.0, Unit::Bytes), "512 B");
        assert_eq!(shown(1536.0, Unit::Bytes), "1.5 KiB");
        assert_eq!(
            shown(3.0 * 1024.0 * 1024.0, Unit::BytesPerSecond),
            "3 MiB/s"
        );
    }

    #[test]
    fn a_number_that_is_not_zero_never_looks_like_zero() {
        assert_eq!(number(0.000_1, Unit::Count), "1.00e-4");
        assert_eq!(number(-0.000_1, Unit::PerSecond), "-1.00e-4/s");
    }

    #[test]
    fn two_sides_that_differ_never_look_alike() {
        let sides = |a, b, unit| sides(Reading::Value(a), Reading::Value(b), unit);
        let texts = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            sides(500.04, 500.0, Unit::PerSecond),
            texts("500.04/s", "500/s")
        );
        assert_eq!(
            sides(1_048_577.0, 1_048_576.0, Unit::Bytes),
            texts("1048577 B", "1048576 B")
        );
        assert_eq!(sides(9.0, 10.0, Unit::Count), texts("9", "10"));
    }
}

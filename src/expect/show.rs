//! Writes observed values for people: `22`, `18.003s`, `470.2/s`, `1.5 KiB`.

use super::metric::Reading;
use crate::units::Unit;
use crate::units::show::exact;
pub(super) use crate::units::show::written as number;

/// Writes a reading with its unit.
pub(super) fn reading(reading: Reading, unit: Unit) -> String {
    match reading {
        Reading::Value(value) => number(value, unit),
        Reading::Nothing(instead) => instead.to_owned(),
    }
}

/// Writes two sides of a comparison that does not hold, with every digit if rounding would make them look alike.
pub(super) fn sides(left: Reading, right: Reading, unit: Unit) -> (String, String) {
    let texts = (reading(left, unit), reading(right, unit));
    match (left, right) {
        (Reading::Value(a), Reading::Value(b)) if a != b && texts.0 == texts.1 => {
            (exact(a, unit), exact(b, unit))
        }
        _ => texts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

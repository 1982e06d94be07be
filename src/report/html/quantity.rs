//! Numbers as people read them: `262,144`, `18.003 s`, `1.5 KiB`, `470.2/s`.

use std::time::Duration;

use crate::units::Unit;

/// Binary multiples with their names, greatest first (IEC 80000-13).
pub(super) const BYTE_STEPS: [(&str, f64); 4] = [
    ("TiB", 1_099_511_627_776.0),
    ("GiB", 1_073_741_824.0),
    ("MiB", 1_048_576.0),
    ("KiB", 1024.0),
];

/// A value in its unit's base (see [`Unit`]), with its unit.
pub(super) fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => grouped(value, 3),
        Unit::Seconds => seconds(value),
        Unit::Bytes => bytes(value),
        Unit::PerSecond => format!("{}/s", grouped(value, if value >= 100.0 { 1 } else { 2 })),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
    }
}

/// Nanoseconds of a record as a time.
pub(super) fn nanos(value: u64) -> String {
    seconds(Duration::from_nanos(value).as_secs_f64())
}

/// A time, in the unit that suits its size.
pub(super) fn seconds(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size >= 1.0 {
        format!("{} s", grouped(value, 3))
    } else if size >= 1e-3 {
        format!("{} ms", grouped(value * 1e3, 2))
    } else {
        format!("{} µs", grouped(value * 1e6, 1))
    }
}

/// A number of bytes, in the unit that suits its size.
pub(super) fn bytes(value: f64) -> String {
    match BYTE_STEPS.iter().find(|(_, size)| value.abs() >= *size) {
        Some((name, size)) => format!("{} {name}", grouped(value / size, 2)),
        None => format!("{} B", grouped(value, 1)),
    }
}

/// At most so many decimals, none for nothing; thousands apart.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest = rest.trim_end_matches('0');
    let mut shown = String::with_capacity(text.len() + 4);
    if value < 0.0 && (whole != "0" || !rest.is_empty()) {
        shown.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if !rest.is_empty() {
        shown.push('.');
        shown.push_str(rest);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_their_units() {
        assert_eq!(show(262_144.0, Unit::Count), "262,144");
        assert_eq!(show(999.0, Unit::Count), "999");
        assert_eq!(show(-1234.5, Unit::Count), "-1,234.5");
        assert_eq!(show(18.0034, Unit::Seconds), "18.003 s");
        assert_eq!(show(0.0009, Unit::Seconds), "900 µs");
        assert_eq!(show(0.05, Unit::Seconds), "50 ms");
        assert_eq!(show(0.0, Unit::Seconds), "0 s");
        assert_eq!(show(1536.0, Unit::Bytes), "1.5 KiB");
        assert_eq!(show(470.23, Unit::PerSecond), "470.2/s");
        assert_eq!(show(4.75, Unit::PerSecond), "4.75/s");
        assert_eq!(show(2_097_152.0, Unit::BytesPerSecond), "2 MiB/s");
    }

    #[test]
    fn what_rounds_to_nothing_has_no_sign() {
        assert_eq!(grouped(-0.0001, 2), "0");
    }
}

//! Writes quantities for people: the one place that turns a number and its unit into text.
//!
//! | function | for | examples |
//! |---|---|---|
//! | [`written`] | messages about expectations, in the notation of scenario files | `18.003s`, `1.5 KiB`, `470.2/s` |
//! | [`exact`] | two values that would look alike when rounded | `1048577 B` |
//! | [`spaced`] | the HTML page | `18.003 s`, `262,144` |
//! | [`rounded`] | figures with noise: three significant digits | `1.40 ms`, `17.6` |
//! | [`brief`] | labels with little room | `10 µs`, `1.2 ms` |
//!
//! Values are in the base of their unit (see [`Unit`]). `script.js` of the HTML page follows [`spaced`].

use std::time::Duration;

use super::Unit;
use crate::tcp::TcpState;

/// Binary multiples with their names, greatest first (IEC 80000-13).
const BINARY: [(f64, &str); 5] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];
/// Decimal parts of a second, greatest first.
const SECONDS: [(f64, &str); 3] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];

/// Returns the greatest multiple of a byte that fits into a value.
pub(crate) fn binary_step(value: f64) -> f64 {
    step(value, &BINARY).0
}

/// The greatest step that is not above a value; the last for smaller values.
fn step(value: f64, steps: &[(f64, &'static str)]) -> (f64, &'static str) {
    let fits = steps.iter().find(|(size, _)| value.abs() >= *size);
    fits.or(steps.last()).copied().unwrap_or((1.0, ""))
}

/// Scales a time to `s`, `ms` or `µs`; zero is `0 s`.
fn scaled_seconds(value: f64) -> (f64, &'static str) {
    let (size, name) = if value == 0.0 {
        SECONDS[0]
    } else {
        step(value, &SECONDS)
    };
    // Multiplying by 1,000 is exact more often than dividing by 0.001.
    (value * (1.0 / size).round(), name)
}

fn scaled_bytes(value: f64) -> (f64, &'static str) {
    let (size, name) = step(value, &BINARY);
    (value / size, name)
}

/// Writes a value as scenario files do: `22`, `18.003s`, `470.2/s`, `1.5 KiB`. A value other than zero never looks like
/// zero.
pub(crate) fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => decimals(value, 3),
        Unit::TcpState => state(value),
        Unit::Seconds => {
            let (scaled, name) = scaled_seconds(value);
            decimals(scaled, 3) + name
        }
        Unit::Bytes => {
            let (scaled, name) = scaled_bytes(value);
            format!(
                "{} {name}",
                decimals(scaled, if name == "B" { 1 } else { 2 })
            )
        }
        Unit::PerSecond => decimals(value, if value.abs() >= 100.0 { 1 } else { 3 }) + "/s",
        Unit::BytesPerSecond => written(value, Unit::Bytes) + "/s",
    }
}

/// Returns the kernel's name of a TCP state.
fn state(number: f64) -> String {
    let mut states = TcpState::ALL.into_iter();
    let state = states.find(|state| f64::from(*state as u8) == number);
    state.map_or_else(|| format!("{number}"), |state| state.to_string())
}

/// Writes every digit that a value has.
pub(crate) fn exact(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => format!("{value}"),
        Unit::TcpState => state(value),
        Unit::Seconds => format!("{value}s"),
        Unit::Bytes => format!("{value} B"),
        Unit::PerSecond => format!("{value}/s"),
        Unit::BytesPerSecond => format!("{value} B/s"),
    }
}

/// Writes at most `most` decimals, without trailing zeros; three significant digits if that would leave only zeros.
fn decimals(value: f64, most: usize) -> String {
    let text = format!("{value:.most$}");
    if value != 0.0 && text.trim_matches(['0', '.', '-']).is_empty() {
        format!("{value:.2e}")
    } else if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Writes a value with a space before its unit and with thousands separators: `262,144`, `18.003 s`, `1.5 KiB`.
pub(crate) fn spaced(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => grouped(value, 3),
        Unit::TcpState => state(value),
        Unit::Seconds => seconds(value),
        Unit::Bytes => bytes(value),
        Unit::PerSecond => grouped(value, if value >= 100.0 { 1 } else { 2 }) + "/s",
        Unit::BytesPerSecond => bytes(value) + "/s",
    }
}

/// Writes a time as [`spaced`] does.
pub(crate) fn seconds(value: f64) -> String {
    let (scaled, name) = scaled_seconds(value);
    let most = match name {
        "s" => 3,
        "ms" => 2,
        _ => 1,
    };
    format!("{} {name}", grouped(scaled, most))
}

/// Writes a count with its noun: `1 connection`, `20 connections`.
pub(crate) fn counted<N: std::fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Writes a time in nanoseconds as [`spaced`] does.
pub(crate) fn nanos(value: u64) -> String {
    seconds(Duration::from_nanos(value).as_secs_f64())
}

/// Writes a number of bytes as [`spaced`] does.
pub(crate) fn bytes(value: f64) -> String {
    let (scaled, name) = scaled_bytes(value);
    format!(
        "{} {name}",
        grouped(scaled, if name == "B" { 1 } else { 2 })
    )
}

/// Writes a number with thousands separators and at most `most` decimals, without trailing zeros.
pub(crate) fn grouped(value: f64, most: usize) -> String {
    let text = format!("{:.most$}", value.abs());
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

/// Writes a value with about three significant digits: `1800`, `17.6`, `1.40 ms`, `2 KiB`.
pub(crate) fn rounded(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text => significant(value),
        Unit::TcpState => state(value),
        Unit::PerSecond => significant(value) + "/s",
        Unit::Bytes => {
            let (scaled, name) = scaled_bytes(value);
            format!("{} {name}", significant(scaled))
        }
        Unit::BytesPerSecond => rounded(value, Unit::Bytes) + "/s",
        Unit::Seconds => {
            let (scaled, name) = scaled_seconds(value);
            format!("{} {name}", significant(scaled))
        }
    }
}

/// Writes whole numbers and large ones without decimals, others with three significant digits.
fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        // Scaling can leave a rounding error on whole numbers.
        size if (value - value.round()).abs() <= 1e-9 * size => 0,
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.decimals$}")
}

/// Writes a time with at most two significant digits, whole microseconds at least: `9 µs`, `1.2 ms`, `3.0 s`.
pub(crate) fn brief(time: Duration) -> String {
    let (scaled, name) = match scaled_seconds(time.as_secs_f64()) {
        (0.0, _) => (0.0, "µs"),
        scaled => scaled,
    };
    let decimals = usize::from(scaled < 9.95 && name != "µs");
    format!("{scaled:.decimals$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_values_carry_their_units() {
        for (value, unit, expected) in [
            (22.0, Unit::Count, "22"),
            (-3.0, Unit::Count, "-3"),
            (100.0, Unit::Count, "100"),
            (9.0 + 2.0 / 3.0, Unit::Count, "9.667"),
            (18.0034, Unit::Seconds, "18.003s"),
            (50.0, Unit::Seconds, "50s"),
            (0.0, Unit::Seconds, "0s"),
            (0.0125, Unit::Seconds, "12.5ms"),
            (0.000_035, Unit::Seconds, "35µs"),
            (470.23, Unit::PerSecond, "470.2/s"),
            (0.05, Unit::PerSecond, "0.05/s"),
            (512.0, Unit::Bytes, "512 B"),
            (1536.0, Unit::Bytes, "1.5 KiB"),
            (3_145_728.0, Unit::BytesPerSecond, "3 MiB/s"),
        ] {
            assert_eq!(written(value, unit), expected);
        }
    }

    #[test]
    fn a_number_other_than_zero_never_looks_like_zero() {
        assert_eq!(written(0.000_1, Unit::Count), "1.00e-4");
        assert_eq!(written(-0.000_1, Unit::PerSecond), "-1.00e-4/s");
    }

    #[test]
    fn spaced_values_have_thousands_separators() {
        for (value, unit, expected) in [
            (262_144.0, Unit::Count, "262,144"),
            (999.0, Unit::Count, "999"),
            (-1234.5, Unit::Count, "-1,234.5"),
            (18.0034, Unit::Seconds, "18.003 s"),
            (0.0009, Unit::Seconds, "900 µs"),
            (0.05, Unit::Seconds, "50 ms"),
            (0.0, Unit::Seconds, "0 s"),
            (1536.0, Unit::Bytes, "1.5 KiB"),
            (470.23, Unit::PerSecond, "470.2/s"),
            (4.75, Unit::PerSecond, "4.75/s"),
            (2_097_152.0, Unit::BytesPerSecond, "2 MiB/s"),
        ] {
            assert_eq!(spaced(value, unit), expected);
        }
        assert_eq!(grouped(-0.0001, 2), "0");
    }

    #[test]
    fn rounded_values_have_three_significant_digits() {
        for (value, unit, expected) in [
            (1800.0, Unit::Count, "1800"),
            (0.0, Unit::Count, "0"),
            (17.625, Unit::Count, "17.6"),
            (0.25, Unit::Count, "0.250"),
            (0.0014, Unit::Seconds, "1.40 ms"),
            (2e-5, Unit::Seconds, "20 µs"),
            (0.0, Unit::Seconds, "0 s"),
            (1.5, Unit::Seconds, "1.50 s"),
            (2048.0, Unit::Bytes, "2 KiB"),
            (1_572_864.0, Unit::BytesPerSecond, "1.50 MiB/s"),
        ] {
            assert_eq!(rounded(value, unit), expected);
        }
    }

    #[test]
    fn brief_times_have_two_significant_digits() {
        let shown = [0, 400, 9_000, 130_400, 1_234_567, 3_000_000_000]
            .map(|nanos| brief(Duration::from_nanos(nanos)));
        assert_eq!(shown, ["0 µs", "0 µs", "9 µs", "130 µs", "1.2 ms", "3.0 s"]);
    }
}

//! Reads quantities as people write them: `20/s`, `600/min`, `1.5s`, `1KiB`, `10Mbit/s`, `2%`.
//!
//! The limits of a scenario are in `scenario::bounds`.

use std::time::Duration;

use super::{ByteCount, Percent, Rate, Unit};

/// The dimension of a written unit, which also fixes the base of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// No unit: a count.
    Plain,
    /// `ns`, `us`, `ms`, `s`, `m` or `min`, `h`, `d`; base: seconds.
    Time,
    /// `B`, `kB`, `KiB`, ...; base: bytes.
    Bytes,
    /// `/s`, `/min`, `/h`; base: events per second.
    PerSecond,
    /// `MiB/s`, ...; base: bytes per second.
    BytesPerSecond,
    /// `Mbit/s`, ...; base: bits per second.
    BitsPerSecond,
    /// `%`; base: a fraction.
    Share,
}

impl Dimension {
    /// Returns a description that completes "expected a duration, found ...".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Plain => "a number without a unit",
            Self::Time => "a duration",
            Self::Bytes => "a number of bytes",
            Self::PerSecond => "a rate",
            Self::BytesPerSecond | Self::BitsPerSecond => "a bandwidth",
            Self::Share => "a percentage",
        }
    }
}

/// A number in the base of its dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// In the base of `dimension`.
    pub value: f64,
    /// The dimension of `value`.
    pub dimension: Dimension,
}

impl Quantity {
    /// Returns the value and unit that expectations calculate with; `None` for a percentage.
    pub fn in_unit(self) -> Option<(f64, Unit)> {
        Some(match self.dimension {
            Dimension::Plain => (self.value, Unit::Count),
            Dimension::Time => (self.value, Unit::Seconds),
            Dimension::Bytes => (self.value, Unit::Bytes),
            Dimension::PerSecond => (self.value, Unit::PerSecond),
            Dimension::BytesPerSecond => (self.value, Unit::BytesPerSecond),
            Dimension::BitsPerSecond => (self.value / 8.0, Unit::BytesPerSecond),
            Dimension::Share => return None,
        })
    }
}

/// The reason why a text is not the expected quantity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// The text does not start with a number.
    #[error("not a number")]
    NotANumber,
    /// The text after the number is not a unit.
    #[error("`{0}` is not a unit")]
    UnknownUnit(String),
    /// The number has no unit.
    #[error("the unit is missing")]
    NoUnit,
    /// The unit is of another dimension.
    #[error("this is {}", .0.describe())]
    WrongUnit(Dimension),
    /// The value is below zero.
    #[error("it is below zero")]
    Negative,
    /// The value is zero, but must be above it.
    #[error("it is zero")]
    Zero,
    /// The value exceeds a limit or the range of its type.
    #[error("it is too large")]
    TooLarge,
    /// The value is above zero, but below a limit.
    #[error("it is too small")]
    TooSmall,
}

/// Time units and their seconds; a minute is `m` or `min`.
const TIMES: [(&str, f64); 10] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("sec", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
];

/// Prefixes of bytes and bits, decimal (SI) and binary (IEC 80000-13).
const PREFIXES: [(&str, f64); 11] = [
    ("", 1.0),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("Ki", 1024.0),
    ("ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
];

fn prefix(text: &str) -> Option<f64> {
    let found = PREFIXES.iter().find(|(name, _)| *name == text)?;
    Some(found.1)
}

fn time(text: &str) -> Option<f64> {
    // Users type both U+03BC, the Greek letter, and U+00B5, the micro sign.
    let text = if text == "μs" { "µs" } else { text };
    let found = TIMES.iter().find(|(name, _)| *name == text)?;
    Some(found.1)
}

/// Returns the dimension and factor of a written unit.
fn unit(text: &str) -> Option<(Dimension, f64)> {
    if text.is_empty() {
        return Some((Dimension::Plain, 1.0));
    }
    if text == "%" {
        return Some((Dimension::Share, 0.01));
    }
    if let Some((what, per)) = text.split_once('/') {
        let seconds = time(per)?;
        return Some(match what.trim_end() {
            "" => (Dimension::PerSecond, 1.0 / seconds),
            bytes if bytes.ends_with('B') => (
                Dimension::BytesPerSecond,
                prefix(&bytes[..bytes.len() - 1])? / seconds,
            ),
            bits => (
                Dimension::BitsPerSecond,
                prefix(bits.strip_suffix("bit")?)? / seconds,
            ),
        });
    }
    if let Some(factor) = time(text) {
        return Some((Dimension::Time, factor));
    }
    // These forms are those of tc(8).
    if let Some(bits) = text.strip_suffix("bit").or(text.strip_suffix("bps")) {
        return Some((Dimension::BitsPerSecond, prefix(bits)?));
    }
    Some((Dimension::Bytes, prefix(text.strip_suffix('B')?)?))
}

/// Returns the length of the number that a text starts with: digits with `_` between
/// them, decimals, an exponent.
pub(super) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        from + bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'_')
            .count()
    };
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    if !digit_at(end) {
        return 0;
    }
    end = digits(end);
    if bytes.get(end) == Some(&b'.') && digit_at(end + 1) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digit_at(end + 1 + sign) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

fn split(text: &str) -> Result<(Quantity, &str), UnitError> {
    let end = number_length(text);
    let value: f64 = text[..end]
        .replace('_', "")
        .parse()
        .map_err(|_| UnitError::NotANumber)?;
    let rest = text[end..].trim_start();
    // A unit ends where the next number of `1m30s` begins.
    let next = rest
        .find(|letter: char| letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let written = rest[..next].trim_end();
    let (dimension, factor) =
        unit(written).ok_or_else(|| UnitError::UnknownUnit(written.to_owned()))?;
    let value = value * factor;
    if !value.is_finite() {
        return Err(UnitError::TooLarge);
    }
    Ok((Quantity { value, dimension }, &rest[next..]))
}

/// Returns the length in bytes of the number and unit that a text starts with: 4 for `50/s + 3`, 6 for
/// `9.500s..10s`, and 0 if the text does not start with a number.
pub fn quantity_length(text: &str) -> usize {
    let letters = |from: usize| {
        from + text[from..]
            .find(|letter: char| !(letter.is_alphabetic() || letter == '%'))
            .unwrap_or(text.len() - from)
    };
    let mut end = 0;
    loop {
        let number = number_length(&text[end..]);
        // Only the first part has a sign.
        if number == 0
            || end > 0 && !text[end..].starts_with(|letter: char| letter.is_ascii_digit())
        {
            return end;
        }
        let unit_end = letters(end + number);
        if unit_end == end + number && end > 0 {
            return end;
        }
        end = unit_end;
        if let Some(per) = text[end..].strip_prefix('/') {
            let per_end = letters(end + 1);
            let goes_on = text[per_end..].starts_with(|letter: char| {
                letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '(')
            }) && !text[per_end..].starts_with("..");
            if !goes_on && time(&per[..per_end - end - 1]).is_some() {
                return per_end;
            }
            return end;
        }
    }
}

/// Reads a number with any unit, or with none. Durations may have several parts: `1m30s`.
///
/// # Errors
/// Returns an error if the text is not a number, or its unit does not exist.
pub fn parse_quantity(text: &str) -> Result<Quantity, UnitError> {
    let text = text.trim();
    let (mut total, mut rest) = split(text)?;
    while !rest.is_empty() {
        let (part, after) = split(rest)?;
        if total.dimension != Dimension::Time || part.dimension != Dimension::Time {
            return Err(UnitError::NotANumber);
        }
        total.value += part.value;
        rest = after;
    }
    Ok(total)
}

/// Reads a quantity of the given dimension that is not below zero.
fn expect(text: &str, dimension: Dimension) -> Result<f64, UnitError> {
    let quantity = parse_quantity(text)?;
    if quantity.value < 0.0 {
        return Err(UnitError::Negative);
    }
    if quantity.dimension == dimension {
        return Ok(quantity.value);
    }
    Err(match quantity.dimension {
        Dimension::Plain => UnitError::NoUnit,
        other => UnitError::WrongUnit(other),
    })
}

/// Reads a duration: `50ms`, `1.5s`, `1m30s`; `0` needs no unit. Exact to the nanosecond up to about 100 days.
///
/// # Errors
/// Returns an error if the text is not a duration, or the duration is too long.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let nanos = (expect(text, Dimension::Time)? * 1e9).round();
    // 2^63 is exact as f64.
    if nanos >= 9_223_372_036_854_775_808.0 {
        return Err(UnitError::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and 2^63"
    )]
    Ok(Duration::from_nanos(nanos as u64))
}

/// Reads a rate of events: `20/s`, `600/min`, `0.5/s`.
///
/// # Errors
/// Returns an error if the text is not a rate, or the rate is zero.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    Rate::per_second(expect(text, Dimension::PerSecond)?).ok_or(UnitError::Zero)
}

/// Reads a bandwidth into bits per second: `10Mbit/s`, `1MiB/s`.
///
/// # Errors
/// Returns an error if the text is not a bandwidth, or the bandwidth is zero.
pub fn parse_bandwidth(text: &str) -> Result<Rate, UnitError> {
    let bits = match expect(text, Dimension::BitsPerSecond) {
        Err(UnitError::WrongUnit(Dimension::BytesPerSecond)) => {
            expect(text, Dimension::BytesPerSecond)? * 8.0
        }
        other => other?,
    };
    Rate::per_second(bits).ok_or(UnitError::Zero)
}

/// Reads a number of bytes: `1KiB`, `64kB`, `1000B`, `1000`.
///
/// # Errors
/// Returns an error if the text is not a number of bytes, or the number is too large.
pub fn parse_bytes(text: &str) -> Result<ByteCount, UnitError> {
    let bytes = match expect(text, Dimension::Bytes) {
        Err(UnitError::NoUnit) => expect(text, Dimension::Plain)?,
        other => other?,
    };
    // Above 2^53, f64 skips integers.
    if bytes > 9_007_199_254_740_992.0 {
        return Err(UnitError::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^53"
    )]
    Ok(ByteCount(bytes.round() as u64))
}

/// Reads a percentage: `2%`; `0` needs no unit.
///
/// # Errors
/// Returns an error if the text is not a percentage, or is above `100%`.
pub fn parse_percent(text: &str) -> Result<Percent, UnitError> {
    let fraction = match text.trim() {
        "0" => 0.0,
        text => expect(text, Dimension::Share)?,
    };
    Percent::from_fraction(fraction).ok_or(UnitError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_common_form() {
        for (text, nanos) in [
            ("1s", 1_000_000_000),
            ("50ms", 50_000_000),
            ("500us", 500_000),
            ("500µs", 500_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("0.1s", 100_000_000),
            ("0", 0),
            ("0s", 0),
            ("30d", 2_592_000_000_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn rates_are_per_second_in_any_written_unit() {
        for (text, rate) in [
            ("20/s", 20.0),
            ("600/min", 10.0),
            ("0.5/s", 0.5),
            ("36_000/h", 10.0),
        ] {
            let read = parse_rate(text).unwrap().as_per_second();
            assert!((read - rate).abs() < 1e-9, "{text}: {read}");
        }
    }

    #[test]
    fn a_quantity_ends_with_its_unit() {
        for (text, taken) in [
            ("50/s + 3", "50/s"),
            ("9.5s..10.5s", "9.5s"),
            ("1..5", "1"),
            ("1000 / 50/s", "1000"),
            ("1000/50/s", "1000"),
            ("10/m.established", "10"),
            ("1m30s within", "1m30s"),
            ("2% ", "2%"),
            ("10MiB/s)", "10MiB/s"),
            ("1/s..2/s", "1/s"),
            ("-5s", "-5s"),
            ("x", ""),
        ] {
            assert_eq!(&text[..quantity_length(text)], taken, "{text}");
        }
    }

    #[test]
    fn bytes_have_decimal_and_binary_prefixes() {
        for (text, bytes) in [
            ("1KiB", 1024),
            ("100MiB", 104_857_600),
            ("1000B", 1000),
            ("64kB", 64000),
            ("1024", 1024),
        ] {
            assert_eq!(parse_bytes(text), Ok(ByteCount(bytes)), "{text}");
        }
    }

    #[test]
    fn bandwidths_are_bits_per_second() {
        for (text, bits) in [
            ("10Mbit/s", 1e7),
            ("1Gbit/s", 1e9),
            ("1MB/s", 8e6),
            ("100kbit", 1e5),
        ] {
            let read = parse_bandwidth(text).unwrap().as_per_second();
            assert!((read - bits).abs() < 1e-6, "{text}: {read}");
        }
    }

    #[test]
    fn each_malformed_quantity_has_its_own_error() {
        assert_eq!(parse_duration("20"), Err(UnitError::NoUnit));
        assert_eq!(
            parse_duration("20/s"),
            Err(UnitError::WrongUnit(Dimension::PerSecond))
        );
        assert_eq!(parse_duration("-1s"), Err(UnitError::Negative));
        assert_eq!(parse_duration("soon"), Err(UnitError::NotANumber));
        assert_eq!(parse_duration("1e30h"), Err(UnitError::TooLarge));
        assert_eq!(
            parse_duration("1parsec"),
            Err(UnitError::UnknownUnit("parsec".to_owned()))
        );
        assert_eq!(parse_rate("0/s"), Err(UnitError::Zero));
        assert_eq!(parse_rate("20"), Err(UnitError::NoUnit));
        assert_eq!(parse_percent("101%"), Err(UnitError::TooLarge));
        assert_eq!(parse_percent("0.5"), Err(UnitError::NoUnit));
        assert_eq!(
            parse_bandwidth("20/s"),
            Err(UnitError::WrongUnit(Dimension::PerSecond))
        );
        assert_eq!(parse_bytes(""), Err(UnitError::NotANumber));
    }
}

//! Numbers as written: counts, and quantities with units.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{ScalarValue, Wrong, schema};
use crate::scenario::bounds::{MAX_DURATION, MIN_BANDWIDTH, MIN_RATE};
use crate::units::{self, ByteCount, Percent, Rate, UnitError};

/// Suggests a form of the quantity that can be read.
fn meant(text: &str, is_read: impl Fn(&str) -> bool) -> Option<String> {
    let forms = units::meant(text);
    let form = forms.iter().find(|form| is_read(form))?;
    Some(format!("write `{form}`"))
}

/// Suggests percentages for a number without a unit, which may have been a fraction.
fn percentage(text: &str) -> String {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(fraction) if fraction < 1.0 => {
            format!(
                "write `{}%` for that fraction, or `{text}%`",
                fraction * 100.0
            )
        }
        _ => format!("write `{text}%`"),
    }
}

/// Suggests the digits of a number with an exponent: `1e3`.
fn power_of_ten(text: &str) -> Option<String> {
    let (digits, power) = text.trim().split_once(['e', 'E'])?;
    let number: u64 = digits.parse().ok()?;
    let number = number.checked_mul(10_u64.checked_pow(power.parse().ok()?)?)?;
    Some(format!("write `{number}`"))
}

/// Suggests a key of its own for a deviation: `1ms ± 0.1ms`.
fn with_jitter(text: &str) -> Option<String> {
    let (delay, jitter) = text.split_once('±').or_else(|| text.split_once("+-"))?;
    let (delay, jitter) = (delay.trim(), jitter.trim());
    let is_duration = |text: &str| units::parse_duration(text).is_ok();
    (is_duration(delay) && is_duration(jitter))
        .then(|| format!("the deviation has a key of its own: `delay: {delay}, jitter: {jitter}`"))
}

/// A whole number, zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl ScalarValue for Count {
    const WHAT: &'static str = "a whole number";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let digits = text.replace('_', "");
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse() {
            Ok(count) if is_number => Ok(Self(count)),
            _ => Err(Wrong::new(
                match text.trim_start().strip_prefix('-') {
                    Some(_) => "it is below zero",
                    None if is_number => "it is too large",
                    None if power_of_ten(text).is_some() => "a count is written in digits",
                    None if units::parse_quantity(text).is_ok() => "it has no unit and no decimals",
                    None => "not a number",
                },
                power_of_ten(text)
                    .or_else(|| meant(text, |form| Self::parse(form).is_ok()))
                    .unwrap_or_else(|| "write it like `1000` or `1_000`".to_owned()),
            )),
        }
    }
}
schema!(Count, "Count", {
    "type": ["integer", "string"],
    "minimum": 0,
    "pattern": r"^(\$.+|[0-9_]+)$",
    "patternErrorMessage": "expected a whole number; write it like `1000` or `1_000`",
});

/// A quantity with a unit. `$what` describes it; `$with_unit` shows how to add a unit to a number `N`;
/// `$like` is an example;
/// `$types` and `$most` are the types of YAML that can be valid, and the largest number without a unit.
macro_rules! quantity {
    (
        $(#[$doc:meta])* $name:ident($inner:ty), $what:literal, $parse:expr,
        $with_unit:literal, $like:literal, $pattern:literal, $types:tt, $most:tt
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub(crate) struct $name(pub(crate) $inner);

        impl ScalarValue for $name {
            const WHAT: &'static str = $what;
            fn parse(text: &str) -> Result<Self, Wrong> {
                ($parse)(text).map(Self).map_err(|error: UnitError| {
                    let help = match error {
                        UnitError::NoUnit if $with_unit == "`N%`" => percentage(text),
                        UnitError::NoUnit => format!("write {}", $with_unit.replace('N', text.trim())),
                        _ => with_jitter(text)
                            .or_else(|| meant(text, |form| ($parse)(form).is_ok()))
                            .unwrap_or_else(|| concat!("write it like ", $like).to_owned()),
                    };
                    Wrong::new(error.to_string(), help)
                })
            }
        }
        schema!($name, stringify!($name), {
            "type": $types,
            "pattern": $pattern,
            "patternErrorMessage": concat!("expected ", $what, "; write it like ", $like),
            "if": { "type": "number", "exclusiveMinimum": $most },
            "then": { "const": 0, "errorMessage": concat!("expected ", $what, "; write it like ", $like) },
        });
    };
}
fn at_least(limit: f64, parsed: Result<Rate, UnitError>) -> Result<Rate, UnitError> {
    match parsed {
        Ok(rate) if rate.as_per_second() < limit => Err(UnitError::TooSmall),
        other => other,
    }
}
quantity!(
    /// A duration: `500us`, `50ms`, `1.5s`, `2m`, `1h`, `1m30s`. At most 30 days.
    Timespan(Duration), "a duration",
    |text| match units::parse_duration(text) {
        Ok(duration) if duration > MAX_DURATION => Err(UnitError::TooLarge),
        other => other,
    },
    "`Ns` for seconds, `Nms` for milliseconds", "`1s`, `50ms` or `2m`, up to `30d`",
    r"^(\$.+|0|([0-9][0-9._]*(ns|us|µs|ms|s|sec|m|min|h|d) ?)+)$", ["string", "integer"], 0
);
quantity!(
    /// Events per second: `20/s`, `600/min`, `0.5/s`. Above zero.
    EventRate(Rate), "a rate",
    |text| at_least(MIN_RATE, units::parse_rate(text)),
    "`N/s`", "`20/s` or `600/min`, above zero",
    r"^(\$.+|[0-9][0-9._]*/(s|sec|m|min|h|ms))$", "string", 0
);
quantity!(
    /// A bandwidth: `10Mbit/s`, `1MiB/s`.
    Bandwidth(Rate), "a bandwidth",
    |text| at_least(MIN_BANDWIDTH, units::parse_bandwidth(text)),
    "`NMbit/s`, or `Nbit/s` for bits", "`10Mbit/s`, above zero",
    r"^(\$.+|[0-9][0-9._]*([kKMGT]|[kKMGT]i)?(bit|bit/s|bps|B/s))$", "string", 0
);
quantity!(
    /// A number of bytes: `1KiB`, `64kB`, `1000B`, `1000`.
    Bytes(ByteCount), "a number of bytes", units::parse_bytes,
    "`NB`", "`1KiB`, `64kB` or `1000B`",
    r"^(\$.+|[0-9][0-9._]*([kKMGT]|[kKMGT]i)?B?)$", ["string", "integer"], 9_007_199_254_740_992_u64
);
quantity!(
    /// A fraction of a whole: `2%`, `0.5%`.
    Share(Percent), "a percentage", units::parse_percent,
    "`N%`", "`2%`, up to `100%`",
    r"^(\$.+|0|[0-9][0-9._]*%)$", ["string", "integer"], 0
);

//! Units of numbers, and the way in which they are written and read (`20/s`, `1KiB`, `1.5s`, `2%`).

mod meant;
pub(crate) mod show;
mod written;

pub(crate) use meant::meant;
pub use written::{
    Dimension, Quantity, UnitError, parse_bandwidth, parse_bytes, parse_duration, parse_percent,
    parse_quantity, parse_rate, quantity_length,
};

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Converts a duration to whole nanoseconds; one that is too long for the type (584 years) becomes its maximum.
pub(crate) fn as_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Converts a duration to whole nanoseconds as a series holds them; see [`as_nanos`].
pub(crate) fn as_nanos_i64(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The unit of a metric, of a side of an expectation, and of the axis of a chart.
///
/// Values are held in the unit that the variant names, with one exception: in a record, which holds whole numbers,
/// times are nanoseconds. [`Unit::from_record`] converts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// A plain number: connections, packets, sockets, an exit code.
    Count,
    /// In a record: nanoseconds.
    Seconds,
    /// Octets, never bits.
    Bytes,
    /// Events per second; the unit of a `rate(...)`, never of a recorded series.
    PerSecond,
    /// Octets per second, never bits.
    BytesPerSecond,
    /// Lines of text: only `~` and `!~` apply.
    Text,
    /// The state of a TCP socket, by the kernel's number; only `==` and `!=` apply.
    TcpState,
}

impl Unit {
    /// Converts a value of a record to the unit itself: nanoseconds to seconds, everything else as it is.
    pub fn from_record(self, value: f64) -> f64 {
        match self {
            // A division and not a product: it gives the double nearest to the decimal number, as reading `10.3s` does.
            Self::Seconds => value / 1e9,
            Self::Count
            | Self::Bytes
            | Self::PerSecond
            | Self::BytesPerSecond
            | Self::Text
            | Self::TcpState => value,
        }
    }

    /// Writes a value of a record in the notation of scenario files.
    pub(crate) fn written(self, value: i64) -> String {
        show::written(self.from_record(value as f64), self)
    }
}

/// Events per second, or bits per second for the bandwidth of a link. Finite and above zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(f64);

impl Rate {
    /// Makes a rate from events per second; returns `None` unless the value is finite and above zero.
    pub fn per_second(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then_some(Self(value))
    }

    /// Returns events per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }

    /// Returns the rate halfway between two rates.
    pub fn midpoint(self, other: Self) -> Self {
        Self(f64::midpoint(self.0, other.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A fraction of a whole, written `2%` and held as a number between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(f64);

impl Percent {
    /// Makes a percentage from a fraction; returns `None` outside 0 to 1.
    pub fn from_fraction(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// Returns the fraction, between 0 and 1.
    pub fn as_fraction(self) -> f64 {
        self.0
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

/// Durations in JSON: `"1.5s"`, exact to the nanosecond.
pub mod duration {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer, de::Error};

    /// Writes seconds, with as many decimals as needed.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_seconds(*value))
    }

    /// Reads the output of [`serialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_seconds(&text)
            .ok_or_else(|| D::Error::custom(format!("not a duration: {text:?}")))
    }
}

/// Like [`duration`], for optional values.
pub mod optional_duration {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer, de::Error};

    /// Writes seconds, or null.
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(&super::format_seconds(*value)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the output of [`serialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| {
                super::parse_seconds(&text)
                    .ok_or_else(|| D::Error::custom(format!("not a duration: {text:?}")))
            })
            .transpose()
    }
}

/// Formats a duration in seconds, exactly, with decimals only if needed: `1.5s`.
pub(crate) fn format_seconds(value: Duration) -> String {
    let (seconds, nanos) = (value.as_secs(), value.subsec_nanos());
    if nanos == 0 {
        format!("{seconds}s")
    } else {
        format!("{seconds}.{}s", format!("{nanos:09}").trim_end_matches('0'))
    }
}

/// Reads the output of [`format_seconds`].
fn parse_seconds(text: &str) -> Option<Duration> {
    let digits = text.strip_suffix('s')?;
    let (seconds, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    if decimals.len() > 9 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

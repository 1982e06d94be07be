//! What an expression counts, and what comes of multiplying and dividing.

use super::syntax::{Expr, Kind};
use crate::units::{Dimension, Unit};

/// What an expression counts, as powers of the base units: a rate of bytes is bytes^1 seconds^-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    bytes: i32,
    seconds: i32,
}

impl Units {
    pub(super) fn of(unit: Unit) -> Self {
        let (bytes, seconds) = match unit {
            Unit::Count | Unit::Text => (0, 0),
            Unit::Seconds => (0, 1),
            Unit::Bytes => (1, 0),
            Unit::PerSecond => (0, -1),
            Unit::BytesPerSecond => (1, -1),
        };
        Self { bytes, seconds }
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            seconds: self.seconds + other.seconds,
        }
    }

    pub(super) fn per(self, other: Self) -> Self {
        Self {
            bytes: self.bytes - other.bytes,
            seconds: self.seconds - other.seconds,
        }
    }

    pub(super) fn describe(self) -> String {
        match (self.bytes, self.seconds) {
            (0, 0) => "a count".to_owned(),
            (0, 1) => "a time".to_owned(),
            (1, 0) => "a number of bytes".to_owned(),
            (0, -1) => "a rate".to_owned(),
            (1, -1) => "bytes a second".to_owned(),
            (bytes, seconds) => format!("bytes^{bytes} seconds^{seconds}"),
        }
    }

    /// Where a number only lacks its unit.
    pub(super) fn missing_unit(self, written: &Expr) -> Option<String> {
        let Kind::Number(Ok(quantity)) = &written.value else {
            return None;
        };
        let unit = match (self.bytes, self.seconds) {
            (0, 1) => "s",
            (1, 0) => "B",
            (0, -1) => "/s",
            (1, -1) => "B/s",
            _ => return None,
        };
        (quantity.dimension == Dimension::Plain)
            .then(|| format!("write `{}{unit}`", quantity.value))
    }
}

//! The units of expressions, and of their products and quotients.

use super::syntax::{Expr, ExprKind};
use crate::units::{Dimension, Unit};

/// The unit of an expression as powers of the base units: a rate of bytes is bytes^1 seconds^-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    bytes: i32,
    seconds: i32,
    /// A TCP state, which is not a quantity.
    is_state: bool,
}

impl Units {
    pub(super) fn of(unit: Unit) -> Self {
        let (bytes, seconds) = match unit {
            Unit::Count | Unit::Text | Unit::TcpState => (0, 0),
            Unit::Seconds => (0, 1),
            Unit::Bytes => (1, 0),
            Unit::PerSecond => (0, -1),
            Unit::BytesPerSecond => (1, -1),
        };
        Self {
            bytes,
            seconds,
            is_state: unit == Unit::TcpState,
        }
    }

    pub(super) fn is_state(self) -> bool {
        self.is_state
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            seconds: self.seconds + other.seconds,
            is_state: false,
        }
    }

    pub(super) fn per(self, other: Self) -> Self {
        Self {
            bytes: self.bytes - other.bytes,
            seconds: self.seconds - other.seconds,
            is_state: false,
        }
    }

    /// Returns the unit of a result; `None` if none of ours has these powers.
    pub(super) fn unit(self) -> Option<Unit> {
        let all = [
            Unit::Count,
            Unit::TcpState,
            Unit::Seconds,
            Unit::Bytes,
            Unit::PerSecond,
            Unit::BytesPerSecond,
        ];
        all.into_iter().find(|unit| Self::of(*unit) == self)
    }

    pub(super) fn describe(self) -> String {
        match (self.bytes, self.seconds) {
            (0, 0) if self.is_state => "a TCP state".to_owned(),
            (0, 0) => "a count".to_owned(),
            (0, 1) => "a time".to_owned(),
            (1, 0) => "a number of bytes".to_owned(),
            (0, -1) => "a rate".to_owned(),
            (1, -1) => "bytes per second".to_owned(),
            (bytes, seconds) => powers([("bytes", bytes), ("seconds", seconds)]),
        }
    }

    /// Explains a count that is compared with something that has a unit: `load.established == 20/s`, `== 40s`.
    pub(super) fn surplus(one: (Self, &Expr), other: (Self, &Expr)) -> Option<String> {
        let count = Self::of(Unit::Count);
        let (counted, (units, written)) = match (one.0 == count, other.0 == count) {
            (true, false) => (one.1, other),
            (false, true) => (other.1, one),
            _ => return None,
        };
        let ExprKind::Path(path) = &counted.value else {
            return None;
        };
        if units == Self::of(Unit::PerSecond) {
            Some(format!(
                "the rate is `rate({path})`; a rate times a time is a count, as in `20/s * 10s`"
            ))
        } else if matches!(written.value, ExprKind::Number(_)) {
            Some("a count has no unit".to_owned())
        } else {
            None
        }
    }

    /// Suggests a unit if a number lacks nothing else.
    /// A latency or an RTT is rather a number of milliseconds.
    pub(super) fn missing_unit(self, written: &Expr, other: &Expr) -> Option<String> {
        let ExprKind::Number(Ok(quantity)) = &written.value else {
            return None;
        };
        let unit = match (self.bytes, self.seconds) {
            (0, 1) => "s",
            (1, 0) => "B",
            (0, -1) => "/s",
            (1, -1) => "B/s",
            _ => return None,
        };
        let value = quantity.value;
        let short = |path: &str| path.contains("latency") || path.contains("tcp_info");
        let is_short = value >= 1.0
            && match &other.value {
                ExprKind::Path(path) => short(path),
                ExprKind::Call { of, .. } => {
                    matches!(&of.value, ExprKind::Path(path) if short(path))
                }
                ExprKind::Number(_) | ExprKind::Binary { .. } | ExprKind::Negate(_) => false,
            };
        (quantity.dimension == Dimension::Plain).then(|| {
            if unit == "s" && is_short {
                format!("write `{value}ms`, or `{value}s` for seconds")
            } else {
                format!("write `{value}{unit}`")
            }
        })
    }
}

/// Describes powers: `bytes squared`, `bytes times seconds`, `1 divided by seconds squared`.
fn powers(units: [(&str, i32); 2]) -> String {
    let power = |(name, power): (&str, i32)| match power {
        1 => name.to_owned(),
        2 => format!("{name} squared"),
        3 => format!("{name} cubed"),
        more => format!("{name} to the power of {more}"),
    };
    let above: Vec<String> = units
        .into_iter()
        .filter(|(_, of)| *of > 0)
        .map(power)
        .collect();
    let below = units.into_iter().filter(|(_, of)| *of < 0);
    let below: Vec<String> = below.map(|(name, of)| power((name, -of))).collect();
    let above = if above.is_empty() {
        "a count".to_owned()
    } else {
        above.join(" times ")
    };
    if below.is_empty() {
        above
    } else {
        format!("{above} divided by {}", below.join(" times "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_described_in_words() {
        let (byte, second) = (Units::of(Unit::Bytes), Units::of(Unit::Seconds));
        let count = Units::of(Unit::Count);
        for (units, text) in [
            (byte.times(byte), "bytes squared"),
            (byte.times(second), "bytes times seconds"),
            (
                count.per(second).per(second),
                "a count divided by seconds squared",
            ),
            (
                byte.per(second).per(second),
                "bytes divided by seconds squared",
            ),
            (second.times(second).times(second), "seconds cubed"),
        ] {
            assert_eq!(units.describe(), text);
        }
    }
}

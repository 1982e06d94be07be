//! Separates real differences from noise: the distance that two values of the same measure may have by chance.
//!
//! Below its floor no difference matters, whatever the share:
//!
//! | measure | floor |
//! |---|---|
//! | a time | 1 ms |
//! | bytes | 64 KiB |
//! | everything else | 0 |
//!
//! [`margin`] serves comparisons with several runs per side, whose statistics account for chance; there the user
//! chooses the share. [`moved`] serves two single recordings, where chance has to be estimated:
//!
//! | measure | has moved if the difference is greater than |
//! |---|---|
//! | what a client, server or command counted, and exit codes | 2 % of the greater value |
//! | any other count, and every gauge | 3 √(a + b), and 5 % of the greater value |
//! | bytes | the floor, and 5 % of the greater value |
//! | bytes per second | 10 % of the greater value |
//! | a time | the floor, and 10 % of the greater value |

use crate::record::{Measure, SeriesKind};
use crate::units::Unit;

/// Scheduling on a busy machine was seen to delay a wake-up by milliseconds: nanoseconds.
const TIME_FLOOR: f64 = 1e6;
/// The size of a socket buffer: one packet more or less is noise.
const BYTES_FLOOR: f64 = 65_536.0;
/// Clients follow a schedule, and the outcome of each attempt is counted, so there is no chance in these counts.
/// Scenarios use the same share for rates and counts.
const ACCOUNTED_SHARE: f64 = 0.02;
/// Standard deviations within which two counts of the same rate lie. Independent events are Poisson distributed: the
/// variance of their difference is the sum of both counts. A difference exceeds 3 of them once in 370 comparisons.
const DEVIATIONS: f64 = 3.0;
/// Counts of a busy kernel agree within this share.
const COUNT_SHARE: f64 = 0.05;
/// Latencies and throughputs on the same kernel agree within this share.
const SPEED_SHARE: f64 = 0.1;

/// Returns the difference below which a measure never matters, in the unit of the record.
fn floor(name: &str, unit: Unit) -> f64 {
    match unit {
        Unit::Bytes => BYTES_FLOOR,
        // The kernel counts bytes too, and calls them octets (RFC 4293).
        Unit::Count if name.ends_with("Octets") => BYTES_FLOOR,
        Unit::Seconds => TIME_FLOOR,
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState | Unit::BytesPerSecond => 0.0,
    }
}

/// Returns the least difference that matters between two sides of several runs: the share `threshold` of the value
/// itself, or of counts, a share of what was attempted if that is more, so that 3 failures in 1,000 attempts are not
/// infinitely many more than none. Any difference between exit codes matters.
pub(super) fn margin(
    (name, unit): (&str, Unit),
    before: f64,
    attempts: f64,
    threshold: f64,
) -> f64 {
    let share = match unit {
        Unit::Count if name.ends_with(".exit") => return 0.0,
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState => {
            threshold * before.abs().max(attempts)
        }
        Unit::Bytes | Unit::BytesPerSecond | Unit::Seconds => threshold * before.abs(),
    };
    share.max(floor(name, unit))
}

/// Returns how many times its noise a measure moved between two single runs; `None` if it stayed within.
/// `is_accounted` says that a client, server or command counted it, not a node's kernel.
pub(super) fn moved(a: i64, b: i64, measure: &Measure, is_accounted: bool) -> Option<f64> {
    let floor = floor(&measure.name, measure.unit);
    let (least, share) = match measure.unit {
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState if floor == 0.0 => {
            let is_counted = measure.kind == SeriesKind::Counter || measure.name.ends_with(".exit");
            if is_accounted && is_counted {
                (0.0, ACCOUNTED_SHARE)
            } else {
                let events = a.unsigned_abs() as f64 + b.unsigned_abs() as f64;
                (DEVIATIONS * events.sqrt(), COUNT_SHARE)
            }
        }
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState | Unit::Bytes => {
            (floor, COUNT_SHARE)
        }
        Unit::BytesPerSecond | Unit::Seconds => (floor, SPEED_SHARE),
    };
    let difference = a.abs_diff(b) as f64;
    if difference == 0.0 {
        return None;
    }
    let greater = a.unsigned_abs().max(b.unsigned_abs()) as f64;
    let times = difference / least.max(share * greater);
    (times > 1.0).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Unit;
    use Unit::{Bytes, Count, Seconds};

    fn moves(name: &str, unit: Unit, is_accounted: bool) -> impl Fn(i64, i64) -> bool {
        let measure = Measure {
            name: name.to_owned(),
            value: 0,
            unit,
            kind: SeriesKind::Counter,
        };
        move |a, b| moved(a, b, &measure, is_accounted).is_some()
    }

    #[test]
    fn kernel_counts_move_beyond_chance_and_beyond_a_share() {
        let moves = moves("client.TcpOutSegs", Count, false);
        assert!(!moves(0, 9) && moves(0, 10));
        assert!(!moves(100, 142) && moves(100, 148));
        assert!(!moves(1_000_000, 1_040_000) && moves(1_000_000, 1_060_000));
        assert!(!moves(5, 5) && !moves(0, 0));
        assert!(moves(i64::MIN, i64::MAX) && moves(10, 0));
    }

    #[test]
    fn counts_of_a_client_are_exact() {
        let moves = moves("load.established", Count, true);
        assert!(moves(9, 5) && moves(0, 1) && !moves(0, 0));
        assert!(!moves(1000, 981) && moves(1000, 979));
    }

    #[test]
    fn times_and_bytes_have_a_floor() {
        let time = moves("p50(load.latency)", Seconds, true);
        assert!(!time(60_000, 900_000) && time(60_000, 1_100_000));
        assert!(!time(100_000_000, 109_000_000) && time(100_000_000, 112_000_000));
        for bytes in [
            moves("load.bytes", Bytes, true),
            moves("client.IpExtInOctets", Count, false),
        ] {
            assert!(!bytes(0, 60_000) && bytes(0, 70_000));
            assert!(!bytes(10_000_000, 10_400_000));
        }
        let margin = |unit, before| margin(("load.bytes", unit), before, 0.0, 0.1);
        assert_eq!([margin(Bytes, 1000.0), margin(Bytes, 1e6)], [65_536.0, 1e5]);
        assert_eq!(margin(Seconds, 1000.0), 1e6);
    }
}

//! What is noise between two runs of the same thing, and what is not.
//!
//! | what | has moved where the difference is greater than |
//! |---|---|
//! | a count | 3 √(a + b), and 5 % of the greater |
//! | errors of a client | as a count, or where one side has none |
//! | bytes | 64 KiB, and 5 % of the greater |
//! | a time | 1 ms, and 10 % of the greater |

use crate::record::SeriesUnit;

/// Standard deviations within which two counts of the same rate lie. Independent events are Poisson: the variance of
/// their difference is the sum of both. 3 of them are left by chance once in 370 comparisons.
const DEVIATIONS: f64 = 3.0;
/// Counts of busy kernels follow each other no closer.
const COUNT_SHARE: f64 = 0.05;
/// A socket buffer's worth: one packet more or less is noise.
const BYTES: f64 = 65_536.0;
/// Scheduling on a busy machine was seen to move a wake-up by milliseconds.
const NANOSECONDS: f64 = 1e6;
/// Latencies of the same kernel follow each other no closer.
const TIME_SHARE: f64 = 0.1;

/// By how many times its noise a measure has moved; `None` where it has not.
pub(super) fn moved(a: i64, b: i64, unit: SeriesUnit, name: &str) -> Option<f64> {
    let (least, share) = match unit {
        SeriesUnit::Count | SeriesUnit::Text => {
            let events = a.unsigned_abs() as f64 + b.unsigned_abs() as f64;
            (DEVIATIONS * events.sqrt(), COUNT_SHARE)
        }
        SeriesUnit::Bytes => (BYTES, COUNT_SHARE),
        SeriesUnit::Nanoseconds => (NANOSECONDS, TIME_SHARE),
    };
    let difference = a.abs_diff(b) as f64;
    let greater = a.unsigned_abs().max(b.unsigned_abs()) as f64;
    let times = difference / least.max(share * greater).max(f64::MIN_POSITIVE);
    let appeared = name.contains(".errors.") && (a == 0) != (b == 0);
    if times > 1.0 {
        Some(times)
    } else {
        appeared.then_some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeriesUnit::{Bytes, Count, Nanoseconds};

    #[test]
    fn a_count_moves_beyond_chance_and_beyond_a_share() {
        let moves = |a, b| moved(a, b, Count, "client.TcpOutSegs").is_some();
        assert!(!moves(0, 9) && moves(0, 10));
        assert!(!moves(100, 142) && moves(100, 147));
        assert!(!moves(1_000_000, 1_040_000) && moves(1_000_000, 1_060_000));
        assert!(!moves(5, 5) && !moves(0, 0));
        assert_eq!(moves(10, 0), moves(0, 10));
    }

    #[test]
    fn an_error_that_appears_has_moved() {
        assert!(moved(0, 1, Count, "load.errors.ETIMEDOUT").is_some());
        assert!(moved(1, 2, Count, "load.errors.ETIMEDOUT").is_none());
        assert!(moved(0, 1, Count, "load.failed").is_none());
    }

    #[test]
    fn times_and_bytes_have_a_floor() {
        let time = |a, b| moved(a, b, Nanoseconds, "p50(load.latency)").is_some();
        assert!(!time(60_000, 900_000) && time(60_000, 1_100_000));
        assert!(!time(100_000_000, 109_000_000) && time(100_000_000, 112_000_000));
        let bytes = |a, b| moved(a, b, Bytes, "load.bytes").is_some();
        assert!(!bytes(0, 60_000) && bytes(0, 70_000) && !bytes(10_000_000, 10_400_000));
    }

    #[test]
    fn the_ends_of_the_range_are_no_trouble() {
        assert!(moved(i64::MIN, i64::MAX, Count, "x").is_some());
    }
}

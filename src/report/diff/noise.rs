//! What is noise between two runs of the same thing, and what is not.
//!
//! | what | has moved where the difference is greater than |
//! |---|---|
//! | what a client, server or command counted | 2 % of the greater |
//! | any other count, and every state | 3 √(a + b), and 5 % of the greater |
//! | bytes | 64 KiB, and 5 % of the greater |
//! | bytes a second | 64 KiB/s, and 10 % of the greater |
//! | a time | 1 ms, and 10 % of the greater |

use super::metrics::Measure;
use crate::record::{SeriesKind, SeriesUnit};

/// Clients follow a schedule, and what becomes of their attempts is counted one by one: there is no chance in it. It is
/// the share to which scenarios judge rates and counts.
const ACCOUNTED_SHARE: f64 = 0.02;
/// Standard deviations within which two counts of the same rate lie. Independent events are Poisson: the variance of
/// their difference is the sum of both. 3 of them are left by chance once in 370 comparisons.
const DEVIATIONS: f64 = 3.0;
/// Counts of busy kernels follow each other no closer.
const COUNT_SHARE: f64 = 0.05;
/// A socket buffer's worth: one packet more or less is noise.
const BYTES: f64 = 65_536.0;
/// Scheduling on a busy machine was seen to move a wake-up by milliseconds.
const NANOSECONDS: f64 = 1e6;
/// Latencies and throughputs of the same kernel follow each other no closer.
const SPEED_SHARE: f64 = 0.1;

/// By how many times its noise a measure has moved between two values; `None` where it has not.
pub(super) fn moved(a: i64, b: i64, measure: &Measure) -> Option<f64> {
    let (least, share) = match measure.unit {
        // The kernel counts bytes too, and calls them octets (RFC 4293).
        _ if measure.name.ends_with("Octets") => (BYTES, COUNT_SHARE),
        SeriesUnit::Count | SeriesUnit::Text => {
            if measure.is_actors && measure.kind == SeriesKind::Counter {
                (0.0, ACCOUNTED_SHARE)
            } else {
                let events = a.unsigned_abs() as f64 + b.unsigned_abs() as f64;
                (DEVIATIONS * events.sqrt(), COUNT_SHARE)
            }
        }
        SeriesUnit::Bytes => (BYTES, COUNT_SHARE),
        SeriesUnit::BytesPerSecond => (BYTES, SPEED_SHARE),
        SeriesUnit::Nanoseconds => (NANOSECONDS, SPEED_SHARE),
    };
    let difference = a.abs_diff(b) as f64;
    let greater = a.unsigned_abs().max(b.unsigned_abs()) as f64;
    let times = difference / least.max(share * greater);
    (times > 1.0).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeriesUnit::{Bytes, Count, Nanoseconds};

    fn moves(name: &str, unit: SeriesUnit, is_actors: bool) -> impl Fn(i64, i64) -> bool {
        let measure = Measure {
            name: name.to_owned(),
            value: 0,
            unit,
            kind: SeriesKind::Counter,
            is_actors,
        };
        move |a, b| moved(a, b, &measure).is_some()
    }

    #[test]
    fn what_the_kernel_counts_moves_beyond_chance_and_beyond_a_share() {
        let moves = moves("client.TcpOutSegs", Count, false);
        assert!(!moves(0, 9) && moves(0, 10));
        assert!(!moves(100, 142) && moves(100, 148));
        assert!(!moves(1_000_000, 1_040_000) && moves(1_000_000, 1_060_000));
        assert!(!moves(5, 5) && !moves(0, 0));
        assert!(moves(i64::MIN, i64::MAX) && moves(10, 0));
    }

    #[test]
    fn what_a_client_counts_is_exact() {
        let moves = moves("load.established", Count, true);
        assert!(moves(9, 5) && moves(0, 1) && !moves(0, 0));
        assert!(!moves(1000, 981) && moves(1000, 979));
    }

    #[test]
    fn times_and_bytes_have_a_floor() {
        let time = moves("p50(load.latency)", Nanoseconds, true);
        assert!(!time(60_000, 900_000) && time(60_000, 1_100_000));
        assert!(!time(100_000_000, 109_000_000) && time(100_000_000, 112_000_000));
        for bytes in [
            moves("load.bytes", Bytes, true),
            moves("client.IpExtInOctets", Count, false),
        ] {
            assert!(!bytes(0, 60_000) && bytes(0, 70_000));
            assert!(!bytes(10_000_000, 10_400_000));
        }
    }
}

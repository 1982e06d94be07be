//! The retransmission timeout of a connection, computed from round trips measured on the wire.

use std::time::Duration;

/// `TCP_RTO_MIN`, Linux 4.9 `include/net/tcp.h`.
const RTO_MIN: Duration = Duration::from_millis(200);
/// `TCP_RTO_MAX`, Linux 4.9 `include/net/tcp.h`.
const RTO_MAX: Duration = Duration::from_secs(120);
/// `TCP_TIMEOUT_FALLBACK`, Linux 4.9 `include/net/tcp.h`: the timeout before any round trip has been measured.
const RTO_UNMEASURED: Duration = Duration::from_secs(3);

/// The estimator of RFC 6298 as implemented in Linux 4.9 (`tcp_rtt_estimator`, `tcp_set_rto`,
/// `net/ipv4/tcp_input.c`). The lower bound applies to the variance, so the timeout stays 200 ms above the
/// round trip. Linux lets the variance decay once per round trip, and this code once per measurement, of
/// which there is at most one per round trip.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rtt(Option<Smoothed>);

#[derive(Debug, Clone, Copy)]
struct Smoothed {
    mean: Duration,
    deviation: Duration,
}

impl Rtt {
    /// Adds the measurement of one round trip.
    pub(super) fn measured(&mut self, round_trip: Duration) {
        self.0 = Some(match self.0 {
            None => Smoothed {
                mean: round_trip,
                deviation: round_trip / 2,
            },
            Some(last) => Smoothed {
                mean: (last.mean * 7 + round_trip) / 8,
                deviation: (last.deviation * 3 + last.mean.abs_diff(round_trip)) / 4,
            },
        });
    }

    /// Returns the retransmission timeout (`icsk_rto`).
    pub(super) fn timeout(&self) -> Duration {
        self.0.map_or(RTO_UNMEASURED, |smoothed| {
            (smoothed.mean + (smoothed.deviation * 4).max(RTO_MIN)).min(RTO_MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn the_timeout_of_a_short_round_trip_is_200_ms_longer() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), Duration::from_secs(3));
        rtt.measured(ms(10));
        assert_eq!(rtt.timeout(), ms(210));
    }

    #[test]
    fn a_long_first_round_trip_triples_the_timeout_and_steady_ones_approach_the_bound() {
        let mut rtt = Rtt::default();
        rtt.measured(ms(300));
        assert_eq!(rtt.timeout(), ms(900));
        for _ in 0..30 {
            rtt.measured(ms(300));
        }
        assert_eq!(rtt.timeout(), ms(500));
    }
}

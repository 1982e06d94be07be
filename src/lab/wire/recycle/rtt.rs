//! The retransmission timeout of a connection, from round trips measured on the wire.

use std::time::Duration;

/// `TCP_RTO_MIN`, Linux 4.9 `include/net/tcp.h`.
const RTO_MIN: Duration = Duration::from_millis(200);
/// `TCP_RTO_MAX`, Linux 4.9 `include/net/tcp.h`.
const RTO_MAX: Duration = Duration::from_secs(120);
/// `TCP_TIMEOUT_FALLBACK`, Linux 4.9 `include/net/tcp.h`: while no round trip could be measured.
const RTO_UNMEASURED: Duration = Duration::from_secs(3);

/// RFC 6298 as Linux 4.9 does it (`tcp_rtt_estimator`, `tcp_set_rto`, `net/ipv4/tcp_input.c`): the lower bound applies
/// to the variance, so that the timeout stays 200 ms above the round trip. Linux decays the variance once a round trip,
/// here it is once a measurement: there is at most one a round trip.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rtt(Option<Smoothed>);

#[derive(Debug, Clone, Copy)]
struct Smoothed {
    mean: Duration,
    deviation: Duration,
}

impl Rtt {
    /// Adds a measurement.
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

    /// The retransmission timeout (`icsk_rto`).
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
    fn a_short_round_trip_gives_200_ms_more_than_itself() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), Duration::from_secs(3));
        rtt.measured(ms(10));
        assert_eq!(rtt.timeout(), ms(210));
    }

    #[test]
    fn a_long_first_round_trip_gives_three_times_itself_and_steady_ones_approach_the_bound() {
        let mut rtt = Rtt::default();
        rtt.measured(ms(300));
        assert_eq!(rtt.timeout(), ms(900));
        for _ in 0..30 {
            rtt.measured(ms(300));
        }
        assert_eq!(rtt.timeout(), ms(500));
    }
}

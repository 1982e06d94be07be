//! Converts a link's impairment to the parameters of the kernel's netem.

use crate::scenario::topology::Impairment;
use crate::sys::qdisc::Netem;
use crate::units::Percent;

/// Bytes of a full Ethernet frame: netem limits packets, scenarios limit bytes.
const FRAME: f64 = 1_514.0;
/// Packets that may wait if the scenario does not set a limit: `DEFAULT_TX_QUEUE_LEN`, Linux
/// `include/net/pkt_sched.h`.
const QUEUE: f64 = 1_000.0;
/// The limit of links without a bandwidth, on which nothing queues: all packets in flight must fit.
const UNBOUNDED: u32 = 1_000_000;

/// Returns the netem parameters of an impairment. The limit covers packets that are delayed as well as queued
/// ones: the queue, plus what arrives at the given bandwidth within one delay.
pub(super) fn netem(impairment: &Impairment) -> Netem {
    let Impairment {
        delay,
        jitter,
        loss,
        rate,
        queue,
        reorder,
        duplicate,
    } = impairment;
    let (delay, jitter) = (delay.unwrap_or_default(), jitter.unwrap_or_default());
    let share = |share: &Option<Percent>| share.map_or(0.0, |share| share.as_fraction());
    let rate = rate.map(|rate| rate.as_per_second() / 8.0);
    let limit = rate.map(|rate| {
        let on_its_way = rate * (delay + jitter).as_secs_f64() / FRAME;
        let waiting = queue.map_or(QUEUE, |queue| queue.0 as f64 / FRAME);
        (on_its_way + waiting).ceil().max(1.0) as u32
    });
    Netem {
        delay,
        jitter,
        loss: share(loss),
        duplicate: share(duplicate),
        reorder: share(reorder),
        rate: rate.map(|rate| rate as u64),
        limit: limit.unwrap_or(UNBOUNDED),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::{ByteCount, Rate};

    #[test]
    fn the_limit_covers_queued_and_delayed_packets() {
        let impairment = Impairment {
            delay: Some(Duration::from_millis(50)),
            rate: Rate::per_second(20e6),
            queue: Some(ByteCount(15_140)),
            ..Impairment::default()
        };
        let netem = netem(&impairment);
        // 125,000 bytes are 82.6 frames.
        assert_eq!((netem.rate, netem.limit), (Some(2_500_000), 93));
    }
}

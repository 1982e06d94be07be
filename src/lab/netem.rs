//! A link's impairment in the terms of the kernel's netem.

use crate::scenario::topology::Impairment;
use crate::sys::qdisc::Netem;
use crate::units::Percent;

/// A full frame of Ethernet: netem bounds packets where a scenario bounds bytes.
const FRAME: f64 = 1_514.0;
/// Packets that may wait where a scenario does not say: `DEFAULT_TX_QUEUE_LEN`, Linux `include/net/pkt_sched.h`.
const QUEUE: f64 = 1_000.0;
/// Where there is no bandwidth, nothing waits for it: all that is on its way is held.
const UNBOUNDED: u32 = 1_000_000;

/// What netem is to do. It bounds what it holds, on its way or waiting: the queue, and what the bandwidth brings in one delay.
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
    fn a_queue_holds_what_waits_beside_what_is_on_its_way() {
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

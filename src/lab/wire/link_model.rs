//! The arithmetic of one direction of a link: whether and when a packet leaves. No packets and no clock are involved.

use std::time::Duration;

use crate::random::SplitMix64;
use crate::scenario::topology::Impairment;
use crate::units::ByteCount;

/// Bytes that may wait for the transmitter if the scenario sets no limit: 1,000 frames
/// (`DEFAULT_TX_QUEUE_LEN`, Linux `include/net/pkt_sched.h`) of 1,514 bytes.
const DEFAULT_QUEUE: ByteCount = ByteCount(1_000 * 1_514);

/// The result of passing a packet to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketOutcome {
    /// It leaves at this time, never before one that arrived earlier.
    Leaves(Duration),
    /// It skips the delay and leaves before some packets that arrived earlier.
    Overtakes(Duration),
    /// It was dropped at random.
    Lost,
    /// The queue of the rate limit was full.
    Overrun,
}

/// A model of one direction of a link.
///
/// A packet is first subject to random loss, except for upkeep packets: their number depends on the machine,
/// so if they used up random numbers, losses would not be repeatable. It then queues for the transmitter,
/// which sends one packet at a time at the link's rate. Finally it travels for the delay, plus or minus the
/// jitter. Jitter never reorders: a packet leaves no earlier than the one before it. Only packets that
/// randomly skip the delay overtake others. All times are of one clock, no matter which.
#[derive(Debug)]
pub(super) struct LinkModel {
    impairment: Impairment,
    loss: SplitMix64,
    jitter: SplitMix64,
    reorder: SplitMix64,
    duplicate: SplitMix64,
    /// The time at which the transmitter will have sent everything it has accepted.
    sent_by: Duration,
    /// The time at which the last packet leaves.
    last_leaves: Duration,
}

impl LinkModel {
    /// Creates a model whose random numbers depend on the seed and the direction.
    pub(super) fn new(impairment: Impairment, seed: u64, direction: u64) -> Self {
        Self {
            impairment,
            loss: SplitMix64::for_use(seed, 2 * direction),
            jitter: SplitMix64::for_use(seed, 2 * direction + 1),
            reorder: SplitMix64::for_use(seed, 4 + 2 * direction),
            duplicate: SplitMix64::for_use(seed, 5 + 2 * direction),
            sent_by: Duration::ZERO,
            last_leaves: Duration::ZERO,
        }
    }

    /// Returns whether new packets pass unchanged, once the earlier ones have left.
    pub(super) fn is_clear(&self) -> bool {
        self.impairment == Impairment::default()
    }

    /// Changes the impairment of packets that arrive from now on. Those in flight keep their times.
    pub(super) fn set_impairment(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    /// Passes a packet to the model; `bytes` includes its Ethernet header. `is_upkeep` is called only if it matters.
    pub(super) fn take(
        &mut self,
        bytes: usize,
        is_upkeep: impl Fn() -> bool,
        now: Duration,
    ) -> PacketOutcome {
        if let Some(loss) = self.impairment.loss
            && !is_upkeep()
            && self.loss.fraction() < loss.as_fraction()
        {
            return PacketOutcome::Lost;
        }
        let Some(sent) = self.transmit(bytes, now) else {
            return PacketOutcome::Overrun;
        };
        if let Some(reorder) = self.impairment.reorder
            && !is_upkeep()
            && self.reorder.fraction() < reorder.as_fraction()
        {
            return PacketOutcome::Overtakes(sent);
        }
        self.last_leaves = self.last_leaves.max(sent.saturating_add(self.travel()));
        PacketOutcome::Leaves(self.last_leaves)
    }

    /// Returns whether a packet that was not lost arrives twice.
    pub(super) fn repeats(&mut self, is_upkeep: impl Fn() -> bool) -> bool {
        self.impairment.duplicate.is_some_and(|duplicate| {
            !is_upkeep() && self.duplicate.fraction() < duplicate.as_fraction()
        })
    }

    /// Returns the time at which the packet's last bit is sent; `None` if the queue has no room for the packet.
    fn transmit(&mut self, bytes: usize, now: Duration) -> Option<Duration> {
        let Some(rate) = self.impairment.rate else {
            return Some(now);
        };
        let bytes_per_second = rate.as_per_second() / 8.0;
        let waiting = self.sent_by.saturating_sub(now).as_secs_f64() * bytes_per_second;
        let queue = self.impairment.queue.unwrap_or(DEFAULT_QUEUE).0 as f64;
        // An idle transmitter accepts a packet of any length, since it does not have to wait.
        if waiting > 0.0 && waiting + bytes as f64 > queue {
            return None;
        }
        let takes = Duration::try_from_secs_f64(bytes as f64 / bytes_per_second);
        self.sent_by = self
            .sent_by
            .max(now)
            .saturating_add(takes.unwrap_or(Duration::MAX));
        Some(self.sent_by)
    }

    fn travel(&mut self) -> Duration {
        let delay = self.impairment.delay.unwrap_or_default();
        let Some(jitter) = self.impairment.jitter else {
            return delay;
        };
        (delay + jitter.mul_f64(2.0 * self.jitter.fraction())).saturating_sub(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Percent, Rate};
    use proptest::prelude::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    fn carried() -> bool {
        false
    }

    #[test]
    fn a_delay_shifts_packets_and_does_nothing_else() {
        let impairment = Impairment {
            delay: Some(ms(20)),
            ..Impairment::default()
        };
        let mut model = LinkModel::new(impairment, 1, 0);
        assert_eq!(
            model.take(1_500, carried, ms(5)),
            PacketOutcome::Leaves(ms(25))
        );
        assert_eq!(
            model.take(60, carried, ms(6)),
            PacketOutcome::Leaves(ms(26))
        );
    }

    #[test]
    fn a_rate_spaces_packets_and_a_full_queue_drops_the_newest() {
        let impairment = Impairment {
            rate: Rate::per_second(8_000_000.0),
            queue: Some(ByteCount(3_000)),
            ..Impairment::default()
        };
        let mut model = LinkModel::new(impairment, 1, 0);
        // 1,000 bytes take 1 ms.
        let fates: Vec<PacketOutcome> = (0..5).map(|_| model.take(1_000, carried, ms(0))).collect();
        assert_eq!(
            fates,
            [
                PacketOutcome::Leaves(ms(1)),
                PacketOutcome::Leaves(ms(2)),
                PacketOutcome::Leaves(ms(3)),
                PacketOutcome::Overrun,
                PacketOutcome::Overrun
            ]
        );
        assert_eq!(
            model.take(1_000, carried, ms(1)),
            PacketOutcome::Leaves(ms(4)),
            "one was sent: there is room"
        );
        assert_eq!(
            model.take(9_000, carried, ms(50)),
            PacketOutcome::Leaves(ms(59)),
            "at rest it takes more than its queue holds"
        );
    }

    #[test]
    fn the_requested_share_is_lost_and_the_same_packets_for_the_same_seed() {
        let run = |seed, direction| {
            let impairment = Impairment {
                loss: Percent::from_fraction(0.02),
                ..Impairment::default()
            };
            let mut model = LinkModel::new(impairment, seed, direction);
            (0..50_000)
                .map(|_| model.take(100, carried, ms(0)) == PacketOutcome::Lost)
                .collect::<Vec<bool>>()
        };
        let first = run(1, 0);
        let lost = first.iter().filter(|lost| **lost).count();
        assert!((880..1_120).contains(&lost), "{lost} of 50,000");
        assert_eq!(first, run(1, 0));
        assert_ne!(first, run(2, 0));
        assert_ne!(first, run(1, 1), "each direction has its own chance");
    }

    #[test]
    fn upkeep_is_never_lost_and_does_not_affect_other_packets() {
        let impairment = Impairment {
            loss: Percent::from_fraction(0.5),
            ..Impairment::default()
        };
        let mut model = LinkModel::new(impairment.clone(), 1, 0);
        let alone: Vec<PacketOutcome> = (0..50).map(|_| model.take(100, carried, ms(0))).collect();
        let mut model = LinkModel::new(impairment, 1, 0);
        let beside_upkeep: Vec<PacketOutcome> = (0..50)
            .map(|_| {
                assert_eq!(model.take(42, || true, ms(0)), PacketOutcome::Leaves(ms(0)));
                model.take(100, carried, ms(0))
            })
            .collect();
        assert_eq!(alone, beside_upkeep);
    }

    #[test]
    fn the_requested_share_skips_the_delay_or_comes_twice_and_the_same_for_the_same_seed() {
        let run = |seed, reorder: f64, duplicate: f64| {
            let impairment = Impairment {
                delay: Some(ms(20)),
                reorder: Percent::from_fraction(reorder),
                duplicate: Percent::from_fraction(duplicate),
                ..Impairment::default()
            };
            let mut model = LinkModel::new(impairment, seed, 0);
            (0..50_000)
                .map(|_| {
                    let fate = model.take(100, carried, ms(5));
                    assert!(
                        matches!(fate, PacketOutcome::Leaves(at) if at == ms(25))
                            || fate == PacketOutcome::Overtakes(ms(5))
                    );
                    (
                        matches!(fate, PacketOutcome::Overtakes(_)),
                        model.repeats(carried),
                    )
                })
                .collect::<Vec<(bool, bool)>>()
        };
        let first = run(1, 0.02, 0.01);
        let overtook = first.iter().filter(|(overtook, _)| *overtook).count();
        let twice = first.iter().filter(|(_, twice)| *twice).count();
        assert!((880..1_120).contains(&overtook), "{overtook} of 50,000");
        assert!((420..580).contains(&twice), "{twice} of 50,000");
        assert_eq!(first, run(1, 0.02, 0.01));
        assert_ne!(first, run(2, 0.02, 0.01));
        let without = run(1, 0.0, 0.01);
        let repeats =
            |run: &[(bool, bool)]| run.iter().map(|(_, twice)| *twice).collect::<Vec<_>>();
        assert_eq!(
            repeats(&first),
            repeats(&without),
            "each has its own chance"
        );
    }

    proptest! {
        #[test]
        fn packets_are_never_reordered_nor_early(
            steps in prop::collection::vec((0_u64..3_000, 40_usize..65_000), 1..200),
            delay in 0_u64..50, jitter in 0_u64..50, seed: u64,
        ) {
            let impairment = Impairment {
                delay: Some(ms(delay)),
                jitter: Some(ms(jitter)),
                rate: Rate::per_second(1e9),
                ..Impairment::default()
            };
            let mut model = LinkModel::new(impairment, seed, 0);
            let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
            for (wait, bytes) in steps {
                now += Duration::from_micros(wait);
                if let PacketOutcome::Leaves(at) = model.take(bytes, carried, now) {
                    prop_assert!(at >= last);
                    prop_assert!(at + ms(jitter) >= now + ms(delay));
                    last = at;
                }
            }
        }
    }
}

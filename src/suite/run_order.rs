//! The order in which runs start. Results are always reported in the order of the files.

use std::collections::VecDeque;

use super::job::Job;
use crate::random::SplitMix64;

/// The order in which runs start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunOrder {
    /// The longest run first, so that no long run starts last.
    #[default]
    LongestFirst,
    /// The order of the files.
    File,
    /// A random order, determined by this seed.
    Random(u64),
}

impl RunOrder {
    pub(super) fn arrange(self, mut jobs: Vec<Job>) -> VecDeque<Job> {
        match self {
            Self::LongestFirst => jobs.sort_by_key(|job| std::cmp::Reverse(job.priority())),
            Self::File => {}
            Self::Random(seed) => shuffle(&mut jobs, seed),
        }
        jobs.into()
    }
}

/// Shuffles so that every order is equally likely (Fisher and Yates).
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut random = SplitMix64::new(seed);
    for last in (1..items.len()).rev() {
        let drawn = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
        items.swap(last, usize::try_from(drawn).unwrap_or(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_order_and_keeps_every_item() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
    }
}

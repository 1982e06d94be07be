//! A small, seeded source of random numbers that is the same on every machine and in every version.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): a counter whose steps
/// are scrambled. Every seed gives a full period of 2^64 values.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the generator for one of several uses of a seed. Uses with different numbers have unrelated sequences: a
    /// packet's loss does not depend on how often jitter was drawn before.
    pub(crate) fn for_use(seed: u64, number: u64) -> Self {
        let mut seeds = Self(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(seeds.next_u64())
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        // The increment and the scrambling constants are those of the paper's reference code.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Draws from a uniform distribution over [0, 1), with the 53 bits that an `f64` holds.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_code() {
        let mut random = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn fractions_are_uniform_and_repeatable_and_differ_by_use() {
        let draw = |number| {
            let mut random = SplitMix64::for_use(7, number);
            (0..10_000).map(|_| random.fraction()).collect::<Vec<f64>>()
        };
        let first = draw(0);
        assert_eq!(first, draw(0));
        assert_ne!(first, draw(1));
        let mean = first.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!(first.iter().all(|value| (0.0..1.0).contains(value)));
    }
}

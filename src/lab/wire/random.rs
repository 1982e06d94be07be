//! The wire's source of chance: small, seeded, the same on every machine and in every version.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): a counter whose steps are
/// scrambled. Every seed gives a full period of 2^64 values.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator for one use of a seed. Uses with different numbers have unrelated sequences, so that whether a
    /// packet is lost does not depend on whether jitter was drawn before.
    pub(super) fn new(seed: u64, used_for: u64) -> Self {
        let mut seeds = Self(seed ^ used_for.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(seeds.draw())
    }

    /// The next 64 bits.
    fn draw(&mut self) -> u64 {
        // The increment and the scrambling constants are those of the paper's reference code.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Uniform in 0 (included) to 1 (excluded), with the 53 bits that an `f64` holds.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_draws_what_the_reference_code_draws() {
        let mut random = SplitMix64(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.draw()).collect();
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
        let draw = |used_for| {
            let mut random = SplitMix64::new(7, used_for);
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

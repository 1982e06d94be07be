//! A hash of names that is the same in every version of this program and on every machine. It
//! does not resist attackers.

/// FNV-1a with 64 bits (draft-eastlake-fnv): its offset basis and its prime.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A hash of several texts in sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(BASIS)
    }
}

impl Fnv {
    /// Adds a text and a terminator, so that `a`, `bc` differs from `ab`, `c`.
    pub(super) fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    /// Returns the hash with its bits mixed, so that each depends on everything added
    /// (the finalizer of `MurmurHash3`).
    pub(super) fn mixed(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

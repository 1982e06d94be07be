//! The clock in the state that QEMU saves of a machine.
//!
//! When a machine stops, QEMU's main thread may or may not advance its clock to the next timer, as it does for an
//! idle guest; that depends on the host's scheduler (QEMU 7.2 `softmmu/icount.c`, `icount_start_warp_timer`).
//! Everything else in the saved state depends on the guest alone.

/// The header of the clock's section, with the version of its layout: `vmstate_icount_timers` (QEMU
/// `softmmu/cpu-timers.c`). Two 64-bit numbers follow: how far the clock is ahead of the count of
/// instructions, and that count.
const SECTION: &[u8] = b"\x0ctimer/icount\0\0\0\x01";

/// Sets the clock to a moment, in nanoseconds since the machine started. Returns `None` if there is no such clock.
pub(crate) fn put(devices: &mut [u8], moment: u64) -> Option<()> {
    let section = devices
        .windows(SECTION.len())
        .position(|bytes| bytes == SECTION)?;
    let (ahead, rest) = devices[section + SECTION.len()..].split_first_chunk_mut()?;
    let instructions = u64::from_be_bytes(*rest.first_chunk()?);
    *ahead = moment.checked_sub(instructions)?.to_be_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(ahead: u64, instructions: u64) -> Vec<u8> {
        let numbers = [ahead.to_be_bytes(), instructions.to_be_bytes()].concat();
        [b"before".as_slice(), SECTION, &numbers, b"after"].concat()
    }

    #[test]
    fn the_clock_is_set_to_the_moment_whatever_it_was() {
        for ahead in [0, 129_798, 5_000_000_000] {
            let mut devices = saved(ahead, 1_000);
            put(&mut devices, 250_000).unwrap();
            assert_eq!(devices, saved(249_000, 1_000));
        }
    }

    #[test]
    fn data_without_a_clock_are_left_unchanged() {
        let mut cut = saved(1, 2);
        cut.truncate(cut.len() - 10);
        for devices in [Vec::new(), b"something else".to_vec(), cut] {
            let mut put_to = devices.clone();
            assert_eq!(put(&mut put_to, 250_000), None);
            assert_eq!(put_to, devices);
        }
    }
}

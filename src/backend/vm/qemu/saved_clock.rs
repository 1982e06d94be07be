//! The clock in what QEMU saves of a machine.
//!
//! When a machine stops, QEMU's main thread moves its clock on to the next timer, as it does for an idle guest, or does not, as the
//! host's scheduler has it (QEMU 7.2 `softmmu/icount.c`, `icount_start_warp_timer`). All else that is saved depends on the guest alone.

/// The section that has it, and the layout's version: `vmstate_icount_timers` (QEMU `softmmu/cpu-timers.c`). Then come, as 64 bits
/// each, what the clock is ahead of the count of instructions, and that count.
const SECTION: &[u8] = b"\x0ctimer/icount\0\0\0\x01";

/// Puts it to a moment, in nanoseconds since the machine began. None where there is no such clock.
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
    fn the_clock_is_the_moment_wherever_it_was() {
        for ahead in [0, 129_798, 5_000_000_000] {
            let mut devices = saved(ahead, 1_000);
            put(&mut devices, 250_000).unwrap();
            assert_eq!(devices, saved(249_000, 1_000));
        }
    }

    #[test]
    fn what_has_no_clock_is_left_as_it_is() {
        let mut cut = saved(1, 2);
        cut.truncate(cut.len() - 10);
        for devices in [Vec::new(), b"something else".to_vec(), cut] {
            let mut put_to = devices.clone();
            assert_eq!(put(&mut put_to, 250_000), None);
            assert_eq!(put_to, devices);
        }
    }
}

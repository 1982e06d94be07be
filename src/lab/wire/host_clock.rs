//! A TCP timestamp clock for each host: the wire shifts the timestamps of what a node sends.
//!
//! `tcp_tw_recycle` compares timestamps across a host's connections, which had a meaning while all of them came from one
//! clock. Since 4.10 Linux adds a random offset for each pair of addresses, and since 7.0 (and stable kernels of 2026,
//! 6.12 and 6.18 among them) for each connection (`secure_tcp_ts_off`, `net/core/secure_seq.c`): there a single host
//! already looks like many. `net.ipv4.tcp_timestamps` 2 takes the offset away but leaves every namespace of a machine with
//! the same clock. So the wire sets the clocks of hosts apart: it adds a host's shift to each TSval that the host
//! sends, and takes it off each TSecr on its way back.

use super::rewrite::replace;
use super::segment::Segment;
use crate::names::NodeName;
use crate::random::SplitMix64;
use crate::scenario::topology::NodeSpec;

/// Ticks of the timestamp clock a second (`TCP_TS_HZ`, Linux 4.13 and later, `include/net/tcp.h`).
const TICKS_A_SECOND: i64 = 1_000;

/// The timestamp clock of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostClock {
    /// Ticks ahead of the machine's clock, modulo 2^32.
    shift: u32,
}

impl HostClock {
    /// A node's clock: shifted as its scenario says, else by a time that follows from the seed and its name.
    pub fn of(name: &NodeName, spec: &NodeSpec, seed: u64) -> Self {
        if spec.clock_shift != 0 {
            let ticks = spec.clock_shift.wrapping_mul(TICKS_A_SECOND);
            return Self {
                shift: ticks as u32,
            };
        }
        // FNV-1a, 64 bits (draft-eastlake-fnv): a number for a name, the same everywhere.
        let number = name
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let fraction = SplitMix64::for_use(seed, number).fraction();
        Self {
            shift: (fraction * f64::from(u32::MAX)) as u32,
        }
    }

    /// Changes a frame that the node has sent.
    pub(super) fn sent(&self, frame: &mut [u8]) {
        if let Some((segment, places)) = Segment::located(frame)
            && let (Some(timestamps), Some(place)) = (segment.timestamps, places.timestamps)
        {
            let value = timestamps.value.wrapping_add(self.shift);
            replace(frame, places.tcp, place, value);
        }
    }

    /// Changes a frame that is about to reach the node. A TSecr counts only where ACK is set (RFC 7323, section 3.2).
    pub(super) fn received(&self, frame: &mut [u8]) {
        if let Some((segment, places)) = Segment::located(frame)
            && let (Some(timestamps), Some(place)) = (segment.timestamps, places.timestamps)
            && segment.acknowledges.is_some()
        {
            let echo = timestamps.echo.wrapping_sub(self.shift);
            replace(frame, places.tcp, place + 4, echo);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::wire::segment::Timestamps;
    use crate::sys::packet::OFFLOAD_HEADER;
    use etherparse::{LaxSlicedPacket, PacketBuilder, TcpOptionElement, TransportSlice};
    use proptest::prelude::*;

    const FROM: [u8; 4] = [10, 0, 0, 1];
    const TO: [u8; 4] = [10, 0, 0, 2];

    /// A segment whose timestamps start at an odd or even place.
    fn frame(timestamps: Timestamps, odd: bool, ack: bool) -> Vec<u8> {
        let timestamps = TcpOptionElement::Timestamp(timestamps.value, timestamps.echo);
        let noop = TcpOptionElement::Noop;
        let options = if odd {
            vec![noop, timestamps]
        } else {
            vec![noop.clone(), noop, timestamps]
        };
        let mut builder = PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4(FROM, TO, 64)
            .tcp(40_000, 80, 1, 1_000);
        builder = if ack { builder.ack(5) } else { builder.syn() };
        let mut frame = vec![0; OFFLOAD_HEADER];
        builder
            .options(&options)
            .unwrap()
            .write(&mut frame, b"abcde")
            .unwrap();
        frame
    }

    fn checksum_is_right(frame: &[u8]) -> bool {
        let packet = LaxSlicedPacket::from_ethernet(&frame[OFFLOAD_HEADER..]).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return false;
        };
        tcp.calc_checksum_ipv4(FROM, TO).unwrap() == tcp.checksum()
    }

    proptest! {
        #[test]
        fn the_shift_shows_outside_and_not_inside_and_checksums_stay_right(
            value: u32, echo: u32, shift: u32, odd: bool,
        ) {
            let clock = HostClock { shift };
            let mut frame = frame(Timestamps { value, echo }, odd, true);
            clock.sent(&mut frame);
            let shifted = Timestamps { value: value.wrapping_add(shift), echo };
            prop_assert_eq!(Segment::of_frame(&frame).unwrap().timestamps, Some(shifted));
            prop_assert!(checksum_is_right(&frame));
            clock.received(&mut frame);
            let back = Timestamps { echo: echo.wrapping_sub(shift), ..shifted };
            prop_assert_eq!(Segment::of_frame(&frame).unwrap().timestamps, Some(back));
            prop_assert!(checksum_is_right(&frame));
        }
    }

    #[test]
    fn a_checksum_that_the_kernel_will_fill_in_is_left_alone() {
        let mut frame = frame(Timestamps { value: 1, echo: 2 }, false, true);
        frame[0] = 1;
        let before = frame.clone();
        HostClock { shift: 3 }.sent(&mut frame);
        let changed: Vec<usize> = (0..frame.len())
            .filter(|at| frame[*at] != before[*at])
            .collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
    }

    #[test]
    fn the_echo_of_a_syn_stays_zero() {
        let mut syn = frame(Timestamps { value: 1, echo: 0 }, false, false);
        let before = syn.clone();
        HostClock { shift: 3 }.received(&mut syn);
        assert_eq!(syn, before);
    }

    #[test]
    fn frames_without_timestamps_are_left_alone() {
        for mut frame in [Vec::new(), vec![0; 60]] {
            let before = frame.clone();
            HostClock { shift: 3 }.sent(&mut frame);
            assert_eq!(frame, before);
        }
    }
}

//! TCP timestamp clocks of hosts: the wire shifts the timestamps of a node's segments.
//!
//! `tcp_tw_recycle` compares the timestamps of all of a host's connections. This made sense while all of them
//! came from one clock. Linux 4.10 added a random offset for each pair of addresses, and 7.0 (as well as
//! stable kernels of 2026, 6.12 and 6.18 among them) one for each connection (`secure_tcp_ts_off`,
//! `net/core/secure_seq.c`), so that a single host already looks like many. Setting `net.ipv4.tcp_timestamps`
//! to 2 removes the offset, but then all namespaces of a machine have the same clock. The wire therefore
//! gives each host a clock of its own: it adds the host's shift to the TSval of each segment that the host
//! sends, and subtracts it from the TSecr of each segment that it receives.

use super::rewrite::replace;
use super::segment::Segment;
use crate::names::NodeName;
use crate::random::SplitMix64;
use crate::scenario::topology::NodeSpec;

/// Ticks per second of the timestamp clock (`TCP_TS_HZ`, Linux 4.13 and later, `include/net/tcp.h`).
const TICKS_PER_SECOND: i64 = 1_000;

/// The timestamp clock of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostClock {
    /// Ticks ahead of the machine's clock, modulo 2^32.
    shift: u32,
}

impl HostClock {
    /// Returns a node's clock. The shift is that of the scenario, or is derived from the seed and the node's name.
    pub fn of(name: &NodeName, spec: &NodeSpec, seed: u64) -> Self {
        if spec.clock_shift != 0 {
            let ticks = spec.clock_shift.wrapping_mul(TICKS_PER_SECOND);
            return Self {
                shift: ticks as u32,
            };
        }
        // FNV-1a, 64 bits (draft-eastlake-fnv): a hash that is the same everywhere.
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

    /// Shifts the timestamps of a frame that the node has sent.
    pub(super) fn sent(&self, frame: &mut [u8]) {
        if let Some((segment, places)) = Segment::located(frame)
            && let (Some(timestamps), Some(place)) = (segment.timestamps, places.timestamps)
        {
            let value = timestamps.value.wrapping_add(self.shift);
            replace(frame, places.tcp, place, value);
        }
    }

    /// Shifts back the echo in a frame that the node will receive. TSecr is valid only with ACK
    /// (RFC 7323, section 3.2).
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

    /// Builds a segment whose timestamps start at an odd or even offset.
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
    fn a_checksum_that_the_kernel_will_fill_in_is_unchanged() {
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
    fn frames_without_timestamps_are_unchanged() {
        for mut frame in [Vec::new(), vec![0; 60]] {
            let before = frame.clone();
            HostClock { shift: 3 }.sent(&mut frame);
            assert_eq!(frame, before);
        }
    }
}

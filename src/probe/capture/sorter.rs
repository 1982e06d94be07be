//! Sorts the packets of many link ends by time. Each is held until no older one can arrive.

use crate::record::{CapturedPacket, Direction};
use crate::sys::packet_ring::RingPacket;

/// Held packets, with their bytes side by side.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    packets: Vec<Held>,
    bytes: Vec<u8>,
    /// Empty buffers of the same kind. Packets that stay move there, and the two are exchanged.
    spare: (Vec<Held>, Vec<u8>),
}

#[derive(Debug, Clone, Copy)]
struct Held {
    time: u64,
    at: usize,
    interface: usize,
    kept: usize,
    length: u32,
    outgoing: bool,
}

impl Waiting {
    /// Adds a packet of a link end.
    pub(super) fn add(&mut self, interface: usize, packet: RingPacket<'_>) {
        self.packets.push(Held {
            time: packet.time,
            at: self.bytes.len(),
            interface,
            kept: packet.bytes.len(),
            length: packet.length,
            outgoing: packet.outgoing,
        });
        self.bytes.extend_from_slice(packet.bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Releases everything seen before a time, oldest first. If `release` fails, the rest is dropped.
    pub(super) fn release<E>(
        &mut self,
        before: u64,
        mut release: impl FnMut(CapturedPacket<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Packets of one link end come in order, so the sort finds runs.
        self.packets.sort_by_key(|packet| packet.time);
        let released = self.packets.partition_point(|packet| packet.time < before);
        let (go, stay) = self.packets.split_at(released);
        let (packets, bytes) = &mut self.spare;
        for packet in stay {
            let at = bytes.len();
            bytes.extend_from_slice(&self.bytes[packet.at..][..packet.kept]);
            packets.push(Held { at, ..*packet });
        }
        let mut each = go.iter().map(|packet| CapturedPacket {
            interface: packet.interface,
            time: packet.time,
            direction: Some(if packet.outgoing {
                Direction::Outbound
            } else {
                Direction::Inbound
            }),
            length: packet.length,
            bytes: &self.bytes[packet.at..][..packet.kept],
        });
        let result = each.try_for_each(&mut release);
        std::mem::swap(&mut self.packets, &mut self.spare.0);
        std::mem::swap(&mut self.bytes, &mut self.spare.1);
        self.spare.0.clear();
        self.spare.1.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn seen(time: u64, bytes: &[u8]) -> RingPacket<'_> {
        RingPacket {
            time,
            outgoing: time.is_multiple_of(2),
            length: 1000,
            bytes,
        }
    }

    fn released(waiting: &mut Waiting, before: u64) -> Vec<(usize, u64, Vec<u8>)> {
        let mut all = Vec::new();
        let kept = waiting.release(before, |packet| {
            all.push((packet.interface, packet.time, packet.bytes.to_vec()));
            Ok::<_, Infallible>(())
        });
        kept.unwrap();
        all
    }

    #[test]
    fn packets_of_several_link_ends_go_in_the_order_of_time_and_late_ones_wait() {
        let mut waiting = Waiting::default();
        for time in [1, 4, 9] {
            waiting.add(0, seen(time, &[0, 7]));
        }
        for time in [2, 3, 8] {
            waiting.add(1, seen(time, &[1]));
        }
        let first = released(&mut waiting, 8);
        let order: Vec<_> = first.iter().map(|(end, time, _)| (*end, *time)).collect();
        assert_eq!(order, [(0, 1), (1, 2), (1, 3), (0, 4)]);
        assert_eq!(first[3].2, [0, 7]);
        waiting.add(1, seen(10, &[5, 5, 5]));
        let rest = released(&mut waiting, u64::MAX);
        assert_eq!(
            rest,
            [(1, 8, vec![1]), (0, 9, vec![0, 7]), (1, 10, vec![5, 5, 5])]
        );
        assert!(waiting.is_empty());
    }

    #[test]
    fn packets_that_could_not_be_written_are_not_written_twice() {
        let mut waiting = Waiting::default();
        waiting.add(0, seen(1, &[1]));
        waiting.add(0, seen(2, &[2]));
        assert_eq!(waiting.release(u64::MAX, |_| Err("full")), Err("full"));
        assert!(waiting.is_empty());
    }
}

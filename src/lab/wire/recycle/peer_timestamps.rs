//! The timestamps that a node has stored of its peers, and the check of SYNs against them.
//!
//! Linux 4.9 keeps them in the TCP metrics, by pair of addresses. Ports do not matter, so all hosts behind
//! one translated address share an entry (`net/ipv4/tcp_metrics.c`, `__tcp_get_metrics_req`). Not emulated:
//! an entry is forgotten an hour after its last use, or when six others fall into its hash slot.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// `TCP_PAWS_MSL`, seconds: the lifetime of a stored timestamp. Linux 4.9 `include/net/tcp.h`.
pub const PAWS_MSL: u32 = 60;

/// `TCP_PAWS_WINDOW`, ticks of the peer's clock: how far a SYN may be behind. Linux 4.9 `include/net/tcp.h`.
pub const PAWS_WINDOW: i32 = 1;

/// The addresses of a node and of its peer.
pub(super) type Pair = (IpAddr, IpAddr);

/// A timestamp of a peer, with the second in which it arrived (`ts_recent` and `ts_recent_stamp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The TSval of the segment.
    pub(super) value: u32,
    /// Whole seconds of the clock of all times here.
    pub(super) second: u32,
}

/// The stored timestamps of one node's peers.
#[derive(Debug, Default)]
pub(super) struct PeerTimestamps(BTreeMap<Pair, Stamp>);

impl PeerTimestamps {
    /// Stores the last timestamp of a connection, unless a later one is stored that has not expired
    /// (`tcp_remember_stamp` and `tcp_tw_remember_stamp`, Linux 4.9 `net/ipv4/tcp_metrics.c`).
    pub(super) fn remember(&mut self, pair: Pair, stamp: Stamp, now: u32) {
        let remembered = self.0.entry(pair).or_insert(stamp);
        let not_behind = ahead(remembered.value, stamp.value) <= 0;
        let outlived =
            now.wrapping_sub(remembered.second) > PAWS_MSL && remembered.second <= stamp.second;
        if not_behind || outlived {
            *remembered = stamp;
        }
    }

    /// Returns whether a SYN with this timestamp may pass (`tcp_peer_is_proven` with `paws_check`, Linux 4.9
    /// `net/ipv4/tcp_metrics.c`). A SYN without a timestamp may not pass while one of its peer is stored.
    pub(super) fn admits(&self, pair: Pair, value: Option<u32>, now: u32) -> bool {
        let Some(remembered) = self.0.get(&pair) else {
            return true;
        };
        let counts = now.wrapping_sub(remembered.second) < PAWS_MSL;
        let behind = value.is_none_or(|value| ahead(remembered.value, value) > PAWS_WINDOW);
        !(counts && behind)
    }
}

/// Returns how far timestamp `a` is ahead of `b`; negative if it is behind. The clock wraps (RFC 7323, section 5.2).
pub(super) fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Pair = (
        IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)),
        IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
    );

    fn remembering(value: u32, second: u32) -> PeerTimestamps {
        let mut peer_timestamps = PeerTimestamps::default();
        peer_timestamps.remember(PAIR, Stamp { value, second }, second);
        peer_timestamps
    }

    #[test]
    fn a_syn_may_be_one_tick_behind_and_no_more() {
        let peer_timestamps = remembering(1_000, 5);
        assert!(peer_timestamps.admits(PAIR, Some(1_000), 5));
        assert!(peer_timestamps.admits(PAIR, Some(999), 5));
        assert!(!peer_timestamps.admits(PAIR, Some(998), 5));
    }

    #[test]
    fn a_stored_timestamp_counts_for_less_than_sixty_seconds() {
        let peer_timestamps = remembering(1_000, 5);
        assert!(!peer_timestamps.admits(PAIR, Some(1), 64));
        assert!(peer_timestamps.admits(PAIR, Some(1), 65));
    }

    #[test]
    fn the_comparison_wraps_with_the_clock() {
        let peer_timestamps = remembering(3, 5);
        assert!(!peer_timestamps.admits(PAIR, Some(u32::MAX), 5), "4 behind");
        let peer_timestamps = remembering(u32::MAX, 5);
        assert!(peer_timestamps.admits(PAIR, Some(3), 5), "4 ahead");
        assert!(
            !peer_timestamps.admits(PAIR, Some(u32::MAX - 0x7fff_ffff), 5),
            "as far behind as can be expressed"
        );
        assert!(
            peer_timestamps.admits(PAIR, Some(u32::MAX - 0x8000_0000), 5),
            "further behind is ahead"
        );
    }

    #[test]
    fn a_syn_without_a_timestamp_is_dropped_while_one_is_stored() {
        let peer_timestamps = remembering(1_000, 5);
        assert!(!peer_timestamps.admits(PAIR, None, 64));
        assert!(peer_timestamps.admits(PAIR, None, 65));
        assert!(PeerTimestamps::default().admits(PAIR, None, 5));
    }

    #[test]
    fn a_lower_timestamp_replaces_a_higher_one_only_after_more_than_sixty_seconds() {
        let mut peer_timestamps = remembering(1_000, 5);
        peer_timestamps.remember(
            PAIR,
            Stamp {
                value: 10,
                second: 64,
            },
            65,
        );
        assert_eq!(peer_timestamps.0[&PAIR].value, 1_000);
        peer_timestamps.remember(
            PAIR,
            Stamp {
                value: 10,
                second: 4,
            },
            66,
        );
        assert_eq!(
            peer_timestamps.0[&PAIR].value, 1_000,
            "it came before the remembered one"
        );
        peer_timestamps.remember(
            PAIR,
            Stamp {
                value: 10,
                second: 64,
            },
            66,
        );
        assert_eq!(peer_timestamps.0[&PAIR].value, 10);
    }

    #[test]
    fn other_addresses_do_not_matter() {
        let peer_timestamps = remembering(1_000, 5);
        assert!(peer_timestamps.admits((PAIR.1, PAIR.0), Some(1), 5));
    }
}

//! Queueing disciplines: netem, the kernel's own impairment of packets that leave an interface (tc-netem(8),
//! Linux 6.18 `include/uapi/linux/pkt_sched.h`, `net/sched/sch_netem.c`).

use std::time::Duration;

use super::netlink::{Batch, CREATE, EXCL, attribute, nested};

const RTM_NEWQDISC: u16 = 36;
/// `TCA_KIND`, `TCA_OPTIONS`.
const KIND: u16 = 1;
const OPTIONS: u16 = 2;
/// `TC_H_ROOT`: the root of the interface's queueing disciplines.
const ROOT: u32 = u32::MAX;
/// `1:`
const HANDLE: u32 = 1 << 16;
/// `TCA_NETEM_REORDER`, `_RATE`, `_RATE64`, `_LATENCY64`, `_JITTER64`.
const REORDER: u16 = 3;
const RATE: u16 = 6;
const RATE64: u16 = 8;
const LATENCY64: u16 = 10;
const JITTER64: u16 = 11;
/// A tick of the packet scheduler is 64 ns (`PSCHED_SHIFT`); times were expressed in ticks before 4.15.
const TICK_SHIFT: u32 = 6;

/// The parameters of netem for packets that leave an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Netem {
    /// Delay of each packet.
    pub delay: Duration,
    /// Greatest deviation from the delay in either direction, uniformly distributed.
    pub jitter: Duration,
    /// Share of packets that are lost, 0 to 1.
    pub loss: f64,
    /// Share of packets that are sent twice, 0 to 1.
    pub duplicate: f64,
    /// Share of packets that are not delayed, 0 to 1.
    pub reorder: f64,
    /// Bytes per second, if limited.
    pub rate: Option<u64>,
    /// Maximum number of packets in the queue, delayed ones included.
    pub limit: u32,
}

/// Attaches netem to an interface of the socket's namespace. The kernel refuses with ENOENT if it has no netem.
pub fn netem(batch: &mut Batch, index: u32, netem: &Netem) {
    batch.push(RTM_NEWQDISC, CREATE | EXCL, |body| {
        // struct tcmsg: family, index, handle, parent, info.
        body.extend_from_slice(&[0; 4]);
        for word in [index, HANDLE, ROOT, 0] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        attribute(body, KIND, b"netem\0");
        nested(body, OPTIONS, |body| options(body, netem));
    });
}

/// Appends a `struct tc_netem_qopt` and its attributes.
fn options(body: &mut Vec<u8>, netem: &Netem) {
    // The number of packets between two that may overtake; with 0 none does.
    let gap = u32::from(netem.reorder > 0.0);
    let words = [
        ticks(netem.delay),
        netem.limit,
        share(netem.loss),
        gap,
        share(netem.duplicate),
        ticks(netem.jitter),
    ];
    for word in words {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    if netem.reorder > 0.0 {
        // Probability and correlation.
        let [a, b] = [share(netem.reorder), 0].map(u32::to_ne_bytes);
        attribute(body, REORDER, &[a, b].concat());
    }
    if let Some(rate) = netem.rate {
        if u32::try_from(rate).is_err() {
            attribute(body, RATE64, &rate.to_ne_bytes());
        }
        // struct tc_netem_rate: bytes per second; overheads and cells, which are unused.
        let rate = u32::try_from(rate).unwrap_or(u32::MAX);
        attribute(body, RATE, &[rate, 0, 0, 0].map(u32::to_ne_bytes).concat());
    }
    for (kind, time) in [(LATENCY64, netem.delay), (JITTER64, netem.jitter)] {
        let nanoseconds = crate::units::as_nanos_i64(time);
        attribute(body, kind, &nanoseconds.to_ne_bytes());
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() >> TICK_SHIFT).unwrap_or(u32::MAX)
}

/// Converts a share to a fraction of 2^32 - 1.
fn share(of_one: f64) -> u32 {
    (of_one * f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_sent_in_ticks_and_nanoseconds_and_shares_in_32_bits() {
        let mut body = Vec::new();
        let wanted = Netem {
            delay: Duration::from_millis(20),
            loss: 0.01,
            rate: Some(2_500_000),
            limit: 1000,
            ..Netem::default()
        };
        options(&mut body, &wanted);
        let word = |at: usize| u32::from_ne_bytes(body[at..at + 4].try_into().unwrap());
        assert_eq!([0, 4, 8, 12].map(word), [312_500, 1000, 42_949_672, 0]);
        let attributes: Vec<_> = super::super::netlink::attributes(&body[24..]).collect();
        let kinds: Vec<u16> = attributes.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [RATE, LATENCY64, JITTER64]);
        assert_eq!(attributes[0].1[..4], 2_500_000_u32.to_ne_bytes());
        assert_eq!(attributes[1].1, 20_000_000_i64.to_ne_bytes());
    }
}

//! Measures the precision of a wire on this machine: the delay that it adds, and the rate that it carries.
//! The measurement passes through the wire itself, between its nodes, before the run begins.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::names::IfName;
use crate::record::WirePrecision;
use crate::sys::NetNs;
use crate::sys::packet::{Frames, OFFLOAD_HEADER, PacketSocket};
use crate::units::as_nanos;

/// Packets that are timed one by one: enough for a median, and done in a millisecond or two.
const SINGLE_PACKETS: usize = 20;
/// Packets that are sent together: more than one batch of the wire, less than a socket's buffer.
const BURST_PACKETS: usize = 256;
/// Repetitions of the burst. The best one counts, because a busy machine can only make it worse.
const BURSTS: usize = 3;
/// Bytes of an Ethernet header, and the usual MTU.
const ETHERNET: usize = 14;
const MTU: u32 = 1_500;
/// A locally administered address that no station has, so that only packet sockets see these frames.
const UNUSED_STATION: [u8; 6] = [0x02, 0xff, 0xff, 0xff, 0xff, 0xff];
/// An EtherType for experiments, which no kernel handles (IEEE 802, Local Experimental EtherType 1).
const EXPERIMENT: [u8; 2] = [0x88, 0xb5];
/// Packets that take longer count as lost. On a busy machine a thread may have to wait for some milliseconds.
const TIMEOUT: Duration = Duration::from_millis(200);

/// One node's end of the measured link.
#[derive(Debug)]
pub(in crate::lab) struct WireProbe {
    pub(in crate::lab) netns: NetNs,
    pub(in crate::lab) interface: IfName,
}

/// Measures a wire that has not begun, so that it adds no delay on purpose.
///
/// # Errors
/// A packet socket cannot be opened on a node, or a packet did not arrive in time.
pub(in crate::lab) fn measure(ends: [WireProbe; 2], mtu: Option<u32>) -> io::Result<WirePrecision> {
    let [from, to] = ends;
    let mtu = mtu.map_or(MTU, |mtu| mtu.min(MTU));
    let length = ETHERNET + usize::try_from(mtu).unwrap_or_default();
    let (from, to) = (open(&from)?, open(&to)?);
    let mut frames = Frames::new();
    let mut alone = Vec::with_capacity(SINGLE_PACKETS);
    for _ in 0..SINGLE_PACKETS {
        alone.push(time_packets([&from, &to], 1, length, &mut frames)?);
    }
    alone.sort_unstable();
    let mut best = Duration::MAX;
    for _ in 0..BURSTS {
        best = best.min(time_packets(
            [&from, &to],
            BURST_PACKETS,
            length,
            &mut frames,
        )?);
    }
    let bits = (BURST_PACKETS * length * 8) as f64;
    Ok(WirePrecision {
        delay_p50: as_nanos(alone[SINGLE_PACKETS / 2]),
        delay_max: as_nanos(alone[SINGLE_PACKETS - 1]),
        rate: (bits / best.as_secs_f64()) as u64,
    })
}

fn open(probe: &WireProbe) -> io::Result<PacketSocket> {
    let interface = probe.interface.clone();
    probe
        .netns
        .run(move || PacketSocket::open(interface.as_str()))?
}

/// Sends packets from one end and returns how long it took until the last one arrived.
fn time_packets(
    [from, to]: [&PacketSocket; 2],
    count: usize,
    length: usize,
    frames: &mut Frames,
) -> io::Result<Duration> {
    let mut frame = vec![0; OFFLOAD_HEADER + length];
    frame[OFFLOAD_HEADER..OFFLOAD_HEADER + 6].copy_from_slice(&UNUSED_STATION);
    frame[OFFLOAD_HEADER + 12..OFFLOAD_HEADER + 14].copy_from_slice(&EXPERIMENT);
    let all = vec![&frame[..]; count];
    let started = Instant::now();
    from.send(&all);
    let mut arrived = 0;
    loop {
        to.receive(frames)?;
        arrived += frames.iter_mut().filter(|frame| is_ours(frame)).count();
        let took = started.elapsed();
        if arrived >= count {
            return Ok(took);
        }
        let left = TIMEOUT.saturating_sub(took);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        // After an interruption, the loop checks again.
        let _woken = poll(&mut [PollFd::new(to.as_fd(), PollFlags::POLLIN)], left);
    }
}

fn is_ours(frame: &[u8]) -> bool {
    frame.get(OFFLOAD_HEADER + 12..OFFLOAD_HEADER + 14) == Some(&EXPERIMENT)
}

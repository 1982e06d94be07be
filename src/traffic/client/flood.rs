//! A SYN flood: sends SYNs from forged addresses of the lab at a given rate. The replies go nowhere.
//!
//! A flood `attack` has the counters `attack.sent` and `attack.errors.<ERRNO>` (errors of sendto(2)). Its packets
//! can only leave a node over the lab's links. Each SYN is a function of its number, so every run sends the same
//! packets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use etherparse::{PacketBuilder, TcpOptionElement};
use socket2::{SockAddr, Socket};

use super::plan::LoadPlan;
use super::report::LoadStats;
use crate::metrics::command::SENT;
use crate::record::{Event, Offset, RunClock};
use crate::scenario::workload::{ClientSpec, Load, Starts};
use crate::sys::timer::thread_cpu_time;
use crate::sys::wake::StopFlag;
use crate::sys::{fdtable, sockopt};
use crate::traffic::actor_metrics::ActorMetrics;

/// The first source port; lower ports belong to services (RFC 6335).
const FIRST_PORT: u64 = 1024;
/// Number of ports from there on.
const PORTS: u64 = 65_536 - FIRST_PORT;
/// Maximum segment size in the SYN: that of Ethernet over IPv4 (RFC 6691).
const SEGMENT: u16 = 1_460;
/// Time to live, as Linux sets it (`IPDEFTTL`, `include/uapi/linux/ip.h`). [`WINDOW`] is its initial window.
const HOPS: u8 = 64;
const WINDOW: u16 = 64_240;
/// Spreads numbers over 32 bits: 2^32 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
const SPREAD: u32 = 0x9e37_79b9;

/// Runs a flood on its thread from start to end: prepares, reports ready, waits for the clock, sends.
pub(in crate::traffic) fn run(
    spec: &ClientSpec,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
    begin: &Receiver<RunClock>,
    ready: impl FnOnce(),
    done: impl FnOnce(),
) -> io::Result<()> {
    let Load::Flood { first, sources, .. } = spec.load else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    fdtable::unshare_keeping(&[stop.as_fd()])?;
    let flood = Flood {
        socket: sockopt::raw_sender(spec.target.ip())?,
        target: spec.target,
        first,
        sources: sources.into(),
    };
    ready();
    // If the channel is closed, the run ended before it began.
    if let Ok(clock) = begin.recv() {
        flood.drive(&LoadPlan::of(spec), clock, metrics, stop)?;
    }
    done();
    Ok(())
}

#[derive(Debug)]
struct Flood {
    socket: Socket,
    target: SocketAddr,
    first: IpAddr,
    sources: u64,
}

impl Flood {
    fn drive(
        &self,
        plan: &LoadPlan,
        clock: RunClock,
        metrics: &ActorMetrics,
        stop: &StopFlag,
    ) -> io::Result<()> {
        let Starts::Paced(schedule) = plan.starts else {
            return Ok(());
        };
        let before = thread_cpu_time()?;
        let mut stats = LoadStats::new("raw");
        for index in 0..schedule.count {
            let due = plan.begin.as_duration() + schedule.start_of(index);
            let due = Offset::from_duration(due);
            if clock.now() < due && stop.wait_until(clock.instant(due)) || stop.is_raised() {
                break;
            }
            let now = clock.now();
            stats.start(now, due);
            match self.send(index) {
                Ok(()) => metrics.update(now, |counts| counts.add(&SENT, 1)),
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    metrics.update(now, |counts| counts.error(errno));
                }
            }
        }
        stats.ended = clock.now();
        let cpu = thread_cpu_time()?.saturating_sub(before);
        stats.cpu = crate::units::as_nanos(cpu);
        metrics.finish();
        let report = stats.report(metrics.actor(), plan.starts);
        metrics.recorder().record(Event::Load(report));
        Ok(())
    }

    fn send(&self, index: u64) -> io::Result<()> {
        let from = source(self.first, self.sources, index);
        let packet = syn(from, self.target, index)?;
        // A raw socket does not use the port, or uses it as the protocol (raw(7), ipv6(7)).
        let to = SockAddr::from(SocketAddr::new(self.target.ip(), 0));
        self.socket.send_to(&packet, &to)?;
        Ok(())
    }
}

/// Returns the forged address and port of SYN number `index`: each address once, then the next port.
fn source(first: IpAddr, sources: u64, index: u64) -> SocketAddr {
    let (round, place) = (index / sources, index % sources);
    // Both fit in 16 bits because their bounds do.
    let port = (FIRST_PORT + round % PORTS) as u16;
    let address = match first {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() + place as u32).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() + u128::from(place)).into()),
    };
    SocketAddr::new(address, port)
}

/// Returns a SYN, starting with its IP header.
fn syn(from: SocketAddr, to: SocketAddr, index: u64) -> io::Result<Vec<u8>> {
    let packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), HOPS),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let sequence = (index as u32).wrapping_mul(SPREAD);
    let options = [TcpOptionElement::MaximumSegmentSize(SEGMENT)];
    let packet = packet
        .tcp(from.port(), to.port(), sequence, WINDOW)
        .syn()
        .options(&options)
        .map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    packet.write(&mut bytes, &[]).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{LaxSlicedPacket, TransportSlice};
    use std::collections::BTreeSet;

    #[test]
    fn sources_rotate_and_no_pair_repeats() {
        let first: IpAddr = "10.64.0.1".parse().unwrap();
        let all: Vec<SocketAddr> = (0..30).map(|index| source(first, 10, index)).collect();
        assert_eq!(all[0].to_string(), "10.64.0.1:1024");
        assert_eq!(all[9].to_string(), "10.64.0.10:1024");
        assert_eq!(all[10].to_string(), "10.64.0.1:1025");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 30);
        let far = source(first, 65_535, 70_000);
        assert_eq!(far.to_string(), "10.64.17.114:1025");
    }

    #[test]
    fn a_syn_is_complete_and_its_checksum_is_right() {
        let packet = syn(
            "[fd00:2::5]:1024".parse().unwrap(),
            "[fd00::2]:80".parse().unwrap(),
            3,
        );
        let packet = packet.unwrap();
        let packet = LaxSlicedPacket::from_ip(&packet).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            panic!("no TCP");
        };
        assert!(tcp.syn() && !tcp.ack());
        assert_eq!((tcp.source_port(), tcp.destination_port()), (1024, 80));
        let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let sum = tcp.calc_checksum_ipv6(octets("fd00:2::5"), octets("fd00::2"));
        assert_eq!(sum.unwrap(), tcp.checksum());
    }
}

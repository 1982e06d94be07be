//! Estimates from the links of a run: how long a transfer and a round trip take.

use std::time::Duration;

use crate::scenario::RunSpec;
use crate::scenario::topology::Impairment;
use crate::scenario::workload::{ClientSpec, Load, StepAction};

/// The longest estimate, which keeps sums of estimates from overflowing.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// Bytes per second of an unlimited transfer on a busy machine. An idle machine reaches 1e9.
pub(super) const BYTE_RATE: f64 = 200e6;
/// Processor time of a write, seconds, however small (measured: 1.7 µs, and 8 µs with `TCP_NODELAY`).
pub(super) const WRITE_COST: f64 = 10e-6;
/// Largest bytes of the receive buffer and the send buffer in a lab (its baseline for `tcp_rmem` and `tcp_wmem`). A
/// connection has half of the smaller one in flight (measured).
const RECEIVE_BUFFER: f64 = 6_291_456.0;
const SEND_BUFFER: f64 = 4_194_304.0;
/// Bytes that a connection has in flight at its start (`TCP_INIT_CWND`, Linux 6.18 `include/net/tcp.h`, segments of
/// 1,460 bytes).
const INITIAL_WINDOW: f64 = 14_600.0;
/// Round trips from which the links of a run, and not the processors, decide how long something takes. The kernel
/// switches between threads after 3 ms (`base_slice_ns`).
const LONG_ROUND_TRIP: Duration = Duration::from_millis(50);
/// The rate up to which a link decides that, bits per second: a full packet takes 0.6 ms.
const SLOW_LINK: f64 = 20e6;

/// Returns true if its links decide how long the load of a run takes: their delay, or the time that they take for a
/// packet. Runs beside it do not matter then as long as there is a free processor.
pub(crate) fn is_paced_by_links(spec: &RunSpec) -> bool {
    let links = spec.topology.links.iter().map(|link| &link.impairment);
    let mut rates = links.filter_map(|link| link.rate);
    round_trip(spec) >= LONG_ROUND_TRIP || rates.any(|rate| rate.as_per_second() <= SLOW_LINK)
}

/// Returns true if a link with delay or loss limits what goes over it.
pub(super) fn is_held_up(spec: &RunSpec) -> bool {
    let mut links = spec.topology.links.iter().map(|link| &link.impairment);
    links.any(|link| link.delay.is_some() || link.loss.is_some())
}

/// Returns the time that a transfer takes over links with a rate or a delay; `None` if packets are lost on them.
pub(super) fn along_links(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    let Load::Bulk { bytes, streams, .. } = &client.load else {
        return None;
    };
    let links = || spec.topology.links.iter().map(|link| &link.impairment);
    if links().any(|link| link.loss.is_some()) || links().all(|link| *link == Impairment::default())
    {
        return None;
    }
    let (round_trip, window) = (round_trip(spec).as_secs_f64(), window(spec));
    let by_window = window / round_trip;
    let rates = links().filter_map(|link| link.rate);
    let rates = rates.map(|rate| rate.as_per_second() / 8.0);
    let rate = rates.fold(by_window.min(BYTE_RATE), f64::min);
    let bytes = bytes.0 as f64 * f64::from(*streams);
    // The handshake, and slow start, which doubles what is in flight with each round trip.
    let rounds = 2.0 + (bytes.min(window) / INITIAL_WINDOW).max(1.0).log2();
    Some(seconds(bytes / rate + rounds * round_trip).min(client.load.timeout()?))
}

/// Returns twice the delay of all links, each with the longest delay that it has during the run.
pub(super) fn longest_round_trip(spec: &RunSpec) -> Duration {
    let later = |link: usize| {
        let steps = spec.workload.steps.iter();
        steps.filter_map(move |step| match &step.action {
            StepAction::LinkImpair {
                link: of,
                impairment,
            } if *of == link => impairment.delay,
            _ => None,
        })
    };
    let links = spec.topology.links.iter().enumerate();
    let longest = links.filter_map(|(index, link)| {
        let delays = later(index).chain(link.impairment.delay);
        delays.max()
    });
    2 * longest.sum::<Duration>()
}

/// Returns twice the delay of all links at the start.
fn round_trip(spec: &RunSpec) -> Duration {
    let links = spec.topology.links.iter();
    let delay: Duration = links.filter_map(|link| link.impairment.delay).sum();
    2 * delay
}

/// Returns the bytes that a connection has in flight at most: half of the smaller buffer.
fn window(spec: &RunSpec) -> f64 {
    let largest = |key: &str, usual: f64| {
        let nodes = spec.topology.nodes.values();
        let set = nodes.flat_map(|node| node.sysctls.iter().filter(|each| each.key == key));
        let values = set.filter_map(|each| each.value.split_whitespace().last()?.parse().ok());
        values.reduce(f64::max).unwrap_or(usual)
    };
    let receive = largest("net.ipv4.tcp_rmem", RECEIVE_BUFFER);
    receive.min(largest("net.ipv4.tcp_wmem", SEND_BUFFER)) / 2.0
}

/// Returns a duration of this many seconds; [`DAY`] if it is out of range.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(DAY)
}

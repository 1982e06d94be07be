//! The trace of a run for Perfetto's viewer (ui.perfetto.dev), in the JSON of Chrome's trace events, which it reads: a
//! process for each node with a track for each socket (states as slices, drops and resets as instants), packets with
//! flows between the nodes, and counters.
//!
//! Format: "Trace Event Format" (Chromium, `docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU`).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::metrics::SeriesKind;
use crate::record::{Capture, Direction, KernelEvent, KernelFact, Offset, Timeline, drop_text};
use crate::suite::{RunResult, SuiteResult};
use crate::tcp::{Segment, TcpState};

/// The most packets of a run; the viewer stays quick with some 100,000 events.
const PACKETS: usize = 20_000;
/// Nanoseconds for which a packet is shown at an end of a link: flows connect slices, which need a length.
const PACKET_LENGTH: u64 = 1_000;
/// The track of packets in each node; sockets follow.
const PACKET_TRACK: u32 = 1;

/// The parts of a segment that routers do not change: sequence and acknowledgement numbers, flags, length, IP
/// identification.
type SegmentKey = (u32, Option<u32>, String, u32, u16);

/// Renders every run of a suite. `open` reads the capture of a run that has one.
///
/// # Errors
/// None in practice: numbers and texts can always be written.
pub fn render(
    result: &SuiteResult,
    mut open: impl FnMut(&Path) -> Result<Capture, String>,
) -> serde_json::Result<String> {
    let mut trace = ViewerTrace::default();
    let mut about = Vec::new();
    for run in result.scenarios.iter().flat_map(|scenario| &scenario.runs) {
        let path = run.capture.as_ref().ok().and_then(Option::as_deref);
        let capture = path.map(&mut open).transpose();
        about.push(trace.run(run, capture));
    }
    serde_json::to_string(&json!({
        "displayTimeUnit": "ns",
        "otherData": { "nslab": env!("CARGO_PKG_VERSION"), "runs": about },
        "traceEvents": trace.events,
    }))
}

/// The events for the viewer.
#[derive(Debug, Default)]
struct ViewerTrace {
    events: Vec<Value>,
    processes: u32,
    flows: u64,
}

/// The numbers of a run's nodes, and of the process for everything else.
#[derive(Debug)]
struct ViewerProcesses {
    nodes: BTreeMap<String, u32>,
    others: u32,
}

impl ViewerTrace {
    /// Adds a run. Returns a sentence about what it has and lacks.
    fn run(&mut self, run: &RunResult, capture: Result<Option<Capture>, String>) -> String {
        let id = &run.spec.id;
        let nodes = run.spec.topology.nodes.keys().map(|node| {
            let node = node.to_string();
            (node.clone(), format!("{id}: {node}"))
        });
        let nodes: Vec<(String, String)> = nodes.collect();
        let nodes = nodes
            .into_iter()
            .map(|(node, title)| (node, self.process(&title)));
        let nodes = nodes.collect();
        let processes = ViewerProcesses {
            nodes,
            others: self.process(&format!("{id}: clients and servers")),
        };
        self.sockets(&run.timeline, &processes);
        self.counters(&run.timeline, &processes);
        let states = match run.timeline.traced.is_empty() {
            true => "no states of sockets (the kernel was not traced)",
            false => "states are the kernel's own",
        };
        let packets = match capture {
            Ok(Some(capture)) => self.packets(&capture, &processes),
            Ok(None) => "no packets (there is no capture)".to_owned(),
            Err(why) => format!("no packets (cannot {why})"),
        };
        format!("{id}: {states}; {packets}")
    }

    fn process(&mut self, title: &str) -> u32 {
        self.processes += 1;
        let pid = self.processes;
        self.events.push(json!({
            "ph": "M", "pid": pid, "name": "process_name", "args": { "name": title },
        }));
        self.events.push(json!({
            "ph": "M", "pid": pid, "name": "process_sort_index", "args": { "sort_index": pid },
        }));
        pid
    }

    fn track(&mut self, pid: u32, track: u32, title: &str) {
        self.events.push(json!({
            "ph": "M", "pid": pid, "tid": track, "name": "thread_name", "args": { "name": title },
        }));
        self.events.push(json!({
            "ph": "M", "pid": pid, "tid": track, "name": "thread_sort_index", "args": { "sort_index": track },
        }));
    }

    fn slice(&mut self, (pid, track): (u32, u32), name: &str, [from, to]: [Offset; 2]) {
        self.events.push(json!({
            "ph": "X", "pid": pid, "tid": track, "cat": "state", "name": name,
            "ts": micros(from), "dur": micros(Offset(to.0.saturating_sub(from.0))),
        }));
    }

    /// Adds a track for each pair of addresses of a node, with what the kernel reported.
    fn sockets(&mut self, timeline: &Timeline, processes: &ViewerProcesses) {
        let mut tracks: BTreeMap<(u32, SocketAddr, SocketAddr), Vec<&KernelEvent>> =
            BTreeMap::new();
        for event in &timeline.traced {
            let pid = processes.nodes.get(event.node.as_str());
            if let (Some(pid), Some(local), Some(peer)) = (pid, event.local, event.peer) {
                tracks.entry((*pid, local, peer)).or_default().push(event);
            }
        }
        for (number, ((pid, local, peer), events)) in (PACKET_TRACK + 1..).zip(tracks) {
            self.track(pid, number, &format!("{local} ↔ {peer}"));
            let mut now: Option<(TcpState, Offset)> = None;
            for event in events {
                if let KernelFact::State { to, .. } = event.what {
                    if let Some((state, since)) = now {
                        self.slice((pid, number), state.as_str(), [since, event.t]);
                    }
                    now = (to != TcpState::Close).then_some((to, event.t));
                } else if let KernelFact::Window { cwnd, srtt, .. } = event.what {
                    let name = format!("cwnd {local} ↔ {peer}");
                    let round_trip = format!("srtt in ms {local} ↔ {peer}");
                    let (ts, srtt) = (micros(event.t), srtt as f64 / 1e6);
                    for (name, value) in [(name, f64::from(cwnd)), (round_trip, srtt)] {
                        self.events.push(json!({
                            "ph": "C", "pid": pid, "name": name, "ts": ts, "args": { "value": value },
                        }));
                    }
                } else {
                    self.events.push(json!({
                        "ph": "i", "s": "t", "pid": pid, "tid": number, "cat": "kernel",
                        "name": name(&event.what), "ts": micros(event.t),
                    }));
                }
            }
            if let Some((state, since)) = now {
                self.slice((pid, number), state.as_str(), [since, timeline.now]);
            }
        }
    }

    /// Adds every number that changed.
    fn counters(&mut self, timeline: &Timeline, processes: &ViewerProcesses) {
        for series in timeline.all_series() {
            let is_number = match series.declaration.kind {
                SeriesKind::Counter | SeriesKind::Gauge => true,
                SeriesKind::Text | SeriesKind::Distribution => false,
            };
            if !is_number || !series.changes.iter().any(|(_, value)| *value != 0) {
                continue;
            }
            let full = series.declaration.name.as_str();
            let owner = full.split_once('.');
            let of_node =
                owner.and_then(|(owner, name)| Some((*processes.nodes.get(owner)?, name)));
            let (pid, name) = of_node.unwrap_or((processes.others, full));
            for (t, value) in &series.changes {
                self.events.push(json!({
                    "ph": "C", "pid": pid, "name": name, "ts": micros(*t), "args": { "value": value },
                }));
            }
        }
    }

    /// Adds the packets at each end of each link, and connects both ends. Returns a sentence about them.
    fn packets(&mut self, capture: &Capture, processes: &ViewerProcesses) -> String {
        let Some(zero) = capture.clock_zero else {
            return "no packets (the capture lacks the zero of the run's clock)".to_owned();
        };
        for pid in processes.nodes.values() {
            self.track(*pid, PACKET_TRACK, "packets");
        }
        // A router may change addresses, but not these; the first that left is the first to arrive.
        let mut under_way: BTreeMap<SegmentKey, VecDeque<u64>> = BTreeMap::new();
        let (mut shown, mut beyond) = (0, 0);
        for packet in capture.packets() {
            let end = capture.link_end(packet.interface);
            let pid = end.and_then(|end| processes.nodes.get(end.node.as_str()));
            let segment = Segment::read(packet.bytes, packet.length);
            let (Some(pid), Some((segment, _)), Some(direction)) = (pid, segment, packet.direction)
            else {
                continue;
            };
            if shown == PACKETS {
                beyond += 1;
                continue;
            }
            shown += 1;
            let t = micros(Offset(packet.time.saturating_sub(zero)));
            let flags = segment.flags().to_string();
            self.events.push(json!({
                "ph": "X", "pid": pid, "tid": PACKET_TRACK, "cat": "packet", "ts": t,
                "dur": micros(Offset(PACKET_LENGTH)), "name": flags,
                "args": {
                    "from": segment.from.to_string(), "to": segment.to.to_string(),
                    "seq": segment.sequence, "ack": segment.acknowledges, "bytes": segment.length,
                },
            }));
            let identity = (
                segment.sequence,
                segment.acknowledges,
                flags,
                segment.length,
                segment.identification,
            );
            let (phase, flow) = match direction {
                Direction::Outbound => {
                    self.flows += 1;
                    let queue = under_way.entry(identity).or_default();
                    queue.push_back(self.flows);
                    ("s", self.flows)
                }
                Direction::Inbound => {
                    let queue = under_way.get_mut(&identity);
                    match queue.and_then(VecDeque::pop_front) {
                        Some(flow) => ("f", flow),
                        None => continue,
                    }
                }
            };
            self.events.push(json!({
                "ph": phase, "bp": "e", "id": flow, "pid": pid, "tid": PACKET_TRACK,
                "cat": "packet", "name": "link", "ts": t,
            }));
        }
        match beyond {
            0 => format!("{shown} packets"),
            _ => format!("the first {shown} packets ({beyond} more are left out)"),
        }
    }
}

/// Returns the time in microseconds, which the format counts in.
fn micros(t: Offset) -> f64 {
    t.0 as f64 / 1000.0
}

/// Names an event of the kernel that is not a state.
fn name(what: &KernelFact) -> String {
    match what {
        KernelFact::State { from, to } => format!("{from} → {to}"),
        KernelFact::Drop {
            reason,
            flags,
            bound,
            ..
        } => {
            let flags = flags.as_ref().map(|flags| format!(" {flags}"));
            let text = drop_text(reason, bound.as_ref());
            format!("drop{}: {text}", flags.unwrap_or_default())
        }
        KernelFact::Retransmission => "retransmission".to_owned(),
        KernelFact::ResetSent { reason } => match reason {
            Some(reason) => format!("RST sent: {reason}"),
            None => "RST sent".to_owned(),
        },
        KernelFact::ResetReceived => "RST received".to_owned(),
        KernelFact::Window { cwnd, .. } => format!("cwnd {cwnd}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NodeName;
    use crate::record::Event;

    fn state(t: u64, from: TcpState, to: TcpState) -> Event {
        Event::Traced(KernelEvent {
            t: Offset(t * 1_000_000),
            node: NodeName::from("client"),
            local: Some(([10, 0, 0, 1], 40_000).into()),
            peer: Some(([10, 0, 0, 2], 80).into()),
            what: KernelFact::State { from, to },
        })
    }

    #[test]
    fn a_state_is_a_slice_until_the_next_one() {
        let mut timeline = Timeline::default();
        timeline.add(state(1, TcpState::Close, TcpState::SynSent));
        timeline.add(state(3, TcpState::SynSent, TcpState::Established));
        timeline.add(state(10, TcpState::Established, TcpState::Close));
        let mut trace = ViewerTrace::default();
        let processes = ViewerProcesses {
            nodes: [("client".to_owned(), 1)].into(),
            others: 2,
        };
        trace.sockets(&timeline, &processes);
        let slices = trace.events.iter().filter(|event| event["ph"] == "X");
        let slices: Vec<_> = slices
            .map(|slice| {
                (
                    slice["name"].as_str(),
                    slice["ts"].as_f64(),
                    slice["dur"].as_f64(),
                )
            })
            .collect();
        let expected = [
            (Some("SYN_SENT"), Some(1000.0), Some(2000.0)),
            (Some("ESTABLISHED"), Some(3000.0), Some(7000.0)),
        ];
        assert_eq!(slices, expected);
    }
}

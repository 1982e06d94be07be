//! Follows the kernel's own account of the nodes: states of sockets, drops with their reasons, retransmissions, resets,
//! and the windows of some sockets.
//!
//! The events go into the record up to a limit; the counters that expectations name go on after that.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use thiserror::Error;

use super::drop_bounds;
use super::followed_states::FollowedStates;
use super::followed_windows::{self, FollowedWindows};
use super::named::NamedSeries;
use crate::lab::Lab;
use crate::metrics::{self, Metric};
use crate::names::NodeName;
use crate::record::{
    DropBound, Event, KernelEvent, KernelFact, Offset, Recorder, RunClock, SeriesId,
};
use crate::scenario::RunSpec;
use crate::sys::NetNs;
use crate::sys::kernel_trace::{KernelTrace, ReceiverQueues, TracedEvent, TracedKind};
use crate::sys::wake::StopFlag;
use crate::tcp::TcpState;

/// The most events in a record, about 10 MB.
const LIMIT: usize = 50_000;

/// Time from the first event to the reading of all that came meanwhile. To read each of the dozen events of a
/// connection by itself would cost more than the trace, and in virtual time that is time of the connection.
const GATHER: Duration = Duration::from_millis(50);

/// The reason why the kernel is not traced.
#[derive(Debug, Error)]
#[error("the kernel was not traced: {0}")]
pub struct NoTrace(String);

/// A trace in progress. If it is dropped without being stopped, it ends soon.
#[derive(Debug)]
pub struct TraceProbe {
    begin: Sender<RunClock>,
    stop: Arc<StopFlag>,
    thread: Option<JoinHandle<io::Result<TraceSummary>>>,
    /// True if an expectation depends on it.
    is_needed: bool,
}

/// The result of a trace.
#[derive(Debug, Default)]
struct TraceSummary {
    /// Events that came faster than they were read.
    lost: u64,
    /// Events beyond the limit of the record.
    beyond: u64,
    /// Windows beyond their limit.
    windows_beyond: u64,
}

impl TraceProbe {
    /// Returns true if an expectation names something that only a trace shows.
    pub fn is_named(spec: &RunSpec) -> bool {
        let named = NamedSeries::of(spec);
        let mut nodes = spec.topology.nodes.keys();
        nodes.any(|node| !traced_metrics(&named, node).is_empty())
            || FollowedStates::are_named(spec)
    }

    /// Starts to trace the nodes of a lab, and declares the counters that expectations name.
    ///
    /// # Errors
    /// The kernel or the privileges do not allow it.
    pub fn prepare(spec: &RunSpec, lab: &Lab, recorder: &Recorder) -> Result<Self, NoTrace> {
        let no_trace = |error: io::Error| NoTrace(error.to_string());
        let nodes = lab
            .nodes()
            .map(|node| (node.name.clone(), node.netns.clone()));
        let nodes: Vec<(NodeName, NetNs)> = nodes.collect();
        let numbers = lab.nodes().map(|node| node.netns.inode());
        let numbers = numbers
            .collect::<io::Result<Vec<u64>>>()
            .map_err(no_trace)?;
        let trace = KernelTrace::start(&numbers).map_err(no_trace)?;
        let named = NamedSeries::of(spec);
        let mut counters = BTreeMap::new();
        for (index, (node, _)) in nodes.iter().enumerate() {
            for (name, metric) in traced_metrics(&named, node) {
                let reason = metric.value_in(&name);
                if let Some(reason) = reason.filter(|reason| !trace.has_drop_reason(reason)) {
                    let text = format!("this kernel has no drop reason `{reason}`");
                    return Err(NoTrace(text));
                }
                if metric.name == metrics::traced::RESETS_SENT.name && !trace.has_all_resets() {
                    let text = "before Linux 6.10, the kernel reports only the resets of sockets";
                    return Err(NoTrace(text.to_owned()));
                }
                let subject = node.as_str();
                let id = match reason {
                    Some(reason) => recorder.metric_of(metric, subject, reason),
                    None => recorder.metric(metric, subject),
                };
                counters.insert((index, name), (id, 0));
            }
        }
        let states = FollowedStates::prepare(spec, lab, recorder).map_err(no_trace)?;
        let stop = Arc::new(StopFlag::new().map_err(no_trace)?);
        let follower = TraceFollower {
            nodes,
            counters,
            states,
            recorder: recorder.clone(),
            zero: 0,
            sockets: BTreeMap::new(),
            windows: FollowedWindows::default(),
            bounds: BTreeMap::new(),
            recorded: 0,
            summary: TraceSummary::default(),
        };
        let (begin, clock) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || match clock.recv() {
                Ok(clock) => follower.run(trace, clock, &stopped),
                Err(_) => Ok(TraceSummary::default()),
            })
            .map_err(no_trace)?;
        Ok(Self {
            begin,
            stop,
            thread: Some(thread),
            is_needed: Self::is_named(spec),
        })
    }

    /// Starts recording events.
    pub fn begin(&self, clock: RunClock) {
        // If the thread has ended, joining it returns the reason.
        let _ended = self.begin.send(clock);
    }

    /// Records the last events and ends. Returns notes that a reader of the result needs.
    ///
    /// # Errors
    /// The trace broke off, and an expectation depends on it.
    pub fn stop(mut self) -> io::Result<Vec<String>> {
        self.stop.raise();
        let thread = self.thread.take();
        // A trace that never began waits for its clock.
        self.begin = mpsc::channel().0;
        let ended = thread.map(JoinHandle::join);
        let panicked = "its thread panicked, which is a bug in nslab";
        let ended = ended.map_or(Ok(TraceSummary::default()), |ended| {
            ended.unwrap_or_else(|_| Err(io::Error::other(panicked)))
        });
        let mut notes = Vec::new();
        match ended {
            Ok(summary) => {
                if summary.lost > 0 {
                    notes.push(format!(
                        "the trace of the kernel lacks {} events, which came faster than they could be read",
                        summary.lost
                    ));
                }
                if summary.beyond > 0 {
                    notes.push(format!(
                        "the record has the first {LIMIT} events of the kernel's trace; {} more were only counted",
                        summary.beyond
                    ));
                }
                if summary.windows_beyond > 0 {
                    notes.push(format!(
                        "the record has the first {} window events; {} more were left out",
                        followed_windows::LIMIT,
                        summary.windows_beyond
                    ));
                }
            }
            Err(error) if self.is_needed => return Err(error),
            Err(error) => notes.push(format!("the trace of the kernel ends early: {error}")),
        }
        Ok(notes)
    }
}

impl Drop for TraceProbe {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

/// Returns the metrics of a node that expectations name and only a trace shows.
fn traced_metrics(named: &NamedSeries, node: &NodeName) -> Vec<(String, &'static Metric)> {
    let names: BTreeSet<String> = named.of_node(node);
    let traced = names.into_iter().filter_map(|name| {
        let metric = metrics::find(metrics::Subject::Node, &name)?;
        let is_traced = metrics::traced::ALL
            .iter()
            .any(|one| one.name == metric.name);
        is_traced.then_some((name, metric))
    });
    traced.collect()
}

/// A socket whose events are followed.
#[derive(Debug)]
struct FollowedSocket {
    local: SocketAddr,
    peer: SocketAddr,
    /// Events from before its ports were known.
    early: Vec<KernelEvent>,
}

/// The thread that reads the events.
#[derive(Debug)]
struct TraceFollower {
    nodes: Vec<(NodeName, NetNs)>,
    /// Series and count of each counter that is named, by node and name.
    counters: BTreeMap<(usize, String), (SeriesId, i64)>,
    states: FollowedStates,
    recorder: Recorder,
    /// The zero of the run's clock by `CLOCK_MONOTONIC`, nanoseconds.
    zero: u64,
    /// By the kernel's address of the socket.
    sockets: BTreeMap<u64, FollowedSocket>,
    windows: FollowedWindows,
    /// The bounds of drops by node, whether it is TCP, and reason, as read since the last events were taken.
    bounds: BTreeMap<(usize, bool, String), Option<DropBound>>,
    recorded: usize,
    summary: TraceSummary,
}

impl TraceFollower {
    fn run(
        mut self,
        mut trace: KernelTrace,
        clock: RunClock,
        stop: &StopFlag,
    ) -> io::Result<TraceSummary> {
        self.zero = monotonic_at_zero(clock)?;
        let initial = self.counters.values().copied().collect();
        self.sample(Offset::ZERO, initial);
        while !stop.is_raised() {
            let longest = match self.states.looks_on() {
                true => PollTimeout::try_from(GATHER).unwrap_or(PollTimeout::MAX),
                false => PollTimeout::NONE,
            };
            let mut fds =
                [trace.as_fd(), stop.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut fds, longest) {
                Ok(0) | Err(nix::Error::EINTR) => {}
                Ok(_) => {
                    stop.wait_until(Instant::now() + GATHER);
                }
                Err(error) => return Err(error.into()),
            }
            self.take(&mut trace);
            self.states.advance(clock.now())?;
            self.follow_named(&trace);
        }
        self.take(&mut trace);
        for socket in std::mem::take(&mut self.sockets).into_values() {
            self.record_all(socket.early);
        }
        self.states.advance(clock.now())?;
        self.states.finish()?;
        self.summary.lost = trace.lost()?;
        self.summary.windows_beyond = self.windows.beyond;
        if self.summary.lost > 0 && (self.states.any() || !self.counters.is_empty()) {
            let text = format!(
                "{} events came faster than they could be read, and an expectation depends on them",
                self.summary.lost
            );
            return Err(io::Error::other(text));
        }
        Ok(self.summary)
    }

    fn take(&mut self, trace: &mut KernelTrace) {
        let mut events = Vec::new();
        trace.take(|event| events.push(event));
        self.bounds.clear();
        for event in events {
            // Servers began to listen before the clock started.
            if let Some(since) = event.time.checked_sub(self.zero) {
                self.count(&event, Offset(since));
                self.follow(event, Offset(since));
            }
        }
    }

    fn count(&mut self, event: &TracedEvent, t: Offset) {
        let name = match &event.kind {
            TracedKind::State { .. } | TracedKind::Window(_) => return,
            TracedKind::Drop { reason, .. } => metrics::traced::DROPS.with_value(reason),
            TracedKind::Retransmission => metrics::traced::RETRANSMISSIONS.name.to_owned(),
            TracedKind::ResetSent { .. } => metrics::traced::RESETS_SENT.name.to_owned(),
            TracedKind::ResetReceived => metrics::traced::RESETS_RECEIVED.name.to_owned(),
        };
        if let Some((id, count)) = self.counters.get_mut(&(event.node, name)) {
            *count += 1;
            let value = (*id, *count);
            self.sample(t, vec![value]);
        }
    }

    fn sample(&self, t: Offset, v: Vec<(SeriesId, i64)>) {
        if !v.is_empty() {
            self.recorder.record(Event::Sample { t, v });
        }
    }

    /// Records an event, or keeps it until the ports of its socket are known: a socket enters SYN_SENT before the
    /// kernel has chosen its port, and before Linux 6.2 SYN_RECV before it has that of its peer.
    fn follow(&mut self, event: TracedEvent, t: Offset) {
        let Some((node, _)) = self.nodes.get(event.node) else {
            return;
        };
        let node = node.clone();
        let of_packet = matches!(event.kind, TracedKind::Drop { .. });
        let ends = matches!(
            event.kind,
            TracedKind::State {
                to: TcpState::Close,
                ..
            }
        );
        let listens = matches!(
            event.kind,
            TracedKind::State {
                to: TcpState::Listen,
                ..
            }
        );
        let known = |address: SocketAddr| (address.port() != 0).then_some(address);
        let (socket, local, peer) = (event.socket, event.local, event.peer);
        let record = KernelEvent {
            t,
            node,
            local: known(local),
            peer: known(peer),
            what: match self.fact(event.node, event.socket, event.kind, t) {
                Some(fact) => fact,
                None => return,
            },
        };
        if matches!(record.what, KernelFact::Window { .. }) {
            self.recorder.record(Event::Traced(record));
            return;
        }
        if of_packet || socket == 0 || listens {
            self.record_all(vec![record]);
            return;
        }
        let followed = self.sockets.entry(socket).or_insert(FollowedSocket {
            local,
            peer,
            early: Vec::new(),
        });
        if local.port() != 0 {
            followed.local = local;
        }
        if peer.port() != 0 {
            followed.peer = peer;
        }
        followed.early.push(record);
        let is_complete = followed.local.port() != 0 && followed.peer.port() != 0;
        let (local, peer) = (known(followed.local), known(followed.peer));
        if is_complete || ends {
            let mut now = std::mem::take(&mut followed.early);
            for event in &mut now {
                (event.local, event.peer) = (local, peer);
            }
            self.record_all(now);
        }
        if ends {
            self.sockets.remove(&socket);
            self.windows.end(socket);
        }
    }

    /// Follows the windows of the connections that expectations name, at both ends. The first connections are followed
    /// from their start.
    fn follow_named(&mut self, trace: &KernelTrace) {
        for (one, other) in self.states.newly_opened() {
            let sockets = self.sockets.iter().filter(|(_, socket)| {
                let pair = (socket.local, socket.peer);
                pair == (one, other) || pair == (other, one)
            });
            for (socket, _) in sockets {
                // If too many are named, the first ones are followed.
                let _full = trace.follow(*socket);
            }
        }
    }

    /// Returns the event for the record, or `None` for a window that is left out.
    fn fact(
        &mut self,
        node: usize,
        socket: u64,
        kind: TracedKind,
        t: Offset,
    ) -> Option<KernelFact> {
        Some(match kind {
            TracedKind::State { from, to } => KernelFact::State { from, to },
            TracedKind::Drop {
                reason,
                segment,
                queues,
            } => KernelFact::Drop {
                bound: self.bound(node, (&reason, segment.is_some()), queues),
                reason,
                flags: segment.map(|segment| segment.flags().to_string()),
                seq: segment.map(|segment| segment.sequence),
            },
            TracedKind::Retransmission => KernelFact::Retransmission,
            TracedKind::ResetSent { reason } => KernelFact::ResetSent { reason },
            TracedKind::ResetReceived => KernelFact::ResetReceived,
            TracedKind::Window(window) => return self.windows.see(socket, t, window),
        })
    }

    /// Returns what bounds packets dropped for this reason. Settings are read once for all events that came together.
    fn bound(
        &mut self,
        node: usize,
        (reason, is_tcp): (&str, bool),
        queues: Option<ReceiverQueues>,
    ) -> Option<DropBound> {
        let (_, netns) = self.nodes.get(node)?;
        // The event will not be recorded.
        if self.recorded >= LIMIT {
            return None;
        }
        if let Some(bound) = queues.and_then(|queues| drop_bounds::of_socket(reason, queues)) {
            return Some(bound);
        }
        let known = self.bounds.entry((node, is_tcp, reason.to_owned()));
        known
            .or_insert_with(|| drop_bounds::of_node(netns, (reason, is_tcp)))
            .clone()
    }

    fn record_all(&mut self, events: Vec<KernelEvent>) {
        for event in events {
            self.states.see(&event);
            if self.recorded < LIMIT {
                self.recorded += 1;
                self.recorder.record(Event::Traced(event));
            } else {
                self.summary.beyond += 1;
            }
        }
    }
}

/// Returns `CLOCK_MONOTONIC` at the zero of the run's clock, which may lie ahead.
fn monotonic_at_zero(clock: RunClock) -> io::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let now = Offset::from_duration(now.into()).0;
    let ahead = Offset::from_duration(clock.until(Offset::ZERO)).0;
    Ok((now + ahead).saturating_sub(clock.now().0))
}

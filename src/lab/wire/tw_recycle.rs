//! Emulates `net.ipv4.tcp_tw_recycle` on one live node: the state machine that its wires share, and the
//! thread that ends its TIME_WAIT sockets early.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::WireError;
use super::recycle::{Flow, LocalAddresses, Recycle, RecycleVerdict, TIMEWAIT_LEN, TimeWait};
use super::segment::Segment;
use crate::names::{NodeName, SeriesName};
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId, SeriesKind};
use crate::scenario::topology::NodeSpec;
use crate::sys::NetNs;
use crate::sys::netlink::NetlinkError;
use crate::sys::sock_destroy::SockDestroyer;
use crate::sys::support;
use crate::units::Unit;

const KEY: &str = "net.ipv4.tcp_tw_recycle";

/// A TIME_WAIT that is younger than planned by more than this has been restarted. The kernel reports its age
/// in jiffies of at most 10 ms (`CONFIG_HZ_100`).
const SLACK: Duration = Duration::from_millis(20);

/// The emulation of one node. Clones share it, and it ends with the last one.
#[derive(Debug, Clone)]
pub struct TwRecycle(Arc<Mutex<SharedState>>);

#[derive(Debug)]
struct SharedState {
    node: NodeName,
    /// The zero of its times, on all of the node's wires.
    origin: Instant,
    recycle: Recycle,
    record: Option<RejectedSeries>,
    reaper: Sender<ReaperRequest>,
}

#[derive(Debug)]
struct RejectedSeries {
    clock: RunClock,
    recorder: Recorder,
    rejected: SeriesId,
}

/// A request to the thread that ends sockets.
#[derive(Debug)]
enum ReaperRequest {
    Begin(RunClock, Recorder),
    End(TimeWait),
}

impl TwRecycle {
    /// Starts the emulation of a node. It is enabled if the node's sysctls enable it; as in Linux, it
    /// is off by default.
    ///
    /// # Errors
    /// The node's sockets cannot be accessed.
    pub fn start(netns: &NetNs, node: &NodeName, spec: &NodeSpec) -> Result<Self, WireError> {
        let setting = spec.sysctls.iter().rfind(|sysctl| sysctl.key == KEY);
        let enabled = setting.is_some_and(|sysctl| is_on(&sysctl.value));
        let sockets = netns
            .run(SockDestroyer::open)
            .map_err(WireError::Enter)?
            .map_err(|source| WireError::Sockets {
                node: node.clone(),
                source,
            })?;
        if enabled {
            netns
                .run(support::end_time_wait)
                .map_err(WireError::Enter)?
                .map_err(|source| WireError::NoEarlyEnd {
                    node: node.clone(),
                    source,
                })?;
        }
        let (reaper, inbox) = mpsc::channel();
        let name = node.clone();
        let origin = Instant::now();
        std::thread::Builder::new()
            .name("tw-recycle".to_owned())
            .spawn(move || Reaper::new(name, origin, sockets).run(&inbox))
            .map_err(WireError::Start)?;
        Ok(Self(Arc::new(Mutex::new(SharedState {
            node: node.clone(),
            origin,
            recycle: Recycle::new(LocalAddresses::of(spec), enabled),
            record: None,
            reaper,
        }))))
    }

    /// Sets the sysctl to a value as it would be written to its file.
    pub fn set(&self, value: &str) {
        self.state().recycle.set_enabled(is_on(value));
    }

    /// Records dropped SYNs in the emulated series `NODE.TcpExtPAWSPassive`, from 0. Every wire of the node
    /// calls this; only the first call has an effect.
    pub(super) fn begin(&self, clock: RunClock, recorder: &Recorder) {
        let mut state = self.state();
        if state.record.is_some() {
            return;
        }
        let name = SeriesName::new(format!("{}.TcpExtPAWSPassive", state.node));
        let rejected = recorder.emulated_series(name, SeriesKind::Counter, Unit::Count);
        recorder.record(Event::Sample {
            t: Offset::ZERO,
            v: vec![(rejected, 0)],
        });
        let _ended = state
            .reaper
            .send(ReaperRequest::Begin(clock, recorder.clone()));
        state.record = Some(RejectedSeries {
            clock,
            recorder: recorder.clone(),
            rejected,
        });
    }

    /// Updates the state for a segment that the node has sent.
    pub(super) fn sent(&self, segment: &Segment, now: Instant) {
        let mut state = self.state();
        let now = now.saturating_duration_since(state.origin);
        state.recycle.sent(segment, now);
        state.forward_time_waits();
    }

    /// Decides whether a segment may reach the node.
    pub(super) fn received(&self, segment: &Segment, now: Instant) -> RecycleVerdict {
        let mut state = self.state();
        let now = now.saturating_duration_since(state.origin);
        let verdict = state.recycle.received(segment, now);
        state.forward_time_waits();
        if let (RecycleVerdict::Drop, Some(record)) = (verdict, &state.record) {
            let rejected = i64::try_from(state.recycle.rejected()).unwrap_or(i64::MAX);
            record.recorder.record(Event::Sample {
                t: record.clock.now(),
                v: vec![(record.rejected, rejected)],
            });
        }
        verdict
    }

    fn state(&self) -> MutexGuard<'_, SharedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedState {
    fn forward_time_waits(&mut self) {
        for time_wait in self.recycle.take_begun() {
            let _ended = self.reaper.send(ReaperRequest::End(time_wait));
        }
    }
}

/// Parses a value like Linux: 0 is off, every other number is on.
fn is_on(value: &str) -> bool {
    value.trim().parse::<i64>().is_ok_and(|number| number != 0)
}

/// Ends TIME_WAIT sockets when they are due.
struct Reaper {
    node: NodeName,
    origin: Instant,
    sockets: SockDestroyer,
    record: Option<(RunClock, Recorder)>,
    due: BTreeMap<(Duration, Flow), TimeWait>,
}

impl Reaper {
    fn new(node: NodeName, origin: Instant, sockets: SockDestroyer) -> Self {
        Self {
            node,
            origin,
            sockets,
            record: None,
            due: BTreeMap::new(),
        }
    }

    /// Works until the last handle is dropped.
    fn run(mut self, inbox: &Receiver<ReaperRequest>) {
        loop {
            let now = self.origin.elapsed();
            while let Some(entry) = self.due.first_entry()
                && entry.key().0 <= now
            {
                let time_wait = entry.remove();
                if let Err(error) = self.end(&time_wait) {
                    self.report_failure(&error);
                }
            }
            let order = match self.due.first_key_value() {
                Some(((at, _), _)) => inbox.recv_timeout(at.saturating_sub(now)),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(ReaperRequest::Begin(clock, recorder)) => self.record = Some((clock, recorder)),
                Ok(ReaperRequest::End(wait)) => {
                    self.due.insert((wait.began + wait.lasts, wait.flow), wait);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Ends a socket, unless it is gone or was restarted. A restarted one lasts 60 s from then, as in Linux 4.9.
    fn end(&mut self, wait: &TimeWait) -> Result<(), NetlinkError> {
        let Flow { node, peer } = wait.flow;
        let Some(socket) = self.sockets.find(node, peer)? else {
            return Ok(());
        };
        let age = TIMEWAIT_LEN.saturating_sub(socket.expires);
        if age + SLACK >= wait.lasts {
            self.sockets.destroy(&socket)?;
        }
        Ok(())
    }

    /// Records once that TIME_WAIT sockets cannot be ended early here.
    fn report_failure(&mut self, error: &NetlinkError) {
        if let Some((clock, recorder)) = self.record.take() {
            let text = format!(
                "TIME_WAIT sockets of `{}` could not be ended early, as {KEY} would have: {error}",
                self.node
            );
            recorder.record(Event::Note {
                t: Some(clock.now()),
                text,
            });
        }
    }
}

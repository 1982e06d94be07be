//! Follows the connection tracking tables of the nodes: every entry that is made, changed or removed, as the kernel
//! reports it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};

use crate::lab::Lab;
use crate::names::NodeName;
use crate::record::{Event, Offset, Recorder, RunClock, TrackedEntry, TrackedEvent, TrackedFact};
use crate::scenario::RunSpec;
use crate::scenario::topology::NodeSpec;
use crate::sys::conntrack_events::{ConntrackEvents, EntryReport};
use crate::sys::wake::StopFlag;

/// The most reports in a record, about 15 MB.
const LIMIT: usize = 50_000;
/// Time from the first report to the reading of all that came meanwhile, if the kernel stamps them. The buffer of a
/// user without privileges takes about 500.
const GATHER_STAMPED: Duration = Duration::from_millis(10);
/// The same if the time of a report is the time at which it was read.
const GATHER: Duration = Duration::from_millis(1);

/// The thread that follows the tables. If it is dropped without being stopped, it ends soon.
#[derive(Debug)]
pub struct EntryProbe {
    begin: Sender<RunClock>,
    stop: Arc<StopFlag>,
    thread: Option<JoinHandle<()>>,
}

impl EntryProbe {
    /// Starts to follow the tables of all nodes that track connections. Returns `None` if there are none, or the
    /// reason why a table cannot be followed.
    pub fn prepare(spec: &RunSpec, lab: &Lab, recorder: &Recorder) -> Result<Option<Self>, String> {
        let mut tables = Vec::new();
        for node in lab.nodes() {
            let of_node = spec.topology.nodes.get(&node.name);
            if !of_node.is_some_and(NodeSpec::tracks) {
                continue;
            }
            let failed = |error: &dyn std::fmt::Display| {
                let name = &node.name;
                format!(
                    "the entries of `{name}`'s connection tracking table are not recorded: {error}"
                )
            };
            let opened = node.netns.run(|| {
                ConntrackEvents::stamp();
                ConntrackEvents::open()
            });
            let events = opened.map_err(|error| failed(&error))?;
            let events = events.map_err(|error| failed(&error))?;
            tables.push((node.name.clone(), events));
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let failed = |error: io::Error| {
            format!("the entries of connection tracking tables are not recorded: {error}")
        };
        let stop = Arc::new(StopFlag::new().map_err(failed)?);
        let stopped = Arc::clone(&stop);
        let recorder = recorder.clone();
        let (begin, clock) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("entries".to_owned())
            .spawn(move || follow(tables, &clock, &stopped, recorder))
            .map_err(failed)?;
        Ok(Some(Self {
            begin,
            stop,
            thread: Some(thread),
        }))
    }

    /// Starts recording.
    pub fn begin(&self, clock: RunClock) {
        // If the thread has ended, so have the reports.
        let _ended = self.begin.send(clock);
    }

    /// Records the last reports and ends.
    pub fn stop(mut self) {
        self.stop.raise();
        // A thread that never began waits for its clock.
        self.begin = mpsc::channel().0;
        if let Some(thread) = self.thread.take() {
            // A panic loses reports, which the record shows by their absence.
            let _panicked = thread.join();
        }
    }
}

impl Drop for EntryProbe {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

type FollowedTable = (NodeName, ConntrackEvents);

fn follow(
    mut tables: Vec<FollowedTable>,
    clock: &Receiver<RunClock>,
    stop: &StopFlag,
    recorder: Recorder,
) {
    let Ok(clock) = clock.recv() else { return };
    let Ok(zero) = wall_clock_at_zero(clock) else {
        return;
    };
    let mut follower = EntryFollower {
        recorder,
        clock,
        zero,
        recorded: 0,
        stamped: true,
    };
    for (node, _) in &tables {
        follower.record(Offset::ZERO, node, TrackedFact::Followed);
    }
    while !stop.is_raised() && !tables.is_empty() {
        let sockets = tables.iter().map(|(_, events)| events.as_fd());
        let mut fds: Vec<PollFd<'_>> = sockets
            .chain([stop.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        if matches!(poll(&mut fds, PollTimeout::NONE), Ok(1..)) {
            let gather = if follower.stamped {
                GATHER_STAMPED
            } else {
                GATHER
            };
            stop.wait_until(Instant::now() + gather);
        }
        follower.take(&mut tables);
    }
    follower.take(&mut tables);
}

/// Turns reports into events.
struct EntryFollower {
    recorder: Recorder,
    clock: RunClock,
    /// Wall-clock time at the zero of the run's clock, nanoseconds.
    zero: u64,
    recorded: usize,
    /// True if the kernel stamped the latest report.
    stamped: bool,
}

impl EntryFollower {
    /// Records what has been reported. Tables that cannot be followed any more are left.
    fn take(&mut self, tables: &mut Vec<FollowedTable>) {
        tables.retain_mut(|(node, events)| {
            let taken = events.take(|report| self.see(node, report));
            let reason = match taken {
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    "its entries changed faster than they could be read".to_owned()
                }
                Err(error) => error.to_string(),
                Ok(()) if self.recorded >= LIMIT => {
                    format!("a record has at most {LIMIT} of these reports")
                }
                Ok(()) => return true,
            };
            self.record(self.clock.now(), node, TrackedFact::Left { reason });
            false
        });
    }

    fn see(&mut self, node: &NodeName, report: EntryReport) {
        if self.recorded >= LIMIT {
            return;
        }
        self.stamped = report.time.is_some();
        let t = match report.time {
            // Entries from before the run began are not its own.
            Some(time) => match time.checked_sub(self.zero) {
                Some(since) => Offset(since),
                None => return,
            },
            None => self.clock.now(),
        };
        self.recorded += 1;
        let (removed, entry) = (report.removed, entry(report));
        let what = if removed {
            TrackedFact::Removed(entry)
        } else {
            TrackedFact::Entry(entry)
        };
        self.record(t, node, what);
    }

    fn record(&self, t: Offset, node: &NodeName, what: TrackedFact) {
        let node = node.clone();
        self.recorder
            .record(Event::Tracked(TrackedEvent { t, node, what }));
    }
}

fn entry(report: EntryReport) -> TrackedEntry {
    TrackedEntry {
        id: report.id,
        protocol: match i32::from(report.protocol) {
            libc::IPPROTO_TCP => "tcp".to_owned(),
            libc::IPPROTO_UDP => "udp".to_owned(),
            libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6 => "icmp".to_owned(),
            other => other.to_string(),
        },
        original: report.original.into(),
        reply: report.reply.into(),
        state: report.state.map(str::to_owned),
        answered: report.seen_reply,
        assured: report.assured,
        timeout: report.timeout,
        late: report.time.is_none(),
    }
}

/// Returns the wall-clock time at the zero of the run's clock, which may lie ahead.
fn wall_clock_at_zero(clock: RunClock) -> io::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    let now = Offset::from_duration(now.into()).0;
    let ahead = Offset::from_duration(clock.until(Offset::ZERO)).0;
    Ok((now + ahead).saturating_sub(clock.now().0))
}

//! Built-in clients. Their threads start on the client's node, each with a descriptor table of its own.
//!
//! An *attempt* is a connection, or in a loop a request. A client `load` has these series:
//!
//! * counters `load.attempted` (started), `.established` (`connect(2)` completed), `.completed` (ended without an
//!   error), `.failed` (ended with an error in the connect or after it), `.bytes` (body bytes received; in a bulk
//!   transfer, sent);
//! * gauge `load.in-flight`: started and not yet ended. The attempt of a held connection ends when the connection is
//!   established, and its reply, if there is one, has arrived. So `attempted == completed + failed + in-flight`;
//! * counters `load.errors.<ERRNO>`, declared when they first occur: the kernel's errors, and ETIMEDOUT for the
//!   attempt's own timeout, ENODATA (never used by TCP) if the other end closed before its reply was complete,
//!   EMSGSIZE for a head that does not end;
//! * distribution `load.latency`: nanoseconds from the *scheduled* start until the connection is established, or
//!   until the end of the reply if there is one;
//! * gauge `load.throughput`: bytes per second over the last 100 ms; at the end, over the whole load;
//! * counters `load.closed-first.client` and `.server`: connections by the side that closed first, as the client saw
//!   it; held connections and those of failed attempts do not count;
//! * counter `load.cpu`: processor time of its threads in nanoseconds, recorded when the last attempt has ended.

mod attempt;
mod dial;
pub(super) mod epoll_engine;
pub(super) mod flood;
pub(super) mod host;
mod plan;
pub(super) mod queries;
mod reply;
mod report;
mod start_queue;

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use socket2::SockAddr;

use self::dial::{Dialer, Lease};
use self::epoll_engine::EpollEngine;
use self::plan::LoadPlan;
use self::report::LoadStats;
use self::start_queue::{StartQueue, StartSlot};
use super::actor_metrics::ActorMetrics;
use crate::metrics::client::{BYTES, CPU, THROUGHPUT};
use crate::record::{Event, NamedConnection, Offset, RunClock};
use crate::scenario::workload::ClientSpec;
use crate::sys::tcp_clock::TcpClockShift;
use crate::sys::wake::StopFlag;
use crate::sys::{NetNs, fdtable, sockopt};

/// Interval of throughput measurements, equal to the sampling interval of probes.
const METER: Duration = Duration::from_millis(100);
/// Descriptors of a thread that are not connections: 0 to 2, the stop flag, epoll, the timer, and some spare.
const RESERVED: u64 = 32;

/// The resources that a client may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientResources {
    /// Descriptors available per thread. `None` if the client must not use more threads to get more.
    pub(super) table: Option<u64>,
    /// Shift of its timestamps, if any.
    pub(super) clock: Option<TcpClockShift>,
}

/// The state shared by the threads of a client.
#[derive(Debug)]
struct ClientShared {
    plan: LoadPlan,
    dialer: Dialer,
    metrics: Arc<ActorMetrics>,
    stop: Arc<StopFlag>,
    /// The namespace to enter before a socket is opened, if its thread also runs other clients.
    netns: Option<NetNs>,
}

/// Runs a client on its thread from start to end: prepares, reports ready, waits for the clock, drives its load,
/// and holds connections if the plan says so.
pub(super) fn run(
    spec: &ClientSpec,
    resources: ClientResources,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
    begin: &Receiver<RunClock>,
    ready: impl FnOnce(),
    done: impl FnOnce(),
) -> io::Result<()> {
    fdtable::unshare_keeping(&[stop.as_fd()])?;
    let client = ClientShared::prepare(spec, resources, metrics, stop, None)?;
    ready();
    // If the channel is closed, the run ended before it began.
    let Ok(clock) = begin.recv() else {
        return Ok(());
    };
    client.drive(clock, resources.table, done)
}

impl ClientShared {
    /// Prepares a client. Must be called on its node.
    fn prepare(
        spec: &ClientSpec,
        resources: ClientResources,
        metrics: &Arc<ActorMetrics>,
        stop: &Arc<StopFlag>,
        netns: Option<NetNs>,
    ) -> io::Result<Self> {
        let plan = LoadPlan::of(spec);
        Ok(Self {
            dialer: Dialer::new(&plan, resources.clock, metrics)?,
            plan,
            metrics: Arc::clone(metrics),
            stop: Arc::clone(stop),
            netns,
        })
    }

    /// Opens the connection of attempt `index` on the client's node.
    fn dial(&self, index: u64, now: Offset) -> io::Result<(socket2::Socket, Lease)> {
        if let Some(netns) = &self.netns {
            netns.enter()?;
        }
        let (socket, lease) = self.dialer.dial(&self.plan, index)?;
        let number = index + 1;
        if self.plan.named.contains(&number) {
            let address = |address: io::Result<SockAddr>| address.ok()?.as_socket();
            self.metrics
                .recorder()
                .record(Event::Connection(NamedConnection {
                    t: now,
                    client: self.metrics.actor().clone(),
                    number,
                    local: address(socket.local_addr()),
                    peer: self.plan.target.as_socket(),
                }));
        }
        Ok((socket, lease))
    }

    fn drive(&self, clock: RunClock, table: Option<u64>, done: impl FnOnce()) -> io::Result<()> {
        let mut done = Some(done);
        std::thread::scope(|scope| {
            let (sender, results) = mpsc::channel();
            let mut queue = StartQueue::new();
            for share in self.shares(table) {
                let (sender, slot) = (sender.clone(), queue.next());
                std::thread::Builder::new()
                    .name("client".to_owned())
                    .spawn_scoped(scope, move || self.run_share(clock, share, slot, sender))?;
            }
            drop(sender);
            let result = self.gather(&results);
            self.metrics.finish();
            if self.plan.holds() && result.is_ok() {
                match self.plan.hold_for {
                    Some(hold_for) => {
                        self.stop.wait_until(Instant::now() + hold_for);
                    }
                    None => {
                        if let Some(done) = done.take() {
                            done();
                        }
                        self.stop.wait();
                    }
                }
            }
            // Releases the threads that hold connections.
            self.stop.raise();
            result
        })?;
        if let Some(done) = done.take() {
            done();
        }
        Ok(())
    }

    /// Splits the attempts among threads. If connections are held, each thread gets no more than its table has room
    /// for.
    fn shares(&self, table: Option<u64>) -> Vec<Range<u64>> {
        let count = self.plan.starts.count();
        let size = match table {
            Some(table) if self.plan.holds() => table.saturating_sub(RESERVED).max(1),
            _ => count.max(1),
        };
        let starts = (0..count).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        starts
            .map(|start| start..(start + size).min(count))
            .collect()
    }

    fn run_share(
        &self,
        clock: RunClock,
        share: Range<u64>,
        slot: StartSlot,
        sender: Sender<io::Result<LoadStats>>,
    ) {
        let run = || {
            fdtable::unshare_keeping(&[self.stop.as_fd()])?;
            slot.wait();
            EpollEngine::new(self, clock, share)?.run(Some(slot))
        };
        let (result, held) = match run() {
            Ok(driven) => (Ok(driven.stats), driven.held),
            Err(error) => (Err(error), Vec::new()),
        };
        let _no_receiver = sender.send(result);
        drop(sender);
        if !held.is_empty() {
            self.stop.wait();
        }
        if self.stop.resets() {
            held.iter().for_each(sockopt::reset_on_close);
        }
    }

    /// Waits until the attempts of every thread have ended, and records the load report.
    fn gather(&self, results: &Receiver<io::Result<LoadStats>>) -> io::Result<()> {
        let mut whole = LoadStats::new("epoll");
        let (mut bytes, mut since) = (0, self.metrics.now());
        loop {
            match results.recv_timeout(METER) {
                Ok(stats) => whole.add(&stats?),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let (now, so_far) = (self.metrics.now(), self.metrics.get(&BYTES));
                    let rate = throughput(so_far - bytes, since, now);
                    (bytes, since) = (so_far, now);
                    self.metrics
                        .update(now, |counts| counts.set(&THROUGHPUT, rate));
                }
            }
        }
        self.conclude(&whole);
        Ok(())
    }

    /// Records the load report, once all attempts have ended.
    fn conclude(&self, whole: &LoadStats) {
        let rate = throughput(self.metrics.get(&BYTES), whole.first_start, whole.ended);
        let now = self.metrics.now();
        self.metrics.update(now, |counts| {
            counts.set(&THROUGHPUT, rate);
            counts.set(&CPU, i64::try_from(whole.cpu).unwrap_or(i64::MAX));
        });
        let report = whole.report(self.metrics.actor(), self.plan.starts);
        self.metrics.recorder().record(Event::Load(report));
    }
}

/// Returns bytes per second between two times; 0 if no time has passed.
fn throughput(bytes: i64, from: Offset, to: Offset) -> i64 {
    let took = to.as_duration().saturating_sub(from.as_duration());
    if took.is_zero() {
        0
    } else {
        (bytes as f64 / took.as_secs_f64()) as i64
    }
}

#[cfg(test)]
mod tests;

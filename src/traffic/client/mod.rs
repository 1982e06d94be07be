//! Built-in clients. Each has threads born on its node, with descriptor tables of their own.
//!
//! An *attempt* is a connection, or in a loop a request. Series of a client `load`:
//!
//! * counters `load.attempted` (started), `.established` (`connect(2)` completed), `.completed` (ended well), `.failed` (ended in an
//!   error: a connect that failed, or what came after it), `.bytes` (body bytes received; in a bulk transfer, sent);
//! * gauge `load.in-flight`: started and not yet ended. A connection that is held has ended its attempt when it is established
//!   (and has had its reply, where there is one). So `attempted == completed + failed + in-flight`;
//! * counters `load.errors.<ERRNO>`, each declared when it first occurs: what the kernel says, ETIMEDOUT also for the attempt's own
//!   timeout, ENODATA (which TCP never says) where the other end closed before its reply was whole, EMSGSIZE for an endless head;
//! * distribution `load.latency`, nanoseconds from the *intended* start to established, or to the end of the reply where there is one;
//! * gauge `load.throughput`: bytes a second over the last 100 ms; once the last attempt has ended, those of the whole load;
//! * counter `load.cpu`, nanoseconds: the processor time of its threads, once the last attempt has ended.

mod attempt;
mod dial;
mod epoll_engine;
pub(super) mod flood;
mod plan;
mod ports;
mod reply;
mod report;
mod start_queue;
mod uring_engine;

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use self::dial::Dialer;
use self::epoll_engine::{EngineResult, EpollEngine};
use self::plan::LoadPlan;
use self::report::LoadStats;
use self::start_queue::{StartQueue, StartSlot};
use self::uring_engine::UringEngine;
use super::actor_metrics::{ActorMetrics, Declared};
use crate::record::{Event, Offset, RunClock, SeriesKind};
use crate::scenario::workload::ClientSpec;
use crate::sys::tcp_clock::TcpClockShift;
use crate::sys::wake::StopFlag;
use crate::sys::{fdtable, sockopt};
use crate::units::Unit;

const ATTEMPTED: usize = 0;
const ESTABLISHED: usize = 1;
const COMPLETED: usize = 2;
const FAILED: usize = 3;
const BYTES: usize = 4;
const IN_FLIGHT: usize = 5;
const THROUGHPUT: usize = 6;
const CPU: usize = 7;
/// The series that a client has.
pub(super) const SERIES: [Declared; 8] = [
    ("attempted", SeriesKind::Counter, Unit::Count),
    ("established", SeriesKind::Counter, Unit::Count),
    ("completed", SeriesKind::Counter, Unit::Count),
    ("failed", SeriesKind::Counter, Unit::Count),
    ("bytes", SeriesKind::Counter, Unit::Bytes),
    ("in-flight", SeriesKind::Gauge, Unit::Count),
    ("throughput", SeriesKind::Gauge, Unit::BytesPerSecond),
    ("cpu", SeriesKind::Counter, Unit::Seconds),
];

/// How often throughput is measured: as often as probes look.
const METER: Duration = Duration::from_millis(100);
/// Descriptors of a thread that are not connections: 0 to 2, the stop flag's, epoll, the timer, with some to spare.
const RESERVED: u64 = 32;

/// What a client may and shall use beside what it is asked to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientResources {
    /// How many descriptors a thread may have, where more threads may be used to have more.
    pub(super) table: Option<u64>,
    /// How far its timestamps are shifted.
    pub(super) clock: Option<TcpClockShift>,
}

/// What the threads of a client share.
#[derive(Debug)]
struct ClientShared {
    plan: LoadPlan,
    dialer: Dialer,
    metrics: Arc<ActorMetrics>,
    stop: Arc<StopFlag>,
}

/// The whole life of a client on its thread: prepares, says so, waits for the clock, drives its load, holds what is to be held.
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
    let plan = LoadPlan::of(spec);
    let client = ClientShared {
        dialer: Dialer::new(&plan, resources.clock)?,
        plan,
        metrics: Arc::clone(metrics),
        stop: Arc::clone(stop),
    };
    ready();
    // Nobody gives the time any more: the run has ended before it began.
    let Ok(clock) = begin.recv() else {
        return Ok(());
    };
    client.drive(clock, resources.table, done)
}

impl ClientShared {
    fn drive(&self, clock: RunClock, table: Option<u64>, done: impl FnOnce()) -> io::Result<()> {
        let mut done = Some(done);
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let mut queue = StartQueue::new();
            for share in self.shares(table) {
                let (tell, slot) = (tell.clone(), queue.next());
                std::thread::Builder::new()
                    .name("client".to_owned())
                    .spawn_scoped(scope, move || {
                        self.run_share(clock, share, table, slot, tell)
                    })?;
            }
            drop(tell);
            let result = self.gather(&told);
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
            // For the threads that hold connections.
            self.stop.raise();
            result
        })?;
        if let Some(done) = done.take() {
            done();
        }
        Ok(())
    }

    /// Which attempts each thread starts. Where connections are held, none more than its table has room for.
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
        table: Option<u64>,
        slot: StartSlot,
        tell: Sender<io::Result<LoadStats>>,
    ) {
        let run = || {
            fdtable::unshare_keeping(&[self.stop.as_fd()])?;
            slot.wait();
            // The sockets of a ring take no descriptors, so a bound on them would not bind.
            if table.is_some() && self.plan.may_use_uring() {
                self.run_uring(clock, share)
            } else {
                EpollEngine::new(self, clock, share)?.run(Some(slot))
            }
        };
        let (result, held) = match run() {
            Ok(driven) => (Ok(driven.stats), driven.held),
            Err(error) => (Err(error), Vec::new()),
        };
        let _nobody_listens = tell.send(result);
        drop(tell);
        if !held.is_empty() {
            self.stop.wait();
        }
        if self.stop.resets() {
            held.iter().for_each(sockopt::reset_on_close);
        }
    }

    /// The first request shows what a reply is like; where that suits, the others are uring_engine in the kernel.
    fn run_uring(&self, clock: RunClock, share: Range<u64>) -> io::Result<EngineResult> {
        let (first, rest) = (share.start..share.start + 1, share.start + 1..share.end);
        let mut driven = EpollEngine::new(self, clock, first)?.run(None)?;
        if rest.is_empty() {
            return Ok(driven);
        }
        let seen = driven
            .last_reply
            .filter(|seen| self.plan.suits_uring(*seen));
        let uring_engine = seen.map(|seen| UringEngine::new(self, clock, rest.clone(), seen));
        let stats = match uring_engine {
            Some(Ok(uring_engine)) => uring_engine.run()?,
            // Not this kind of reply, or not this kind of kernel.
            Some(Err(_)) | None => EpollEngine::new(self, clock, rest)?.run(None)?.stats,
        };
        driven.stats.add(&stats);
        Ok(driven)
    }

    /// Waits for every thread's attempts to end, and reports them.
    fn gather(&self, told: &Receiver<io::Result<LoadStats>>) -> io::Result<()> {
        let mut whole = LoadStats::new("epoll");
        let (mut bytes, mut since) = (0, self.metrics.now());
        loop {
            match told.recv_timeout(METER) {
                Ok(stats) => whole.add(&stats?),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let (now, so_far) = (self.metrics.now(), self.metrics.get(BYTES));
                    let rate = throughput(so_far - bytes, since, now);
                    (bytes, since) = (so_far, now);
                    self.metrics
                        .update(now, |counts| counts.set(THROUGHPUT, rate));
                }
            }
        }
        let rate = throughput(self.metrics.get(BYTES), whole.first_start, whole.ended);
        let now = self.metrics.now();
        self.metrics.update(now, |counts| {
            counts.set(THROUGHPUT, rate);
            counts.set(CPU, i64::try_from(whole.cpu).unwrap_or(i64::MAX));
        });
        let report = whole.report(self.metrics.actor(), &self.plan);
        self.metrics.recorder().record(Event::Load(report));
        Ok(())
    }
}

/// Bytes a second between two moments; 0 where no time has passed.
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

//! Many clients on one thread, so that a lab with a client on each of a thousand nodes has a few threads.
//!
//! Each client has its own engine; the thread waits for all of them at once, because an epoll instance can watch others
//! (epoll(7)). To open a socket on a client's node, the thread enters its namespace. It is the only kind of thread that
//! changes its namespace after it starts: it does nothing else there, and a socket stays in the namespace that it was
//! opened in (network_namespaces(7)).

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use socket2::Socket;

use super::epoll_engine::{EngineResult, EpollEngine};
use super::{ClientResources, ClientShared, METER};
use crate::metrics::client::{BYTES, THROUGHPUT};
use crate::record::{Offset, RunClock};
use crate::scenario::workload::ClientSpec;
use crate::sys::readiness::{Epoll, Interest, ReadinessSet};
use crate::sys::timer::{Alarm, thread_cpu_time};
use crate::sys::wake::StopFlag;
use crate::sys::{NetNs, fdtable, sched, sockopt};
use crate::traffic::actor_metrics::ActorMetrics;

const ALARM: u64 = u64::MAX;

/// A client that a host runs.
pub(in crate::traffic) struct HostedClient {
    pub(in crate::traffic) spec: ClientSpec,
    pub(in crate::traffic) netns: NetNs,
    pub(in crate::traffic) resources: ClientResources,
    pub(in crate::traffic) metrics: Arc<ActorMetrics>,
    pub(in crate::traffic) stop: Arc<StopFlag>,
    /// Called when all its attempts have ended; dropped without a call if it is stopped or fails before.
    pub(in crate::traffic) ended: Box<dyn FnOnce() + Send>,
    /// Receives its result.
    pub(in crate::traffic) result: Sender<io::Result<()>>,
}

/// The thread of many clients, with the means to begin.
#[derive(Debug)]
pub(in crate::traffic) struct ClientHost {
    begin: Option<Sender<RunClock>>,
}

impl ClientHost {
    /// Starts the thread and waits until it has prepared each client.
    ///
    /// # Errors
    /// The client that cannot be prepared, by its place, with the error.
    pub(in crate::traffic) fn start(
        clients: Vec<HostedClient>,
    ) -> Result<Self, (usize, io::Error)> {
        let (begin, begun) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        std::thread::Builder::new()
            .name("clients".to_owned())
            .spawn(move || match prepare(clients) {
                Ok(hosted) => {
                    let _no_receiver = ready.send(Ok(()));
                    drop(ready);
                    run(hosted, &begun);
                }
                Err(error) => {
                    let _no_receiver = ready.send(Err(error));
                }
            })
            .map_err(|error| (0, error))?;
        match is_ready.recv() {
            Ok(Ok(())) => Ok(Self { begin: Some(begin) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err((0, io::Error::other("the thread of the clients ended"))),
        }
    }

    /// Passes the clock to the clients, which begin.
    pub(in crate::traffic) fn begin(&mut self, clock: RunClock) {
        if let Some(begin) = self.begin.take() {
            let _stopped_before = begin.send(clock);
        }
    }
}

/// A client that is prepared or runs.
struct Hosted {
    client: Arc<ClientShared>,
    state: HostedState,
    ended: Option<Box<dyn FnOnce() + Send>>,
    result: Option<Sender<io::Result<()>>>,
    /// Bytes at the last measurement of throughput.
    bytes: i64,
}

enum HostedState {
    Prepared,
    Running(Box<EpollEngine<Arc<ClientShared>>>),
    /// All attempts have ended, and the connections are held.
    Holding(Vec<Socket>),
    Ended,
}

fn prepare(clients: Vec<HostedClient>) -> Result<Vec<Hosted>, (usize, io::Error)> {
    let keep = clients
        .iter()
        .flat_map(|client| [client.stop.as_fd(), client.netns.as_fd()]);
    let keep: Vec<_> = keep.collect();
    fdtable::unshare_keeping(&keep).map_err(|error| (0, error))?;
    let hosted = clients.into_iter().enumerate().map(|(place, hosted)| {
        let HostedClient {
            spec,
            netns,
            resources,
            metrics,
            stop,
            ended,
            result,
        } = hosted;
        let client = netns
            .enter()
            .and_then(|()| ClientShared::prepare(&spec, resources, &metrics, &stop, Some(netns)))
            .map_err(|error| (place, error))?;
        Ok(Hosted {
            client: Arc::new(client),
            state: HostedState::Prepared,
            ended: Some(ended),
            result: Some(result),
            bytes: 0,
        })
    });
    hosted.collect()
}

/// Waits for the clock and runs every client to its end.
fn run(mut hosted: Vec<Hosted>, begun: &Receiver<RunClock>) {
    let result = match begun.recv() {
        Ok(clock) => drive(&mut hosted, clock),
        // The run ended before it began.
        Err(_) => Ok(()),
    };
    // A failure of the thread itself is one of each client that it still has.
    for one in &mut hosted {
        one.finish(match &result {
            Ok(()) => Ok(()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        });
    }
}

fn drive(hosted: &mut [Hosted], clock: RunClock) -> io::Result<()> {
    let mut epoll = Epoll::new()?;
    let alarm = Alarm::new(clock.instant(Offset::ZERO))?;
    epoll.watch(alarm.as_fd().as_raw_fd(), ALARM, Interest::Read)?;
    // Without permission, starts are as late as the machine makes them, and the report shows it.
    let has_priority = sched::run_before_others().is_ok();
    for (token, one) in (0..).zip(hosted.iter_mut()) {
        let count = one.client.plan.starts.count();
        let mut engine = EpollEngine::new(Arc::clone(&one.client), clock, 0..count)?;
        engine.has_priority(has_priority);
        epoll.watch(engine.as_fd().as_raw_fd(), token, Interest::Read)?;
        one.state = HostedState::Running(Box::new(engine));
    }
    // Clients with something to do before anything is ready: all of them at first.
    let mut again: BTreeSet<u64> = (0..).take(hosted.len()).collect();
    let mut holds: BTreeSet<(Offset, u64)> = BTreeSet::new();
    let mut left = hosted.len();
    let mut meter = Offset::ZERO;
    let mut ready = Vec::new();
    while left > 0 {
        let next = holds.first().map_or(meter, |(until, _)| meter.min(*until));
        alarm.set(next.as_duration().max(Duration::from_nanos(1)))?;
        ready.clear();
        epoll.wait_or_poll(&mut ready, again.is_empty())?;
        ready.extend(std::mem::take(&mut again));
        for token in ready.drain(..) {
            let place = usize::try_from(token).unwrap_or(usize::MAX);
            let Some(one) = hosted.get_mut(place) else {
                continue;
            };
            match one.turn() {
                Turn::WaitsForEvents => {}
                Turn::GoesOn => {
                    again.insert(token);
                }
                Turn::Holds => {
                    epoll.watch(one.client.stop.as_fd().as_raw_fd(), token, Interest::Read)?;
                    if let Some(hold_for) = one.client.plan.hold_for {
                        let until = clock.now().as_duration() + hold_for;
                        holds.insert((Offset::from_duration(until), token));
                    }
                }
                Turn::HasEnded => {
                    // A raised flag would wake the thread again and again.
                    epoll.unwatch(one.client.stop.as_fd().as_raw_fd());
                    left -= 1;
                }
                Turn::HadEnded => {}
            }
        }
        let now = clock.now();
        while let Some((until, token)) = holds.first().copied()
            && until <= now
        {
            holds.pop_first();
            let place = usize::try_from(token).unwrap_or(usize::MAX);
            if let Some(one) = hosted.get_mut(place)
                && one.release(&mut epoll)
            {
                left -= 1;
            }
        }
        if meter <= now {
            meter = Offset::from_duration(now.as_duration() + METER);
            hosted.iter_mut().for_each(Hosted::measure);
        }
    }
    Ok(())
}

/// The result of a turn of a client.
enum Turn {
    WaitsForEvents,
    /// More is due at once.
    GoesOn,
    /// All attempts have ended, and connections are held until the client is stopped or their time is over.
    Holds,
    HasEnded,
    HadEnded,
}

impl Hosted {
    fn turn(&mut self) -> Turn {
        match &mut self.state {
            HostedState::Running(engine) => {
                let before = thread_cpu_time().unwrap_or_default();
                let result = engine.turn(false);
                let cpu = thread_cpu_time().unwrap_or_default().saturating_sub(before);
                engine.add_cpu(cpu);
                match result {
                    Ok(true) if engine.is_due() => Turn::GoesOn,
                    Ok(true) => Turn::WaitsForEvents,
                    Ok(false) => self.conclude(),
                    Err(error) => {
                        self.finish(Err(error));
                        Turn::HasEnded
                    }
                }
            }
            HostedState::Holding(_) if self.client.stop.is_raised() => {
                self.finish(Ok(()));
                Turn::HasEnded
            }
            HostedState::Holding(_) => Turn::WaitsForEvents,
            HostedState::Prepared | HostedState::Ended => Turn::HadEnded,
        }
    }

    /// Records the load report once every attempt has ended.
    fn conclude(&mut self) -> Turn {
        let HostedState::Running(engine) = std::mem::replace(&mut self.state, HostedState::Ended)
        else {
            return Turn::HadEnded;
        };
        let EngineResult { stats, held, .. } = engine.finish();
        self.client.conclude(&stats);
        self.state = HostedState::Holding(held);
        if !self.client.plan.holds() || self.client.stop.is_raised() {
            self.finish(Ok(()));
            return Turn::HasEnded;
        }
        if self.client.plan.hold_for.is_none()
            && let Some(ended) = self.ended.take()
        {
            ended();
        }
        Turn::Holds
    }

    /// Closes connections whose time is over. Returns true if that ended the client.
    fn release(&mut self, epoll: &mut Epoll) -> bool {
        if !matches!(self.state, HostedState::Holding(_)) {
            return false;
        }
        epoll.unwatch(self.client.stop.as_fd().as_raw_fd());
        self.finish(Ok(()));
        true
    }

    fn finish(&mut self, result: io::Result<()>) {
        if let HostedState::Holding(held) = &self.state
            && self.client.stop.resets()
        {
            held.iter().for_each(sockopt::reset_on_close);
        }
        self.state = HostedState::Ended;
        let ended = self.ended.take();
        if result.is_ok()
            && let Some(ended) = ended
        {
            ended();
        }
        if let Some(sender) = self.result.take() {
            let _no_receiver = sender.send(result);
        }
    }

    /// Records the throughput since the last measurement.
    fn measure(&mut self) {
        if !matches!(self.state, HostedState::Running(_)) {
            return;
        }
        let bytes = self.client.metrics.get(&BYTES);
        let rate = (bytes - self.bytes) as f64 / METER.as_secs_f64();
        let now = self.client.metrics.now();
        let (rate, before) = (rate as i64, self.client.metrics.get(&THROUGHPUT));
        self.bytes = bytes;
        if rate != before {
            self.client
                .metrics
                .update(now, |counts| counts.set(&THROUGHPUT, rate));
        }
    }
}

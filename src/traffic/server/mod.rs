//! Built-in servers. Each has a thread (a pool: several) born on its node, with a descriptor table of its own, and is there once
//! `listen(2)` has succeeded.
//!
//! Series of a server `web`: counters `web.accepted`, `web.replies` (requests answered to the last byte), `web.bytes` (body bytes
//! received and sent, heads not counted), `web.cpu` (nanoseconds: the processor time of its threads, at their end) and `web.errors.<ERRNO>`:
//!
//! * errors of `accept4(2)`: EMFILE and the like once for each try;
//! * errors of a connection in the middle of a request or reply; a reset *between* requests is no error;
//! * EMSGSIZE for a request head of more than 8 KiB, which ends the connection;
//! * EINVAL for a connection whose descriptor `select(2)` has no bit for (at or above `FD_SETSIZE`): it is closed unserved.
//!
//! A proxy has `proxy.forwarded` too (replies of the server behind it, passed on to the last byte), and `proxy.errors.<ERRNO>` also
//! counts what goes wrong between it and that server: EADDRNOTAVAIL where it has no port left to connect from, ECONNREFUSED, ENODATA
//! for a reply that breaks off. The client then gets 503, which counts as a reply, or, in the middle of a reply, the end.
//!
//! They speak enough HTTP/1 for `ab`, `wrk` and the built-in clients. A peer that sends its FIN is answered with one, except by a
//! server that never closes.

mod acceptors;
mod conversation;
mod event_loop;
mod forward;
mod pool;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use self::acceptors::AcceptorGroup;
use self::conversation::{ConversationNext, ConversationProgress, ServerPolicy};
use self::event_loop::EventLoop;
use super::actor_metrics::{ActorMetrics, Declared};
use crate::record::SeriesKind;
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::{Accept, ServerClose, ServerSpec};
use crate::sys::readiness::{Epoll, Interest, Poll, ReadinessSet, Select};
use crate::sys::timer::thread_cpu_time;
use crate::sys::wake::StopFlag;
use crate::sys::{fdtable, sockopt};
use crate::units::Unit;

const ACCEPTED: usize = 0;
const REPLIES: usize = 1;
const BYTES: usize = 2;
const CPU: usize = 3;
const FORWARDED: usize = 4;
/// The series that servers have; the last is a proxy's.
const SERIES: [Declared; 5] = [
    ("accepted", SeriesKind::Counter, Unit::Count),
    ("replies", SeriesKind::Counter, Unit::Count),
    ("bytes", SeriesKind::Counter, Unit::Bytes),
    ("cpu", SeriesKind::Counter, Unit::Seconds),
    ("forwarded", SeriesKind::Counter, Unit::Count),
];

/// The series that a server has.
pub(super) fn series(spec: &ServerSpec) -> &'static [Declared] {
    match spec.forward {
        Some(_) => &SERIES,
        None => &SERIES[..FORWARDED],
    }
}

/// What the threads of a server share.
#[derive(Debug)]
pub(super) struct ServerShared {
    stop: Arc<StopFlag>,
    metrics: Arc<ActorMetrics>,
    policy: ServerPolicy,
    keep_alive: Duration,
    /// Whether connections that idle are closed.
    closes_idle: bool,
}

impl ServerShared {
    fn count_accepted(&self, progress: &ConversationProgress) {
        self.metrics.update(self.metrics.now(), |counts| {
            counts.add(ACCEPTED, 1);
            add(counts, progress);
        });
    }

    fn count(&self, progress: &ConversationProgress) {
        let failed =
            matches!(progress.next, ConversationNext::Fail(_)) || !progress.errors.is_empty();
        if progress.replies > 0 || progress.bytes > 0 || failed {
            self.metrics
                .update(self.metrics.now(), |counts| add(counts, progress));
        }
    }

    /// Counts the processor time of the calling thread, at its end. A kernel that does not tell leaves it uncounted.
    fn count_cpu(&self) {
        let cpu = thread_cpu_time().unwrap_or_default();
        let cpu = i64::try_from(cpu.as_nanos()).unwrap_or(i64::MAX);
        self.metrics
            .update(self.metrics.now(), |counts| counts.add(CPU, cpu));
    }

    fn count_error(&self, errno: i32) {
        self.metrics
            .update(self.metrics.now(), |counts| counts.error(errno));
    }
}

fn add(counts: &mut super::actor_metrics::Counts, progress: &ConversationProgress) {
    if progress.replies > 0 {
        counts.add(REPLIES, progress.replies.into());
    }
    if progress.bytes > 0 {
        counts.add(BYTES, i64::try_from(progress.bytes).unwrap_or(i64::MAX));
    }
    if progress.forwarded > 0 {
        counts.add(FORWARDED, progress.forwarded.into());
    }
    for errno in &progress.errors {
        counts.error(*errno);
    }
    if let ConversationNext::Fail(errno) = progress.next {
        counts.error(errno);
    }
}

/// The whole life of a server on its thread: listens, says so, serves until it is stopped.
pub(super) fn run(
    spec: &ServerSpec,
    ip: IpVersion,
    may_add_threads: bool,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
    ready: impl FnOnce(),
) -> io::Result<()> {
    fdtable::unshare_keeping(&[stop.as_fd()])?;
    let listener = Arc::new(listen(ip, spec)?);
    let shared = Arc::new(ServerShared {
        stop: Arc::clone(stop),
        metrics: Arc::clone(metrics),
        policy: ServerPolicy::of(spec),
        keep_alive: spec.keep_alive,
        closes_idle: spec.close == ServerClose::AsRequested,
    });
    match spec.accept {
        Accept::Never => {
            ready();
            stop.wait();
            Ok(())
        }
        Accept::Epoll if may_add_threads => {
            let acceptors = AcceptorGroup::new(&shared, &listener);
            ready();
            acceptors.run()
        }
        Accept::Epoll => event_loop(&shared, &listener, Epoll::new()?, None, ready),
        Accept::Delay(delay) => event_loop(&shared, &listener, Epoll::new()?, Some(delay), ready),
        Accept::Select => event_loop(&shared, &listener, Select::default(), None, ready),
        Accept::Poll => event_loop(&shared, &listener, Poll::default(), None, ready),
        Accept::Pool { threads } => pool::run(&shared, &listener, threads, ready),
    }
}

fn event_loop<R: ReadinessSet>(
    shared: &ServerShared,
    listener: &Socket,
    readiness: R,
    delay: Option<Duration>,
    ready: impl FnOnce(),
) -> io::Result<()> {
    let event_loop = EventLoop::new(shared, listener, readiness, delay, None)?;
    ready();
    event_loop.run(|readiness, stop, token| readiness.watch(stop, token, Interest::Read))
}

/// A listener on the wildcard address; the backlog reaches `listen(2)` as it is.
fn listen(ip: IpVersion, spec: &ServerSpec) -> io::Result<Socket> {
    let wildcard = match ip {
        IpVersion::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpVersion::V6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let listener = sockopt::tcp_socket(wildcard)?;
    listener.set_reuse_address(true)?;
    // What is accepted from it has it too.
    listener.set_keepalive(spec.so_keepalive)?;
    if ip == IpVersion::V6 {
        listener.set_only_v6(true)?;
    }
    listener.bind(&SockAddr::from(SocketAddr::new(wildcard, spec.port)))?;
    // Above i32::MAX the kernel's own bound, somaxconn, applies all the same.
    listener.listen(i32::try_from(spec.backlog).unwrap_or(i32::MAX))?;
    Ok(listener)
}

#[cfg(test)]
mod tests;

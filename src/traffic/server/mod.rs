//! Built-in servers. Each has a thread (a pool: several) that starts on its node with a descriptor table of its own. A
//! server is ready once `listen(2)` has succeeded.
//!
//! A server `web` has the counters `web.accepted`, `web.replies` (requests answered completely), `web.bytes` (body
//! bytes received and sent, without heads), `web.cpu` (processor time of its threads in nanoseconds, recorded when
//! they end) and `web.errors.<ERRNO>`:
//!
//! * errors of `accept4(2)`; EMFILE and the like once per try;
//! * errors of a connection during a request or reply; a reset *between* requests does not count;
//! * EMSGSIZE for a request head of more than 8 KiB, which ends the connection;
//! * EINVAL for a connection whose descriptor does not fit in `select(2)`'s set (`FD_SETSIZE`): it is closed unserved.
//!
//! A proxy also has `proxy.forwarded` (replies of the server behind it, forwarded completely), and its
//! `proxy.errors.<ERRNO>` include errors between it and that server: EADDRNOTAVAIL if no local port is left,
//! ECONNREFUSED, ENODATA for an incomplete reply. The client then gets 503, which counts as a reply, or, in the
//! middle of a reply, a closed connection.
//!
//! Servers support enough HTTP/1 for `ab`, `wrk` and the built-in clients. They answer a FIN with a FIN, except a
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
use super::actor_metrics::ActorMetrics;
use crate::metrics::server::{ACCEPTED, BYTES, CPU, FORWARDED, REPLIES};
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::{Accept, ServerClose, ServerSpec};
use crate::sys::readiness::{Epoll, Interest, Poll, ReadinessSet, Select};
use crate::sys::timer::thread_cpu_time;
use crate::sys::wake::StopFlag;
use crate::sys::{fdtable, sockopt};

/// The state shared by the threads of a server.
#[derive(Debug)]
pub(super) struct ServerShared {
    stop: Arc<StopFlag>,
    metrics: Arc<ActorMetrics>,
    policy: ServerPolicy,
    keep_alive: Duration,
    /// True if idle connections are closed.
    closes_idle: bool,
}

impl ServerShared {
    fn count_accepted(&self, progress: &ConversationProgress) {
        self.metrics.update(self.metrics.now(), |counts| {
            counts.add(&ACCEPTED, 1);
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

    /// Counts the processor time of the calling thread, at its end. Skipped if the kernel does not report it.
    fn count_cpu(&self) {
        let cpu = thread_cpu_time().unwrap_or_default();
        let cpu = i64::try_from(cpu.as_nanos()).unwrap_or(i64::MAX);
        self.metrics
            .update(self.metrics.now(), |counts| counts.add(&CPU, cpu));
    }

    fn count_error(&self, errno: i32) {
        self.metrics
            .update(self.metrics.now(), |counts| counts.error(errno));
    }
}

fn add(counts: &mut super::actor_metrics::Counts, progress: &ConversationProgress) {
    if progress.replies > 0 {
        counts.add(&REPLIES, progress.replies.into());
    }
    if progress.bytes > 0 {
        counts.add(&BYTES, i64::try_from(progress.bytes).unwrap_or(i64::MAX));
    }
    if progress.forwarded > 0 {
        counts.add(&FORWARDED, progress.forwarded.into());
    }
    for errno in &progress.errors {
        counts.error(*errno);
    }
    if let ConversationNext::Fail(errno) = progress.next {
        counts.error(errno);
    }
}

/// Runs a server on its thread from start to end: listens, reports ready, and serves until it is stopped.
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

/// Opens a listener on the wildcard address, passing the backlog to `listen(2)` unchanged.
fn listen(ip: IpVersion, spec: &ServerSpec) -> io::Result<Socket> {
    let wildcard = match ip {
        IpVersion::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpVersion::V6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let listener = sockopt::tcp_socket(wildcard)?;
    listener.set_reuse_address(true)?;
    // Accepted sockets inherit it.
    listener.set_keepalive(spec.so_keepalive)?;
    if ip == IpVersion::V6 {
        listener.set_only_v6(true)?;
    }
    listener.bind(&SockAddr::from(SocketAddr::new(wildcard, spec.port)))?;
    // A greater backlog than i32::MAX makes no difference, because the kernel limits it to somaxconn.
    listener.listen(i32::try_from(spec.backlog).unwrap_or(i32::MAX))?;
    Ok(listener)
}

#[cfg(test)]
mod tests;

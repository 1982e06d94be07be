//! Built-in servers. Each has a thread (a pool: several) that starts on its node with a descriptor table of its own. A
//! server is ready once `listen(2)` has succeeded; one that starts late is ready before.
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
mod datagrams;
mod event_loop;
mod forward;
mod pool;
mod upstream_pool;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use self::acceptors::AcceptorGroup;
use self::conversation::{ConversationNext, ConversationProgress, ServerPolicy};
use self::event_loop::EventLoop;
use super::actor::ActorSignals;
use super::actor_metrics::ActorMetrics;
use super::socket_options;
use crate::metrics::server::{ACCEPTED, BYTES, CPU, FORWARDED, REPLIES};
use crate::record::{Event, Offset};
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::{Accept, Protocol, ServerClose, ServerSpec, SocketOption};
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
    /// True if the server never accepts again once it had no descriptor for a connection.
    stops_at_emfile: bool,
    options: Vec<SocketOption>,
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

/// Runs a server on its thread from start to end: listens, reports ready, and serves until it is stopped. A server that
/// starts late reports ready first, and counts an error of `bind(2)` or `listen(2)`.
pub(super) fn run(
    spec: &ServerSpec,
    ip: IpVersion,
    may_add_threads: bool,
    metrics: &Arc<ActorMetrics>,
    signals: &ActorSignals,
) -> io::Result<()> {
    let stop = &signals.stop;
    fdtable::unshare_keeping(&[stop.as_fd()])?;
    let ready = signals.ready();
    if spec.start.is_zero() {
        let socket = bind(ip, spec, metrics)?;
        return serve(spec, socket, may_add_threads, metrics, stop, ready);
    }
    // An option that this kernel lacks is reported before the run begins.
    unbound(ip, spec)?;
    ready();
    // If the channel is closed, the run ended before it began.
    let Ok(clock) = signals.begin.recv() else {
        return Ok(());
    };
    if stop.wait_until(clock.instant(Offset::from_duration(spec.start))) {
        return Ok(());
    }
    match bind(ip, spec, metrics) {
        Ok(socket) => serve(spec, socket, may_add_threads, metrics, stop, || ()),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            metrics.update(metrics.now(), |counts| counts.error(errno));
            stop.wait();
            Ok(())
        }
    }
}

fn serve(
    spec: &ServerSpec,
    socket: Socket,
    may_add_threads: bool,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
    ready: impl FnOnce(),
) -> io::Result<()> {
    if spec.protocol == Protocol::Udp {
        ready();
        return datagrams::run(spec, socket, metrics, stop);
    }
    let listener = Arc::new(socket);
    let policy = ServerPolicy::of(spec)?;
    if let Some(choice) = policy.other_port_choice() {
        metrics.recorder().record(Event::Note {
            t: None,
            text: format!(
                "`{}` was to take local ports in turn; they are chosen by the {choice}",
                spec.name
            ),
        });
    }
    let shared = Arc::new(ServerShared {
        stop: Arc::clone(stop),
        metrics: Arc::clone(metrics),
        policy,
        keep_alive: spec.keep_alive,
        closes_idle: spec.close == ServerClose::AsRequested,
        stops_at_emfile: spec.accept == Accept::UntilEmfile,
        options: spec.options.clone(),
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
        Accept::Epoll | Accept::UntilEmfile => {
            event_loop(&shared, &listener, Epoll::new()?, None, ready)
        }
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

fn wildcard(ip: IpVersion) -> IpAddr {
    match ip {
        IpVersion::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpVersion::V6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    }
}

/// Creates the socket of a server, with its options, for [`bind`].
fn unbound(ip: IpVersion, spec: &ServerSpec) -> io::Result<Socket> {
    let wildcard = wildcard(ip);
    let socket = match spec.protocol {
        Protocol::Tcp => sockopt::tcp_socket(wildcard)?,
        Protocol::Udp => sockopt::udp_socket(wildcard)?,
    };
    if ip == IpVersion::V6 {
        socket.set_only_v6(true)?;
    }
    if spec.protocol == Protocol::Tcp {
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit it.
        socket.set_keepalive(spec.so_keepalive)?;
    }
    // Accepted sockets inherit them too.
    socket_options::apply(&spec.options, &socket, wildcard).map_err(io::Error::other)?;
    Ok(socket)
}

/// Binds a socket to the wildcard address. A TCP socket listens, with the backlog passed to `listen(2)` unchanged.
fn bind(ip: IpVersion, spec: &ServerSpec, metrics: &ActorMetrics) -> io::Result<Socket> {
    let (wildcard, socket) = (wildcard(ip), unbound(ip, spec)?);
    socket.bind(&SockAddr::from(SocketAddr::new(wildcard, spec.port)))?;
    if spec.protocol == Protocol::Tcp {
        // A greater backlog than i32::MAX makes no difference, because the kernel limits it to somaxconn.
        socket.listen(i32::try_from(spec.backlog).unwrap_or(i32::MAX))?;
    }
    let (actor, recorder) = (metrics.actor(), metrics.recorder());
    socket_options::note_changes(&spec.options, &socket, wildcard, actor, recorder);
    Ok(socket)
}

#[cfg(test)]
mod tests;

//! The choice of local ports for connections of clients and proxies: by the kernel, or in sequence, from a queue of
//! free ports for each source address.
//!
//! A port is taken from the front, and returns to the back when its connection has been closed here. So the ports
//! that have been free longest are in front. If the kernel refuses those with EADDRNOTAVAIL, it refuses all, and
//! they stay in front. The first [`TRIES`] are tried, because a port may still be in LAST_ACK after a lost
//! segment while the next one is free.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::scenario::workload::PortChoice;
use crate::sys::{ports::local_ports, sockopt};

/// A port refused for longer than this is not in TIME_WAIT but used by another socket, and moves to the back.
/// `TCP_TIMEWAIT_LEN` (Linux `include/net/tcp.h`) is 60 s; the timer gets one more.
const LONGEST_REFUSAL: Duration = Duration::from_secs(61);

/// Number of ports tried before the range counts as exhausted. So a few lost segments do not look like exhaustion, and
/// exhaustion costs little more to detect.
const TRIES: usize = 4;

/// The choice of the local ports of an actor, shared by its threads.
#[derive(Debug)]
pub(super) struct PortChooser {
    queues: Option<Mutex<LocalPorts>>,
    /// The way ports are chosen, for the report.
    pub(super) description: &'static str,
}

impl PortChooser {
    /// Must be called on the actor's node, because the port range belongs to the namespace. If the kernel cannot take
    /// ports in turn, it chooses them itself, and the description says so.
    ///
    /// # Errors
    /// If the range cannot be read, or no socket can be created to test the kernel's options.
    pub(super) fn new(choice: PortChoice, target: IpAddr, sources: usize) -> io::Result<Self> {
        let by_kernel = |description| Self {
            queues: None,
            description,
        };
        match choice {
            PortChoice::Kernel => return Ok(by_kernel("kernel")),
            PortChoice::Bind => return Ok(by_kernel("bind")),
            PortChoice::Sequential => {}
        }
        let ports = local_ports()?;
        let Some(queues) = LocalPorts::new(&ports, sources) else {
            return Ok(by_kernel(
                "kernel (no port in ip_local_port_range is free to choose)",
            ));
        };
        let probe = sockopt::tcp_socket(target)?;
        if sockopt::set_local_port_range(&probe, ports[0], ports[0]).is_err() {
            return Ok(by_kernel("kernel (IP_LOCAL_PORT_RANGE needs Linux 6.3)"));
        }
        Ok(Self {
            queues: Some(Mutex::new(queues)),
            description: "sequential",
        })
    }

    /// Connects a socket of a source address, from the next free port if ports are taken in turn. Returns that port,
    /// which must be given back once the connection has been closed.
    ///
    /// # Errors
    /// Those of `connect`; EADDRNOTAVAIL if the kernel refused every port that was tried.
    pub(super) fn connect(
        &self,
        socket: &Socket,
        source: usize,
        connect: impl Fn(&Socket) -> io::Result<()>,
    ) -> io::Result<Option<u16>> {
        let Some(mut queues) = self.queues() else {
            return connect(socket).map(|()| None);
        };
        for (nth, port) in queues.next(source).enumerate() {
            sockopt::set_local_port_range(socket, port, port)?;
            match connect(socket) {
                Ok(()) => {
                    queues.taken(source, nth);
                    return Ok(Some(port));
                }
                Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
                Err(error) => return Err(error),
            }
        }
        queues.refused(source, Instant::now());
        Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))
    }

    /// Returns the port of a connection that has been closed here.
    pub(super) fn give_back(&self, source: usize, port: u16) {
        if let Some(mut queues) = self.queues() {
            queues.give_back(source, port);
        }
    }

    fn queues(&self) -> Option<MutexGuard<'_, LocalPorts>> {
        let queues = self.queues.as_ref()?;
        Some(queues.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A queue of free ports for each source address.
#[derive(Debug)]
struct LocalPorts {
    queues: Vec<Queue>,
}

#[derive(Debug)]
struct Queue {
    free: VecDeque<u16>,
    /// Tried when no port is free, so that it is the kernel that refuses.
    in_use: u16,
    refused_since: Option<Instant>,
}

impl LocalPorts {
    /// Creates the queues with all ports free on each of `sources` addresses. `None` if `ports` is empty.
    fn new(ports: &[u16], sources: usize) -> Option<Self> {
        let first = *ports.first()?;
        let queue = || Queue {
            free: ports.iter().copied().collect(),
            in_use: first,
            refused_since: None,
        };
        Some(Self {
            queues: (0..sources.max(1)).map(|_| queue()).collect(),
        })
    }

    /// Returns the ports to try next, in order. There is always at least one.
    fn next(&self, source: usize) -> impl Iterator<Item = u16> + use<> {
        let queue = &self.queues[source];
        let mut ports = [None; TRIES];
        for (place, port) in ports.iter_mut().zip(&queue.free) {
            *place = Some(*port);
        }
        ports[0] = ports[0].or(Some(queue.in_use));
        ports.into_iter().flatten()
    }

    /// Removes the port that the kernel accepted, the `nth` of those tried, from 0.
    fn taken(&mut self, source: usize, nth: usize) {
        let queue = &mut self.queues[source];
        if let Some(port) = queue.free.remove(nth) {
            queue.in_use = port;
        }
        if nth == 0 {
            queue.refused_since = None;
        }
    }

    /// Notes that the kernel refused every port that was tried.
    fn refused(&mut self, source: usize, now: Instant) {
        let queue = &mut self.queues[source];
        let since = *queue.refused_since.get_or_insert(now);
        if now.saturating_duration_since(since) > LONGEST_REFUSAL {
            queue.refused_since = None;
            queue.free.rotate_left(usize::from(!queue.free.is_empty()));
        }
    }

    /// Returns the port of a connection that has been closed here.
    fn give_back(&mut self, source: usize, port: u16) {
        self.queues[source].free.push_back(port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_from_the_front_and_return_to_the_back() {
        let mut ports = LocalPorts::new(&[10, 11], 2).unwrap();
        let next = |ports: &LocalPorts, source| ports.next(source).collect::<Vec<_>>();
        assert_eq!(next(&ports, 0), [10, 11]);
        ports.taken(0, 0);
        assert_eq!(next(&ports, 0), [11]);
        assert_eq!(next(&ports, 1), [10, 11], "each address has its own");
        ports.taken(0, 0);
        assert_eq!(next(&ports, 0), [11], "none free: one in use is tried");
        ports.give_back(0, 11);
        ports.give_back(0, 10);
        assert_eq!(next(&ports, 0), [11, 10]);
        ports.taken(0, 1);
        assert_eq!(next(&ports, 0), [11], "what is held up stays in front");
    }

    #[test]
    fn a_refused_port_stays_in_front_for_as_long_as_time_wait_can_last() {
        let mut ports = LocalPorts::new(&[10, 11], 1).unwrap();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        ports.refused(0, at(1));
        ports.refused(0, at(61));
        assert_eq!(ports.next(0).next(), Some(10));
        ports.refused(0, at(63));
        assert_eq!(ports.next(0).next(), Some(11));
        ports.refused(0, at(64));
        assert_eq!(
            ports.next(0).next(),
            Some(11),
            "its own time has just begun"
        );
    }
}

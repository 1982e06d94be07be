//! The local ports of a client that takes them in turn: for each source address a queue of those that are free.
//!
//! A port is taken from the front and comes back at the end once its connection has been closed here. In front are then those that have
//! rested longest: where the kernel says EADDRNOTAVAIL to them, it says so to all, and they stay in front. The first [`TRIES`] are
//! asked for, because one may be held up by a lost segment (LAST_ACK) while those behind it are free.

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::Offset;

/// A port that the kernel has refused for longer than a TIME_WAIT can last is not in TIME_WAIT but another's: it goes to the end.
/// `TCP_TIMEWAIT_LEN` (Linux `include/net/tcp.h`) is 60 s; one more for its timer.
const LONGEST_REFUSAL: Duration = Duration::from_secs(61);

/// How many ports are asked for before the range counts as used up: a few lost segments do not look like exhaustion, and exhaustion
/// costs little more to find.
pub(super) const TRIES: usize = 4;

/// Queues of ports, one for each source address.
#[derive(Debug)]
pub(super) struct LocalPorts {
    queues: Vec<Queue>,
}

#[derive(Debug)]
struct Queue {
    free: VecDeque<u16>,
    /// Asked for when none is free, so that it is the kernel that says no.
    in_use: u16,
    refused_since: Option<Offset>,
}

impl LocalPorts {
    /// All of these ports free on each of `sources` addresses. `None` where there are no ports.
    pub(super) fn new(ports: &[u16], sources: usize) -> Option<Self> {
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

    /// The ports to ask for next, in this order. There is always one.
    pub(super) fn next(&self, source: usize) -> impl Iterator<Item = u16> + use<> {
        let queue = &self.queues[source];
        let mut ports = [None; TRIES];
        for (place, port) in ports.iter_mut().zip(&queue.free) {
            *place = Some(*port);
        }
        ports[0] = ports[0].or(Some(queue.in_use));
        ports.into_iter().flatten()
    }

    /// The kernel gave the port that was the `nth` to ask for, from 0.
    pub(super) fn taken(&mut self, source: usize, nth: usize) {
        let queue = &mut self.queues[source];
        if let Some(port) = queue.free.remove(nth) {
            queue.in_use = port;
        }
        if nth == 0 {
            queue.refused_since = None;
        }
    }

    /// The kernel refused all of the ports that were next.
    pub(super) fn refused(&mut self, source: usize, now: Offset) {
        let queue = &mut self.queues[source];
        let since = *queue.refused_since.get_or_insert(now);
        if now.as_duration().saturating_sub(since.as_duration()) > LONGEST_REFUSAL {
            queue.refused_since = None;
            queue.free.rotate_left(usize::from(!queue.free.is_empty()));
        }
    }

    /// A connection from this port has been closed here.
    pub(super) fn give_back(&mut self, source: usize, port: u16) {
        self.queues[source].free.push_back(port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_in_turn_and_back_at_the_end() {
        let mut ports = LocalPorts::new(&[10, 11], 2).unwrap();
        let next = |ports: &LocalPorts, source| ports.next(source).collect::<Vec<_>>();
        assert_eq!(next(&ports, 0), [10, 11]);
        ports.taken(0, 0);
        assert_eq!(next(&ports, 0), [11]);
        assert_eq!(next(&ports, 1), [10, 11], "each address has its own");
        ports.taken(0, 0);
        assert_eq!(next(&ports, 0), [11], "none free: one in use is asked for");
        ports.give_back(0, 11);
        ports.give_back(0, 10);
        assert_eq!(next(&ports, 0), [11, 10]);
        ports.taken(0, 1);
        assert_eq!(next(&ports, 0), [11], "what is held up stays in front");
    }

    #[test]
    fn a_refused_port_stays_in_front_for_as_long_as_time_wait_can_last() {
        let mut ports = LocalPorts::new(&[10, 11], 1).unwrap();
        let at = |seconds| Offset::from_duration(Duration::from_secs(seconds));
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

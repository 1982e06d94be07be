//! The connections that a proxy keeps open to the server behind it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::forward::UpstreamConnection;
use crate::scenario::workload::{ConnectionPool, PoolOrder};
use crate::traffic::client::epoll_engine::is_dead;

/// The idle connections, the longest idle first. A descriptor is valid only in the thread that opened it, because each
/// has a table of its own.
#[derive(Debug)]
pub(super) struct UpstreamPool {
    size: usize,
    idle: Duration,
    order: PoolOrder,
    checks: bool,
    connections: Mutex<VecDeque<(ThreadId, Instant, UpstreamConnection)>>,
}

impl UpstreamPool {
    pub(super) fn new(pool: &ConnectionPool) -> Self {
        Self {
            size: pool.size as usize,
            idle: pool.idle,
            order: pool.order,
            checks: pool.check,
            connections: Mutex::default(),
        }
    }

    /// Takes an idle connection of the calling thread, if there is one that is not too old, nor known to be dead.
    pub(super) fn take(&self) -> Option<UpstreamConnection> {
        loop {
            let kept = self.next()?;
            if !self.checks || !is_dead(&kept.socket) {
                return Some(kept);
            }
        }
    }

    fn next(&self) -> Option<UpstreamConnection> {
        let here = thread::current().id();
        let mut connections = self.lock();
        connections.retain(|(thread, since, _)| *thread != here || since.elapsed() < self.idle);
        let mine = |(thread, ..): &(ThreadId, Instant, UpstreamConnection)| *thread == here;
        let place = match self.order {
            PoolOrder::Fifo => connections.iter().position(mine),
            PoolOrder::Lifo => connections.iter().rposition(mine),
        };
        connections.remove(place?).map(|(.., kept)| kept)
    }

    /// Keeps a connection that can carry another request, unless the pool is full.
    pub(super) fn give_back(&self, connection: UpstreamConnection) {
        let here = thread::current().id();
        let mut connections = self.lock();
        connections.retain(|(thread, since, _)| *thread != here || since.elapsed() < self.idle);
        if connections.len() < self.size {
            connections.push_back((here, Instant::now(), connection));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(ThreadId, Instant, UpstreamConnection)>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

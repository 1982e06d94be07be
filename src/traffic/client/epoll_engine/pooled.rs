//! Requests over a pool of connections: the idle connections, and the requests that wait for one.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::ops::Deref;

use socket2::Socket;

use super::{ClientShared, EpollEngine};
use crate::metrics::client::{ATTEMPTED, FAILED, IN_FLIGHT};
use crate::record::Offset;
use crate::scenario::workload::PoolOrder;
use crate::traffic::client::plan::LoadPlan;

/// The connections and requests of a pool.
#[derive(Debug, Default)]
pub(super) struct PooledRequests {
    /// Idle connections, with the time since which they are idle, the longest idle first.
    idle: VecDeque<(Offset, u64)>,
    /// Requests without a connection: number, scheduled start, deadline.
    waiting: VecDeque<(u64, Offset, Offset)>,
    /// True while connections are opened for waiting requests.
    is_serving: bool,
}

impl PooledRequests {
    /// Returns the number of idle connections.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns the time at which a connection has been idle for too long or a request has waited for too long.
    pub(super) fn next_due(&self, plan: &LoadPlan) -> Option<Offset> {
        let pool = plan.pool.as_ref()?;
        let idle = self.idle.front();
        let idle = idle.map(|(since, _)| Offset::from_duration(since.as_duration() + pool.idle));
        let waiting = self.waiting.front().map(|(.., deadline)| *deadline);
        idle.into_iter().chain(waiting).min()
    }
}

impl<C: Deref<Target = ClientShared>> EpollEngine<C> {
    /// Starts a request on an idle connection, on a new one if the pool has room, or else lets it wait.
    pub(super) fn start_pooled(&mut self, index: u64, intended: Offset, now: Offset) {
        let deadline = self.deadline(now);
        self.expire_pool(now);
        if let Some(token) = self.take_idle() {
            return self.restart(token, intended, deadline, true);
        }
        if self.has_room() {
            return self.dial(index, intended, deadline, true);
        }
        self.client.metrics.update(now, |counts| {
            counts.add(&ATTEMPTED, 1);
            counts.add(&IN_FLIGHT, 1);
        });
        self.pool.waiting.push_back((index, intended, deadline));
    }

    fn has_room(&self) -> bool {
        let pool = self.client.plan.pool.as_ref();
        pool.is_some_and(|pool| self.attempts.len() < pool.size as usize)
    }

    /// Takes an idle connection in the order of the pool. If the pool checks them, dead ones are closed.
    fn take_idle(&mut self) -> Option<u64> {
        let pool = self.client.plan.pool.as_ref()?;
        let (order, checks) = (pool.order, pool.check);
        loop {
            let (_, token) = match order {
                PoolOrder::Lifo => self.pool.idle.pop_back()?,
                PoolOrder::Fifo => self.pool.idle.pop_front()?,
            };
            let attempt = self.attempts.get_mut(token);
            let is_dead = attempt.is_none_or(|attempt| checks && is_dead(&attempt.socket));
            if !is_dead {
                return Some(token);
            }
            self.close_idle(token);
        }
    }

    /// Returns a connection to the pool, or gives it to the request that has waited longest.
    pub(super) fn give_back(&mut self, token: u64) {
        if let Some((_, intended, deadline)) = self.pool.waiting.pop_front() {
            return self.restart(token, intended, deadline, false);
        }
        self.park(token);
        self.pool.idle.push_back((self.clock.now(), token));
    }

    /// Opens connections for the requests that have waited longest, once another connection has ended. One that fails
    /// at once makes room for the next; the loop serves that too.
    pub(super) fn serve_waiting(&mut self) {
        if std::mem::replace(&mut self.pool.is_serving, true) {
            return;
        }
        while self.has_room()
            && let Some((index, intended, deadline)) = self.pool.waiting.pop_front()
        {
            self.dial(index, intended, deadline, false);
        }
        self.pool.is_serving = false;
    }

    /// Closes connections that have been idle for too long, and fails requests that have waited for too long.
    pub(super) fn expire_pool(&mut self, now: Offset) {
        let Some(pool) = &self.client.plan.pool else {
            return;
        };
        let most = pool.idle;
        while let Some((since, token)) = self.pool.idle.front().copied()
            && since.as_duration() + most <= now.as_duration()
        {
            self.pool.idle.pop_front();
            self.close_idle(token);
        }
        while let Some((.., deadline)) = self.pool.waiting.front()
            && *deadline <= now
        {
            self.pool.waiting.pop_front();
            self.client.metrics.update(now, |counts| {
                counts.add(&FAILED, 1);
                counts.add(&IN_FLIGHT, -1);
                counts.error(libc::ETIMEDOUT);
            });
        }
    }

    fn close_idle(&mut self, token: u64) {
        if let Some(attempt) = self.attempts.remove(token) {
            self.close(attempt);
        }
    }
}

/// Returns true if the peer of an idle connection has closed or reset it, or sent something unasked.
pub(in crate::traffic) fn is_dead(socket: &Socket) -> bool {
    match socket.peek(&mut [MaybeUninit::uninit()]) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

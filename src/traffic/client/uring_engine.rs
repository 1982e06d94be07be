//! The io_uring engine of a client: closed loops without keep-alive, each request a chain of linked operations.
//!
//! The portable engine makes the first request to learn the shape of a reply. `established` is counted when a
//! request ends.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Duration;

use super::ClientShared;
use super::attempt::ReplyShape;
use super::plan::{ConnectionEnd, LoadPlan};
use super::report::LoadStats;
use crate::metrics::client::{
    ATTEMPTED, BYTES, CLOSED_BY_SERVER, COMPLETED, ESTABLISHED, FAILED, IN_FLIGHT,
};
use crate::record::{Offset, RunClock};
use crate::scenario::workload::{PortChoice, Starts};
use crate::sys::timer::thread_cpu_time;
use crate::sys::uring::{EndedExchange, ExchangeRing};
use crate::traffic::actor_metrics::Counts;
use crate::traffic::http;

/// Maximum number of concurrent requests; each needs memory for its reply.
const MAX_AT_ONCE: u64 = 1_024;
/// Maximum length of a reply, including its head.
const MAX_REPLY: u64 = 64 * 1024;
/// Room beyond the length of the first reply, because heads differ by a date or a length.
const SPARE: usize = 4 * 1024;
/// Time after which an ineffective cancel is repeated.
const CANCEL_AGAIN: Duration = Duration::from_millis(10);
/// Timeout of a wait without a deadline; the stop flag ends it too.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The state of the engine.
pub(super) struct UringEngine<'a> {
    client: &'a ClientShared,
    clock: RunClock,
    ring: ExchangeRing,
    left: Range<u64>,
    free: Vec<usize>,
    slots: Vec<ChainSlot>,
    /// Deadlines in order of start.
    deadlines: VecDeque<(Offset, usize)>,
    /// Slots that have timed out and have not ended yet.
    overdue: Vec<usize>,
    stats: LoadStats,
}

#[derive(Clone, Copy)]
struct ChainSlot {
    started: Offset,
    deadline: Offset,
    busy: bool,
    timed_out: bool,
}

impl LoadPlan {
    /// Returns true if io_uring can make these requests, provided that the replies suit it.
    pub(super) fn may_use_uring(&self) -> bool {
        let Starts::Closed { at_once, .. } = self.starts else {
            return false;
        };
        at_once <= MAX_AT_ONCE
            && self.end == ConnectionEnd::AsAnnounced
            && self.port == PortChoice::Kernel
            && !self.so_keepalive
            && self.options.is_empty()
            && self.named.is_empty()
            && self.think.is_zero()
            && self.sources.is_empty()
            && self
                .request
                .as_ref()
                .is_some_and(|request| request.body == 0)
    }

    /// Returns true if replies of this shape suit io_uring: they end with the connection and are short enough.
    pub(super) fn suits_uring(&self, seen: ReplyShape) -> bool {
        !seen.keeps && seen.length <= MAX_REPLY
    }
}

impl<'a> UringEngine<'a> {
    /// Sets up the ring.
    ///
    /// # Errors
    /// If the kernel lacks io_uring or one of its operations, or forbids it.
    pub(super) fn new(
        client: &'a ClientShared,
        clock: RunClock,
        left: Range<u64>,
        seen: ReplyShape,
    ) -> io::Result<Self> {
        let slots = match client.plan.starts {
            Starts::Closed { at_once, .. } => u32::try_from(at_once).unwrap_or(1),
            Starts::Paced(_) => 1,
        };
        let request = client.plan.request.as_ref();
        let request = request
            .map(|request| request.head.clone())
            .unwrap_or_default();
        let room = usize::try_from(seen.length).unwrap_or(0) + SPARE;
        let target = client.plan.target.clone();
        let ring = ExchangeRing::new(slots, target, request, room, client.stop.as_fd())?;
        let idle = ChainSlot {
            started: Offset::ZERO,
            deadline: Offset::ZERO,
            busy: false,
            timed_out: false,
        };
        Ok(Self {
            client,
            clock,
            ring,
            left,
            free: (0..slots as usize).rev().collect(),
            slots: vec![idle; slots as usize],
            deadlines: VecDeque::new(),
            overdue: Vec::new(),
            stats: LoadStats::new("io_uring"),
        })
    }

    /// Makes all requests, or as many as possible until the client is stopped.
    pub(super) fn run(mut self) -> io::Result<LoadStats> {
        let cpu_before = thread_cpu_time()?;
        let mut ended = Vec::new();
        while !self.client.stop.is_raised() {
            self.start()?;
            if self.free.len() == self.slots.len() {
                break;
            }
            let at_most = self.expire()?;
            ended.clear();
            self.ring.wait(Some(at_most), &mut ended)?;
            if !ended.is_empty() {
                self.settle(&ended);
            }
        }
        self.stats.ended = self.clock.now();
        let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
        self.stats.cpu = crate::units::as_nanos(cpu);
        Ok(self.stats)
    }

    /// Fills the free slots.
    fn start(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let deadline = now.as_duration().saturating_add(self.client.plan.timeout);
        let deadline = Offset::from_duration(deadline);
        let mut count = 0;
        while !self.left.is_empty()
            && let Some(slot) = self.free.pop()
        {
            self.left.start += 1;
            self.ring.start(slot)?;
            self.slots[slot] = ChainSlot {
                started: now,
                deadline,
                busy: true,
                timed_out: false,
            };
            self.deadlines.push_back((deadline, slot));
            self.stats.start(now, now);
            count += 1;
        }
        if count > 0 {
            self.client.metrics.update(now, |counts| {
                counts.add(&ATTEMPTED, count);
                counts.add(&IN_FLIGHT, count);
            });
        }
        Ok(())
    }

    /// Cancels requests that have timed out, and returns the time until the next deadline.
    fn expire(&mut self) -> io::Result<Duration> {
        let now = self.clock.now();
        let mut next = LONGEST_WAIT;
        while let Some((deadline, index)) = self.deadlines.front().copied() {
            let slot = &mut self.slots[index];
            // Otherwise the request has ended, and another may have taken its slot.
            if slot.busy && slot.deadline == deadline {
                if deadline > now {
                    next = deadline.as_duration() - now.as_duration();
                    break;
                }
                slot.timed_out = true;
                self.overdue.push(index);
            }
            self.deadlines.pop_front();
        }
        self.overdue.retain(|index| self.slots[*index].timed_out);
        for index in &self.overdue {
            self.ring.cancel(*index)?;
        }
        // A cancel that arrives between two operations affects neither, so it has to be repeated.
        Ok(if self.overdue.is_empty() {
            next
        } else {
            CANCEL_AGAIN
        })
    }

    /// Counts all ended requests at once.
    fn settle(&mut self, ended: &[EndedExchange]) {
        let now = self.clock.now();
        self.client.metrics.update(now, |counts| {
            for end in ended {
                counts.add(&IN_FLIGHT, -1);
                if end.connected {
                    counts.add(&ESTABLISHED, 1);
                }
                let slot = &mut self.slots[end.slot];
                let result = match end.result {
                    Err(_) if slot.timed_out => Err(libc::ETIMEDOUT),
                    result => result,
                };
                match result.and_then(|_| read_whole(self.ring.reply(end.slot))) {
                    Ok(reply) => complete(counts, reply, now.0.saturating_sub(slot.started.0)),
                    Err(errno) => {
                        counts.add(&FAILED, 1);
                        counts.error(errno);
                    }
                }
                (slot.busy, slot.timed_out) = (false, false);
            }
        });
        self.free.extend(ended.iter().map(|end| end.slot));
    }
}

fn complete(counts: &mut Counts, reply: WholeReply, latency: u64) {
    counts.add(&COMPLETED, 1);
    // The reply ends with the connection.
    counts.add(&CLOSED_BY_SERVER, 1);
    counts.add(&BYTES, reply.body);
    if let Some(status) = reply.status {
        counts.status(status);
    }
    counts.latency(latency);
}

/// The counted parts of a complete reply.
#[derive(Debug, PartialEq, Eq)]
struct WholeReply {
    /// Length of the body in bytes.
    body: i64,
    status: Option<u16>,
}

/// Parses a reply that ended with its connection; ENODATA if it is incomplete.
fn read_whole(reply: &[u8]) -> Result<WholeReply, i32> {
    let head = http::parse_head(reply).ok_or(libc::ENODATA)?;
    let body = (reply.len() - head.length) as u64;
    let body = match head.content_length {
        Some(length) if body < length => return Err(libc::ENODATA),
        length => length.unwrap_or(body),
    };
    Ok(WholeReply {
        body: i64::try_from(body).unwrap_or(i64::MAX),
        status: head.status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_reply_is_enodata() {
        let read = |body, status| {
            Ok(WholeReply {
                body,
                status: Some(status),
            })
        };
        let whole = [http::ok(3, false), b"abc".to_vec()].concat();
        assert_eq!(read_whole(&whole), read(3, 200));
        assert_eq!(read_whole(&whole[..whole.len() - 1]), Err(libc::ENODATA));
        assert_eq!(
            read_whole(b"HTTP/1.0 404 Not Found\r\n\r\nabcd"),
            read(4, 404)
        );
        assert_eq!(read_whole(b""), Err(libc::ENODATA));
    }
}

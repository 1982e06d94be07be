//! Load models, and the figures that size a lab, a guest and a schedule for them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClientClose, ConnectionPool, ExchangeStep, Queries, Schedule};
use crate::units::{self, ByteCount, Rate};

/// Time that a closed connection stays in TIME_WAIT (`TCP_TIMEWAIT_LEN`, Linux `include/net/tcp.h`).
const TIME_WAIT: Duration = Duration::from_secs(60);

/// A load model of the scenario format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Load {
    /// Opens connections on a schedule, whatever became of earlier ones (open loop).
    Connect {
        /// The times at which attempts start.
        schedule: Schedule,
        /// Bound on one attempt, from its start to its end; the attempt then fails with `ETIMEDOUT`.
        #[serde(with = "units::duration")]
        timeout: Duration,
        /// The side that ends a connection, and the way in which it does.
        close: ClientClose,
    },
    /// Opens connections at a constant rate and holds them all.
    Hold {
        /// Number of connections to open.
        connections: u64,
        /// Connections opened per second.
        rate: Rate,
        /// Time that they are held once the last has been tried.
        #[serde(rename = "for", with = "units::duration")]
        hold_for: Duration,
        /// Bound on one connect.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// Starts a request as soon as an earlier one ends (closed loop).
    Loop {
        /// Number of requests in progress at once.
        concurrency: u32,
        /// Number of requests in all.
        requests: u64,
        /// True if a connection carries more than one request.
        keep_alive: bool,
        /// Pause of each worker between a reply and its next request.
        #[serde(default, with = "units::duration")]
        think: Duration,
        /// Bound on one request.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// Sends requests on a schedule, over the connections of a pool.
    Requests {
        /// The times at which requests start.
        schedule: Schedule,
        /// Bound on one request, including the wait for a connection.
        #[serde(with = "units::duration")]
        timeout: Duration,
        /// The pool.
        pool: ConnectionPool,
    },
    /// Goes through the same steps on each of some connections, which all start at once.
    Exchange {
        /// The steps.
        steps: Vec<ExchangeStep>,
        /// Number of connections.
        connections: u32,
        /// Bound on connecting, and on sending one request.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// Asks over UDP, on a schedule, and waits for answers.
    Queries(Queries),
    /// Sends SYNs from forged addresses, and nothing after them.
    Flood {
        /// The times at which SYNs are sent.
        schedule: Schedule,
        /// The first of the forged addresses; the others follow it.
        first: IpAddr,
        /// Number of forged addresses, at least 1.
        sources: u32,
    },
    /// Transfers bytes from client to server as fast as the kernel takes them.
    Bulk {
        /// Number of bytes in each stream.
        bytes: ByteCount,
        /// Number of streams at once.
        streams: u32,
        /// Number of bytes in each `write(2)`.
        write: ByteCount,
        /// True if each write is sent at once (`TCP_NODELAY`, tcp(7)).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nodelay: bool,
        /// Bound on the whole transfer.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
}

/// The rule by which the attempts of a load start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Starts {
    /// Open loop: attempts start on a schedule, whatever became of earlier ones.
    Paced(Schedule),
    /// Closed loop: an attempt starts when an earlier one ends.
    Closed {
        /// Number of attempts in progress at once.
        at_once: u64,
        /// Number of attempts in all.
        count: u64,
    },
}

impl Starts {
    /// Returns the number of attempts in all.
    pub fn count(&self) -> u64 {
        match self {
            Self::Paced(schedule) => schedule.count,
            Self::Closed { count, .. } => *count,
        }
    }
}

/// The place of a request and its reply in the connections of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRule {
    /// Every connection carries a request; without one the load has nothing to wait for.
    Required,
    /// The client decides.
    Optional,
    /// The load sends something else, or nothing.
    Impossible,
}

impl Load {
    /// Returns true if a connection can carry more than one attempt.
    pub(crate) fn shares_connections(&self) -> bool {
        matches!(
            self,
            Self::Requests { .. }
                | Self::Loop {
                    keep_alive: true,
                    ..
                }
        )
    }

    /// Returns the rule by which attempts start. Everything that depends only on pace follows from it.
    pub fn starts(&self) -> Starts {
        match self {
            Self::Connect { schedule, .. }
            | Self::Requests { schedule, .. }
            | Self::Flood { schedule, .. } => Starts::Paced(*schedule),
            Self::Exchange { connections, .. } => Starts::Closed {
                at_once: (*connections).into(),
                count: (*connections).into(),
            },
            Self::Queries(queries) => Starts::Paced(queries.schedule),
            Self::Hold {
                connections, rate, ..
            } => Starts::Paced(Schedule {
                from: *rate,
                to: *rate,
                count: *connections,
            }),
            Self::Loop {
                concurrency,
                requests,
                ..
            } => Starts::Closed {
                at_once: (*concurrency).into(),
                count: *requests,
            },
            Self::Bulk { streams, .. } => Starts::Closed {
                at_once: (*streams).into(),
                count: (*streams).into(),
            },
        }
    }

    /// Returns the schedule of an open loop; `None` for a closed loop.
    pub fn schedule(&self) -> Option<Schedule> {
        match self.starts() {
            Starts::Paced(schedule) => Some(schedule),
            Starts::Closed { .. } => None,
        }
    }

    /// Returns the highest rate at which attempts start; `None` for a closed loop.
    pub fn peak_rate(&self) -> Option<Rate> {
        self.schedule().map(|schedule| schedule.peak_rate())
    }

    /// Returns the mean rate at which attempts start; `None` for a closed loop.
    pub fn mean_rate(&self) -> Option<Rate> {
        self.schedule().map(|schedule| schedule.mean_rate())
    }

    /// Returns the time from the first attempt until the client is done, if every attempt ends at once;
    /// `None` for a closed loop, whose length depends on the machine.
    pub fn duration(&self) -> Option<Duration> {
        let starting = self.schedule()?.duration();
        Some(starting.saturating_add(self.hold_for().unwrap_or_default()))
    }

    /// Returns the bound on one attempt; `None` if an attempt has nothing to wait for.
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Connect { timeout, .. }
            | Self::Hold { timeout, .. }
            | Self::Loop { timeout, .. }
            | Self::Requests { timeout, .. }
            | Self::Bulk { timeout, .. } => Some(*timeout),
            Self::Exchange { steps, timeout, .. } => {
                let steps = steps.iter().map(ExchangeStep::longest);
                Some(steps.fold(*timeout, Duration::saturating_add))
            }
            Self::Queries(queries) => Some(queries.longest()),
            Self::Flood { .. } => None,
        }
    }

    /// Returns the time that connections are held once the last has been tried; `None` if the load model
    /// has no such time.
    pub fn hold_for(&self) -> Option<Duration> {
        match self {
            Self::Hold { hold_for, .. } => Some(*hold_for),
            Self::Connect { .. }
            | Self::Loop { .. }
            | Self::Requests { .. }
            | Self::Exchange { .. }
            | Self::Queries(_)
            | Self::Flood { .. }
            | Self::Bulk { .. } => None,
        }
    }

    /// Returns whether connections must, may or cannot carry an HTTP request and its reply.
    pub fn request_rule(&self) -> RequestRule {
        match self {
            Self::Connect {
                close: ClientClose::Server,
                ..
            }
            | Self::Loop { .. }
            | Self::Requests { .. }
            | Self::Exchange { .. } => RequestRule::Required,
            Self::Connect { .. } | Self::Hold { .. } => RequestRule::Optional,
            Self::Bulk { .. } | Self::Flood { .. } | Self::Queries(_) => RequestRule::Impossible,
        }
    }

    /// Returns the most connections that the client has open at once. An attempt lasts until its
    /// timeout at the latest.
    pub fn open_at_most(&self) -> u64 {
        match self {
            Self::Hold { connections, .. } => *connections,
            Self::Connect {
                schedule,
                close: ClientClose::Hold,
                ..
            } => schedule.count,
            Self::Connect {
                schedule, timeout, ..
            } => schedule.count_within(*timeout),
            Self::Loop { concurrency, .. } => u64::from(*concurrency),
            Self::Bulk { streams, .. } => u64::from(*streams),
            Self::Queries(queries) => queries.sockets_at_most(),
            Self::Requests { pool, .. } => u64::from(pool.size),
            Self::Exchange { connections, .. } => u64::from(*connections),
            // The sockets that a flood leaves at the server are bounded by the server's backlog.
            Self::Flood { .. } => 0,
        }
    }

    /// Returns the most connections that are in TIME_WAIT at once because of this load, at either end.
    pub fn leaves_in_time_wait(&self) -> u64 {
        match self {
            Self::Connect {
                close: ClientClose::Reset | ClientClose::Hold,
                ..
            } => 0,
            Self::Connect { schedule, .. } => schedule.count_within(TIME_WAIT),
            // A server may close after each reply, whatever the client asks for.
            Self::Loop { requests, .. } => *requests,
            Self::Requests { schedule, .. } => schedule.count_within(TIME_WAIT),
            Self::Exchange { connections, .. } => u64::from(*connections),
            Self::Hold { .. } | Self::Flood { .. } | Self::Bulk { .. } | Self::Queries(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(value: f64) -> Rate {
        Rate::per_second(value).unwrap()
    }

    fn connect(from: f64, to: f64, count: u64, close: ClientClose) -> Load {
        Load::Connect {
            schedule: Schedule {
                from: rate(from),
                to: rate(to),
                count,
            },
            timeout: Duration::from_secs(10),
            close,
        }
    }

    #[test]
    fn an_open_loop_has_a_peak_a_mean_and_a_duration() {
        let load = connect(2_000.0, 100.0, 63_000, ClientClose::Client);
        assert_eq!(load.peak_rate(), Some(rate(2_000.0)));
        assert_eq!(load.mean_rate(), Some(rate(1_050.0)));
        assert_eq!(load.duration(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn connections_stay_open_for_their_timeout_and_then_a_minute_in_time_wait() {
        let load = connect(500.0, 500.0, 1_000_000, ClientClose::Client);
        assert_eq!(load.open_at_most(), 5_000);
        assert_eq!(load.leaves_in_time_wait(), 30_000);
        let short = connect(500.0, 500.0, 100, ClientClose::Server);
        assert_eq!(
            (short.open_at_most(), short.leaves_in_time_wait()),
            (100, 100)
        );
    }

    #[test]
    fn reset_and_held_connections_leave_nothing_in_time_wait() {
        let reset = connect(500.0, 500.0, 100, ClientClose::Reset);
        assert_eq!(reset.leaves_in_time_wait(), 0);
        let held = connect(500.0, 500.0, 1_000_000, ClientClose::Hold);
        assert_eq!(
            (held.open_at_most(), held.leaves_in_time_wait()),
            (1_000_000, 0)
        );
    }

    #[test]
    fn a_hold_lasts_until_its_connections_have_been_held() {
        let hold = Load::Hold {
            connections: 1_000,
            rate: rate(100.0),
            hold_for: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
        };
        assert_eq!(hold.duration(), Some(Duration::from_secs(40)));
        assert_eq!(hold.open_at_most(), 1_000);
    }

    #[test]
    fn a_closed_loop_has_no_rate() {
        let closed = Load::Loop {
            concurrency: 10,
            requests: 1_000,
            keep_alive: false,
            think: Duration::ZERO,
            timeout: Duration::from_secs(10),
        };
        assert_eq!((closed.peak_rate(), closed.duration()), (None, None));
        assert_eq!(
            (closed.open_at_most(), closed.leaves_in_time_wait()),
            (10, 1_000)
        );
    }
}

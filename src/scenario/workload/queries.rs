//! The load of a client that asks over UDP.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::units;

/// Bytes of a query, unless the scenario asks for more: a DNS question for the name `nslab.test`.
pub const QUERY_BYTES: u64 = 28;

/// Queries over UDP. A *lookup* starts at each point of the schedule and sends some queries at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queries {
    /// The times at which lookups start.
    pub schedule: Schedule,
    /// Time without an answer after which a query is sent again or fails.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Number of times that a query is sent again.
    pub retries: u32,
    /// The sockets that queries are sent from.
    pub sockets: QuerySockets,
    /// Number of queries of each lookup, sent from one socket.
    pub at_once: u32,
    /// True if each of them is sent by a thread of its own, all at the same moment.
    #[serde(default)]
    pub threads: bool,
    /// Bytes of each query.
    pub bytes: u32,
}

/// The sockets that queries are sent from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuerySockets {
    /// One socket for all queries of the client, with one local port.
    One,
    /// One socket for each lookup, closed when its queries have ended.
    #[default]
    Each,
}

impl Queries {
    /// Returns the most time that a query takes: the timeouts of all its tries.
    pub fn longest(&self) -> Duration {
        self.timeout.saturating_mul(self.retries.saturating_add(1))
    }

    /// Returns the most queries that are open at once.
    pub fn open_at_most(&self) -> u64 {
        let lookups = self.schedule.count_within(self.longest()) + 1;
        lookups.min(self.schedule.count) * u64::from(self.at_once)
    }

    /// Returns the most sockets that are open at once.
    pub fn sockets_at_most(&self) -> u64 {
        match self.sockets {
            QuerySockets::One => 1,
            QuerySockets::Each => self.open_at_most() / u64::from(self.at_once.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rate;

    #[test]
    fn a_query_is_open_for_the_timeouts_of_all_its_tries() {
        let rate = Rate::per_second(10.0).unwrap();
        let queries = Queries {
            schedule: Schedule {
                from: rate,
                to: rate,
                count: 1000,
            },
            timeout: Duration::from_secs(1),
            retries: 2,
            sockets: QuerySockets::Each,
            at_once: 2,
            threads: false,
            bytes: 28,
        };
        assert_eq!(queries.longest(), Duration::from_secs(3));
        assert_eq!(queries.open_at_most(), 62);
        assert_eq!(queries.sockets_at_most(), 31);
    }
}

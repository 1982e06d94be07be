//! The events of a run: what a record consists of, and the only thing a worker writes. One JSON line each.
//!
//! Not here: collecting them (`timeline`) and judging them (`expect`).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use super::environment::Environment;
use super::traced::KernelEvent;
use super::tracked::TrackedEvent;
pub use crate::metrics::SeriesKind;
use crate::names::{ActorName, SeriesName};
use crate::tcp::AddressPair;
use crate::units::Unit;

/// The name of a capture in [`Event::Gap`].
pub const CAPTURE: &str = "capture";

/// Identifies a series in samples. Assigned in the order of declaration, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// The names of units in a record.
mod recorded_unit {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    use crate::units::Unit;

    pub(super) const NAMES: [(Unit, &str); 6] = [
        (Unit::Count, "count"),
        (Unit::Bytes, "bytes"),
        (Unit::BytesPerSecond, "bytes-per-second"),
        (Unit::Seconds, "nanoseconds"),
        (Unit::Text, "text"),
        (Unit::TcpState, "tcp-state"),
    ];

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMES.iter().find(|(known, _)| known == unit) {
            Some((_, name)) => serializer.serialize_str(name),
            None => Err(S::Error::custom(
                "a rate is computed from a series, not recorded",
            )),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Unit, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found
            .map(|(unit, _)| *unit)
            .ok_or_else(|| D::Error::custom(format_args!("unknown unit `{name}`")))
    }
}

/// The declaration of a series, which precedes its first value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDeclaration {
    /// The id by which samples refer to the series.
    pub id: SeriesId,
    /// The name by which expectations refer to the series.
    pub name: SeriesName,
    /// The type of its values.
    pub kind: SeriesKind,
    /// The unit of its values. Times are recorded in whole nanoseconds, with that unit.
    #[serde(with = "recorded_unit")]
    pub unit: Unit,
    /// True if the lab emulates the kernel feature behind it; every display of the series shows that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emulated: bool,
}

/// An event of a run. Times are [`Offset`]s of the run's clock; events before the clock starts have none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The environment of the run. The first event.
    Environment(Box<Environment>),
    /// The lab has been built.
    Built(Built),
    /// A series is declared.
    Series(SeriesDeclaration),
    /// New values at a time. A series that is not listed keeps its value.
    Sample {
        /// Time of the sample.
        t: Offset,
        /// Pairs of series and new value.
        v: Vec<(SeriesId, i64)>,
    },
    /// A probe has read everything it watches; whatever has not changed still holds.
    Looked {
        /// Time of the reading.
        t: Offset,
        /// The name of the node that the probe watches, such as `client`.
        probe: String,
        /// Processor time of the reading, nanoseconds.
        cost: u64,
    },
    /// A line of a text series.
    Text {
        /// Time of the line.
        t: Offset,
        /// Series the line belongs to.
        series: SeriesId,
        /// The line without its line end.
        line: String,
    },
    /// One span of a distribution.
    Histogram {
        /// Time at which the span ends.
        t: Offset,
        /// Series the span belongs to.
        series: SeriesId,
        /// Pairs of value and count, ascending by value.
        v: Vec<(u64, u64)>,
    },
    /// A client's load report, at the end of its load.
    Load(LoadReport),
    /// Scheduling statistics of the lab's own threads (servers, wires, probes), at the end of the run.
    Processor {
        /// Time they ran on a processor in total, nanoseconds.
        ran: u64,
        /// Time they were runnable but waiting for a processor in total, nanoseconds.
        waited: u64,
        /// Number of times they were given a processor.
        turns: u64,
    },
    /// Resources used by all processes of the run, its programs included, at the end of the run.
    Used {
        /// Processor time in nanoseconds.
        cpu: u64,
        /// Peak memory in bytes of the largest process (`ru_maxrss`, getrusage(2)).
        memory: u64,
    },
    /// A client opened a connection that an expectation names.
    Connection(NamedConnection),
    /// The kernel reported something about a socket or a packet, if it was traced.
    Traced(KernelEvent),
    /// The kernel reported something about a connection tracking table, if the run was traced or captured.
    Tracked(TrackedEvent),
    /// A step of the scenario has been taken.
    Step(TakenStep),
    /// The run has ended, but its lab is kept for people to look at. What follows was not part of the run.
    Held {
        /// Time of the end of the run.
        t: Offset,
        /// The longest time that the lab is kept, nanoseconds; `None` if it is kept until the run is cancelled.
        at_most: Option<u64>,
    },
    /// A note that every reader of the result must see.
    Note {
        /// Time, if the clock had started.
        t: Option<Offset>,
        /// The note, one sentence.
        text: String,
    },
    /// Part of the evidence is missing from the record or the capture.
    Gap {
        /// Time, if the clock had started.
        t: Option<Offset>,
        /// The evidence: the name of a text series, or [`CAPTURE`].
        of: String,
        /// The cause, one sentence, which every reader of the result must see.
        text: String,
    },
    /// The kernel or machine lacks something the scenario needs. The last event.
    NotApplicable {
        /// The missing thing, the cause, and a way to get it if there is one.
        reason: String,
    },
    /// The run could not be carried out. The last event.
    Errored {
        /// The error with its causes.
        error: String,
    },
    /// The run ended. The last event.
    Finished {
        /// Time of the end.
        t: Offset,
        /// True if the run was cancelled before its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
}

impl Event {
    /// Returns true if no event can follow this one.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Finished { .. } | Self::NotApplicable { .. } | Self::Errored { .. }
        )
    }

    /// Returns the time of the event, or `None` if the clock had not started or the event has no time.
    pub fn time(&self) -> Option<Offset> {
        match self {
            Self::Sample { t, .. }
            | Self::Looked { t, .. }
            | Self::Text { t, .. }
            | Self::Histogram { t, .. }
            | Self::Held { t, .. }
            | Self::Finished { t, .. } => Some(*t),
            Self::Traced(event) => Some(event.t),
            Self::Tracked(event) => Some(event.t),
            Self::Connection(connection) => Some(connection.t),
            Self::Step(step) => Some(step.t),
            Self::Note { t, .. } | Self::Gap { t, .. } => *t,
            Self::Environment(_)
            | Self::Built(_)
            | Self::Series(_)
            | Self::Load(_)
            | Self::Processor { .. }
            | Self::Used { .. }
            | Self::NotApplicable { .. }
            | Self::Errored { .. } => None,
        }
    }
}

/// A report on building the lab.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// Wall time of building the lab, nanoseconds.
    pub took: u64,
    /// Part of `took` spent filling conntrack tables, nanoseconds.
    pub fill_took: u64,
    /// The free conntrack entries of each node for which the scenario sets their number.
    pub conntrack_room: BTreeMap<String, ConntrackRoom>,
    /// The precision of the lab's own wire, if the lab has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<WirePrecision>,
    /// Emulated features by node: sentences that name the feature and what stands in for it.
    pub emulated: BTreeMap<String, Vec<String>>,
}

/// The precision of the lab's own wire on this machine when the run began. Nothing finer can be measured through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WirePrecision {
    /// Median delay that the wire adds to a packet, nanoseconds.
    pub delay_p50: u64,
    /// Greatest delay that the wire added to a packet, nanoseconds.
    pub delay_max: u64,
    /// Throughput in bits per second, with packets of 1,514 bytes or the largest that the link's MTU allows.
    pub rate: u64,
}

/// The free entries that a conntrack table was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConntrackRoom {
    /// Free entries that the scenario requires.
    pub room: u32,
    /// Limit of the table, `nf_conntrack_max`.
    pub max: u32,
    /// Entries that the lab created to fill the table; 0 if it could set the limit instead.
    pub filled: u32,
}

/// A connection of a client, by the number of the attempt that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedConnection {
    /// The time at which the attempt began.
    pub t: Offset,
    /// The client.
    pub client: ActorName,
    /// The number of the attempt, from 1.
    pub number: u64,
    /// The address of the client's socket, if it had one after `connect(2)`.
    pub local: Option<SocketAddr>,
    /// The address that it connects to.
    pub peer: Option<SocketAddr>,
}

impl NamedConnection {
    /// Returns both addresses, if the socket has a port.
    pub(crate) fn pair(&self) -> Option<AddressPair> {
        let local = self.local.filter(|local| local.port() != 0)?;
        Some((local, self.peer?))
    }
}

/// A step of the scenario, with the time at which it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenStep {
    /// The time at which the step began to be taken.
    pub t: Offset,
    /// The time that it took, nanoseconds.
    pub took: u64,
    /// The time at which the scenario wants it.
    pub due: Offset,
    /// The line of the step in the scenario.
    pub line: u32,
}

impl TakenStep {
    /// Returns the time at which the step was complete.
    pub fn end(&self) -> Offset {
        Offset(self.t.0.saturating_add(self.took))
    }
}

/// A comparison of the load that a client generated with the load it was to generate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Name of the client.
    pub client: ActorName,
    /// True if starts follow a schedule (open loop). A closed loop starts an attempt when another ends.
    pub open_loop: bool,
    /// Number of attempts in the schedule.
    pub scheduled: u64,
    /// Number of attempts started.
    pub started: u64,
    /// Mean scheduled rate, in attempts per second.
    pub offered_rate: f64,
    /// Mean achieved rate, in attempts per second.
    pub achieved_rate: f64,
    /// Length of the schedule, nanoseconds.
    pub span: u64,
    /// Median delay of starts against the schedule, nanoseconds.
    pub late_p50: u64,
    /// 99th percentile of the delay, nanoseconds.
    pub late_p99: u64,
    /// Greatest delay, nanoseconds.
    pub late_max: u64,
    /// The choice of local ports: `kernel`, `bind`, `sequential`, or `kernel` with the reason why the requested one was
    /// not used.
    pub port_choice: String,
    /// The engine that drove it: `epoll`, `raw` for floods, `udp` for queries. Records of earlier versions may have
    /// another.
    pub engine: String,
    /// Processor time of the client, nanoseconds.
    pub cpu: u64,
}

#[cfg(test)]
mod tests;

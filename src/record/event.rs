//! What a run tells, one JSON line each: the data that a record is made of, and the worker's only output.
//!
//! Not here: what it means (`timeline` gathers it, `expect` judges it).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use super::environment::Environment;
use crate::names::{ActorName, SeriesName};
use crate::units::{Unit, show};

/// Stands for a series in samples; given out in the order of declaration, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// What the values of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeriesKind {
    /// Counts up from 0 at the start of the clock.
    Counter,
    /// A state that goes up and down.
    Gauge,
    /// Lines of text.
    Text,
    /// A distribution: histograms, one for each span of time.
    Distribution,
}

/// What the values of a series count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeriesUnit {
    /// Plain numbers.
    Count,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Text.
    Text,
}

impl SeriesUnit {
    /// A value of the record in the base that people and expectations use: seconds for nanoseconds, else as it is.
    pub fn in_base(self, value: f64) -> f64 {
        match self {
            // A division and not a product: it gives the double nearest to the decimal number, as reading `10.3s` does.
            Self::Nanoseconds => value / 1e9,
            Self::Count | Self::Bytes | Self::BytesPerSecond | Self::Text => value,
        }
    }

    /// Returns the unit of [`in_base`](Self::in_base)'s values.
    pub fn base(self) -> Unit {
        match self {
            Self::Count => Unit::Count,
            Self::Bytes => Unit::Bytes,
            Self::BytesPerSecond => Unit::BytesPerSecond,
            Self::Nanoseconds => Unit::Seconds,
            Self::Text => Unit::Text,
        }
    }

    /// Writes a value of the record in the notation of scenario files.
    pub(crate) fn written(self, value: i64) -> String {
        show::written(self.in_base(value as f64), self.base())
    }
}

/// Declares a series; comes before the first value of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDeclaration {
    /// What samples call it.
    pub id: SeriesId,
    /// What expectations call it.
    pub name: SeriesName,
    /// What its values are.
    pub kind: SeriesKind,
    /// What its values count.
    pub unit: SeriesUnit,
    /// Whether the lab stands in for a kernel feature here. Shown wherever the series is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emulated: bool,
}

/// Something that a run tells. Times are [`Offset`]s of the run's clock; what comes before the clock starts carries none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Where the run happens. First.
    Environment(Box<Environment>),
    /// The lab stands.
    Built(Built),
    /// A series begins.
    Series(SeriesDeclaration),
    /// Values that changed at a time: pairs of series and new value. A series not named keeps its value.
    Sample {
        /// When.
        t: Offset,
        /// Which series have which new value.
        v: Vec<(SeriesId, i64)>,
    },
    /// A probe of a node has read everything it watches: what did not change is still so.
    Looked {
        /// When.
        t: Offset,
        /// Which probe, by what it watches: `client.sockets`, `nat.conntrack`.
        probe: String,
        /// Processor time that this look took, nanoseconds.
        cost: u64,
    },
    /// A line of text.
    Text {
        /// When.
        t: Offset,
        /// Which series.
        series: SeriesId,
        /// The line, without its end.
        line: String,
    },
    /// A span's worth of a distribution.
    Histogram {
        /// End of the span.
        t: Offset,
        /// Which series.
        series: SeriesId,
        /// Values with their counts, ascending.
        v: Vec<(u64, u64)>,
    },
    /// How a client's load was offered: at the end of the load.
    Load(LoadReport),
    /// What the lab's own threads (servers, wires, probes) had of the processors: at the end.
    Processor {
        /// How long they ran, together, nanoseconds.
        ran: u64,
        /// How long they were ready to run and waited for a processor, together, nanoseconds.
        waited: u64,
        /// How many times they were given one.
        turns: u64,
    },
    /// What the run's processes took of the machine, programs included: at the end.
    Used {
        /// Processor time, nanoseconds.
        cpu: u64,
        /// Bytes of memory that the largest of the worker and its children had at most (`ru_maxrss`, getrusage(2)).
        memory: u64,
    },
    /// Something that a reader of the result must know.
    Note {
        /// When, if the clock had started.
        t: Option<Offset>,
        /// One sentence.
        text: String,
    },
    /// This kernel or machine lacks what the scenario needs. Last.
    NotApplicable {
        /// What is missing, why, and how to get it where that is possible.
        reason: String,
    },
    /// The question could not be asked. Last.
    Errored {
        /// What went wrong.
        error: String,
    },
    /// The run came to its end. Last.
    Finished {
        /// When.
        t: Offset,
        /// True where it was interrupted before its time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
}

impl Event {
    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Finished { .. } | Self::NotApplicable { .. } | Self::Errored { .. }
        )
    }

    /// When it happened, where the clock had started.
    pub fn time(&self) -> Option<Offset> {
        match self {
            Self::Sample { t, .. }
            | Self::Looked { t, .. }
            | Self::Text { t, .. }
            | Self::Histogram { t, .. }
            | Self::Finished { t, .. } => Some(*t),
            Self::Note { t, .. } => *t,
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

/// What building the lab took and did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// Wall time of the set-up, nanoseconds.
    pub took: u64,
    /// Of which filling conntrack tables, nanoseconds.
    pub fill_took: u64,
    /// How each node's conntrack room was made.
    pub conntrack_room: BTreeMap<String, ConntrackRoom>,
    /// How good the wire is, where the lab has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<WirePrecision>,
    /// What is emulated, by node: sentences that name the feature and its stand-in.
    pub emulated: BTreeMap<String, Vec<String>>,
}

/// How good the lab's own wire was on this machine when the run began: nothing finer than this can be learnt through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WirePrecision {
    /// What the wire adds to the way of a packet, nanoseconds: median.
    pub delay_p50: u64,
    /// Most.
    pub delay_max: u64,
    /// Bits a second that it carried, in packets of 1,514 bytes, or what the link's MTU allows.
    pub rate: u64,
}

/// How room in a conntrack table was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConntrackRoom {
    /// Free entries that were asked for.
    pub room: u32,
    /// The table's limit, `nf_conntrack_max`.
    pub max: u32,
    /// Entries that the lab created to fill it; 0 where the limit itself was set.
    pub filled: u32,
}

/// How a client's load was offered against how it was to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// The client.
    pub client: ActorName,
    /// Whether starts follow a schedule (open loop); a closed loop offers what it achieves.
    pub open_loop: bool,
    /// Attempts that the schedule has.
    pub scheduled: u64,
    /// Attempts that were started.
    pub started: u64,
    /// Mean rate that the schedule asks for, a second.
    pub offered_rate: f64,
    /// Mean rate at which attempts were started, a second.
    pub achieved_rate: f64,
    /// How long the schedule lasts, nanoseconds.
    pub span: u64,
    /// How late starts were against the schedule, nanoseconds: median.
    pub late_p50: u64,
    /// 99th percentile.
    pub late_p99: u64,
    /// Latest.
    pub late_max: u64,
    /// How local ports were chosen: `kernel`, `sequential`, or why not as asked.
    pub port_choice: String,
    /// The engine that drove it: `epoll`, `io_uring`.
    pub engine: String,
    /// Processor time of the client, nanoseconds.
    pub cpu: u64,
}

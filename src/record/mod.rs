//! Evidence: what happened in a run. Plain data, needs no privileges.
//!
//! A run tells [`Event`]s through a [`Recorder`]; a [`Timeline`] gathers them; [`Verdict`]s say what was judged of it.
//! A [`Record`] is all of that in a file.
//! A record outlives the code that parsed its scenario, so nothing here knows scenarios.

mod capture;
mod clock;
pub(crate) mod distribution;
mod environment;
mod event;
mod file;
mod lines;
mod measure;
mod outcome;
mod read;
mod recorder;
mod series;
mod timeline;
mod verdict;

pub use capture::{
    Capture, CaptureFault, CaptureHeader, CaptureReadError, CaptureWriter, CapturedPacket,
    Direction, LinkEnd,
};
pub use clock::{Offset, RunClock};
pub use environment::{Environment, Guest, Privileges};
pub use event::{
    Built, ConntrackRoom, Event, LoadReport, SeriesDeclaration, SeriesId, SeriesKind, SeriesUnit,
    WirePrecision,
};
pub use file::{
    ProcessEnd, RECORD_VERSION, Record, RecordError, RecordHeader, RecordWriter, RecordedScenario,
    RecordedSuite, UnreadableRecord,
};
pub use measure::{Measure, measures};
pub use outcome::Outcome;
pub use read::ReadError;
pub use recorder::{Recorder, RecorderClosed};
pub use series::Series;
pub use timeline::{ProcessorTime, RunEnd, Timeline};
pub use verdict::{Observation, RunVerdict, Verdict};

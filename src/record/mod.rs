//! The record of a run: what happened, as plain data that needs no privileges to read.
//!
//! A run records [`Event`]s through a [`Recorder`]; a [`Timeline`] collects them; [`Verdict`]s hold the judgement. A
//! [`Record`] is all of these in a file.
//!
//! A record outlives the code that parsed its scenario, so nothing here depends on scenarios.

mod capture;
mod clock;
pub(crate) mod distribution;
mod environment;
mod event;
#[cfg(feature = "program")]
mod file;
mod lines;
mod measure;
mod outcome;
mod read;
mod recorder;
mod series;
mod timeline;
mod traced;
mod tracked;
mod verdict;

pub use capture::{
    Capture, CaptureFault, CaptureHeader, CaptureReadError, CaptureWriter, CapturedPacket,
    Direction, LinkEnd, WrittenPacket, annotate,
};
pub use clock::{Offset, RunClock};
pub use environment::{Environment, Guest, Privileges};
pub use event::{
    Built, CAPTURE, ConntrackRoom, Event, LoadReport, NamedConnection, SeriesDeclaration, SeriesId,
    SeriesKind, TakenStep, WirePrecision,
};
#[cfg(feature = "program")]
pub use file::{
    ProcessEnd, RECORD_VERSION, Record, RecordError, RecordHeader, RecordWriter, RecordedScenario,
    RecordedSuite, UnreadableRecord,
};
pub(crate) use lines::LONGEST_LINE;
pub use measure::{Measure, measures};
pub use outcome::Outcome;
pub use read::ReadError;
pub use recorder::{Recorder, RecorderClosed};
pub use series::Series;
pub use timeline::{ProcessorTime, RunEnd, Timeline};
pub use traced::{DropBound, KernelEvent, KernelFact, drop_text};
pub use tracked::{TrackedEntry, TrackedEvent, TrackedFact};
pub use verdict::{Observation, RunVerdict, Verdict};

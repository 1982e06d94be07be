//! Evidence: what happened in a run. Plain data, needs no privileges.
//!
//! A run tells [`Event`]s through a [`Recorder`]; a [`Timeline`] gathers them; [`Verdict`]s say what was judged of it.
//! A record outlives the code that parsed its scenario, so nothing here knows scenarios.

mod clock;
mod environment;
mod event;
mod outcome;
mod recorder;
mod series;
mod timeline;
mod verdict;

pub use clock::{Offset, RunClock};
pub use environment::{Environment, Privileges};
pub use event::{
    Built, ConntrackRoom, Event, LoadReport, SeriesDeclaration, SeriesId, SeriesKind, SeriesUnit,
};
pub use outcome::Outcome;
pub use recorder::{Recorder, RecorderClosed};
pub use series::Series;
pub use timeline::{End, Timeline};
pub use verdict::{Observation, RunVerdict, Verdict};

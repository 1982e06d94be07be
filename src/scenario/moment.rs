//! Bookmarks: moments of a run that are worth a look, with notes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// A bookmark. The view of a run opens at the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The time, from the start of the clock.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// The note for the reader.
    pub note: String,
    /// The connection to show: `load:201`, the attempt of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

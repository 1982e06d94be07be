//! The beginnings of notes that say that packets are missing from a capture, so that it counts as not written.

/// The file became unwritable during the run. A number of packets and the error follow.
pub(crate) const CAPTURE_ENDS_EARLY: &str = "the capture ends after";
/// The file could not be opened. The error follows.
pub(crate) const NO_CAPTURE: &str = "packets were not captured";

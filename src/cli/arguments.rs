//! Parsers of argument values that several verbs share.

use std::time::Duration;

use crate::units::{Percent, parse_duration, parse_percent};

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{error}, for example 10m"))
}

pub(super) fn percent(text: &str) -> Result<Percent, String> {
    parse_percent(text).map_err(|error| format!("{error}, for example 2%"))
}

/// Parses a parameter of a scenario, `NAME=VALUE`.
pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, for example --set rate=200/s".to_owned()),
    }
}

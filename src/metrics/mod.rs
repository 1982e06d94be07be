//! The registry of everything that can be measured: name, unit, kind, subject, meaning and source of each metric.
//!
//! One table per subject lists its metrics. The parser of expectations looks names up here ([`find`]), the code that
//! measures declares its series from here ([`Metric::series`]), and `nslab metrics` and `docs/metrics.md` print it
//! ([`entries`]). To add a metric, add it to a table and count it where it happens.
//!
//! Not here: which series a run has (`record`), and what good and bad values are (`compare`).

pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod conntrack;
mod counter_meanings;
pub(crate) mod errno;
pub(crate) mod firewall;
pub(crate) mod kernel;
pub(crate) mod kernel_counters;
pub(crate) mod listing;
pub(crate) mod node;
mod parameter;
pub(crate) mod queries;
pub(crate) mod reference;
pub(crate) mod server;
pub(crate) mod sockets;
mod subject;
mod table;
pub(crate) mod tcp_info;
pub(crate) mod traced;
pub(crate) mod wire;

pub(crate) use listing::{Entry, entries};
pub(crate) use parameter::NameParameter;
pub(crate) use subject::Subject;
pub(crate) use table::{find, of};

use serde::{Deserialize, Serialize};

use crate::names::SeriesName;
use crate::units::Unit;

/// The type of the values of a series, which decides the functions that apply to it.
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

impl SeriesKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Text => "text",
            Self::Distribution => "distribution",
        }
    }
}

/// The runs in which a metric is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// In each run that has the subject.
    Always,
    /// In runs with an expectation that names it, because it costs the kernel more to read.
    WhenNamed,
    /// In runs that have what it watches. Reports and verdicts use it; expectations cannot name it.
    Internally,
}

/// Something that can be measured.
#[derive(Debug)]
pub(crate) struct Metric {
    /// The part of the series' name after the subject: `attempted`, `conntrack.drop`. A word in capitals may stand for
    /// a [`NameParameter`].
    pub(crate) name: &'static str,
    pub(crate) parameter: Option<NameParameter>,
    /// True if the mean is recorded under the name itself, and the extremes under `.min` and `.max`.
    pub(crate) has_extremes: bool,
    pub(crate) kind: SeriesKind,
    pub(crate) unit: Unit,
    pub(crate) recorded: Recorded,
    pub(crate) meaning: &'static str,
    /// The system call, file or structure of the kernel that it comes from.
    pub(crate) source: &'static str,
}

impl Metric {
    pub(crate) const fn new(
        name: &'static str,
        kind: SeriesKind,
        unit: Unit,
        meaning: &'static str,
        source: &'static str,
    ) -> Self {
        Self {
            name,
            parameter: None,
            has_extremes: false,
            kind,
            unit,
            recorded: Recorded::Always,
            meaning,
            source,
        }
    }

    const fn counter(
        name: &'static str,
        unit: Unit,
        meaning: &'static str,
        source: &'static str,
    ) -> Self {
        Self::new(name, SeriesKind::Counter, unit, meaning, source)
    }

    const fn gauge(
        name: &'static str,
        unit: Unit,
        meaning: &'static str,
        source: &'static str,
    ) -> Self {
        Self::new(name, SeriesKind::Gauge, unit, meaning, source)
    }

    const fn text(name: &'static str, meaning: &'static str, source: &'static str) -> Self {
        Self::new(name, SeriesKind::Text, Unit::Text, meaning, source)
    }

    const fn with(self, parameter: NameParameter) -> Self {
        Self {
            parameter: Some(parameter),
            ..self
        }
    }

    const fn recorded(self, recorded: Recorded) -> Self {
        Self { recorded, ..self }
    }

    /// Returns the name of its series for a subject: `load.attempted`.
    pub(crate) fn series(&self, subject: &str) -> SeriesName {
        SeriesName::new(format!("{subject}.{}", self.name))
    }

    /// Returns the name of its series for a subject and a value of its parameter: `load.errors.ECONNREFUSED`.
    pub(crate) fn series_of(&self, subject: &str, value: &str) -> SeriesName {
        SeriesName::new(format!("{subject}.{}", self.with_value(value)))
    }

    /// Returns its name with a value in place of the parameter: `errors.ECONNREFUSED`.
    pub(crate) fn with_value(&self, value: &str) -> String {
        let (before, after) = self.around_parameter();
        format!("{before}{value}{after}")
    }

    /// Returns the value of the parameter in a name: `ECONNREFUSED` of `errors.ECONNREFUSED`.
    pub(crate) fn value_in<'n>(&self, name: &'n str) -> Option<&'n str> {
        self.parameter?;
        let (before, after) = self.around_parameter();
        name.strip_prefix(before)?.strip_suffix(after)
    }

    fn around_parameter(&self) -> (&'static str, &'static str) {
        let word = self.parameter.map_or("", NameParameter::word);
        match self.name.split_once(word) {
            Some(around) if !word.is_empty() => around,
            _ => (self.name, ""),
        }
    }

    /// Returns true if a name behind the subject is one of this metric.
    fn is_called(&self, name: &str) -> bool {
        if let Some(parameter) = self.parameter {
            return self
                .value_in(name)
                .is_some_and(|value| parameter.accepts(value));
        }
        let extreme = name.strip_suffix(".min").or(name.strip_suffix(".max"));
        name == self.name || self.has_extremes && extreme == Some(self.name)
    }
}

#[cfg(test)]
mod tests;

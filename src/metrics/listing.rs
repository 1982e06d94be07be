//! The registry as rows, for `nslab metrics` and `docs/metrics.md`.

use super::{Metric, Recorded, Subject, counter_meanings, kernel_counters, table::TABLES};
use crate::units::Unit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) kind: &'static str,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) recorded: Recorded,
    pub(crate) meaning: String,
    pub(crate) source: String,
}

/// Returns every metric, the counters of the kernel last.
pub(crate) fn entries() -> Vec<Entry> {
    let registered = TABLES.into_iter().flat_map(|(subjects, metrics)| {
        let entry = |metric: &&'static Metric| of_metric(metric, subjects);
        metrics.iter().map(entry).collect::<Vec<_>>()
    });
    registered
        .chain(kernel_counters::all().map(of_counter))
        .collect()
}

/// Returns the meaning and the source of a metric by its name behind the subject: a node, or anything else.
pub(crate) fn described(of_node: bool, name: &str) -> Option<(String, String)> {
    let tables = TABLES.into_iter();
    let tables = tables.filter(|(subjects, _)| subjects.contains(&Subject::Node) == of_node);
    let mut metrics = tables.flat_map(|(_, metrics)| metrics.iter());
    if let Some(metric) = metrics.find(|metric| metric.is_called(name)) {
        return Some((metric.meaning.to_owned(), metric.source.to_owned()));
    }
    let counter = kernel_counters::all()
        .find(|(prefix, rest)| name.strip_prefix(prefix).is_some_and(|name| name == *rest));
    counter
        .filter(|_| of_node)
        .map(of_counter)
        .map(|entry| (entry.meaning, entry.source))
}

fn of_metric(metric: &Metric, subjects: &[Subject]) -> Entry {
    Entry {
        name: metric.name.to_owned(),
        unit: metric.unit,
        kind: metric.kind.as_str(),
        subjects: subjects.to_vec(),
        recorded: metric.recorded,
        meaning: metric.meaning.to_owned(),
        source: metric.source.to_owned(),
    }
}

fn of_counter((prefix, rest): (&'static str, &'static str)) -> Entry {
    let name = format!("{prefix}{rest}");
    let meaning = counter_meanings::meaning(&name).map_or_else(
        || format!("The kernel's counter {rest} in the group {prefix}."),
        str::to_owned,
    );
    Entry {
        unit: Unit::Count,
        kind: kernel_counters::kind(&name).as_str(),
        subjects: vec![Subject::Node],
        recorded: Recorded::Always,
        meaning,
        source: format!("`{prefix}` of /proc/net/{}", kernel_counters::file(prefix)),
        name,
    }
}

impl Entry {
    /// Returns true if its name, a subject or its meaning contains the pattern, without regard to case.
    pub(crate) fn matches(&self, pattern: &str) -> bool {
        let pattern = pattern.to_lowercase();
        let name = self.name.to_lowercase();
        name.contains(&pattern)
            || pattern
                .split_once('.')
                .is_some_and(|(_, rest)| name == rest)
            || self.meaning.to_lowercase().contains(&pattern)
            || self
                .subjects
                .iter()
                .any(|subject| subject.as_str() == pattern)
    }

    pub(crate) fn subjects(&self) -> String {
        let names: Vec<&str> = self
            .subjects
            .iter()
            .map(|subject| subject.as_str())
            .collect();
        names.join(", ")
    }

    /// Returns the name of the unit: that of the values in an expectation.
    pub(crate) fn unit(&self) -> &'static str {
        match self.unit {
            Unit::Count => "count",
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
            Unit::PerSecond => "per second",
            Unit::BytesPerSecond => "bytes per second",
            Unit::Text => "lines",
            Unit::TcpState => "state",
        }
    }
}

impl Recorded {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WhenNamed => "when an expectation names it",
            Self::Internally => "for reports only",
        }
    }
}

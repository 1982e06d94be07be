//! The text format of OpenMetrics 1.0: families, each with its type, unit and samples together; legal names; escaping.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::report::printable::printable;

/// Labels of a sample, by name; a later value replaces an earlier.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels(BTreeMap<String, String>);

impl Labels {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a label whose name is legal. An empty value is the same as none.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Types of families that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Info,
    StateSet,
    Summary,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Summary => "summary",
        }
    }
}

/// Families by name: the format wants all samples of one together.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    families: BTreeMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    /// By labels without `quantile` and state, then in the order of coming: a summary, a state set stands together.
    metrics: BTreeMap<Labels, Vec<Sample>>,
}

#[derive(Debug)]
struct Sample {
    suffix: &'static str,
    labels: Labels,
    value: f64,
}

/// Units that names may end in, with the suffix: a unit is given exactly where the name ends so.
const UNITS: [(&str, &str); 2] = [("_seconds", "seconds"), ("_bytes", "bytes")];

/// Suffixes that the format gives to samples: a family must not end in one.
const RESERVED: [&str; 8] = [
    "_total", "_created", "_count", "_sum", "_bucket", "_gcount", "_gsum", "_info",
];

impl Exposition {
    /// Adds a gauge.
    pub(super) fn gauge(&mut self, name: &str, help: &str, labels: Labels, value: f64) {
        self.sample(name, Kind::Gauge, help, "", labels, value);
    }

    /// Adds a sample to a family. The same sample again replaces the one before; a name that is taken by a family of
    /// another type is made another.
    pub(super) fn sample(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        suffix: &'static str,
        labels: Labels,
        value: f64,
    ) {
        let mut name = name.to_owned();
        while self
            .families
            .get(&name)
            .is_some_and(|family| family.kind != kind)
        {
            name = format!("{}_{}", kind.as_str(), name);
        }
        let mut metric = labels.clone();
        metric.0.remove("quantile");
        metric.0.remove(&name);
        let family = self.families.entry(name).or_insert_with(|| Family {
            kind,
            help: help.to_owned(),
            metrics: BTreeMap::new(),
        });
        let samples = family.metrics.entry(metric).or_default();
        samples.retain(|sample| (sample.suffix, &sample.labels) != (suffix, &labels));
        samples.push(Sample {
            suffix,
            labels,
            value,
        });
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let _ = writeln!(text, "# TYPE {name} {}", family.kind.as_str());
            if let Some((_, unit)) = UNITS.iter().find(|(suffix, _)| name.ends_with(suffix)) {
                let _ = writeln!(text, "# UNIT {name} {unit}");
            }
            let _ = writeln!(text, "# HELP {name} {}", escaped(&family.help));
            for Sample {
                suffix,
                labels,
                value,
            } in family.metrics.values().flatten()
            {
                let each: Vec<String> = labels
                    .0
                    .iter()
                    .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                    .collect();
                let labels = if each.is_empty() {
                    String::new()
                } else {
                    format!("{{{}}}", each.join(","))
                };
                let _ = writeln!(text, "{name}{suffix}{labels} {value}");
            }
        }
        text.push_str("# EOF\n");
        text
    }
}

/// A name of legal characters (`[a-zA-Z0-9_]` behind a prefix) that does not end as samples do.
pub(super) fn legal_name(prefix: &str, rest: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = prefix.chars().chain(rest.chars().map(legal)).collect();
    if RESERVED.iter().any(|suffix| name.ends_with(suffix)) {
        name + "_value"
    } else {
        name
    }
}

fn escaped(text: &str) -> String {
    printable(text)
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_end_in_nothing_reserved() {
        assert_eq!(
            legal_name("nslab_actor_", "in-flight"),
            "nslab_actor_in_flight"
        );
        assert_eq!(
            legal_name("nslab_node_", "conntrack.count"),
            "nslab_node_conntrack_count_value"
        );
        assert_eq!(legal_name("nslab_node_", "µ"), "nslab_node__");
    }

    #[test]
    fn a_family_has_one_type_and_a_sample_one_value() {
        let mut out = Exposition::default();
        let mut labels = Labels::new();
        labels.add("node", "a\"b\\c\nd");
        out.sample("x", Kind::Counter, "help", "_total", labels.clone(), 1.0);
        out.sample("x", Kind::Counter, "help", "_total", labels.clone(), 2.0);
        out.gauge("x", "other", labels, 3.5);
        assert_eq!(
            out.finish(),
            "# TYPE gauge_x gauge\n# HELP gauge_x other\ngauge_x{node=\"a\\\"b\\\\c\\nd\"} 3.5\n\
             # TYPE x counter\n# HELP x help\nx_total{node=\"a\\\"b\\\\c\\nd\"} 2\n# EOF\n"
        );
    }
}

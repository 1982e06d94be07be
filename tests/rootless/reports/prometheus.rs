//! OpenMetrics 1.0 text, by the words of its specification.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use nslab::report::prometheus;
use regex::Regex;

use crate::reports::outside::{ask, said};
use crate::reports::results::{every_outcome, nothing, passed};

#[test]
fn every_outcome_is_rendered() {
    insta::assert_snapshot!(prometheus::render(&every_outcome()));
}

/// The Prometheus project's own parser for Python, where it is installed.
#[test]
fn prometheus_client_parses_every_report() {
    const SCRIPT: &str = "
import sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
except ImportError:
    print('absent'); sys.exit(0)
families = list(read(sys.stdin.read()))
print('read', sum(len(family.samples) for family in families))
";
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for result in [every_outcome(), passed(), nothing()] {
        let text = prometheus::render(&result);
        let Some(output) = ask(&python, &["-c", SCRIPT], &text) else {
            return;
        };
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        let said = said(&output);
        if said == "absent\n" {
            crate::reports::outside::absent("the Python module prometheus_client");
            return;
        }
        assert_eq!(said, format!("read {samples}\n"));
    }
}

#[test]
fn it_keeps_the_rules_of_the_format() {
    for result in [every_outcome(), passed(), nothing()] {
        Reader::default().read(&prometheus::render(&result));
    }
}

#[test]
fn final_values_are_those_of_the_record() {
    let text = prometheus::render(&every_outcome());
    let labels = r#"file="./scenarios/conntrack/table-full.yaml""#;
    for sample in [
        format!(
            r#"nslab_actor_established_total{{actor="load",{labels},scenario="table-full",variant="full"}} 197"#
        ),
        format!(
            r#"nslab_actor_errors_total{{actor="load",errno="ETIMEDOUT",{labels},scenario="table-full",variant="full"}} 103"#
        ),
        format!(
            r#"nslab_node_memory_tcp_bytes{{{labels},node="client",scenario="table-full",variant="full"}} 81920"#
        ),
        format!(
            r#"nslab_node_TcpExtListenDrops_total{{{labels},node="server",scenario="table-full",variant="full"}} 0"#
        ),
        format!(
            r#"nslab_actor_latency_seconds{{actor="load",{labels},quantile="0.5",scenario="table-full",variant="full"}} 0.00015"#
        ),
        format!(
            r#"nslab_actor_latency_seconds_count{{actor="load",{labels},scenario="table-full",variant="full"}} 197"#
        ),
    ] {
        assert!(
            text.lines().any(|line| line == sample),
            "no {sample} in:\n{text}"
        );
    }
}

const LABEL_PATTERN: &str = r#"[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*""#;
static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-zA-Z_][a-zA-Z0-9_]*$").unwrap());
static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(LABEL_PATTERN).unwrap());
static SAMPLE: LazyLock<Regex> = LazyLock::new(|| {
    let (label, name) = (LABEL_PATTERN, "[a-zA-Z0-9_]+");
    Regex::new(&format!(
        r"^({name})(?:\{{({label}(?:,{label})*)\}})? (\S+)$"
    ))
    .unwrap()
});

/// A strict reader of what this project writes: stricter than the format where that is easier.
#[derive(Default)]
pub(crate) struct Reader {
    family: String,
    kind: String,
    seen: BTreeSet<String>,
    samples: BTreeSet<String>,
}

impl Reader {
    pub(crate) fn read(mut self, text: &str) {
        let body = text.strip_suffix("# EOF\n").expect("no end");
        for line in body.split_terminator('\n') {
            assert!(!line.is_empty() && line != "# EOF", "{line:?}");
            match line.strip_prefix("# ") {
                Some(metadata) => self.metadata(metadata),
                None => self.sample(line),
            }
        }
    }

    fn metadata(&mut self, line: &str) {
        let [word, name, rest] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        if word == "TYPE" {
            assert!(
                ["counter", "gauge", "info", "stateset", "summary"].contains(&rest),
                "{line}"
            );
            assert!(NAME.is_match(name), "{line}");
            assert!(self.seen.insert(name.to_owned()), "{name} comes twice");
            (self.family, self.kind) = (name.to_owned(), rest.to_owned());
        }
        assert_eq!(name, self.family, "metadata of another family: {line}");
        if word == "UNIT" {
            assert!(name.ends_with(&format!("_{rest}")), "{line}");
            assert!(
                ["seconds", "bytes"].contains(&rest)
                    && !["info", "stateset"].contains(&self.kind.as_str()),
                "{line}"
            );
        }
        assert!(["TYPE", "UNIT", "HELP"].contains(&word), "{line}");
    }

    fn sample(&mut self, line: &str) {
        let parts = SAMPLE.captures(line).unwrap_or_else(|| panic!("{line}"));
        let suffix = parts[1]
            .strip_prefix(self.family.as_str())
            .unwrap_or_else(|| panic!("not of {}: {line}", self.family));
        let labels = parts.get(2).map_or("", |labels| labels.as_str());
        let value: f64 = parts[3].parse().unwrap();
        let quantile = labels.contains("quantile=\"");
        let legal = match self.kind.as_str() {
            "counter" => suffix == "_total" && value >= 0.0,
            "gauge" => suffix.is_empty(),
            "info" => suffix == "_info" && (value - 1.0).abs() < f64::EPSILON,
            "stateset" => {
                suffix.is_empty()
                    && labels.contains(&format!("{}=\"", self.family))
                    && (value == 0.0 || value == 1.0)
            }
            "summary" => {
                quantile == suffix.is_empty()
                    && ["", "_sum", "_count"].contains(&suffix)
                    && value >= 0.0
            }
            kind => panic!("no type {kind}"),
        };
        assert!(legal, "{}: {line}", self.kind);
        let names: Vec<&str> = LABEL
            .find_iter(labels)
            .map(|label| label.as_str().split('=').next().unwrap())
            .collect();
        assert!(
            names.is_sorted_by(|a, b| a < b),
            "labels twice or out of order: {line}"
        );
        assert!(
            self.samples.insert(format!("{} {labels}", &parts[1])),
            "twice: {line}"
        );
    }
}

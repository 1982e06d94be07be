//! Combines each line with the facts about its keys, and picks the settings worth a comparison. Pure: the
//! kernel was examined before.

use std::collections::BTreeMap;

use super::advice::LineAdvice;
use super::facts::{KeyFacts, KeyScope, differs_in_labs};
use super::merge::{LineMeaning, MergedLine};
use super::plan::Assignment;
use crate::lab::sysctl_survey::{FoundSysctl, SysctlSurvey, WriteOutcome};

/// Combines lines and facts. `kept` holds what the kernel did with the values of [`super::values_to_try`];
/// `beyond` looks up settings outside `net.`.
pub fn assess(
    entries: Vec<MergedLine>,
    survey: &SysctlSurvey,
    kept: BTreeMap<(String, String), WriteOutcome>,
    beyond: impl Fn(&str) -> Option<FoundSysctl>,
) -> Vec<LineAdvice> {
    let line = |entry: MergedLine| {
        let facts = match &entry.meaning {
            LineMeaning::Sets { keys, value, .. } => keys
                .iter()
                .map(|key| {
                    let facts = KeyFacts::of(key, survey, &beyond);
                    let tried = facts.stand_in.as_ref().unwrap_or(key);
                    KeyFacts {
                        kept: kept.get(&(tried.clone(), value.clone())).cloned(),
                        ..facts
                    }
                })
                .collect(),
            LineMeaning::Wrong(_) | LineMeaning::Excludes | LineMeaning::Overridden(_) => {
                Vec::new()
            }
        };
        LineAdvice {
            entry,
            facts,
            not_run: Vec::new(),
            too_short: Vec::new(),
            experiments: Vec::new(),
        }
    };
    entries.into_iter().map(line).collect()
}

/// Returns the settings worth a comparison: a namespace accepts the value, and it is not the default.
pub fn assignments(lines: &[LineAdvice]) -> Vec<Assignment> {
    let of_line = |(index, line): (usize, &LineAdvice)| {
        let LineMeaning::Sets { value, .. } = &line.entry.meaning else {
            return Vec::new();
        };
        if line.is_already_so() {
            return Vec::new();
        }
        let takes = |key: &&KeyFacts| {
            key.scope == KeyScope::Namespace && key.stand_in.is_none() && key.refusal().is_none()
        };
        let each = line.facts.iter().filter(takes).map(|key| Assignment {
            line: index,
            key: key.key.clone(),
            value: value.clone(),
            against: against(key),
        });
        each.collect()
    };
    lines.iter().enumerate().flat_map(of_line).collect()
}

/// Returns the kernel's own default if labs start with a different value on purpose.
fn against(key: &KeyFacts) -> Option<String> {
    let other = differs_in_labs(&key.key);
    other
        .then(|| key.default_value().map(str::to_owned))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::{Ruling, SysctlSource, merge, values_to_try};

    /// Assesses lines on a kernel with a few keys. It refuses `tcp_tw_reuse` and changes the value of
    /// `tcp_rmem`.
    fn assessed(text: &str) -> Vec<LineAdvice> {
        let found = |value: &str, writable| FoundSysctl {
            value: Some(value.to_owned()),
            writable,
        };
        let own = [
            ("net.ipv4.tcp_fin_timeout", "60"),
            ("net.ipv4.tcp_tw_reuse", "2"),
            ("net.ipv4.tcp_rmem", "4096 131072 6291456"),
            ("net.ipv4.tcp_fack", "0"),
            ("net.ipv4.tcp_sack", "1"),
            ("net.ipv4.tcp_rfc1337", "0"),
            ("net.ipv4.tcp_max_syn_backlog", "2048"),
            ("net.ipv4.conf.default.rp_filter", "0"),
        ];
        let fresh: BTreeMap<String, FoundSysctl> = own
            .map(|(key, value)| (key.to_owned(), found(value, true)))
            .into();
        let mut here = fresh.clone();
        here.insert(
            "net.core.netdev_max_backlog".to_owned(),
            found("1000", true),
        );
        here.insert(
            "net.netfilter.nf_conntrack_count".to_owned(),
            found("0", false),
        );
        let mut baseline = fresh.clone();
        // Labs start with other values than the kernel's defaults.
        baseline.insert("net.ipv4.tcp_rfc1337".to_owned(), found("1", true));
        baseline.insert(
            "net.ipv4.tcp_max_syn_backlog".to_owned(),
            found("4096", true),
        );
        let survey = SysctlSurvey {
            here,
            fresh,
            baseline,
        };
        let sources = [SysctlSource {
            label: "a".to_owned(),
            text: text.to_owned(),
        }];
        let entries = merge(&sources, &[]);
        let kept = values_to_try(&entries, &survey)
            .into_iter()
            .map(|(key, value)| {
                let kept = match key.as_str() {
                    "net.ipv4.tcp_tw_reuse" => WriteOutcome::Refused("no".to_owned()),
                    "net.ipv4.tcp_rmem" => WriteOutcome::Other("1 2 3".to_owned()),
                    _ => WriteOutcome::AsWritten,
                };
                ((key, value), kept)
            })
            .collect();
        let beyond = |key: &str| (key == "vm.swappiness").then(|| found("60", true));
        assess(entries, &survey, kept, beyond)
    }

    #[test]
    fn each_line_gets_a_ruling() {
        let lines = assessed(
            "net.ipv4.tcp_fin_timeout = 15\nnet.ipv4.tcp_tw_reuse = 7\nnet.ipv4.tcp_rmem = 9\n\
             net.core.netdev_max_backlog = 5\nvm.swappiness = 1\nnet.ipv4.tcp_tw_recycle = 1\n\
             -net.ipv4.ip_conntrack_max = 1\nnet.ipv4.tcp_fack = 1\nnonsense\nnet.ipv4.nope.* = 1\n\
             net.netfilter.nf_conntrack_count = 5\nnet.ipv4.tcp_max_syn_backlog = 512\n",
        );
        let words: Vec<&str> = lines.iter().map(|line| line.ruling().as_str()).collect();
        assert_eq!(
            words,
            [
                "no scenario",
                "cannot apply",
                "cannot apply",
                "host-wide",
                "host-wide",
                "cannot apply",
                "is ignored",
                "no effect",
                "cannot apply",
                "matches nothing",
                "cannot apply",
                "no scenario",
            ]
        );
        let assigned = assignments(&lines);
        let keys: Vec<(&str, Option<&str>)> = assigned
            .iter()
            .map(|each| (each.key.as_str(), each.against.as_deref()))
            .collect();
        assert_eq!(
            keys,
            [
                ("net.ipv4.tcp_fin_timeout", None),
                ("net.ipv4.tcp_fack", None),
                ("net.ipv4.tcp_max_syn_backlog", Some("2048"))
            ]
        );
    }

    #[test]
    fn a_setting_of_an_interface_is_tried_on_the_default_of_new_interfaces() {
        let lines = assessed(
            "net/ipv4/conf/eth0.100/rp_filter = 1\nnet.ipv4.conf.eth0.nope = 1\n\
             net.bridge.bridge-nf-call-iptables = 1",
        );
        let facts = &lines[0].facts[0];
        assert_eq!(facts.key, "net.ipv4.conf.eth0/100.rp_filter");
        assert_eq!(
            facts.stand_in.as_deref(),
            Some("net.ipv4.conf.default.rp_filter")
        );
        assert_eq!(facts.kept, Some(WriteOutcome::AsWritten));
        assert_eq!(lines[0].ruling(), Ruling::NoScenario);
        assert_eq!(lines[1].ruling(), Ruling::CannotApply);
        assert!(
            lines[2].facts[0]
                .refusal()
                .unwrap()
                .contains("br_netfilter")
        );
        assert!(assignments(&lines).is_empty());
    }

    #[test]
    fn a_default_value_is_not_run() {
        let lines = assessed(
            "net.ipv4.tcp_sack =  1\nnet.ipv4.tcp_max_syn_backlog = 2048\nnet.ipv4.tcp_rfc1337 = 1",
        );
        assert_eq!(lines[0].ruling(), Ruling::AlreadySo);
        assert_eq!(
            lines[1].ruling(),
            Ruling::AlreadySo,
            "labs have a larger value"
        );
        assert_eq!(
            lines[2].ruling(),
            Ruling::NoScenario,
            "only labs have this value"
        );
        assert_eq!(assignments(&lines).len(), 1);
    }

    #[test]
    fn refusals_give_the_reason() {
        let lines = assessed("net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_rmem = 9\nnet.x.y = 1");
        let why = |line: usize| lines[line].facts[0].refusal().unwrap();
        assert!(why(0).contains("removed in Linux 4.12"));
        assert_eq!(why(1), "the kernel changes the value to `1 2 3`");
        assert_eq!(why(2), "this kernel has no such key");
    }
}

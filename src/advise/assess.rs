//! Each line with what this kernel says of it, and what of it is worth running. Pure: the kernel was asked before.

use std::collections::BTreeMap;

use super::advice::LineAdvice;
use super::facts::{KeyFacts, Whose, is_otherwise_in_labs};
use super::merge::{Entry, Meaning};
use super::plan::Assigned;
use crate::lab::inquiry::{Found, Kept, Survey};

/// Puts lines and facts together. `kept` is what became of the values that [`super::to_try`] names, in its order; `beyond` looks up
/// settings that are none of the network's.
pub fn assess(
    entries: Vec<Entry>,
    survey: &Survey,
    kept: BTreeMap<(String, String), Kept>,
    beyond: impl Fn(&str) -> Option<Found>,
) -> Vec<LineAdvice> {
    let line = |entry: Entry| {
        let facts = match &entry.meaning {
            Meaning::Sets { keys, value, .. } => keys
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
            Meaning::Wrong(_) | Meaning::Excludes | Meaning::Overridden(_) => Vec::new(),
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

/// What is worth running: what a namespace takes, and does not have already.
pub fn assigned(lines: &[LineAdvice]) -> Vec<Assigned> {
    let of_line = |(index, line): (usize, &LineAdvice)| {
        let Meaning::Sets { value, .. } = &line.entry.meaning else {
            return Vec::new();
        };
        if line.is_already_so() {
            return Vec::new();
        }
        let takes = |key: &&KeyFacts| {
            key.whose == Whose::Namespace && key.stand_in.is_none() && key.refusal().is_none()
        };
        let each = line.facts.iter().filter(takes).map(|key| Assigned {
            line: index,
            key: key.key.clone(),
            value: value.clone(),
            against: against(key),
        });
        each.collect()
    };
    lines.iter().enumerate().flat_map(of_line).collect()
}

/// What the line is compared with, where labs have another value than a kernel has by itself.
fn against(key: &KeyFacts) -> Option<String> {
    let other = is_otherwise_in_labs(&key.key);
    other.then(|| key.by_itself().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::{Ruling, Source, merge, to_try};

    /// A kernel with a few keys, where `tcp_tw_reuse` was refused and `tcp_rmem` is kept as something else.
    fn assessed(text: &str) -> Vec<LineAdvice> {
        let found = |value: &str, writable| Found {
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
        let fresh: BTreeMap<String, Found> = own
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
        // What labs start from is not what a kernel has by itself.
        baseline.insert("net.ipv4.tcp_rfc1337".to_owned(), found("1", true));
        baseline.insert(
            "net.ipv4.tcp_max_syn_backlog".to_owned(),
            found("4096", true),
        );
        let survey = Survey {
            here,
            fresh,
            baseline,
        };
        let sources = [Source {
            label: "a".to_owned(),
            text: text.to_owned(),
        }];
        let entries = merge(&sources, &[]);
        let kept = to_try(&entries, &survey)
            .into_iter()
            .map(|(key, value)| {
                let kept = match key.as_str() {
                    "net.ipv4.tcp_tw_reuse" => Kept::Refused("no".to_owned()),
                    "net.ipv4.tcp_rmem" => Kept::Other("1 2 3".to_owned()),
                    _ => Kept::AsWritten,
                };
                ((key, value), kept)
            })
            .collect();
        let beyond = |key: &str| (key == "vm.swappiness").then(|| found("60", true));
        assess(entries, &survey, kept, beyond)
    }

    #[test]
    fn each_line_has_its_word() {
        let lines = assessed(
            "net.ipv4.tcp_fin_timeout = 15\nnet.ipv4.tcp_tw_reuse = 7\nnet.ipv4.tcp_rmem = 9\nnet.core.netdev_max_backlog = 5\n\
             vm.swappiness = 1\nnet.ipv4.tcp_tw_recycle = 1\n-net.ipv4.ip_conntrack_max = 1\nnet.ipv4.tcp_fack = 1\nnonsense\n\
             net.ipv4.nope.* = 1\nnet.netfilter.nf_conntrack_count = 5\nnet.ipv4.tcp_max_syn_backlog = 512\n",
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
        let assigned = assigned(&lines);
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
    fn the_setting_of_an_interface_is_tried_on_interfaces_to_come() {
        let lines = assessed(
            "net/ipv4/conf/eth0.100/rp_filter = 1\nnet.ipv4.conf.eth0.nope = 1\nnet.bridge.bridge-nf-call-iptables = 1",
        );
        let facts = &lines[0].facts[0];
        assert_eq!(facts.key, "net.ipv4.conf.eth0/100.rp_filter");
        assert_eq!(
            facts.stand_in.as_deref(),
            Some("net.ipv4.conf.default.rp_filter")
        );
        assert_eq!(facts.kept, Some(Kept::AsWritten));
        assert_eq!(lines[0].ruling(), Ruling::NoScenario);
        assert_eq!(lines[1].ruling(), Ruling::CannotApply);
        assert!(
            lines[2].facts[0]
                .refusal()
                .unwrap()
                .contains("br_netfilter")
        );
        assert!(assigned(&lines).is_empty());
    }

    #[test]
    fn what_is_so_already_is_not_run() {
        let lines = assessed(
            "net.ipv4.tcp_sack =  1\nnet.ipv4.tcp_max_syn_backlog = 2048\nnet.ipv4.tcp_rfc1337 = 1",
        );
        assert_eq!(lines[0].ruling(), Ruling::AlreadySo);
        assert_eq!(lines[1].ruling(), Ruling::AlreadySo, "labs have more");
        assert_eq!(lines[2].ruling(), Ruling::NoScenario, "only labs have it");
        assert_eq!(assigned(&lines).len(), 1);
    }

    #[test]
    fn refusals_say_what_to_know() {
        let lines = assessed("net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_rmem = 9\nnet.x.y = 1");
        let why = |line: usize| lines[line].facts[0].refusal().unwrap();
        assert!(why(0).contains("gone since Linux 4.12"));
        assert_eq!(why(1), "the kernel keeps `1 2 3` instead");
        assert_eq!(why(2), "this kernel has no such key");
    }
}

//! The registry agrees with itself and with its reference page.

use std::collections::BTreeSet;

use super::*;

#[test]
fn names_of_a_subject_are_unique() {
    for subject in Subject::ALL {
        let mut seen = BTreeSet::new();
        for metric in of(subject) {
            assert!(
                seen.insert(metric.name),
                "two metrics of a {subject} are called {}",
                metric.name
            );
        }
    }
}

#[test]
fn every_subject_has_metrics() {
    for subject in Subject::ALL {
        assert!(of(subject).next().is_some(), "{subject}");
    }
}

#[test]
fn every_meaning_is_a_sentence() {
    for entry in entries() {
        assert!(
            entry.meaning.ends_with('.') && !entry.source.is_empty(),
            "{}",
            entry.name
        );
    }
}

#[test]
fn parameters_stand_in_the_names_that_have_them() {
    for metric in Subject::ALL.into_iter().flat_map(of) {
        let words = metric.parameter.map(NameParameter::word);
        assert!(
            words.is_none_or(|word| metric.name.contains(word)),
            "{}",
            metric.name
        );
    }
}

#[test]
fn names_are_found_with_values_and_extremes() {
    for (subject, name, found) in [
        (Subject::Client, "errors.ECONNREFUSED", Some("errors.ERRNO")),
        (Subject::Client, "errors.ENONSENSE", None),
        (Subject::Client, "status.503", Some("status.STATUS")),
        (Subject::Client, "status.600", None),
        (Subject::Server, "status.503", None),
        (Subject::Server, "forwarded", None),
        (Subject::Proxy, "forwarded", Some("forwarded")),
        (Subject::Client, "tcp_info.rtt.max", Some("tcp_info.rtt")),
        (Subject::Client, "attempted.max", None),
        (Subject::Command, "tcp_info.rtt", None),
        (Subject::Node, "tcp.TIME_WAIT", Some("tcp.STATE")),
        (Subject::Node, "conntrack.max", Some("conntrack.max")),
        (Subject::Kernel, "slab.TCP.size", Some("slab.CACHE.size")),
        (Subject::Kernel, "slab.TCP", Some("slab.CACHE")),
    ] {
        assert_eq!(
            find(subject, name).map(|metric| metric.name),
            found,
            "{subject} {name}"
        );
    }
}

#[test]
fn the_reference_page_is_that_of_the_registry() {
    let committed = include_str!("../../docs/metrics.md");
    assert!(
        committed == reference::page(),
        "docs/metrics.md is out of date; write it with: nslab metrics --markdown > docs/metrics.md"
    );
}

//! JUnit XML and the expectations of its readers.

use nslab::report::junit;
use nslab::suite::SuiteResult;

use crate::reports::outside::{ask, beside, said};
use crate::reports::results::{every_outcome, nothing, passed};

fn render(result: &SuiteResult) -> String {
    junit::render(result).unwrap()
}

#[test]
fn every_outcome_is_rendered() {
    insta::assert_snapshot!(render(&every_outcome()));
}

#[test]
fn it_is_well_formed_and_counts_what_it_holds() {
    let text = render(&every_outcome());
    let document = roxmltree::Document::parse(&text).unwrap();
    let all = |parent: roxmltree::Node<'_, '_>, tag: &str| {
        parent
            .descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
            .to_string()
    };
    for counted in document
        .descendants()
        .filter(|node| node.has_attribute("tests"))
    {
        assert_eq!(
            counted.attribute("tests").unwrap(),
            all(counted, "testcase")
        );
        assert_eq!(
            counted.attribute("failures").unwrap(),
            all(counted, "failure")
        );
        assert_eq!(counted.attribute("errors").unwrap(), all(counted, "error"));
        if let Some(skipped) = counted.attribute("skipped") {
            assert_eq!(skipped, all(counted, "skipped"));
        }
    }
}

#[test]
fn a_failure_points_to_the_expectation_and_says_what_was_observed() {
    let text = render(&every_outcome());
    let document = roxmltree::Document::parse(&text).unwrap();
    let case = document
        .descendants()
        .find(|node| node.attribute("name") == Some("full"))
        .unwrap();
    assert_eq!(
        case.attribute("classname"),
        Some("scenarios.conntrack.table-full")
    );
    assert_eq!(
        case.attribute("file"),
        Some("scenarios/conntrack/table-full.yaml")
    );
    assert_eq!(case.attribute("line"), Some("31"));
    let failure = case
        .children()
        .find(|node| node.has_tag_name("failure"))
        .unwrap();
    assert_eq!(
        failure.attribute("message"),
        Some("failed: load.established == 200, observed load.established = 197")
    );
    assert!(
        failure
            .text()
            .unwrap()
            .contains("observed: load.established = 197 at 5.000s")
    );
    // The form in which dorny/test-reporter looks for places.
    let trace = regex::Regex::new(r"(?m)^at scenarios\.conntrack\(table-full\.yaml:31\)$").unwrap();
    assert!(trace.is_match(failure.text().unwrap()));
}

#[test]
fn test_cases_are_identified_by_class_and_name() {
    let text = render(&every_outcome());
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    let mut names: Vec<_> = cases
        .map(|case| (case.attribute("classname"), case.attribute("name")))
        .collect();
    let before = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), before);
}

/// `junit.xsd` is this project's own: the contents that Jenkins' `junit-10.xsd` allows, plus `file` and `line`.
#[test]
fn xmllint_accepts_every_report_by_a_strict_schema() {
    for result in [every_outcome(), passed(), nothing()] {
        let text = render(&result);
        let schema = beside("junit.xsd");
        let Some(output) = ask("xmllint", &["--noout", "--schema", &schema, "-"], &text) else {
            return;
        };
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn xmllint_rejects_files_that_violate_the_schema() {
    let good = render(&passed());
    for (from, to) in [
        ("classname=", "class-name="),
        ("<testsuites ", "<testsuites skipped=\"0\" "),
        ("time=\"5.250\"", "time=\"5 s\""),
        ("line=\"3\"", "line=\"x\""),
        ("<system-out>", "<passed/><system-out>"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        let schema = beside("junit.xsd");
        let Some(output) = ask("xmllint", &["--noout", "--schema", &schema, "-"], &bad) else {
            return;
        };
        assert!(!output.status.success(), "{from} -> {to} was accepted");
    }
}

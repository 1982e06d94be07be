//! TAP 14 according to its specification.

use nslab::report::tap;

use crate::reports::outside::{ask, said};
use crate::reports::results::{every_outcome, nothing, passed};

#[test]
fn every_outcome_is_rendered() {
    insta::assert_snapshot!(tap::render(&every_outcome()));
}

#[test]
fn documents_nest_as_the_specification_says() {
    for result in [every_outcome(), passed(), nothing()] {
        read(&tap::render(&result));
    }
}

#[test]
fn text_from_outside_is_never_a_directive() {
    let text = tap::render(&every_outcome());
    let odd: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("ok") && line.contains("日本"))
        .collect();
    assert!(!odd.is_empty());
    assert!(
        odd.iter()
            .all(|line| line.contains("\\\\ `f`") && line.contains("\\# g")),
        "{odd:?}"
    );
}

/// TAP::Parser supports version 13, in which subtests are comments: it checks the plan, numbers and diagnostics.
#[test]
fn perl_parses_every_tap_report() {
    const SCRIPT: &str = "my $tap = do { local $/; <STDIN> }; \
    my $parser = TAP::Parser->new({ tap => $tap }); $parser->run; \
        printf \"%s|%s|%s|%s\\n\", join(',', $parser->parse_errors), scalar($parser->failed), \
    scalar($parser->passed), $parser->plan;";
    let text = tap::render(&every_outcome()).replacen("version 14", "version 13", 1);
    let Some(output) = ask("perl", &["-MTAP::Parser", "-e", SCRIPT], &text) else {
        return;
    };
    assert_eq!(said(&output), "|4|0|1..4\n");
    let text = tap::render(&passed()).replacen("version 14", "version 13", 1);
    let Some(output) = ask("perl", &["-MTAP::Parser", "-e", SCRIPT], &text) else {
        return;
    };
    assert_eq!(said(&output), "|0|1|1..1\n");
}

/// Reads a whole text strictly.
pub(crate) fn read(text: &str) {
    let mut lines = text.split('\n').collect::<Vec<_>>().into_iter().peekable();
    assert_eq!(lines.next(), Some("TAP version 14"));
    document(&mut lines, 0);
    let rest: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert!(rest.is_empty(), "after the end: {rest:?}");
}

type Lines<'a> = std::iter::Peekable<std::vec::IntoIter<&'a str>>;

/// Reads a plan and its test points at a depth. Returns whether all passed.
fn document(lines: &mut Lines<'_>, indent: usize) -> bool {
    let plan = at(lines.next(), indent);
    let count = plan
        .strip_prefix("1..")
        .unwrap_or_else(|| panic!("not a plan: {plan}"));
    if let Some((zero, reason)) = count.split_once(" # SKIP ") {
        assert_eq!(zero, "0");
        assert!(!reason.is_empty());
        return true;
    }
    let passed: Vec<bool> = (1..=count.parse().unwrap())
        .map(|number| point(lines, number, indent))
        .collect();
    passed.into_iter().all(|passed| passed)
}

fn point(lines: &mut Lines<'_>, number: usize, indent: usize) -> bool {
    let mut line = at(lines.next(), indent);
    let mut inner = None;
    if let Some(name) = line.strip_prefix("# Subtest: ") {
        inner = Some((name, document(lines, indent + 4)));
        line = at(lines.next(), indent);
    }
    let (ok, rest) = line
        .strip_prefix("not ")
        .map_or((true, line), |rest| (false, rest));
    let rest = rest
        .strip_prefix(&format!("ok {number} - "))
        .unwrap_or_else(|| panic!("not test point {number}: {line}"));
    let (name, skipped) = rest
        .split_once(" # SKIP ")
        .map_or((rest, false), |(name, _)| (name, true));
    assert!(!name.is_empty());
    if let Some((announced, inner_ok)) = inner {
        assert_eq!(announced, name, "the subtest and its test point differ");
        assert!(inner_ok || !ok, "{name} passed with a part that did not");
    }
    let begins = format!("{:1$}---", "", indent + 2);
    if lines.peek() == Some(&begins.as_str()) {
        assert!(!ok, "{name} has a diagnostic but passed");
        diagnostic(lines, indent + 2);
    } else {
        assert!(ok, "{name} did not pass and has no diagnostic");
    }
    ok || skipped
}

/// Reads a diagnostic with a YAML parser.
fn diagnostic(lines: &mut Lines<'_>, indent: usize) {
    #[derive(serde::Deserialize)]
    struct Diagnostic {
        outcome: String,
        file: String,
        line: Option<u32>,
    }
    assert_eq!(at(lines.next(), indent), "---");
    let mut yaml = String::new();
    loop {
        match at(lines.next(), indent) {
            "..." => break,
            line => yaml = yaml + line + "\n",
        }
    }
    let read: Diagnostic =
        serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{error}:\n{yaml}"));
    assert!(
        ["failed", "errored", "inconclusive"].contains(&read.outcome.as_str()),
        "{yaml}"
    );
    assert!(
        read.file.starts_with("scenarios/") && read.line != Some(0),
        "{yaml}"
    );
}

fn at(line: Option<&str>, indent: usize) -> &str {
    let line = line.expect("the text ends too early");
    let rest = line
        .strip_prefix(&" ".repeat(indent))
        .unwrap_or_else(|| panic!("not indented by {indent}: {line:?}"));
    assert!(!rest.starts_with(' '), "indented too far: {line:?}");
    rest
}

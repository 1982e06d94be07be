//! Annotations and summary for GitHub Actions.

use nslab::report::github;

use crate::reports::results::{every_outcome, nothing, passed};

#[test]
fn annotations_point_at_failed_expectations() {
    insta::assert_snapshot!(github::annotations(&every_outcome()));
}

#[test]
fn every_annotation_is_one_command_on_one_line() {
    let text = github::annotations(&every_outcome());
    let command = r"^::(error|warning|notice) file=[^:,]+,line=\d+,col=\d+,title=[^:,]+::[^\r\n]+$";
    let command = regex::Regex::new(command).unwrap();
    for line in text.lines() {
        assert!(command.is_match(line), "{line}");
    }
}

#[test]
fn passed_runs_are_not_annotated() {
    assert_eq!(github::annotations(&passed()), "");
    assert_eq!(github::annotations(&nothing()), "");
}

#[test]
fn the_summary_shows_every_outcome() {
    insta::assert_snapshot!(github::summary(&every_outcome()));
}

//! The truth table: one row per claim, the same for the same findings.

use nslab::report::truth;

use crate::reports::results::{every_outcome, nothing, passed};

fn render(result: &nslab::suite::SuiteResult) -> String {
    truth::render(result, |file| format!("../{file}"))
}

#[test]
fn every_outcome_is_rendered() {
    insta::assert_snapshot!(render(&every_outcome()));
}

#[test]
fn every_row_has_four_cells() {
    for result in [every_outcome(), passed()] {
        let text = render(&result);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.len() > 2, "{text}");
        for row in rows {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
        }
    }
}

#[test]
fn a_suite_without_runs_has_no_rows() {
    assert!(!render(&nothing()).contains('|'));
}

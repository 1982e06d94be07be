//! Results like those of the shipped scenarios, and some that went wrong.

mod conntrack;
mod ports;
mod queues;
mod timewait;

use nslab::record::Built;
use nslab::suite::SuiteResult;

use crate::html_page::world::suite;

/// Returns every kind of outcome, in four scenarios.
pub fn suite_of_all_kinds() -> SuiteResult {
    suite(vec![
        ports::exhaustion(),
        conntrack::table_full(),
        timewait::recycle(),
        queues::queue(),
    ])
}

/// Returns the lesson of a scenario file: the lines indented below `lesson: |`.
fn lesson(text: &str) -> String {
    let body = text.split_once("lesson: |\n").unwrap().1;
    body.lines()
        .take_while(|line| line.is_empty() || line.starts_with("  "))
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

/// Returns the line, from 1, on which a text first appears after another.
fn line_of(text: &str, after: &str, what: &str) -> u32 {
    let from = text.find(after).unwrap();
    let at = from + text[from..].find(what).unwrap_or_else(|| panic!("{what}"));
    u32::try_from(text[..at].lines().count()).unwrap()
}

fn built() -> Built {
    Built {
        took: 2_310_000,
        ..Built::default()
    }
}

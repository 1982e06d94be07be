//! The spread of repeated runs: a line for the outcomes of each run, a line for each quantity.

use std::fmt::Write;

use super::layout::{cut, plain};
use super::style::Style;
use crate::record::Outcome;
use crate::suite::{Spread, SuiteResult};

/// Renders the spread of each repeated run; empty if none was repeated.
pub(super) fn spreads(result: &SuiteResult, style: Style) -> String {
    let each = result.spreads();
    each.iter().map(|spread| one(spread, style)).collect()
}

fn one(spread: &Spread, style: Style) -> String {
    let all: usize = spread.outcomes.iter().map(|(_, count)| count).sum();
    let counts: Vec<String> = spread
        .outcomes
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let worst = spread.outcomes.iter().map(|(outcome, _)| *outcome).max();
    let name = plain(&spread.run.to_string());
    let mut text = format!(
        "  {} {}: {} of {all}\n",
        style.outcome(worst.unwrap_or(Outcome::Skipped)),
        style.strong(&name),
        counts.join(", ")
    );
    for quantity in &spread.quantities {
        let [least, median, most] = &quantity.shown;
        let values = if least == most {
            format!("always {least}")
        } else {
            format!("{least} to {most}, median {median}")
        };
        let line = format!("{}: {values}", quantity.quantity);
        let _ = writeln!(text, "       {}", cut(&plain(&line), style.room(7)));
    }
    text
}

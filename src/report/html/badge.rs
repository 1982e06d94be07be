//! Badges of outcomes: a word, a mark and a colour that always appear together.

use maud::{Markup, html};

use crate::record::Outcome;
use crate::scenario::Truth;

/// Renders the word of an outcome with its mark.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    html! {
        span class={ "badge " (class(outcome)) } { (mark(outcome)) " " (outcome) }
    }
}

/// Renders the mark for emulation.
pub(super) fn emulated() -> Markup {
    html! { span class="badge emulated" title="The lab emulated a kernel feature here" { "emulated" } }
}

/// Renders the truth of a claim.
pub(super) fn truth(truth: Truth) -> Markup {
    html! {
        span class="badge truth" title="The truth of the claim, valid if the expectations hold" { (truth.as_str()) }
    }
}

/// Returns the class that colours an outcome.
pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Skipped => "skipped",
        Outcome::Flaky => "flaky",
        Outcome::NotApplicable => "not-applicable",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Failed => "failed",
        Outcome::Errored => "errored",
    }
}

/// Returns a character that distinguishes outcomes without colour.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Flaky => "±",
        Outcome::Skipped | Outcome::NotApplicable => "–",
        Outcome::Inconclusive => "?",
        Outcome::Failed => "✗",
        Outcome::Errored => "!",
    }
}

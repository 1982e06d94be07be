//! Outcomes as people see them: a word, a mark and a colour that always come together.

use maud::{Markup, html};

use crate::record::Outcome;
use crate::scenario::Truth;

/// An outcome's word with its mark.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    html! {
        span class={ "badge " (class(outcome)) } { (mark(outcome)) " " (outcome) }
    }
}

/// Says that something was not the kernel's own doing.
pub(super) fn emulated() -> Markup {
    html! { span class="badge emulated" title="The lab stood in for a kernel feature here" { "emulated" } }
}

/// How much of a claim is true.
pub(super) fn truth(truth: Truth) -> Markup {
    html! { span class="badge truth" title="Whether the claim is true, as the expectations show where they hold" { (truth.as_str()) } }
}

/// The class that gives an outcome its colour.
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

/// One character that tells outcomes apart without colour.
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

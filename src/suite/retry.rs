//! Runs that are tried again: alone where the machine could not keep up, and as often as was asked for where they did not pass.

use super::result::{Attempt, RunResult};
use crate::record::{Outcome, Verdict};

/// How a run is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// With no other beside it.
    Alone,
    /// As before.
    Same,
}

/// What is left of a run's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryPolicy {
    /// Whether it has been tried alone because the machine could not keep up.
    alone: bool,
    /// Retries that are left.
    retries: u32,
}

impl RetryPolicy {
    pub(super) fn new(retries: u32) -> Self {
        Self {
            alone: false,
            retries,
        }
    }

    /// How to try again after an attempt that came out so, if at all.
    pub(super) fn after(&mut self, outcome: Outcome) -> Option<Retry> {
        match outcome {
            Outcome::Inconclusive if !self.alone => {
                self.alone = true;
                Some(Retry::Alone)
            }
            Outcome::Inconclusive | Outcome::Failed | Outcome::Errored if self.retries > 0 => {
                self.retries -= 1;
                Some(if self.alone {
                    Retry::Alone
                } else {
                    Retry::Same
                })
            }
            Outcome::Inconclusive
            | Outcome::Failed
            | Outcome::Errored
            | Outcome::Passed
            | Outcome::Flaky
            | Outcome::Skipped
            | Outcome::NotApplicable => None,
        }
    }
}

/// What stays of an attempt that another one follows.
pub(super) fn attempt(result: &RunResult) -> Attempt {
    Attempt {
        outcome: result.verdict.outcome,
        reason: reason(result),
        took: result.took,
        record: result.record.clone().ok().flatten(),
    }
}

fn reason(result: &RunResult) -> String {
    let verdict = &result.verdict;
    if let Some(reason) = &verdict.reason {
        return reason.clone();
    }
    let against = |each: &&Verdict| each.outcome == verdict.outcome;
    let of_verdict = |each: &Verdict| {
        let observed = each.observed.iter();
        let observed: Vec<String> = observed
            .map(|each| format!("{} = {}", each.quantity, each.value))
            .collect();
        format!("{}, observed {}", each.text, observed.join(", "))
    };
    let first = verdict.verdicts.iter().find(against);
    first.map_or_else(String::new, of_verdict)
}

/// The result of a run whose last attempt came to `last`. One that passed after one that did not is flaky; one that
/// passed alone after the machine could not keep up has passed, since nothing was learnt of it before.
pub(super) fn combine(earlier: Vec<Attempt>, mut last: RunResult) -> RunResult {
    let against = earlier
        .iter()
        .enumerate()
        .filter(|(_, attempt)| matches!(attempt.outcome, Outcome::Failed | Outcome::Errored));
    let told: Vec<String> = against
        .map(|(number, attempt)| {
            format!(
                "attempt {} {}: {}",
                number + 1,
                attempt.outcome,
                attempt.reason
            )
        })
        .collect();
    if last.verdict.outcome == Outcome::Passed && !told.is_empty() {
        last.verdict.outcome = Outcome::Flaky;
        last.verdict.reason = Some(format!(
            "passed on attempt {}, after {}",
            earlier.len() + 1,
            told.join("; ")
        ));
    }
    last.earlier = earlier;
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_could_not_keep_up_with_is_tried_alone_once() {
        let mut policy = RetryPolicy::new(0);
        assert_eq!(policy.after(Outcome::Inconclusive), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Inconclusive), None);
        assert_eq!(RetryPolicy::new(0).after(Outcome::Failed), None);
    }

    #[test]
    fn retries_are_for_what_did_not_pass_and_stay_alone_once_alone() {
        let mut policy = RetryPolicy::new(2);
        assert_eq!(policy.after(Outcome::Failed), Some(Retry::Same));
        assert_eq!(policy.after(Outcome::Inconclusive), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Errored), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Failed), None);
        assert_eq!(RetryPolicy::new(2).after(Outcome::Passed), None);
        assert_eq!(RetryPolicy::new(2).after(Outcome::NotApplicable), None);
    }
}

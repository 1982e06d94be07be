//! Decides which runs are retried: once and alone if the machine could not keep up, and up to `--retries` times if they
//! did not pass.

use super::result::{EarlierAttempt, RunResult};
use crate::record::{Outcome, Verdict};

/// The way in which a run is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// With no other run at the same time.
    Alone,
    /// In the same way as the attempt before.
    Same,
}

/// The retries that a run still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryPolicy {
    /// True once it has run alone because the machine could not keep up.
    alone: bool,
    /// The number of retries left.
    retries: u32,
}

impl RetryPolicy {
    pub(super) fn new(retries: u32) -> Self {
        Self {
            alone: false,
            retries,
        }
    }

    /// Decides how to retry after an attempt with this outcome, if at all.
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

/// Summarises an attempt that another one follows.
pub(super) fn attempt(result: &RunResult) -> EarlierAttempt {
    EarlierAttempt {
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

/// Returns the result of a run whose last attempt had the result `last`. A run that passed after an attempt that
/// did not is flaky; one that passed alone after the machine could not keep up has passed, since that attempt
/// was not conclusive.
pub(super) fn combine(earlier: Vec<EarlierAttempt>, mut last: RunResult) -> RunResult {
    let against = earlier
        .iter()
        .enumerate()
        .filter(|(_, attempt)| matches!(attempt.outcome, Outcome::Failed | Outcome::Errored));
    let failures: Vec<String> = against
        .map(|(number, attempt)| {
            format!(
                "attempt {} {}: {}",
                number + 1,
                attempt.outcome,
                attempt.reason
            )
        })
        .collect();
    if last.verdict.outcome == Outcome::Passed && !failures.is_empty() {
        last.verdict.outcome = Outcome::Flaky;
        last.verdict.reason = Some(format!(
            "passed on attempt {}, after {}",
            earlier.len() + 1,
            failures.join("; ")
        ));
    }
    last.earlier = earlier;
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_the_machine_could_not_keep_up_with_is_retried_alone_once() {
        let mut policy = RetryPolicy::new(0);
        assert_eq!(policy.after(Outcome::Inconclusive), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Inconclusive), None);
        assert_eq!(RetryPolicy::new(0).after(Outcome::Failed), None);
    }

    #[test]
    fn retries_follow_runs_that_did_not_pass_and_stay_alone_once_alone() {
        let mut policy = RetryPolicy::new(2);
        assert_eq!(policy.after(Outcome::Failed), Some(Retry::Same));
        assert_eq!(policy.after(Outcome::Inconclusive), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Errored), Some(Retry::Alone));
        assert_eq!(policy.after(Outcome::Failed), None);
        assert_eq!(RetryPolicy::new(2).after(Outcome::Passed), None);
        assert_eq!(RetryPolicy::new(2).after(Outcome::NotApplicable), None);
    }
}

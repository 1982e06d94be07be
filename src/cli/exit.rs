//! Exit codes: their one home.

use std::process::ExitCode;

use crate::advise::Advice;
use crate::compare::{Answer, Trial};
use crate::record::Outcome;

/// The command line or a scenario file is invalid.
pub(super) fn invalid() -> ExitCode {
    ExitCode::from(2)
}

/// The question could not be asked.
pub(super) fn errored() -> ExitCode {
    ExitCode::from(3)
}

/// What `--help` says of them.
pub(super) const HELP: &str = "\
Exit codes:
  0  every run passed (flaky ones on a retry), was skipped, or is not applicable on this kernel or machine
  1  an expectation failed: the kernel behaved otherwise than the scenario claims
     (with --strict also: something was not applicable, or passed only when it was tried again)
  2  the command line or a scenario file is invalid; nothing was run
  3  errored: the question could not be asked, or the answer could not be written
  4  inconclusive: the load was not what the scenario asked for, or the run was interrupted";

/// The exit code of an outcome.
pub(super) fn of(outcome: Outcome, strict: bool) -> ExitCode {
    ExitCode::from(match outcome {
        Outcome::Flaky | Outcome::NotApplicable if strict => 1,
        Outcome::Passed | Outcome::Flaky | Outcome::Skipped | Outcome::NotApplicable => 0,
        Outcome::Failed => 1,
        Outcome::Errored => 3,
        Outcome::Inconclusive => 4,
    })
}

/// The exit code of drawings that were asked for: whether all could be made.
pub(super) fn of_drawing(all: bool) -> ExitCode {
    if all { ExitCode::SUCCESS } else { errored() }
}

/// The exit code of a look for what is left.
pub(super) fn of_leaks(any: bool) -> ExitCode {
    ExitCode::from(u8::from(any))
}

/// The exit code of a comparison, as diff(1) has it.
pub(super) fn of_diff(same: bool) -> ExitCode {
    ExitCode::from(u8::from(!same))
}

/// The exit code of a comparison of settings: that of its worst answer.
pub(super) fn of_comparisons(trial: &Trial, strict: bool) -> ExitCode {
    let code = |answer| match answer {
        Answer::Helps | Answer::NoEffect | Answer::Changes => 0,
        Answer::NotApplicable => u8::from(strict),
        Answer::HelpsAndHurts | Answer::Hurts => 1,
        Answer::TooNoisy => 4,
        Answer::Errored => 3,
    };
    let answers = trial.comparisons.iter().map(|comparison| comparison.answer);
    let codes: Vec<u8> = answers.map(code).collect();
    let worst = [3, 1, 4].into_iter().find(|code| codes.contains(code));
    ExitCode::from(worst.unwrap_or(if trial.interrupted { 4 } else { 0 }))
}

/// The exit code of advice.
pub(super) fn of_advice(advice: &Advice) -> ExitCode {
    ExitCode::from(match (advice.is_bad(), advice.is_unclear()) {
        (true, _) => 1,
        (false, true) => 4,
        (false, false) => 0,
    })
}

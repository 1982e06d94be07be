//! Exit codes. They are defined here and nowhere else.

use std::process::ExitCode;

use crate::advise::Advice;
use crate::compare::{Conclusion, Trial};
use crate::record::Outcome;

/// Returns the code for an invalid command line or scenario file.
pub(super) fn invalid() -> ExitCode {
    ExitCode::from(2)
}

/// Returns the code for a run that could not be made.
pub(super) fn errored() -> ExitCode {
    ExitCode::from(3)
}

/// The text of `nslab --help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  every run passed, was flaky (passed on a retry), skipped, or not applicable
     to this kernel or machine
  1  failed: the kernel did not behave as the scenario expects
     (with --strict, also if a run was flaky or not applicable)
  2  the command line or a scenario file is invalid; nothing was run
  3  errored: a run could not be made, or a report could not be written
  4  inconclusive: this machine could not generate the requested load, or the
     run was interrupted";

/// Returns the code of an outcome.
pub(super) fn of(outcome: Outcome, strict: bool) -> ExitCode {
    ExitCode::from(match outcome {
        Outcome::Flaky | Outcome::NotApplicable if strict => 1,
        Outcome::Passed | Outcome::Flaky | Outcome::Skipped | Outcome::NotApplicable => 0,
        Outcome::Failed => 1,
        Outcome::Errored => 3,
        Outcome::Inconclusive => 4,
    })
}

/// Returns the code of `nslab bisect` if there is no difference to find.
pub(super) fn no_difference() -> ExitCode {
    ExitCode::from(1)
}

/// Returns the code of a command that a signal ended.
pub(super) fn interrupted() -> ExitCode {
    ExitCode::from(4)
}

/// Returns the code of `nslab report --ladder`: errored unless every ladder was drawn.
pub(super) fn of_drawing(all: bool) -> ExitCode {
    if all { ExitCode::SUCCESS } else { errored() }
}

/// Returns the code of `nslab doctor --leaks`.
pub(super) fn of_leaks(any: bool) -> ExitCode {
    ExitCode::from(u8::from(any))
}

/// Returns the code of `nslab doctor`: 1 if no scenario can run here.
pub(super) fn of_doctor(can_run: bool) -> ExitCode {
    ExitCode::from(u8::from(!can_run))
}

/// Returns the code of `nslab diff`, like that of diff(1).
pub(super) fn of_diff(same: bool) -> ExitCode {
    ExitCode::from(u8::from(!same))
}

/// Returns the code of `nslab compare`: that of the worst answer.
pub(super) fn of_comparisons(trial: &Trial, strict: bool) -> ExitCode {
    let code = |answer| match answer {
        Conclusion::Helps | Conclusion::NoEffect | Conclusion::Changes => 0,
        Conclusion::NotApplicable => u8::from(strict),
        Conclusion::Trade | Conclusion::Hurts => 1,
        Conclusion::TooNoisy => 4,
        Conclusion::Errored => 3,
    };
    let answers = trial.comparisons.iter().map(|comparison| comparison.answer);
    let codes: Vec<u8> = answers.map(code).collect();
    let worst = [3, 1, 4].into_iter().find(|code| codes.contains(code));
    ExitCode::from(worst.unwrap_or(if trial.interrupted { 4 } else { 0 }))
}

/// Returns the code of `nslab advise`.
pub(super) fn of_advice(advice: &Advice) -> ExitCode {
    ExitCode::from(match (advice.is_bad(), advice.is_unclear()) {
        (true, _) => 1,
        (false, true) => 4,
        (false, false) => 0,
    })
}

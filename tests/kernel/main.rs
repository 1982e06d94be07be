//! Tests that run for real, in namespaces: as root, or in a user namespace if that is allowed.
//!
//! If they cannot run, they are listed as ignored, with the reason. `-- --include-ignored` runs them regardless.

#![expect(clippy::unwrap_used, reason = "a test that cannot look fails")]
#![expect(
    clippy::print_stderr,
    reason = "why tests are ignored is shown where they are listed"
)]

mod advise;
mod baselines;
mod capture;
mod compare;
mod environments;
mod evidence;
mod host;
mod hostile;
mod killing;
mod machine;
mod machine_errors;
mod many;
mod parallel;
mod program;
mod scenarios;
mod shells;
mod side_by_side;
mod signals;
mod truth;
mod verdicts;
mod watching;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // Trials measure, and would disturb each other's measurements.
    arguments.test_threads.get_or_insert(1);
    let obstacle = program::obstacle();
    if let Some(obstacle) = &obstacle {
        eprintln!(
            "skipped: kernel tests: {}",
            obstacle.trim().replace('\n', "; ")
        );
    }
    let trials: Vec<Trial> = scenarios::trials(&arguments)
        .into_iter()
        .chain(truth::trials())
        .chain(baselines::trials())
        .chain(verdicts::trials())
        .chain(evidence::trials())
        .chain(capture::trials())
        .chain(compare::trials())
        .chain(parallel::trials())
        .chain(advise::trials())
        .chain(killing::trials())
        .chain(shells::trials())
        .chain(watching::trials())
        .chain(hostile::trials())
        .chain(signals::trials())
        .chain(side_by_side::trials())
        .chain(environments::trials())
        .chain(machine::trials())
        .chain(machine_errors::trials())
        .chain(many::trials())
        .map(|trial| {
            let ignored = obstacle.is_some() || trial.has_ignored_flag();
            trial.with_kind("kernel").with_ignored_flag(ignored)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

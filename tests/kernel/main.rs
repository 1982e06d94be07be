//! Tests that run for real, in namespaces: as root, or in a user namespace if that is allowed.
//!
//! If they cannot run, they are listed as ignored, with the reason. `-- --include-ignored` runs them regardless.

#![expect(clippy::unwrap_used, reason = "a test that cannot look fails")]
#![expect(
    clippy::print_stderr,
    reason = "why tests are ignored is shown where they are listed"
)]

mod advise;
mod advise_load;
mod baselines;
mod capture;
mod compare;
mod environments;
mod evidence;
mod host;
mod hostile;
mod killing;
mod lessons;
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
    let arguments = Arguments::from_args();
    let obstacle = program::obstacle();
    if let Some(obstacle) = &obstacle {
        eprintln!(
            "skipped: kernel tests: {}",
            obstacle.trim().replace('\n', "; ")
        );
    }
    let kernel = |trial: Trial| {
        let ignored = obstacle.is_some() || trial.has_ignored_flag();
        trial.with_kind("kernel").with_ignored_flag(ignored)
    };
    let measuring: Vec<Trial> = scenarios::trials(&arguments)
        .into_iter()
        .chain(truth::trials())
        .chain(baselines::trials())
        .chain(verdicts::trials())
        .chain(evidence::trials())
        .chain(capture::trials())
        .chain(compare::trials())
        .chain(parallel::trials())
        .chain(advise::trials())
        .chain(advise_load::trials())
        .chain(killing::trials())
        .chain(lessons::trials())
        .chain(shells::trials())
        .chain(watching::trials())
        .chain(hostile::trials())
        .chain(signals::trials())
        .chain(side_by_side::trials())
        .chain(environments::trials())
        .chain(many::trials())
        .map(kernel)
        .collect();
    // Trials on this kernel measure, and would disturb each other. In a guest's virtual time nothing is disturbed.
    let one = Arguments {
        test_threads: arguments.test_threads.or(Some(1)),
        ..arguments.clone()
    };
    let here = libtest_mimic::run(&one, measuring);
    let guests = machine::trials()
        .into_iter()
        .chain(machine_errors::trials());
    let guests = libtest_mimic::run(&arguments, guests.map(kernel).collect());
    here.exit_if_failed();
    guests.exit();
}

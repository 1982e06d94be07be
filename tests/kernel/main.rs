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
mod guests;
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

use libtest_mimic::{Arguments, Conclusion, Trial};

/// The exit code of a test program with failures.
const FAILED: i32 = 101;

fn main() {
    let arguments = Arguments::from_args();
    if guests::is_asked_for() {
        trials_in_guests(&arguments).exit();
    }
    if arguments.list {
        let _listed = trials_here(&arguments);
        trials_in_guests(&arguments).exit();
    }
    // In a guest's virtual time nothing is disturbed. Guests get only the processor time that is left, so they disturb
    // nothing either.
    let guests = guests::begin();
    let here = trials_here(&arguments);
    let guests_passed = match guests {
        Ok(guests) => guests.end(),
        Err(_no_such_program) => !trials_in_guests(&arguments).has_failed(),
    };
    here.exit_if_failed();
    if !guests_passed {
        std::process::exit(FAILED);
    }
}

fn trials_here(arguments: &Arguments) -> Conclusion {
    let trials = scenarios::trials(arguments)
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
        .collect();
    // They measure, and would disturb each other.
    let one = Arguments {
        test_threads: arguments.test_threads.or(Some(1)),
        ..arguments.clone()
    };
    libtest_mimic::run(&one, of_kind(trials))
}

fn trials_in_guests(arguments: &Arguments) -> Conclusion {
    let trials = machine::trials()
        .into_iter()
        .chain(machine_errors::trials())
        .collect();
    libtest_mimic::run(arguments, of_kind(trials))
}

/// Makes the trials ignored if namespaces cannot be created.
fn of_kind(trials: Vec<Trial>) -> Vec<Trial> {
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
    trials.into_iter().map(kernel).collect()
}

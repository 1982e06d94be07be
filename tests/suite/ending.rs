//! Runs that do not end by themselves, and suites that end early.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nslab::record::Outcome;
use nslab::suite::{Options, SuiteEvent};

use crate::world::{World, outcomes, plain, runs};

/// A killed process is gone long before this, however busy the machine. (The child would sleep for 1,000 s.)
const TIME_TO_DIE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_worker_that_hangs_is_killed_at_its_timeout_and_its_last_state_reported",
            hangs,
        ),
        Trial::test("a_worker_that_sends_nothing_is_killed_and_reported", silent),
        Trial::test(
            "a_worker_that_closes_its_output_and_goes_on_is_killed",
            lingers,
        ),
        Trial::test("a_worker_that_dies_or_writes_nonsense_is_errored", dies),
        Trial::test(
            "fail_fast_starts_nothing_after_the_first_failure",
            fail_fast,
        ),
        Trial::test(
            "an_interrupted_suite_reports_its_results_and_the_runs_it_did_not_start",
            interrupted,
        ),
        Trial::test("a_worker_that_ignores_the_stop_request_is_killed", deaf),
        Trial::test(
            "a_retry_that_does_not_start_leaves_the_attempt_before_it",
            retry_not_reached,
        ),
    ]
}

fn soon() -> Options {
    Options {
        timeout: Some(Duration::from_secs(3)),
        ..plain()
    }
}

/// Checks that neither the worker nor its child survives. SIGKILL takes effect when the process is next scheduled,
/// which on a busy machine may be after the suite has ended; so this waits for it.
fn gone(world: &World, name: &str) {
    let state = world.path("state");
    for file in [
        state.join(name).join("0"),
        state.join(format!("{name}.child")),
    ] {
        let number = fs::read_to_string(&file).unwrap();
        let stat = Path::new("/proc").join(&number).join("stat");
        // A dead process that nobody has waited for is a zombie.
        let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        let began = Instant::now();
        while lives() {
            assert!(
                began.elapsed() < TIME_TO_DIE,
                "process {number} of {} is still alive",
                file.display()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn hangs() -> Result<(), Failed> {
    let world = World::new().with("stuck", "hang", "");
    let (result, _) = world.run(soon());
    assert_eq!(outcomes(&result), [Outcome::Errored]);
    assert_eq!(
        runs(&result)[0].verdict.reason.as_deref(),
        Some(
            "it did not end within its timeout of 3s and was killed; \
             the last event was at 0.500s: load.established = 10"
        )
    );
    gone(&world, "stuck");
    Ok(())
}

fn silent() -> Result<(), Failed> {
    let world = World::new().with("stuck", "silent", "");
    let (result, _) = world.run(soon());
    let reason = runs(&result)[0].verdict.reason.clone().unwrap();
    assert!(
        reason.ends_with("no events received; it hung while building the lab"),
        "{reason}"
    );
    gone(&world, "stuck");
    Ok(())
}

fn lingers() -> Result<(), Failed> {
    let world = World::new().with("stuck", "lingers", "");
    let (result, _) = world.run(soon());
    assert_eq!(outcomes(&result), [Outcome::Errored]);
    gone(&world, "stuck");
    Ok(())
}

fn dies() -> Result<(), Failed> {
    let world = World::new()
        .with("dead", "die", "")
        .with("odd", "broken", "");
    let (result, _) = world.run(plain());
    assert_eq!(outcomes(&result), [Outcome::Errored; 2]);
    let words = runs(&result)[0].last_words.join("\n");
    assert!(words.contains("the script says so"), "{words}");
    let reason = runs(&result)[1].verdict.reason.clone().unwrap();
    assert!(
        reason.contains("wrote a line that is not an event: this is not an event"),
        "{reason}"
    );
    Ok(())
}

fn fail_fast() -> Result<(), Failed> {
    let world = World::new()
        .with("a", "pass", "")
        .with("b", "fail", "")
        .with("c", "pass", "")
        .with("d", "pass", "");
    let options = Options {
        slots: Some(1),
        order: nslab::suite::RunOrder::File,
        fail_fast: true,
        ..plain()
    };
    let (result, _) = world.run(options);
    assert_eq!(outcomes(&result), [Outcome::Passed, Outcome::Failed]);
    let not_run: Vec<String> = result
        .not_run
        .iter()
        .map(|(_, id)| id.to_string())
        .collect();
    assert_eq!(not_run, ["c", "d"]);
    let text = nslab::report::terminal::summary(&result, Default::default());
    assert!(text.contains("not run: c; d"), "{text}");
    Ok(())
}

fn interrupted() -> Result<(), Failed> {
    let world = World::new().with("a", "asked", "").with("b", "pass", "");
    let options = Options {
        slots: Some(1),
        order: nslab::suite::RunOrder::File,
        ..plain()
    };
    let (result, _) = world.run_until(options, |event| {
        matches!(event, SuiteEvent::RunProgressed { .. })
    });
    assert!(result.interrupted);
    assert_eq!(outcomes(&result), [Outcome::Inconclusive]);
    assert_eq!(result.not_run.len(), 1);
    Ok(())
}

fn deaf() -> Result<(), Failed> {
    let world = World::new().with("a", "deaf", "");
    let child = world.path("state/a.child");
    let (result, _) = world.run_until(plain(), |event| {
        // Only once it hangs: its child is there.
        matches!(event, SuiteEvent::RunProgressed { timeline, .. } if timeline.now.0 > 0) && {
            while !child.exists() {
                std::thread::yield_now();
            }
            true
        }
    });
    let reason = runs(&result)[0].verdict.reason.clone().unwrap();
    assert!(
        reason.starts_with("it did not stop within 800ms of being cancelled"),
        "{reason}"
    );
    gone(&world, "a");
    Ok(())
}

fn retry_not_reached() -> Result<(), Failed> {
    let world = World::new()
        .with("busy", "busy", "")
        .with("long", "asked", "");
    let (result, _) = world.run_until(plain(), |event| {
        matches!(event, SuiteEvent::RunRetried { .. })
    });
    assert_eq!(outcomes(&result), [Outcome::Inconclusive; 2]);
    assert!(runs(&result)[0].earlier.is_empty());
    assert!(result.not_run.is_empty());
    Ok(())
}

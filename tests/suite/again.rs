//! Tests of retried and repeated runs.

use libtest_mimic::{Failed, Trial};
use nslab::record::Outcome;
use nslab::report::{github, html, json, junit, tap, terminal};
use nslab::suite::Options;

use crate::world::{Happened, World, beside, outcomes, plain, runs};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_run_that_the_machine_could_not_keep_up_with_is_retried_alone",
            alone,
        ),
        Trial::test(
            "a_run_that_it_cannot_keep_up_with_alone_either_is_inconclusive",
            inconclusive,
        ),
        Trial::test(
            "a_run_that_passes_on_a_retry_is_flaky_in_every_report",
            flaky,
        ),
        Trial::test(
            "a_run_that_never_passes_is_retried_as_often_as_asked",
            failed,
        ),
        Trial::test("a_failed_run_is_not_retried_unless_asked", not_asked),
        Trial::test("repetitions_show_the_spread_of_verdicts_and_values", spread),
    ]
}

fn retries(retries: u32) -> Options {
    Options { retries, ..plain() }
}

fn alone() -> Result<(), Failed> {
    let world = World::new()
        .with("busy", "busy pass:50", "")
        .with("a", "pass:300", "")
        .with("b", "pass:300", "");
    let (result, happened) = world.run(plain());
    assert_eq!(outcomes(&result), [Outcome::Passed; 3]);
    assert!(happened.contains(&Happened::Retried("busy".to_owned(), true)));
    let beside = beside(&happened, "busy");
    assert_eq!(beside[0].len(), 2, "{happened:?}");
    assert_eq!(beside[1].len(), 0, "{happened:?}");
    let text = terminal::scenario(&result.scenarios[0], terminal::Style::default());
    assert!(text.contains("attempt 1 was inconclusive"), "{text}");
    assert!(
        text.contains("retried with no other run in parallel"),
        "{text}"
    );
    Ok(())
}

fn inconclusive() -> Result<(), Failed> {
    let (result, _) = World::new().with("busy", "busy", "").run(plain());
    assert_eq!(outcomes(&result), [Outcome::Inconclusive]);
    assert_eq!(runs(&result)[0].earlier.len(), 1);
    Ok(())
}

fn flaky() -> Result<(), Failed> {
    let (result, _) = World::new()
        .with("moody", "fail die pass", "")
        .run(retries(3));
    assert_eq!(outcomes(&result), [Outcome::Flaky]);
    let run = runs(&result)[0];
    let earlier: Vec<Outcome> = run.earlier.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(earlier, [Outcome::Failed, Outcome::Errored]);
    let style = terminal::Style::default();
    let reports = [
        ("terminal", terminal::scenario(&result.scenarios[0], style)),
        ("summary", terminal::summary(&result, style)),
        ("json", json::render(&result)?),
        ("junit", junit::render(&result)?),
        ("tap", tap::render(&result)),
        ("github", github::summary(&result)),
        ("annotations", github::annotations(&result)),
        (
            "html",
            html::render(&result, &Default::default(), &Default::default()),
        ),
    ];
    for (format, text) in &reports {
        assert!(
            text.contains("flaky") || text.contains("FLKY"),
            "{format}: {text}"
        );
        if *format != "summary" {
            assert!(
                text.contains("load.established == 10, observed"),
                "{format}: {text}"
            );
        }
    }
    Ok(())
}

fn failed() -> Result<(), Failed> {
    let (result, _) = World::new().with("bad", "fail", "").run(retries(2));
    assert_eq!(outcomes(&result), [Outcome::Failed]);
    assert_eq!(runs(&result)[0].earlier.len(), 2);
    Ok(())
}

fn not_asked() -> Result<(), Failed> {
    let (result, _) = World::new().with("moody", "fail pass", "").run(plain());
    assert_eq!(outcomes(&result), [Outcome::Failed]);
    assert!(runs(&result)[0].earlier.is_empty());
    Ok(())
}

fn spread() -> Result<(), Failed> {
    // Each repetition is a run of its own and starts its script again, so the script is chosen by its name.
    let world = World::new()
        .with("steady", "pass", "")
        .with("bad", "fail", "");
    let options = Options {
        repeat: 3,
        ..plain()
    };
    let (result, _) = world.run(options);
    assert_eq!(result.scenarios.len(), 6);
    let spreads = result.spreads();
    assert_eq!(spreads.len(), 2);
    assert_eq!(spreads[0].outcomes, [(Outcome::Passed, 3)]);
    assert_eq!(spreads[1].outcomes, [(Outcome::Failed, 3)]);
    assert_eq!(spreads[1].quantities[0].values, [7.0; 3]);
    let text = terminal::summary(&result, terminal::Style::default());
    assert!(
        text.contains("bad: 3 failed of 3\n       load.established: always 7"),
        "{text}"
    );
    let names: Vec<String> = runs(&result)
        .iter()
        .map(|run| run.spec.id.to_string())
        .collect();
    assert_eq!(names[..3], ["steady #1", "steady #2", "steady #3"]);
    Ok(())
}

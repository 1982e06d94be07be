//! Tests of how many runs run at once, and in which order.

use libtest_mimic::{Failed, Trial};
use nslab::backend::OtherSuites;
use nslab::record::Outcome;
use nslab::suite::{Options, RunOrder, SuiteEvent};

use crate::world::{Happened, World, beside, outcomes, plain, recorded, started};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "the_longest_run_starts_first_and_results_keep_the_order_of_files",
            order,
        ),
        Trial::test("slots_limit_the_number_of_runs_at_once", slots),
        Trial::test("an_exclusive_run_runs_alone", exclusive),
        Trial::test(
            "an_exclusive_run_does_not_wait_for_other_suites",
            beside_another_suite,
        ),
        Trial::test(
            "runs_that_need_too_many_processors_do_not_run_together",
            processors,
        ),
        Trial::test("a_random_order_follows_from_its_seed", random),
        Trial::test(
            "the_duration_of_runs_is_taken_from_their_records",
            from_records,
        ),
        Trial::test(
            "verdicts_do_not_depend_on_the_number_of_runs_at_once",
            same_verdicts,
        ),
    ]
}

fn three() -> World {
    World::new()
        .with_load("short", "pass", "", "{ rate: 10/s, for: 1s }")
        .with_load("long", "pass", "", "{ rate: 10/s, for: 30s }")
        .with_load("middle", "pass", "", "{ rate: 10/s, for: 10s }")
}

fn order() -> Result<(), Failed> {
    let one = Options {
        slots: Some(1),
        ..plain()
    };
    let (result, happened) = three().run(one.clone());
    assert_eq!(started(&happened), ["long", "middle", "short"]);
    let reported = happened.iter().filter_map(|each| match each {
        Happened::Reported(name) => Some(name.as_str()),
        Happened::Started(_) | Happened::Retried(..) | Happened::Ended(_) => None,
    });
    assert_eq!(reported.collect::<Vec<_>>(), ["short", "long", "middle"]);
    assert_eq!(result.scenarios[1].file.scenario.name, "long");
    let order = RunOrder::File;
    let (_, happened) = three().run(Options { order, ..one });
    assert_eq!(started(&happened), ["short", "long", "middle"]);
    Ok(())
}

fn slots() -> Result<(), Failed> {
    let mut world = World::new();
    for number in 0..8 {
        world = world.with(&format!("run-{number}"), "pass:100", "");
    }
    let most = |slots| {
        let options = Options {
            slots: Some(slots),
            ..plain()
        };
        let (_, happened) = world.run(options);
        let (mut now, mut most) = (0, 0);
        for each in happened {
            match each {
                Happened::Started(_) => now += 1,
                Happened::Ended(_) | Happened::Retried(..) => now -= 1,
                Happened::Reported(_) => {}
            }
            most = most.max(now);
        }
        most
    };
    assert_eq!(most(1), 1);
    assert_eq!(most(3), 3);
    Ok(())
}

fn exclusive() -> Result<(), Failed> {
    let world = World::new()
        .with("a", "pass:100", "")
        .with("alone", "pass:100", "exclusive: true")
        .with("b", "pass:100", "");
    let (_, happened) = world.run(plain());
    assert_eq!(beside(&happened, "alone"), [Vec::<String>::new()]);
    assert_eq!(beside(&happened, "b"), [["a"]]);
    Ok(())
}

/// A suite never waits for another, whatever that one does; the terminal shows that they share the machine.
fn beside_another_suite() -> Result<(), Failed> {
    let another = OtherSuites::join(true);
    let world = World::new().with("alone", "pass:100", "exclusive: true");
    let options = Options {
        shares_machine: true,
        ..plain()
    };
    let shared = std::cell::Cell::new(0);
    let (result, happened) = world.run_until(options, |event| {
        if let SuiteEvent::MachineShared { suites } = event {
            shared.set(*suites);
        }
        false
    });
    assert_eq!(outcomes(&result), [Outcome::Passed], "{happened:?}");
    assert!(shared.get() >= 2, "{shared:?}");
    drop(another);
    Ok(())
}

fn processors() -> Result<(), Failed> {
    // Each needs more than a run can count for, by the cost of its connections: half of the share. Its load is
    // expected to go on for far longer than the script, however slow the machine: only the end of the run makes
    // room.
    let rate = std::thread::available_parallelism()?.get() * 4000;
    let connect = format!("{{ rate: {rate}/s, for: 60s, timeout: 100ms }}");
    let world = World::new()
        .with_load("a", "no-load:100", "", &connect)
        .with_load("b", "no-load:100", "", &connect)
        .with("small", "pass:100", "");
    let (_, happened) = world.run(plain());
    assert!(
        !beside(&happened, "a")[0].contains(&"b".to_owned()),
        "{happened:?}"
    );
    let beside_small = &beside(&happened, "small")[0];
    assert!(!beside_small.is_empty(), "{happened:?}");
    Ok(())
}

fn random() -> Result<(), Failed> {
    let mut world = World::new();
    for number in 0..10 {
        world = world.with(&format!("run-{number}"), "pass", "");
    }
    let order = |seed| {
        let options = Options {
            slots: Some(1),
            order: RunOrder::Random(seed),
            ..plain()
        };
        let (_, happened) = world.run(options);
        started(&happened)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
    Ok(())
}

fn from_records() -> Result<(), Failed> {
    let world = World::new()
        .with_load("seems-long", "pass", "", "{ rate: 10/s, for: 3s }")
        .with_load("is-long", "pass:900", "", "{ rate: 10/s, for: 1s }");
    let folder = world.path("records");
    let options = || Options {
        slots: Some(1),
        ..recorded(&folder)
    };
    let (_, happened) = world.run(options());
    assert_eq!(started(&happened), ["seems-long", "is-long"]);
    let (_, happened) = world.run(options());
    assert_eq!(started(&happened), ["is-long", "seems-long"]);
    Ok(())
}

fn same_verdicts() -> Result<(), Failed> {
    let mut world = World::new();
    for number in 0..12 {
        let script = ["pass:50", "fail:10", "die", "busy", "broken"][number % 5];
        world = world.with(&format!("run-{number}"), script, "");
    }
    let one = Options {
        slots: Some(1),
        ..plain()
    };
    let (alone, _) = world.run(one);
    let (together, _) = world.run(plain());
    assert_eq!(outcomes(&alone), outcomes(&together));
    Ok(())
}

//! Tests of what a suite leaves behind: records of attempts, and the list of failed runs.

use std::fs;

use libtest_mimic::{Failed, Trial};
use nslab::record::Outcome;
use nslab::suite::replay::{StoredRun, find_records, replay};
use nslab::suite::{FailedRuns, Options, Records, Selection};

use crate::world::{World, outcomes, recorded, runs};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "attempts_have_separate_records_and_are_reported_as_one_run",
            attempts,
        ),
        Trial::test(
            "repetitions_have_separate_records_and_are_reported_as_repetitions",
            repetitions,
        ),
        Trial::test("a_failed_run_is_listed_until_it_passes", failed_runs),
        Trial::test("a_suite_that_passes_leaves_nothing", nothing),
    ]
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let there = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = there
        .map(|each| each.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn read(folder: std::path::PathBuf) -> Vec<StoredRun> {
    let paths = find_records(&[folder]).unwrap();
    paths
        .iter()
        .map(|path| StoredRun::read(path).unwrap())
        .collect()
}

fn attempts() -> Result<(), Failed> {
    let world = World::new().with("moody", "fail pass", "");
    let folder = world.path("out");
    let options = Options {
        retries: 1,
        records: Records::OfFailures(folder.clone()),
        ..Options::default()
    };
    let (result, _) = world.run(options);
    assert_eq!(
        names(&folder),
        ["moody-attempt=2.nslab.jsonl", "moody.nslab.jsonl"]
    );
    let again = replay(&read(folder)).result;
    assert_eq!(outcomes(&again), [Outcome::Flaky]);
    assert_eq!(
        runs(&again)[0].verdict.reason,
        runs(&result)[0].verdict.reason
    );
    Ok(())
}

fn repetitions() -> Result<(), Failed> {
    let world = World::new().with("steady", "pass", "");
    let folder = world.path("out");
    let options = Options {
        repeat: 3,
        ..recorded(&folder)
    };
    world.run(options);
    assert_eq!(names(&folder).len(), 3);
    let again = replay(&read(folder)).result;
    assert_eq!(again.spreads()[0].outcomes, [(Outcome::Passed, 3)]);
    Ok(())
}

fn failed_runs() -> Result<(), Failed> {
    let world = World::new()
        .with("bad", "fail fail pass", "")
        .with("good", "pass", "")
        .with("worse", "die", "");
    let folder = world.path("out");
    let (result, _) = world.run(recorded(&folder));
    FailedRuns::update(&folder, &result)?;
    let selected = |world: &World| {
        let failed = Some(FailedRuns::read(&folder).unwrap());
        let selection = Selection {
            failed,
            ..Selection::default()
        };
        let files = selection.of(world.files.clone()).unwrap().files;
        files
            .iter()
            .map(|file| file.label.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(selected(&world), ["bad.yaml", "worse.yaml"]);
    // A run that does not start stays listed; one that passes does not.
    let mut only_bad = World::new();
    only_bad.files = world.files[..1].to_vec();
    let (result, _) = only_bad.run(recorded(&folder));
    FailedRuns::update(&folder, &result)?;
    assert_eq!(selected(&world), ["bad.yaml", "worse.yaml"]);
    let (result, _) = only_bad.run(recorded(&folder));
    assert_eq!(outcomes(&result), [Outcome::Passed]);
    FailedRuns::update(&folder, &result)?;
    assert_eq!(selected(&world), ["worse.yaml"]);
    Ok(())
}

fn nothing() -> Result<(), Failed> {
    let world = World::new().with("good", "pass", "");
    let folder = world.path("out");
    let options = Options {
        records: Records::OfFailures(folder.clone()),
        ..Options::default()
    };
    let (result, _) = world.run(options);
    FailedRuns::update(&folder, &result)?;
    assert!(!folder.exists());
    Ok(())
}

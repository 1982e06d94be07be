//! Tests of shards and of joining their records.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nslab::suite::replay::{StoredRun, find_records, merged, replay};
use nslab::suite::{Options, Selection, Shard};

use crate::world::{World, recorded, runs};

/// Each of three shards gets some of five scenarios, whatever the hash: the test checks that.
const SHARDS: u32 = 2;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("records_of_all_shards_make_one_report", whole),
        Trial::test("records_that_do_not_belong_together_are_refused", refused),
    ]
}

fn world() -> World {
    let names = ["one", "two", "three", "four", "five"];
    names
        .iter()
        .fold(World::new(), |world, name| world.with(name, "pass", ""))
}

/// Runs a shard into a folder.
fn shard(world: &World, number: u32, folder: &Path) {
    let selection = Selection {
        shard: Some(Shard { number, of: SHARDS }),
        ..Selection::default()
    };
    let selected = selection.of(world.files.clone()).unwrap();
    assert!(!selected.files.is_empty());
    let mut share = World::new();
    share.files = selected.files;
    share.run(Options {
        identity: Some(selected.identity),
        ..recorded(folder)
    });
}

fn read(folders: &[PathBuf]) -> Vec<StoredRun> {
    let paths = find_records(folders).unwrap();
    paths
        .iter()
        .map(|path| StoredRun::read(path).unwrap())
        .collect()
}

fn refusal(records: Vec<StoredRun>) -> String {
    let errors = merged(records).unwrap_err();
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn whole() -> Result<(), Failed> {
    let world = world();
    let folders = [world.path("one"), world.path("two")];
    (1..=SHARDS)
        .zip(&folders)
        .for_each(|(number, folder)| shard(&world, number, folder));
    let result = replay(&merged(read(&folders)).unwrap()).result;
    assert_eq!(runs(&result).len(), 5);
    // A copy of a record does not count as another record.
    let copies = world.path("copies");
    fs::create_dir(&copies)?;
    let record = find_records(&folders[..1]).unwrap().remove(0);
    fs::copy(&record, copies.join(record.file_name().unwrap()))?;
    let with_copy = [&folders[..], &[copies]].concat();
    assert_eq!(merged(read(&with_copy)).unwrap().len(), 5);
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let world_one = world();
    let folders = [world_one.path("one"), world_one.path("two")];
    (1..=SHARDS)
        .zip(&folders)
        .for_each(|(number, folder)| shard(&world_one, number, folder));
    let missing = refusal(read(&folders[..1]));
    assert!(
        missing.contains("of 5 runs have a record; shard 2 has none"),
        "{missing}"
    );
    let all = read(&folders);
    let without_one = refusal(all[1..].to_vec());
    assert!(
        without_one.contains("only 4 of 5 runs have a record"),
        "{without_one}"
    );

    let mut twice = all.clone();
    twice.push(all[0].clone());
    twice[5].record.timeline.now.0 += 1;
    assert!(refusal(twice).contains("but they differ: leave one out"));

    let changed = |change: &dyn Fn(&mut StoredRun)| {
        let mut records = all.clone();
        change(&mut records[4]);
        refusal(records)
    };
    let message = changed(&|stored| stored.record.header.nslab = "0.0.1".to_owned());
    assert!(
        message.contains("by nslab 0.0.1: run all shards with the same program"),
        "{message}"
    );
    let message = changed(&|stored| stored.record.header.suite = None);
    assert!(message.contains("does not name its suite"), "{message}");
    let message = changed(&|stored| {
        if let Some(suite) = &mut stored.record.header.suite {
            suite.shards = 3;
        }
    });
    assert!(message.contains("with the same selection"), "{message}");
    let first = all[0].record.header.scenario.path.clone();
    let message = changed(&|stored| {
        stored.record.header.scenario.path.clone_from(&first);
        stored.record.header.scenario.text.push('#');
    });
    assert!(message.contains("two texts of"), "{message}");
    Ok(())
}

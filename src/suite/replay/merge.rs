//! Joins the records of a suite's shards, and refuses what does not belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use thiserror::Error;

use super::StoredRun;
use crate::record::{RecordHeader, RecordedSuite};

/// Shards that are named before they are only counted.
const NAMED: usize = 10;

/// Why records are not those of one suite.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A record does not say which suite it is of.
    #[error("{} does not say which suite it is of: it was written by nslab {nslab}, before suites were recorded, or by another verb than `nslab run`", record.display())]
    NoSuite {
        /// The record.
        record: PathBuf,
        /// Version of the program that wrote it.
        nslab: String,
    },
    /// Two programs wrote them.
    #[error("{} was recorded by nslab {}, {} by nslab {}: shards are run by the same program", of.0.display(), of.1, other.0.display(), other.1)]
    OtherProgram {
        /// The one, with its program's version.
        of: (PathBuf, String),
        /// The other.
        other: (PathBuf, String),
    },
    /// The same scenario file had another text or other parameters.
    #[error("{} and {} are of two {what} of {scenario}: shards are run of the same files with the same --set", of.display(), other.display())]
    OtherScenario {
        /// The file.
        scenario: String,
        /// What differs.
        what: &'static str,
        /// The one.
        of: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// Runs were selected otherwise, or shared out to another number of machines.
    #[error("{} is of shard {}/{} of a suite of {} runs, {} of shard {}/{} of another of {}: shards are run with the same selection", of.0.display(), of.1.shard, of.1.shards, of.1.runs, other.0.display(), other.1.shard, other.1.shards, other.1.runs)]
    OtherSuite {
        /// The one.
        of: Box<(PathBuf, RecordedSuite)>,
        /// The other.
        other: Box<(PathBuf, RecordedSuite)>,
    },
    /// A run was recorded twice, and not with the same content.
    #[error("{} and {} are both of {run}, with different content: leave one out", of.display(), other.display())]
    Twice {
        /// The run.
        run: String,
        /// The one.
        of: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// Records are missing.
    #[error("there are records of {found} of {runs} runs; {}", missing(shards))]
    Missing {
        /// Runs of which there is a record.
        found: u64,
        /// Runs of the suite.
        runs: u64,
        /// Shards of which there is no record, from 1; one of them may have had no run.
        shards: Vec<u32>,
    },
}

fn missing(shards: &[u32]) -> String {
    if shards.is_empty() {
        return "each shard has some, so one of them ended early or its folder is not whole"
            .to_owned();
    }
    let named: Vec<String> = shards.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match shards.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let word = if shards.len() == 1 { "shard" } else { "shards" };
    format!("of {word} {}{more} there is none", named.join(", "))
}

/// The records of one suite, each run once: a copy of a record is left out.
///
/// # Errors
/// Everything that does not belong together, and what is missing.
pub fn merged(records: Vec<StoredRun>) -> Result<Vec<StoredRun>, Vec<MergeError>> {
    let strange = strange(&records);
    if !strange.is_empty() {
        return Err(strange);
    }
    let mut kept: BTreeMap<String, StoredRun> = BTreeMap::new();
    let mut errors = Vec::new();
    for stored in records {
        match kept.get(&name(&stored.record.header, true)) {
            None => {
                kept.insert(name(&stored.record.header, true), stored);
            }
            Some(known) if known.record == stored.record => {}
            Some(known) => errors.push(MergeError::Twice {
                run: name(&stored.record.header, true),
                of: known.path.clone(),
                other: stored.path,
            }),
        }
    }
    errors.extend(lack(kept.values()));
    if errors.is_empty() {
        Ok(kept.into_values().collect())
    } else {
        Err(errors)
    }
}

/// What is not of the suite of the first record.
fn strange(records: &[StoredRun]) -> Vec<MergeError> {
    let Some(first) = records.first() else {
        return Vec::new();
    };
    let mut texts: BTreeMap<&str, &StoredRun> = BTreeMap::new();
    let mut errors = Vec::new();
    for stored in records {
        let header = &stored.record.header;
        let known = *texts.entry(&header.scenario.path).or_insert(stored);
        errors.extend(not_of(first, known, stored));
    }
    // One mistake many times over is told once.
    errors.truncate(NAMED);
    errors
}

fn not_of(first: &StoredRun, same_file: &StoredRun, stored: &StoredRun) -> Option<MergeError> {
    let header = &stored.record.header;
    let of = &first.record.header;
    let Some(suite) = &header.suite else {
        return Some(MergeError::NoSuite {
            record: stored.path.clone(),
            nslab: header.nslab.clone(),
        });
    };
    if header.nslab != of.nslab {
        return Some(MergeError::OtherProgram {
            of: (first.path.clone(), of.nslab.clone()),
            other: (stored.path.clone(), header.nslab.clone()),
        });
    }
    let (known, scenario) = (&same_file.record.header.scenario, &header.scenario);
    let other = match () {
        () if known.text != scenario.text => Some("texts"),
        () if known.set != scenario.set => Some("sets of parameters"),
        () => None,
    };
    if let Some(what) = other {
        return Some(MergeError::OtherScenario {
            scenario: scenario.path.clone(),
            what,
            of: same_file.path.clone(),
            other: stored.path.clone(),
        });
    }
    let same =
        |of: &&RecordedSuite| (&of.id, of.runs, of.shards) != (&suite.id, suite.runs, suite.shards);
    let other = of.suite.as_ref().filter(same)?;
    Some(MergeError::OtherSuite {
        of: Box::new((first.path.clone(), other.clone())),
        other: Box::new((stored.path.clone(), suite.clone())),
    })
}

/// Runs of the suite of which there is no record.
fn lack<'a>(kept: impl Iterator<Item = &'a StoredRun> + Clone) -> Option<MergeError> {
    let suite = kept.clone().next()?.record.header.suite.clone()?;
    let runs: BTreeSet<String> = kept
        .clone()
        .map(|stored| name(&stored.record.header, false))
        .collect();
    let found = runs.len() as u64;
    let shards: BTreeSet<u32> = kept
        .filter_map(|stored| stored.record.header.suite.as_ref())
        .map(|suite| suite.shard)
        .collect();
    (found < suite.runs).then(|| MergeError::Missing {
        found,
        runs: suite.runs,
        shards: (1..=suite.shards)
            .filter(|shard| !shards.contains(shard))
            .collect(),
    })
}

/// What tells runs of a suite apart, as people read it.
fn name(header: &RecordHeader, with_attempt: bool) -> String {
    let scenario = &header.scenario;
    let variant = scenario
        .variant
        .iter()
        .map(|variant| format!(" / {variant}"));
    let case = scenario
        .case
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    let repetition = scenario.resolved["id"]["repetition"].as_u64();
    let repetition = repetition.map(|number| format!(" #{number}"));
    let attempt =
        (with_attempt && header.attempt > 1).then(|| format!(" attempt {}", header.attempt));
    let parts = variant.chain(case).chain(repetition).chain(attempt);
    scenario.path.trim_start_matches("./").to_owned() + &parts.collect::<String>()
}

//! Joins the records of a suite's shards, and refuses records that do not belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use thiserror::Error;

use super::StoredRun;
use crate::record::{RecordHeader, RecordedSuite};

/// Maximum number of shards that a message lists.
const NAMED: usize = 10;

/// The reason why records do not make up one suite.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A record does not name its suite.
    #[error(
        "{} does not name its suite: it was written by nslab {nslab}, before suites were recorded, or \
         not by `nslab run`",
        record.display()
    )]
    NoSuite {
        record: PathBuf,
        /// The version of the program that wrote it.
        nslab: String,
    },
    /// Two versions of the program wrote them.
    #[error(
        "{} was recorded by nslab {}, {} by nslab {}: run all shards with the same program",
        of.0.display(), of.1, other.0.display(), other.1
    )]
    OtherProgram {
        /// One record, and the version of its program.
        of: (PathBuf, String),
        other: (PathBuf, String),
    },
    /// The same scenario file had another text or other parameters.
    #[error(
        "{} and {} come from two {what} of {scenario}: run all shards with the same files and the same --set",
        of.display(), other.display()
    )]
    OtherScenario {
        scenario: String,
        /// The kind of difference.
        what: &'static str,
        of: PathBuf,
        other: PathBuf,
    },
    /// The runs were selected differently, or divided into another number of shards.
    #[error(
        "{} is from shard {}/{} of a suite of {} runs, {} from shard {}/{} of another suite of {} runs: \
         run all shards with the same selection",
        of.0.display(), of.1.shard, of.1.shards, of.1.runs,
        other.0.display(), other.1.shard, other.1.shards, other.1.runs
    )]
    OtherSuite {
        of: Box<(PathBuf, RecordedSuite)>,
        other: Box<(PathBuf, RecordedSuite)>,
    },
    /// A run was recorded twice with different content.
    #[error(
        "{} and {} are both records of {run}, but they differ: leave one out",
        of.display(), other.display()
    )]
    Twice {
        run: String,
        of: PathBuf,
        other: PathBuf,
    },
    #[error("only {found} of {runs} runs have a record; {}", missing(shards))]
    Missing {
        /// The number of recorded runs.
        found: u64,
        /// The number of runs in the suite.
        runs: u64,
        /// The shards without a record, from 1; one of them may have had no runs.
        shards: Vec<u32>,
    },
}

fn missing(shards: &[u32]) -> String {
    if shards.is_empty() {
        return "every shard has some, so one of them ended early or its folder is incomplete"
            .to_owned();
    }
    let named: Vec<String> = shards.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match shards.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let word = if shards.len() == 1 { "shard" } else { "shards" };
    format!("{word} {}{more} has none", named.join(", "))
}

/// Returns the records of one suite, each run once; copies of a record are dropped.
///
/// # Errors
/// Returns everything that does not belong together, and everything that is missing.
pub fn merged(records: Vec<StoredRun>) -> Result<Vec<StoredRun>, Vec<MergeError>> {
    let foreign_records = foreign_records(&records);
    if !foreign_records.is_empty() {
        return Err(foreign_records);
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
    errors.extend(missing_runs(kept.values()));
    if errors.is_empty() {
        Ok(kept.into_values().collect())
    } else {
        Err(errors)
    }
}

/// Finds records that do not belong to the suite of the first one.
fn foreign_records(records: &[StoredRun]) -> Vec<MergeError> {
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
    // A repeated mistake is reported once.
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

/// Finds the runs of the suite without a record.
fn missing_runs<'a>(kept: impl Iterator<Item = &'a StoredRun> + Clone) -> Option<MergeError> {
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

/// Returns the name that distinguishes a run of a suite.
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

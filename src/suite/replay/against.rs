//! Judges records by a changed scenario file: what is expected may change, what was asked may not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::again::{judge_again, resolved};
use super::files::Place;
use super::gather::Gathered;
use super::{Replayed, StoredRun};
use crate::scenario::{self, Difference, Problems, RunId, RunSpec, Scenario, differences};
use crate::suite::discover::Source;
use crate::suite::result::ScenarioFile;

/// Differences that are named; more of them mean another scenario.
const NAMED: usize = 10;

/// Why records cannot be judged by a scenario file.
#[derive(Debug, Error)]
pub enum AgainstError {
    /// The file is no scenario.
    #[error("the scenario file is invalid")]
    Invalid(#[source] Problems),
    /// The file has no such run.
    #[error(
        "cannot judge {} by {file}: it is a record of {run}, and {file} has {}", record.display(), runs(has)
    )]
    NoSuchRun {
        /// The record.
        record: PathBuf,
        /// The file.
        file: String,
        /// The run that was recorded.
        run: Box<RunId>,
        /// The runs of the file.
        has: Vec<RunId>,
    },
    /// The run of the file builds or does something else.
    #[error(
        "cannot judge {} by {file}: only what is expected, compared and said may have changed since it was recorded, and \
         {file} differs in\n{}run it again: nslab run {file}", record.display(), listed(differences)
    )]
    OtherQuestion {
        /// The record.
        record: PathBuf,
        /// The file.
        file: String,
        /// What is different: recorded, in the file.
        differences: Vec<Difference>,
    },
    /// This program does not understand what was recorded.
    #[error(
        "cannot judge {} by {file}: nslab {nslab} recorded a run that this nslab does not understand ({why})",
        record.display()
    )]
    Unknown {
        /// The record.
        record: PathBuf,
        /// The file.
        file: String,
        /// Version of the program that recorded it.
        nslab: String,
        /// Why it is not understood.
        why: String,
    },
}

fn runs(has: &[RunId]) -> String {
    let named: Vec<String> = has.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
    named.join(", ")
}

fn listed(differences: &[Difference]) -> String {
    let line = |difference| format!("  {difference}\n");
    let more = match differences.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    };
    differences
        .iter()
        .take(NAMED)
        .map(line)
        .chain([more])
        .collect()
}

/// Judges records by the expectations and comparisons of a scenario file, read with the parameters that were set when
/// the records were made.
///
/// # Errors
/// The file's problems; every record of which it does not ask the same question.
pub fn replay_against(
    records: &[StoredRun],
    source: &Source,
) -> Result<Replayed, Vec<AgainstError>> {
    let mut readings =
        Readings::new(source).map_err(|problems| vec![AgainstError::Invalid(problems)])?;
    let (mut gathered, mut errors) = (Gathered::default(), Vec::new());
    for stored in records {
        match readings.place(stored) {
            Ok(place) => {
                let run = place.file.scenario.runs[place.at].clone();
                gathered.add(place, judge_again(stored, Ok(run)));
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(gathered.finish())
    } else {
        Err(errors)
    }
}

/// What the file means, by parameters that are set.
struct Readings<'a> {
    source: &'a Source,
    own: Scenario,
    set: BTreeMap<BTreeMap<String, String>, Arc<ScenarioFile>>,
}

impl<'a> Readings<'a> {
    fn new(source: &'a Source) -> Result<Self, Problems> {
        let own = scenario::parse(&source.label, &source.text, &BTreeMap::new())?;
        Ok(Self {
            source,
            own,
            set: BTreeMap::new(),
        })
    }

    /// The run of the file that asks what was asked when the record was made.
    fn place(&mut self, stored: &StoredRun) -> Result<Place, AgainstError> {
        let header = &stored.record.header;
        let (record, file) = (stored.path.clone(), self.source.label.clone());
        let run = match resolved(&stored.record) {
            Ok(run) => run,
            Err(why) => {
                let nslab = header.nslab.clone();
                return Err(AgainstError::Unknown {
                    record,
                    file,
                    nslab,
                    why,
                });
            }
        };
        let read = self.read(self.still_declared(&header.scenario.set))?;
        let runs = &read.scenario.runs;
        let same =
            |other: &RunSpec| other.id.variant == run.id.variant && other.id.case == run.id.case;
        let Some(at) = runs.iter().position(same) else {
            return Err(AgainstError::NoSuchRun {
                record,
                file,
                run: Box::new(run.id),
                has: runs.iter().map(|run| run.id.clone()).collect(),
            });
        };
        let differences = differences(&run, &runs[at]);
        if differences.is_empty() {
            Ok(Place { file: read, at })
        } else {
            Err(AgainstError::OtherQuestion {
                record,
                file,
                differences,
            })
        }
    }

    /// What the command line had set, as far as the file still has it for a parameter.
    fn still_declared(&self, set: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let runs = &self.own.runs;
        let declared = |name: &String| runs.iter().any(|run| run.params.contains_key(name));
        let kept = set.iter().filter(|(name, _)| declared(name));
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn read(&mut self, set: BTreeMap<String, String>) -> Result<Arc<ScenarioFile>, AgainstError> {
        if let Some(read) = self.set.get(&set) {
            return Ok(Arc::clone(read));
        }
        let Source { label, text } = self.source;
        let scenario = scenario::parse(label, text, &set).map_err(AgainstError::Invalid)?;
        let file = Arc::new(ScenarioFile {
            label: label.clone(),
            text: text.clone(),
            set: set.clone(),
            scenario,
        });
        self.set.insert(set, Arc::clone(&file));
        Ok(file)
    }
}

//! Judges records by a changed scenario file: expectations may change, the experiment may not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::files::RunInFile;
use super::gather::GroupedResults;
use super::rejudge::{rejudge_run, resolved};
use super::{Replayed, StoredRun};
use crate::scenario::{self, Difference, Problems, RunId, RunSpec, Scenario, differences};
use crate::suite::discover::ScenarioSource;
use crate::suite::result::ScenarioFile;

/// Maximum number of differences to list; a larger number means another scenario.
const NAMED: usize = 10;

/// The reason why records cannot be judged by a scenario file.
#[derive(Debug, Error)]
pub(crate) enum AgainstError {
    /// The file is not a valid scenario.
    #[error("the scenario file is invalid")]
    Invalid(#[source] Problems),
    /// The file has no such run.
    #[error(
        "cannot judge {} by {file}: it is a record of {run}, and {file} has {}", record.display(), runs(has)
    )]
    NoSuchRun {
        record: PathBuf,
        file: String,
        /// The run that was recorded.
        run: Box<RunId>,
        /// The runs of the file.
        has: Vec<RunId>,
    },
    /// The run of the file builds or does something different.
    #[error(
        "cannot judge {} by {file}: only expectations, comparisons and texts may have changed since \
         it was recorded, and {file} differs in\n{}run it again: nslab run {file}",
        record.display(),
        listed(differences)
    )]
    OtherQuestion {
        record: PathBuf,
        file: String,
        /// The differences: as recorded, and as in the file.
        differences: Vec<Difference>,
    },
    /// This program cannot parse the recorded run.
    #[error(
        "cannot judge {} by {file}: nslab {nslab} recorded a run that this nslab cannot parse ({why})",
        record.display()
    )]
    UnparsedRun {
        record: PathBuf,
        file: String,
        /// The version of the program that recorded it.
        nslab: String,
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

/// Judges records by the expectations and comparisons of a scenario file, with the parameters that were set when
/// the records were made.
///
/// # Errors
/// Returns the file's problems, and every record of a different experiment.
pub(crate) fn replay_against(
    records: &[StoredRun],
    source: &ScenarioSource,
) -> Result<Replayed, Vec<AgainstError>> {
    let mut readings =
        Readings::new(source).map_err(|problems| vec![AgainstError::Invalid(problems)])?;
    let (mut gathered, mut errors) = (GroupedResults::default(), Vec::new());
    for stored in records {
        match readings.place(stored) {
            Ok(place) => {
                let run = place.file.scenario.runs[place.at].clone();
                gathered.add(place, rejudge_run(stored, Ok(run)));
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

/// Returns the scenario of the file with these parameters.
struct Readings<'a> {
    source: &'a ScenarioSource,
    own: Scenario,
    set: BTreeMap<BTreeMap<String, String>, Arc<ScenarioFile>>,
}

impl<'a> Readings<'a> {
    fn new(source: &'a ScenarioSource) -> Result<Self, Problems> {
        let own = scenario::parse(&source.label, &source.text, &BTreeMap::new())?;
        Ok(Self {
            source,
            own,
            set: BTreeMap::new(),
        })
    }

    /// Returns the run of the file that is the same experiment as the recorded one.
    fn place(&mut self, stored: &StoredRun) -> Result<RunInFile, AgainstError> {
        let header = &stored.record.header;
        let (record, file) = (stored.path.clone(), self.source.label.clone());
        let run = match resolved(&stored.record) {
            Ok(run) => run,
            Err(why) => {
                let nslab = header.nslab.clone();
                return Err(AgainstError::UnparsedRun {
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
            Ok(RunInFile { file: read, at })
        } else {
            Err(AgainstError::OtherQuestion {
                record,
                file,
                differences,
            })
        }
    }

    /// Returns the parameters set on the command line, as far as the file still has them.
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
        let ScenarioSource { label, text } = self.source;
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

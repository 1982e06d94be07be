//! The scenario files of records, parsed from the text in each record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::StoredRun;
use super::rejudge::resolved;
use crate::record::RecordedScenario;
use crate::scenario::{self, RunId, RunSpec, Scenario};
use crate::suite::result::ScenarioFile;

/// Parameters and their values.
type Parameters = BTreeMap<String, String>;

/// A run of a scenario file.
#[derive(Debug, Clone)]
pub(super) struct RunInFile {
    pub(super) file: Arc<ScenarioFile>,
    /// The index of the run.
    pub(super) at: usize,
}

/// Returns the run of a scenario file for each record. If this program parses the recorded text differently from
/// the program that recorded it, the file has only the recorded runs.
pub(super) fn behind(records: &[StoredRun]) -> Vec<RunInFile> {
    let mut by_file: IndexMap<(&str, &str, &Parameters), Vec<usize>> = IndexMap::new();
    for (number, stored) in records.iter().enumerate() {
        let RecordedScenario {
            path, text, set, ..
        } = &stored.record.header.scenario;
        by_file.entry((path, text, set)).or_default().push(number);
    }
    let mut places: BTreeMap<usize, RunInFile> = BTreeMap::new();
    for ((label, text, set), numbers) in by_file {
        let recorded: Vec<&StoredRun> = numbers.iter().map(|number| &records[*number]).collect();
        let found = of_one_file(label, text, set, &recorded);
        places.extend(numbers.into_iter().zip(found));
    }
    places.into_values().collect()
}

fn of_one_file(
    label: &str,
    text: &str,
    set: &Parameters,
    records: &[&StoredRun],
) -> Vec<RunInFile> {
    let file = |scenario| {
        Arc::new(ScenarioFile {
            label: label.to_owned(),
            text: text.to_owned(),
            set: set.clone(),
            scenario,
        })
    };
    let read = scenario::parse(label, text, set).ok().map(file);
    let mut own = Vec::new();
    let mut found = Vec::new();
    for stored in records {
        let id = &stored.record.header.scenario;
        let spec = resolved(&stored.record).ok();
        let place = read.as_ref().and_then(|file| {
            let at = file.scenario.runs.iter().position(|run| {
                is_run(&run.id, id) && spec.as_ref().is_none_or(|spec| spec.params == run.params)
            })?;
            let file = Arc::clone(file);
            Some(RunInFile { file, at })
        });
        let spec = spec.unwrap_or_else(|| stand_in(id));
        found.push(place.ok_or_else(|| position(&mut own, spec)));
    }
    let compare = records
        .first()
        .map(|stored| &stored.record.header.scenario.compare);
    let alone = (!own.is_empty()).then(|| file(without_text(own, compare)));
    let place = |found: Result<RunInFile, usize>| match (found, &alone) {
        (Err(at), Some(file)) => Some(RunInFile {
            file: Arc::clone(file),
            at,
        }),
        (found, _) => found.ok(),
    };
    found.into_iter().filter_map(place).collect()
}

fn is_run(id: &RunId, recorded: &RecordedScenario) -> bool {
    id.variant == recorded.variant && id.case == recorded.case
}

fn position(runs: &mut Vec<RunSpec>, spec: RunSpec) -> usize {
    let known = runs
        .iter()
        .position(|run| run.id == spec.id && run.params == spec.params);
    known.unwrap_or_else(|| {
        runs.push(spec);
        runs.len() - 1
    })
}

/// Returns a scenario of which only the recorded runs are known.
fn without_text(runs: Vec<RunSpec>, compare: Option<&serde_json::Value>) -> Scenario {
    let name = runs
        .first()
        .map_or_else(String::new, |run| run.id.scenario.clone());
    let compare = compare.and_then(|compare| serde_json::from_value(compare.clone()).ok());
    Scenario {
        title: name.clone(),
        name,
        claim: None,
        truth: None,
        source: Vec::new(),
        lesson: None,
        tags: Vec::new(),
        exercises: Vec::new(),
        runs,
        compare: compare.unwrap_or_default(),
        learn: None,
    }
}

/// Returns a placeholder for a run that cannot be parsed: only its name is right.
fn stand_in(recorded: &RecordedScenario) -> RunSpec {
    let stem = Path::new(&recorded.path).file_stem().unwrap_or_default();
    let named = recorded.resolved["id"]["scenario"]
        .as_str()
        .map(str::to_owned);
    RunSpec::empty(RunId {
        scenario: named.unwrap_or_else(|| stem.to_string_lossy().into_owned()),
        variant: recorded.variant.clone(),
        case: recorded.case.clone(),
        repetition: None,
    })
}

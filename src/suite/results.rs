//! Results that wait for those before them: scenarios end in the order in which they were given.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::SuiteEvent;
use super::result::{CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
use crate::expect;
use crate::scenario::RunId;

/// The results so far.
pub(super) struct OrderedResults {
    files: Vec<Arc<ScenarioFile>>,
    runs: Vec<BTreeMap<usize, RunResult>>,
    ended: Vec<Arc<ScenarioResult>>,
    not_run: Vec<(Arc<ScenarioFile>, RunId)>,
}

impl OrderedResults {
    pub(super) fn new(files: Vec<Arc<ScenarioFile>>) -> Self {
        Self {
            runs: files.iter().map(|_| BTreeMap::new()).collect(),
            files,
            ended: Vec::new(),
            not_run: Vec::new(),
        }
    }

    pub(super) fn file(&self, number: usize) -> &ScenarioFile {
        &self.files[number]
    }

    /// Adds the result of a run of a file, under the run's position in the order of all.
    pub(super) fn add(&mut self, file: usize, key: usize, result: RunResult) {
        self.runs[file].insert(key, result);
    }

    /// Reports every scenario that is complete and whose turn it is.
    pub(super) fn emit_ended(&mut self, emit: &mut impl FnMut(SuiteEvent<'_>)) {
        while let Some(file) = self.files.get(self.ended.len()) {
            let runs = &mut self.runs[self.ended.len()];
            if runs.len() < file.scenario.runs.len() {
                return;
            }
            self.end_next(emit);
        }
    }

    /// Ends the remaining scenarios: in a suite that was stopped, some have too few runs or none.
    pub(super) fn finish(mut self, emit: &mut impl FnMut(SuiteEvent<'_>)) -> SuiteResult {
        while self.ended.len() < self.files.len() {
            self.end_next(emit);
        }
        SuiteResult {
            scenarios: self.ended,
            not_run: self.not_run,
            ..SuiteResult::default()
        }
    }

    fn end_next(&mut self, emit: &mut impl FnMut(SuiteEvent<'_>)) {
        let index = self.ended.len();
        let file = &self.files[index];
        let runs: Vec<RunResult> = std::mem::take(&mut self.runs[index])
            .into_values()
            .collect();
        let missing = file.scenario.runs.iter().map(|run| &run.id);
        let missing = missing.filter(|id| runs.iter().all(|run| run.spec.id != **id));
        self.not_run
            .extend(missing.map(|id| (Arc::clone(file), id.clone())));
        let compare = compare(file, &runs);
        let result = Arc::new(ScenarioResult {
            file: Arc::clone(file),
            runs,
            compare,
            kernel: None,
        });
        // A scenario that did not start is reported once, at the end.
        if !result.runs.is_empty() || result.file.scenario.runs.is_empty() {
            emit(SuiteEvent::ScenarioEnded(&result));
        }
        self.ended.push(result);
    }
}

/// Judges `compare:` for each matrix case whose variants have all run.
fn compare(file: &ScenarioFile, runs: &[RunResult]) -> Vec<CaseComparison> {
    let scenario = &file.scenario;
    if scenario.compare.is_empty() || runs.len() < scenario.runs.len() {
        return Vec::new();
    }
    let mut cases: Vec<CaseComparison> = Vec::new();
    for run in runs {
        let case = &run.spec.id.case;
        if cases.iter().any(|known| known.case == *case) {
            continue;
        }
        let variants = runs
            .iter()
            .filter(|other| other.spec.id.case == *case)
            .filter_map(|other| {
                Some((
                    other.spec.id.variant.clone()?,
                    (&other.timeline, other.verdict.outcome),
                ))
            })
            .collect();
        cases.push(CaseComparison {
            case: case.clone(),
            verdicts: expect::compare(&scenario.compare, &variants),
        });
    }
    cases
}

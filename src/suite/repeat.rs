//! Repeats every run: each repetition is a scenario of its own, with its own comparisons.

use std::sync::Arc;

use super::result::ScenarioFile;

/// Returns each file this many times in sequence, unchanged if the number is 1.
pub(super) fn repeated(files: Vec<Arc<ScenarioFile>>, times: u32) -> Vec<Arc<ScenarioFile>> {
    if times <= 1 {
        return files;
    }
    let copies = |file: &Arc<ScenarioFile>| -> Vec<Arc<ScenarioFile>> {
        let copy = |repetition| {
            let mut copy = ScenarioFile::clone(file);
            for run in &mut copy.scenario.runs {
                run.id.repetition = Some(repetition);
            }
            Arc::new(copy)
        };
        (1..=times).map(copy).collect()
    };
    files.iter().flat_map(copies).collect()
}

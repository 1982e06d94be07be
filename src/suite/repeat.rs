//! Every run several times over: each repetition is a scenario of its own, compared within itself.

use std::sync::Arc;

use super::result::ScenarioFile;

/// Each file so many times, one after the other; as it is where that is once.
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

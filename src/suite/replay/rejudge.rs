//! Judges one record again, or explains why it keeps its recorded verdict.

use std::time::Duration;

use super::StoredRun;
use crate::expect;
use crate::record::{Outcome, Record, RunVerdict};
use crate::scenario::RunSpec;
use crate::suite::result::RunResult;

/// The run of a record as resolved, or the reason why this program cannot parse it.
pub(super) fn resolved(record: &Record) -> Result<RunSpec, String> {
    serde_json::from_value(record.header.scenario.resolved.clone())
        .map_err(|error: serde_json::Error| error.to_string())
}

/// Judges a record by the given run: its own, or that of a changed scenario. A run that this program cannot parse
/// keeps its recorded verdict, with the spec of `known`.
pub(super) fn rejudge_run(stored: &StoredRun, run: Result<RunSpec, UnparsedRun>) -> RunResult {
    let record = &stored.record;
    let mut timeline = record.timeline.clone();
    let (spec, verdict) = match run {
        Ok(spec) => {
            let mut verdict = expect::judge(&spec, &timeline);
            if timeline.end.is_none() {
                verdict.reason = Some(broken_off(record));
            }
            (spec, verdict)
        }
        Err(UnparsedRun { spec, why }) => {
            let nslab = &record.header.nslab;
            let note = format!(
                "not judged again: this nslab ({}) cannot parse the run that nslab {nslab} recorded ({why}); \
                 the verdict is that of nslab {nslab}",
                env!("CARGO_PKG_VERSION")
            );
            timeline.notes.push((None, note));
            (spec, recorded(record))
        }
    };
    let process = record.process.clone().unwrap_or_default();
    let set_up = timeline.built.as_ref().map_or(0, |built| built.took);
    let took = match process.took {
        0 => set_up.saturating_add(timeline.now.0),
        took => took,
    };
    RunResult {
        last_words: process.last_words,
        record: Ok(Some(stored.path.clone())),
        capture: Ok(stored.packets.clone()),
        ..RunResult::new(spec, timeline, verdict, Duration::from_nanos(took))
    }
}

/// A run that this program cannot parse.
#[derive(Debug, Clone)]
pub(super) struct UnparsedRun {
    /// A placeholder with the run's name.
    pub(super) spec: RunSpec,
    /// The reason why it cannot be parsed.
    pub(super) why: String,
}

/// Explains why a record has no end: the recorded reason, if the process that wrote it lived until its worker ended.
fn broken_off(record: &Record) -> String {
    let seen = record.verdict.as_ref();
    seen.and_then(|verdict| verdict.reason.clone())
        .unwrap_or_else(|| {
            format!(
                "the record breaks off at {}: its writer was killed, or the file is truncated",
                record.timeline.now
            )
        })
}

fn recorded(record: &Record) -> RunVerdict {
    record.verdict.clone().unwrap_or_else(|| RunVerdict {
        outcome: Outcome::Errored,
        reason: Some(broken_off(record)),
        verdicts: Vec::new(),
    })
}

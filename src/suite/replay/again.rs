//! Judges one record again, or says why it keeps the verdict that it has.

use std::time::Duration;

use super::StoredRun;
use crate::expect;
use crate::record::{Outcome, Record, RunVerdict};
use crate::scenario::RunSpec;
use crate::suite::result::RunResult;

/// The run of a record as meant, or why this program does not understand it.
pub(super) fn resolved(record: &Record) -> Result<RunSpec, String> {
    serde_json::from_value(record.header.scenario.resolved.clone())
        .map_err(|error: serde_json::Error| error.to_string())
}

/// What a record comes to, judged by the run that is given: its own, or that of a changed scenario. A run that this
/// program does not understand comes with the verdict that was recorded; its spec is then that of `known`.
pub(super) fn judge_again(stored: &StoredRun, run: Result<RunSpec, Unknown>) -> RunResult {
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
        Err(Unknown { spec, why }) => {
            let nslab = &record.header.nslab;
            let note = format!(
                "not judged again: this nslab ({}) does not understand the run that nslab {nslab} recorded ({why}); \
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

/// A run that this program does not understand.
#[derive(Debug, Clone)]
pub(super) struct Unknown {
    /// Stands for it: at least its name is right.
    pub(super) spec: RunSpec,
    /// Why it is not understood.
    pub(super) why: String,
}

/// Why a record has no end: as it was seen then, where whoever wrote the record lived to see it.
fn broken_off(record: &Record) -> String {
    let seen = record.verdict.as_ref();
    seen.and_then(|verdict| verdict.reason.clone())
        .unwrap_or_else(|| {
            format!(
                "the record breaks off at {}: what wrote it was killed, or the file was cut",
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

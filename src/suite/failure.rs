//! The ways in which a worker fails, so that its events are incomplete or cannot be trusted.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::record::Timeline;
use crate::scenario::RunSpec;

/// Time that a worker has to end after it was cancelled; then it is killed.
pub(super) const TIME_TO_STOP: Duration = Duration::from_millis(800);

/// Values shown to describe what a run was doing.
const VALUES_SHOWN: usize = 5;

/// The reason why a worker's events are incomplete or cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WorkerFailure {
    /// It was killed at its timeout.
    TimedOut(Duration),
    /// It was killed because it did not end after it was cancelled.
    IgnoredStop,
    /// It was killed because it sent no event for this long, by the host's clock.
    Silent(Duration),
    /// It ran a second time and sent different events.
    NotRepeatable(String),
    /// It could not be started or understood, or it died.
    Broken(String),
}

impl WorkerFailure {
    /// Describes what happened and what the run was doing at the time.
    pub(super) fn describe(&self, spec: &RunSpec, timeline: &Timeline) -> String {
        match self {
            Self::TimedOut(timeout) => format!(
                "it did not end within its timeout of {timeout:?} and was killed; {}",
                last_state(spec, timeline)
            ),
            Self::IgnoredStop => format!(
                "it did not stop within {TIME_TO_STOP:?} of being cancelled, so it was killed; {}",
                last_state(spec, timeline)
            ),
            Self::Silent(limit) => format!(
                "the guest sent no event for {limit:?} and was killed; {}",
                last_state(spec, timeline)
            ),
            Self::NotRepeatable(why) | Self::Broken(why) => why.clone(),
        }
    }
}

/// Describes what a run that did not end was doing, by its last events.
fn last_state(spec: &RunSpec, timeline: &Timeline) -> String {
    if timeline.environment.is_none() && timeline.built.is_none() {
        return "no events received; it hung while building the lab".to_owned();
    }
    let mut state = format!("the last event was at {}", timeline.now);
    let clients = spec.workload.clients.iter().flat_map(|client| {
        ["attempted", "in-flight"].map(|counter| format!("{}.{counter}", client.name))
    });
    let watched = spec.watched.iter().map(ToString::to_string);
    let mut seen = BTreeSet::new();
    let values = clients.chain(watched).filter_map(|name| {
        let value = timeline.series(&name)?.last()?;
        let new = seen.insert(name.clone());
        new.then(|| format!("{name} = {value}"))
    });
    let values: Vec<String> = values.take(VALUES_SHOWN).collect();
    if !values.is_empty() {
        state = format!("{state}: {}", values.join(", "));
    }
    state
}

//! Everything a run told, gathered for judging and rendering.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Offset;
use super::environment::Environment;
use super::event::{Built, Event, LoadReport, SeriesId};
use super::series::Series;
use crate::names::{ActorName, SeriesName};

/// A run's events, gathered. Grows event by event, so that progress can be shown while the run goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// Where it happened.
    pub environment: Option<Environment>,
    /// What building the lab did.
    pub built: Option<Built>,
    /// How each client's load was offered.
    pub loads: Vec<LoadReport>,
    /// What the lab's own threads had of the processors.
    pub processor: Option<ProcessorTime>,
    /// What the run's processes took: processor time in nanoseconds, and the most bytes that one of them had.
    pub used: Option<(u64, u64)>,
    /// What a reader must know.
    pub notes: Vec<(Option<Offset>, String)>,
    /// Moments at which each probe looked, with the processor time it took.
    pub looks: BTreeMap<String, Vec<(Offset, u64)>>,
    /// How it ended; `None` while it goes on, or where the worker died.
    pub end: Option<RunEnd>,
    /// Latest time seen.
    pub now: Offset,
    ids: BTreeMap<SeriesId, SeriesName>,
    series: BTreeMap<SeriesName, Series>,
}

/// What the lab's own threads (servers, wires, probes) had of the processors, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessorTime {
    /// How long they ran, nanoseconds.
    pub ran: u64,
    /// How long they were ready to run and waited, nanoseconds.
    pub waited: u64,
    /// How many times they were given a processor.
    pub turns: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// At its end, or interrupted.
    Finished {
        /// When.
        t: Offset,
        /// Before its time.
        interrupted: bool,
    },
    /// Not applicable, with the reason.
    NotApplicable(String),
    /// Errored, with the error.
    Errored(String),
}

impl Timeline {
    /// The series of this name, where it was recorded.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// Every series, by name.
    pub fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.series.values()
    }

    /// Whether a client's load or a command has come to its end.
    pub fn has_ended(&self, actor: &ActorName) -> bool {
        let exit = || self.series(&format!("{actor}.exit"));
        self.loads.iter().any(|load| load.client == *actor)
            || exit().is_some_and(|series| !series.changes.is_empty())
    }

    /// How long the run took by a virtual clock, where it had one: the same each time.
    pub fn virtual_time(&self) -> Option<Duration> {
        let environment = self.environment.as_ref()?;
        environment.virtual_time.then(|| self.now.as_duration())
    }

    /// Whether anything in the run was emulated.
    pub fn emulated(&self) -> bool {
        self.built
            .as_ref()
            .is_some_and(|built| !built.emulated.is_empty())
    }

    /// Adds one event.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Environment(environment) => self.environment = Some(*environment),
            Event::Built(built) => self.built = Some(built),
            Event::Series(declaration) => {
                self.ids.insert(declaration.id, declaration.name.clone());
                self.series
                    .entry(declaration.name.clone())
                    .or_insert_with(|| Series::new(declaration));
            }
            Event::Sample { t, v } => {
                self.now = self.now.max(t);
                for (id, value) in v {
                    if let Some(series) = self.by_id(id) {
                        insert_ordered(&mut series.changes, t, value);
                    }
                }
            }
            Event::Looked { t, probe, cost } => {
                self.now = self.now.max(t);
                self.looks.entry(probe).or_default().push((t, cost));
            }
            Event::Text { t, series, line } => {
                self.now = self.now.max(t);
                if let Some(series) = self.by_id(series) {
                    insert_ordered(&mut series.lines, t, line);
                }
            }
            Event::Histogram { t, series, v } => {
                self.now = self.now.max(t);
                if let Some(series) = self.by_id(series) {
                    insert_ordered(&mut series.histograms, t, v);
                }
            }
            Event::Load(load) => self.loads.push(load),
            Event::Processor { ran, waited, turns } => {
                let so_far = self.processor.get_or_insert_default();
                so_far.ran += ran;
                so_far.waited += waited;
                so_far.turns += turns;
            }
            Event::Used { cpu, memory } => self.used = Some((cpu, memory)),
            Event::Note { t, text } => self.notes.push((t, text)),
            Event::NotApplicable { reason } => self.end = Some(RunEnd::NotApplicable(reason)),
            Event::Errored { error } => self.end = Some(RunEnd::Errored(error)),
            Event::Finished { t, interrupted } => {
                self.now = self.now.max(t);
                self.end = Some(RunEnd::Finished { t, interrupted });
            }
        }
    }

    fn by_id(&mut self, id: SeriesId) -> Option<&mut Series> {
        self.series.get_mut(self.ids.get(&id)?)
    }
}

/// Threads tell in their own order: an event may come a little after a later one.
fn insert_ordered<T>(list: &mut Vec<(Offset, T)>, t: Offset, value: T) {
    let index = list
        .iter()
        .rposition(|(when, _)| *when <= t)
        .map_or(0, |last| last + 1);
    list.insert(index, (t, value));
}

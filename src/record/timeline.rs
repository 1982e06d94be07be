//! All events of a run, collected for judging and rendering.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Offset;
use super::environment::Environment;
use super::event::{Built, Event, LoadReport, SeriesId, TakenStep};
use super::series::Series;
use super::traced::KernelEvent;
use super::tracked::TrackedEvent;
use crate::names::{ActorName, SeriesName};

/// The collected events of a run. Events are added one by one, so progress can be shown while the run goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// The environment of the run, once known.
    pub environment: Option<Environment>,
    /// The report on building the lab, once built.
    pub built: Option<Built>,
    /// The load report of each client that has finished.
    pub loads: Vec<LoadReport>,
    /// Scheduling statistics of the lab's own threads.
    pub processor: Option<ProcessorTime>,
    /// Processor time in nanoseconds and peak memory in bytes of the run's processes.
    pub used: Option<(u64, u64)>,
    /// Notes that every reader of the result must see.
    pub notes: Vec<(Option<Offset>, String)>,
    /// For each text series that lacks lines, and for a capture that lacks packets ([`CAPTURE`]), the first cause. It
    /// is among the notes too.
    ///
    /// [`CAPTURE`]: super::event::CAPTURE
    pub gaps: BTreeMap<String, String>,
    /// For each probe, the times of its readings with the processor time each took, in nanoseconds.
    pub looks: BTreeMap<String, Vec<(Offset, u64)>>,
    /// The events that the kernel reported, in the order of time; empty if it was not traced.
    pub traced: Vec<KernelEvent>,
    /// The reports about connection tracking tables, in the order of time; empty if they were not followed.
    pub tracked: Vec<TrackedEvent>,
    /// The steps that were taken, in the order of time.
    pub steps: Vec<TakenStep>,
    /// The time since which the lab is kept after the end of the run, if it is.
    pub held_since: Option<Offset>,
    /// The end of the run; `None` while it goes on, or if the worker died.
    pub end: Option<RunEnd>,
    /// Latest time of any event.
    pub now: Offset,
    ids: BTreeMap<SeriesId, SeriesName>,
    series: BTreeMap<SeriesName, Series>,
}

/// Scheduling statistics of the lab's own threads (servers, wires, probes), summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessorTime {
    /// Time on a processor, nanoseconds.
    pub ran: u64,
    /// Time runnable but waiting for a processor, nanoseconds.
    pub waited: u64,
    /// Number of times they were given a processor.
    pub turns: u64,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// The run came to its end or was cancelled.
    Finished {
        /// Time of the end.
        t: Offset,
        /// True if it was cancelled.
        interrupted: bool,
    },
    /// Not applicable on this kernel or machine, with the reason.
    NotApplicable(String),
    /// The run could not be carried out, with the error.
    Errored(String),
}

impl Timeline {
    /// Returns the series with this name, if it was recorded.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// Returns all series, ordered by name.
    pub fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.series.values()
    }

    /// Returns true if this client has reported its load, or this command has exited.
    pub fn has_ended(&self, actor: &ActorName) -> bool {
        let exit = || self.series(&format!("{actor}.exit"));
        self.loads.iter().any(|load| load.client == *actor)
            || exit().is_some_and(|series| !series.changes.is_empty())
    }

    /// Returns the duration of the run if its clock was virtual. Such a duration is the same every time.
    pub fn virtual_time(&self) -> Option<Duration> {
        let environment = self.environment.as_ref()?;
        environment.virtual_time.then(|| self.now.as_duration())
    }

    /// Returns true if the lab emulated a kernel feature in this run.
    pub fn emulated(&self) -> bool {
        self.built
            .as_ref()
            .is_some_and(|built| !built.emulated.is_empty())
    }

    /// Adds an event. Events may arrive slightly out of order.
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
            Event::Traced(event) => {
                self.now = self.now.max(event.t);
                let after = |other: &KernelEvent| other.t <= event.t;
                let index = self
                    .traced
                    .iter()
                    .rposition(after)
                    .map_or(0, |last| last + 1);
                self.traced.insert(index, event);
            }
            Event::Tracked(event) => {
                self.now = self.now.max(event.t);
                let after = |other: &TrackedEvent| other.t <= event.t;
                let index = self.tracked.iter().rposition(after);
                self.tracked.insert(index.map_or(0, |last| last + 1), event);
            }
            // Whoever follows a run reads it from the recorder; its results are series.
            Event::Connection(connection) => self.now = self.now.max(connection.t),
            Event::Step(step) => {
                self.now = self.now.max(step.t);
                self.steps.push(step);
            }
            Event::Held { t, .. } => {
                self.now = self.now.max(t);
                self.held_since = Some(t);
            }
            Event::Note { t, text } => self.notes.push((t, text)),
            Event::Gap { t, of, text } => {
                self.notes.push((t, text.clone()));
                self.gaps.entry(of).or_insert(text);
            }
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

/// Threads record independently, so an event may arrive slightly after a later one.
fn insert_ordered<T>(list: &mut Vec<(Offset, T)>, t: Offset, value: T) {
    let index = list
        .iter()
        .rposition(|(when, _)| *when <= t)
        .map_or(0, |last| last + 1);
    list.insert(index, (t, value));
}

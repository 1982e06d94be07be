//! Takes events from all threads of a run and writes them in order, one JSON line each.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::event::{Event, NamedConnection, SeriesDeclaration, SeriesId, SeriesKind};
use crate::metrics::Metric;
use crate::names::SeriesName;
use crate::units::Unit;

/// A handle for recording events that any thread may clone. One writer thread writes them, so recording never blocks on
/// output.
#[derive(Debug, Clone)]
pub struct Recorder {
    events: Sender<Event>,
    series: Arc<Mutex<BTreeMap<SeriesName, SeriesId>>>,
    connections: Arc<Mutex<Vec<NamedConnection>>>,
}

/// The writer thread of a [`Recorder`].
#[derive(Debug)]
pub struct RecorderClosed(JoinHandle<std::io::Result<()>>);

impl RecorderClosed {
    /// Waits until all recorded events have been written. All clones of the recorder must have been dropped.
    ///
    /// # Errors
    /// The first error of the output.
    pub fn wait(self) -> std::io::Result<()> {
        self.0
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the writer of events panicked")))
    }
}

impl Recorder {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// EAGAIN if no thread can be created.
    pub fn start(output: impl Write + Send + 'static) -> std::io::Result<(Self, RecorderClosed)> {
        let (events, inbox) = mpsc::channel();
        let writer = Builder::new().spawn(move || write_events(&inbox, output))?;
        let recorder = Self {
            events,
            series: Arc::default(),
            connections: Arc::default(),
        };
        Ok((recorder, RecorderClosed(writer)))
    }

    /// Records an event. After the output has failed, events are dropped.
    pub fn record(&self, event: Event) {
        if let Event::Connection(connection) = &event {
            self.lock_connections().push(connection.clone());
        }
        let _no_receiver = self.events.send(event);
    }

    /// Returns the connection of a client's attempt, if it has been recorded. Only those that expectations name are.
    pub(crate) fn connection(&self, client: &str, number: u64) -> Option<NamedConnection> {
        let known = self.lock_connections();
        let mut known = known.iter();
        known
            .find(|known| known.client.as_str() == client && known.number == number)
            .cloned()
    }

    fn lock_connections(&self) -> MutexGuard<'_, Vec<NamedConnection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Declares a series, or returns its id if it has been declared.
    pub fn series(&self, name: impl Into<SeriesName>, kind: SeriesKind, unit: Unit) -> SeriesId {
        self.declare(name.into(), kind, unit, false)
    }

    /// Declares the series of a subject's metric, or returns its id if it has been declared.
    pub(crate) fn metric(&self, metric: &Metric, subject: &str) -> SeriesId {
        self.series(metric.series(subject), metric.kind, metric.unit)
    }

    /// Like [`Self::metric`], for a metric with a parameter: `load.errors.ECONNREFUSED`.
    pub(crate) fn metric_of(&self, metric: &Metric, subject: &str, value: &str) -> SeriesId {
        self.series(metric.series_of(subject, value), metric.kind, metric.unit)
    }

    /// Like [`Self::series`], for a series whose kernel feature the lab emulates.
    pub fn emulated_series(
        &self,
        name: impl Into<SeriesName>,
        kind: SeriesKind,
        unit: Unit,
    ) -> SeriesId {
        self.declare(name.into(), kind, unit, true)
    }

    fn declare(&self, name: SeriesName, kind: SeriesKind, unit: Unit, emulated: bool) -> SeriesId {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = series.get(&name) {
            return *id;
        }
        let id = SeriesId(u32::try_from(series.len()).unwrap_or(u32::MAX));
        series.insert(name.clone(), id);
        // Under the lock, so that another thread's values cannot overtake the declaration.
        self.record(Event::Series(SeriesDeclaration {
            id,
            name,
            kind,
            unit,
            emulated,
        }));
        id
    }
}

fn write_events(inbox: &Receiver<Event>, output: impl Write) -> std::io::Result<()> {
    let mut output = std::io::BufWriter::new(output);
    while let Ok(event) = inbox.recv() {
        write_event(&mut output, &event)?;
        // Everything queued goes out in one write, and has left this process before the next wait.
        while let Ok(event) = inbox.try_recv() {
            write_event(&mut output, &event)?;
        }
        output.flush()?;
    }
    Ok(())
}

fn write_event(output: &mut impl Write, event: &Event) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, event)?;
    output.write_all(b"\n")
}

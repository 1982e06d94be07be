//! The receivers of a worker's events: the record and the suite the first time, a comparison the second time.

use tokio::sync::mpsc;

use super::failure::WorkerFailure;
use super::recording::Recording;
use crate::record::Event;

/// A receiver of a worker's events.
#[derive(Debug)]
pub(super) enum EventSink<'a> {
    /// Passes events on to the record and the suite.
    Record {
        key: usize,
        recording: &'a mut Recording,
        events: &'a mpsc::Sender<(usize, Event)>,
        /// The lines so far, if a second execution will be compared with them.
        transcript: Option<Vec<String>>,
    },
    /// Compares events with those of the first execution.
    Compare {
        transcript: std::vec::IntoIter<String>,
        /// The number of events received.
        count: usize,
    },
}

impl EventSink<'_> {
    /// Takes an event and its line. Returns a failure if it differs from the first execution.
    pub(super) async fn receive(&mut self, event: Event, line: &str) -> Option<WorkerFailure> {
        match self {
            Self::Record {
                key,
                recording,
                events,
                transcript,
            } => {
                recording.line(line);
                if let Some(transcript) = transcript {
                    transcript.push(line.to_owned());
                }
                let _suite_is_gone = events.send((*key, event)).await;
                None
            }
            Self::Compare { transcript, count } => {
                *count += 1;
                let before = transcript.next();
                (before.as_deref() != Some(line)).then(|| {
                    WorkerFailure::NotRepeatable(format!(
                        "not repeatable: event {count} was {} the first time and `{line}` the second",
                        before.map_or("missing".to_owned(), |before| format!("`{before}`")),
                    ))
                })
            }
        }
    }

    /// Takes an event that the worker itself could not send.
    pub(super) async fn receive_for_worker(&mut self, event: Event) -> Option<WorkerFailure> {
        match serde_json::to_string(&event) {
            Ok(line) => self.receive(event, &line).await,
            Err(error) => Some(WorkerFailure::Broken(error.to_string())),
        }
    }

    /// Returns a sink that compares a second execution with this one, if that was asked for.
    pub(super) fn into_comparison(self) -> Option<Self> {
        let Self::Record { transcript, .. } = self else {
            return None;
        };
        Some(Self::Compare {
            transcript: transcript?.into_iter(),
            count: 0,
        })
    }

    /// Describes the first event that was not sent the second time.
    pub(super) fn missing(&mut self) -> Option<String> {
        let Self::Compare { transcript, count } = self else {
            return None;
        };
        let line = transcript.next()?;
        let count = *count + 1;
        Some(format!(
            "not repeatable: event {count} was `{line}` the first time and missing the second"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Offset;

    fn finished(t: u64) -> (Event, String) {
        let event = Event::Finished {
            t: Offset(t),
            interrupted: false,
        };
        let line = serde_json::to_string(&event).unwrap();
        (event, line)
    }

    fn compare_with(transcript: &[&str]) -> EventSink<'static> {
        let lines: Vec<String> = transcript.iter().map(ToString::to_string).collect();
        EventSink::Compare {
            transcript: lines.into_iter(),
            count: 0,
        }
    }

    #[tokio::test]
    async fn the_first_difference_is_reported_with_its_position() {
        let (one, first) = finished(1);
        let (two, second) = finished(2);
        let mut same = compare_with(&[&first, &second]);
        assert_eq!(same.receive(one.clone(), &first).await, None);
        assert_eq!(same.receive(two.clone(), &second).await, None);
        assert_eq!(same.missing(), None);

        let mut other = compare_with(&[&first, &first]);
        assert_eq!(other.receive(one, &first).await, None);
        let failure = other.receive(two.clone(), &second).await;
        let Some(WorkerFailure::NotRepeatable(why)) = failure else {
            panic!("a different line is a different run");
        };
        assert!(why.contains("event 2") && why.contains(&second), "{why}");

        let mut shorter = compare_with(&[&first]);
        assert!(shorter.missing().unwrap().contains("missing the second"));
        let failure = compare_with(&[]).receive(two, &second).await;
        let Some(WorkerFailure::NotRepeatable(_)) = failure else {
            panic!("an additional event is a different run");
        };
    }
}

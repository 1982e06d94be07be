//! Who hears what a worker tells: first those who keep it, then one who only compares.

use tokio::sync::mpsc;

use super::execute::Lost;
use super::recording::Recording;
use crate::record::Event;

/// Who hears.
#[derive(Debug)]
pub(super) enum Ear<'a> {
    /// The record and the suite.
    First {
        key: usize,
        recording: &'a mut Recording,
        events: &'a mpsc::Sender<(usize, Event)>,
        /// What was heard, where it is to be heard again.
        tale: Option<Vec<String>>,
    },
    /// Whether it is the same again.
    Again {
        tale: std::vec::IntoIter<String>,
        /// Events heard.
        count: usize,
    },
}

impl Ear<'_> {
    /// Takes an event with its line. Gives what is wrong with it.
    pub(super) async fn hear(&mut self, event: Event, line: &str) -> Option<Lost> {
        match self {
            Self::First {
                key,
                recording,
                events,
                tale,
            } => {
                recording.line(line);
                if let Some(tale) = tale {
                    tale.push(line.to_owned());
                }
                let _nobody_listens = events.send((*key, event)).await;
                None
            }
            Self::Again { tale, count } => {
                *count += 1;
                let before = tale.next();
                (before.as_deref() != Some(line)).then(|| {
                    Lost::Unrepeatable(format!(
                        "not repeatable: event {count} was first {}, and then `{line}`",
                        before.map_or("nothing".to_owned(), |before| format!("`{before}`")),
                    ))
                })
            }
        }
    }

    /// Takes an event that is told in a worker's place.
    pub(super) async fn told(&mut self, event: Event) -> Option<Lost> {
        match serde_json::to_string(&event) {
            Ok(line) => self.hear(event, &line).await,
            Err(error) => Some(Lost::Broken(error.to_string())),
        }
    }

    /// One that compares with what this one has heard, where that is wanted.
    pub(super) fn again(self) -> Option<Self> {
        let Self::First { tale, .. } = self else {
            return None;
        };
        Some(Self::Again {
            tale: tale?.into_iter(),
            count: 0,
        })
    }

    /// What was told the first time and not again.
    pub(super) fn missing(&mut self) -> Option<String> {
        let Self::Again { tale, count } = self else {
            return None;
        };
        let line = tale.next()?;
        let count = *count + 1;
        Some(format!(
            "not repeatable: event {count} was first `{line}`, and then nothing"
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

    fn again(tale: &[&str]) -> Ear<'static> {
        Ear::Again {
            tale: tale
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .into_iter(),
            count: 0,
        }
    }

    #[tokio::test]
    async fn the_first_difference_is_told_with_its_place() {
        let (one, first) = finished(1);
        let (two, second) = finished(2);
        let mut same = again(&[&first, &second]);
        assert_eq!(same.hear(one.clone(), &first).await, None);
        assert_eq!(same.hear(two.clone(), &second).await, None);
        assert_eq!(same.missing(), None);

        let mut other = again(&[&first, &first]);
        assert_eq!(other.hear(one, &first).await, None);
        let Some(Lost::Unrepeatable(why)) = other.hear(two.clone(), &second).await else {
            panic!("another line is another run");
        };
        assert!(why.contains("event 2") && why.contains(&second), "{why}");

        let mut shorter = again(&[&first]);
        assert!(shorter.missing().unwrap().contains("then nothing"));
        let Some(Lost::Unrepeatable(_)) = again(&[]).hear(two, &second).await else {
            panic!("a longer tale is another one");
        };
    }
}

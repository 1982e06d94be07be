//! The pace at which runs in virtual time go on while somebody watches: free, slowed down, or paused and step by step.
//!
//! A guest in virtual time has no clock but its own, so it is held back by not reading what it reports: what follows is
//! the same, however long that takes. Runs in real time are not held back.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::record::{Event, Offset};

/// The pace that the viewer has chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaceSetting {
    /// True if only steps are taken.
    pub paused: bool,
    /// Real time per virtual time; `None` for as fast as possible.
    pub slowness: Option<u32>,
    /// The number of steps asked for so far.
    pub steps: u64,
}

/// Follows the setting for a run.
#[derive(Debug, Clone)]
pub struct Pace {
    setting: watch::Receiver<PaceSetting>,
    /// The steps that have been taken.
    taken: u64,
    /// The real time at which a virtual time was reached, and the slowness since then.
    anchor: Option<(Instant, Offset, u32)>,
}

impl Pace {
    /// Creates the pace of all runs, and the sender that changes it.
    pub fn new() -> (Self, watch::Sender<PaceSetting>) {
        let (sender, setting) = watch::channel(PaceSetting::default());
        let pace = Self {
            setting,
            taken: 0,
            anchor: None,
        };
        (pace, sender)
    }

    /// Returns the pace of a run that starts now. Earlier steps were for other runs.
    pub(super) fn for_run(mut self) -> Self {
        self.taken = self.setting.borrow_and_update().steps;
        self
    }

    /// Waits until an event of a run in virtual time is due.
    pub(super) async fn wait_for(&mut self, event: &Event) {
        let Some(t) = event.time().filter(|_| matters(event)) else {
            return;
        };
        loop {
            let setting = *self.setting.borrow_and_update();
            let due = match setting {
                PaceSetting {
                    paused: true,
                    steps,
                    ..
                } if steps > self.taken => {
                    self.taken += 1;
                    self.anchor = None;
                    return;
                }
                PaceSetting { paused: true, .. } => None,
                PaceSetting {
                    slowness: None,
                    steps,
                    ..
                } => {
                    (self.taken, self.anchor) = (steps, None);
                    return;
                }
                PaceSetting {
                    slowness: Some(slowness),
                    steps,
                    ..
                } => {
                    self.taken = steps;
                    Some(self.due(t, slowness))
                }
            };
            let changed = self.setting.changed();
            let ended = match due {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => return,
                    changed = changed => changed.is_err(),
                },
                None => changed.await.is_err(),
            };
            // Nobody watches any more.
            if ended {
                return;
            }
        }
    }

    /// Returns the real time at which a virtual time is due.
    fn due(&mut self, t: Offset, slowness: u32) -> Instant {
        let anchor = self.anchor.filter(|(_, _, since)| *since == slowness);
        let (began, from, _) = *self
            .anchor
            .insert(anchor.unwrap_or((Instant::now(), t, slowness)));
        let passed = t.as_duration().saturating_sub(from.as_duration());
        began + passed.saturating_mul(slowness).min(LONGEST)
    }
}

/// The longest wait for one event. The clock of tokio cannot count to the end of `Duration`.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Returns true if an event shows something new.
fn matters(event: &Event) -> bool {
    match event {
        Event::Sample { v, .. } => !v.is_empty(),
        Event::Text { .. }
        | Event::Histogram { .. }
        | Event::Traced(_)
        | Event::Tracked(_)
        | Event::Connection(_)
        | Event::Step(_) => true,
        Event::Environment(_)
        | Event::Built(_)
        | Event::Series(_)
        | Event::Looked { .. }
        | Event::Load(_)
        | Event::Processor { .. }
        | Event::Used { .. }
        | Event::Held { .. }
        | Event::Note { .. }
        | Event::Gap { .. }
        | Event::NotApplicable { .. }
        | Event::Errored { .. }
        | Event::Finished { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SeriesId;

    fn sample(millis: u64) -> Event {
        Event::Sample {
            t: Offset::from_duration(Duration::from_millis(millis)),
            v: vec![(SeriesId(0), 1)],
        }
    }

    /// Returns true if an event need not wait.
    async fn passes(pace: &mut Pace, event: &Event) -> bool {
        let wait = pace.wait_for(event);
        tokio::time::timeout(Duration::from_millis(1), wait)
            .await
            .is_ok()
    }

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap()
    }

    #[test]
    fn steps_before_a_run_are_not_for_it() {
        runtime().block_on(async {
            let (pace, sender) = Pace::new();
            let setting = PaceSetting {
                paused: true,
                slowness: None,
                steps: 3,
            };
            sender.send(setting).unwrap();
            assert!(!passes(&mut pace.for_run(), &sample(1)).await);
        });
    }

    #[test]
    fn a_step_lets_one_event_pass() {
        runtime().block_on(async {
            let (mut pace, sender) = Pace::new();
            assert!(passes(&mut pace, &sample(1)).await);
            let set = |paused, steps| {
                let setting = PaceSetting {
                    paused,
                    slowness: None,
                    steps,
                };
                sender.send(setting).unwrap();
            };
            set(true, 0);
            assert!(!passes(&mut pace, &sample(2)).await);
            let looked = Event::Looked {
                t: Offset(2_000_000),
                probe: "client".to_owned(),
                cost: 0,
            };
            assert!(passes(&mut pace, &looked).await, "it shows nothing new");
            set(true, 1);
            assert!(passes(&mut pace, &sample(2)).await);
            assert!(!passes(&mut pace, &sample(3)).await);
            set(false, 1);
            assert!(passes(&mut pace, &sample(3)).await);
            set(true, 1);
            assert!(!passes(&mut pace, &sample(4)).await);
            drop(sender);
            assert!(passes(&mut pace, &sample(4)).await, "nobody watches");
        });
    }

    #[test]
    fn slow_motion_takes_its_multiple_of_virtual_time() {
        runtime().block_on(async {
            let (mut pace, sender) = Pace::new();
            let slowness = Some(10);
            sender
                .send(PaceSetting {
                    slowness,
                    ..PaceSetting::default()
                })
                .unwrap();
            let began = Instant::now();
            for millis in [100, 101, 103] {
                pace.wait_for(&sample(millis)).await;
            }
            assert!(began.elapsed() >= Duration::from_millis(30));
        });
    }
}

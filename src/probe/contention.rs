//! Measures what other processes take of this machine's processors while a run that should be alone is in progress.

use std::time::{Duration, Instant};

use crate::sys::processors;

/// The number of processors that others may keep busy without a note: an idle machine uses a few hundredths.
const FORGIVEN: f64 = 0.25;

/// A measurement from the start of a run.
#[derive(Debug)]
pub struct Contention {
    since: Instant,
    /// The processor time of all processes until then.
    all: Duration,
    /// The part of it that this process and its children used.
    own: Duration,
}

impl Contention {
    /// Starts the measurement. `own` is the processor time of this process and its children until now.
    pub fn measure(own: Duration) -> Option<Self> {
        Some(Self {
            since: Instant::now(),
            all: processors::busy().ok()?,
            own,
        })
    }

    /// Returns a note if others kept much of the machine busy since then.
    pub fn note(self, own: Duration) -> Option<String> {
        let now = Self::measure(own)?;
        let passed = now.since.duration_since(self.since);
        let all = now.all.saturating_sub(self.all);
        let others = all.saturating_sub(now.own.saturating_sub(self.own));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        note(others, passed, processors)
    }
}

fn note(others: Duration, passed: Duration, processors: usize) -> Option<String> {
    let busy = others.as_secs_f64() / passed.as_secs_f64().max(f64::MIN_POSITIVE);
    (busy > FORGIVEN).then(|| {
        format!(
            "others ran beside it: the run should have the machine to itself, but other processes kept {busy:.1} of \
             its {processors} processors busy"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_noted_if_they_keep_much_of_the_machine_busy() {
        let seconds = Duration::from_secs;
        assert_eq!(note(seconds(1), seconds(10), 2), None);
        let text = note(seconds(15), seconds(10), 2).unwrap();
        assert!(text.contains("1.5 of its 2 processors"), "{text}");
    }
}

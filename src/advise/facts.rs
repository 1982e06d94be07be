//! What this kernel says about a line before anything is run: whether its keys exist, whose they are, what becomes of the value.

use super::history::{Fate, Past, past};
use super::merge::{Entry, Meaning};
use crate::lab::inquiry::{Found, Kept, Survey};

/// A key as this kernel has it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyFacts {
    /// With dots.
    pub key: String,
    /// Whose it is.
    pub whose: Whose,
    /// What became of it, where that is known.
    pub past: Option<&'static Past>,
    /// Its value on this host.
    pub here: Option<String>,
    /// Its value in a fresh namespace.
    pub fresh: Option<String>,
    /// Its value in the baseline that labs start from: what the line is compared with.
    pub baseline: Option<String>,
    /// What became of the line's value in a namespace of its own; absent where it was not tried.
    pub kept: Option<Kept>,
}

/// Whose a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Each network namespace has its own.
    Namespace,
    /// It belongs to the whole kernel: a namespace cannot write it, and nslab does not write the host's.
    Kernel,
    /// This kernel does not have it.
    Nobody,
}

impl KeyFacts {
    /// Looks a key up.
    pub fn of(key: &str, survey: &Survey, beyond: impl Fn(&str) -> Option<Found>) -> Self {
        let (here, fresh) = (survey.here.get(key), survey.fresh.get(key));
        let beyond = if key.starts_with("net.") {
            None
        } else {
            beyond(key)
        };
        let whose = match (fresh, here.or(beyond.as_ref())) {
            (Some(found), _) if found.writable => Whose::Namespace,
            (Some(_), _) | (None, Some(_)) => Whose::Kernel,
            (None, None) => Whose::Nobody,
        };
        let value = |found: Option<&Found>| found.and_then(|found| found.value.clone());
        Self {
            key: key.to_owned(),
            whose,
            past: past(key),
            here: value(here.or(beyond.as_ref())),
            fresh: value(fresh),
            baseline: value(survey.baseline.get(key)),
            kept: None,
        }
    }

    /// Why the kernel does not take the line as it stands, if it does not.
    pub fn refusal(&self) -> Option<String> {
        match (&self.kept, self.whose) {
            (_, Whose::Nobody) => Some(match self.past {
                Some(past) => format!("this kernel has no such key: {past}"),
                None => "this kernel has no such key".to_owned(),
            }),
            (Some(Kept::Refused(why)), _) => Some(why.clone()),
            (Some(Kept::Other(value)), _) => Some(format!("the kernel keeps `{value}` instead")),
            (Some(Kept::AsWritten) | None, _) => None,
        }
    }

    /// Whether the kernel has the key and ignores it.
    pub fn is_idle(&self) -> bool {
        self.past.is_some_and(|past| past.fate == Fate::Idle)
    }
}

/// What is to be tried: each key of a line that namespaces have, with the line's value.
pub fn to_try(entries: &[Entry], survey: &Survey) -> Vec<(String, String)> {
    let mut asked = Vec::new();
    for entry in entries {
        if let Meaning::Sets { keys, value, .. } = &entry.meaning {
            let own = |key: &&String| survey.fresh.get(*key).is_some_and(|found| found.writable);
            asked.extend(
                keys.iter()
                    .filter(own)
                    .map(|key| (key.clone(), value.clone())),
            );
        }
    }
    asked
}

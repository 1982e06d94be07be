//! What this kernel says about a line before anything is run: whether its keys exist, whose they are, what becomes of the value.

use std::borrow::Cow;
use std::collections::BTreeSet;

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
    pub past: Option<Past>,
    /// Its value on this host.
    pub here: Option<String>,
    /// Its value in a fresh namespace.
    pub fresh: Option<String>,
    /// Its value in the baseline that labs start from: what the line is compared with.
    pub baseline: Option<String>,
    /// What became of the line's value in a namespace of its own; absent where it was not tried.
    pub kept: Option<Kept>,
    /// Of an interface that a fresh namespace does not have: the same setting of another, which was tried in its place.
    pub stand_in: Option<String>,
    /// Whether this host has it and nobody can write it.
    pub read_only: bool,
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
        let asked = tried_as(key, survey);
        let (here, fresh) = (survey.here.get(key), survey.fresh.get(asked.as_ref()));
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
        let found_here = here.or(beyond.as_ref());
        let value = |found: Option<&Found>| found.and_then(|found| found.value.clone());
        Self {
            key: key.to_owned(),
            whose,
            past: past(key),
            here: value(found_here),
            fresh: value(fresh),
            baseline: value(survey.baseline.get(asked.as_ref())),
            kept: None,
            read_only: found_here.is_some_and(|found| !found.writable)
                && fresh.is_none_or(|found| !found.writable),
            stand_in: (asked != key).then(|| asked.into_owned()),
        }
    }

    /// Why the kernel does not take the line as it stands, if it does not.
    pub fn refusal(&self) -> Option<String> {
        match (&self.kept, self.whose) {
            (_, Whose::Nobody) => Some(match &self.past {
                Some(past) => format!("this kernel has no such key: {past}"),
                None if let Some(module) = module(&self.key) => {
                    format!(
                        "this kernel has no such key; where it has, it comes with the module {module}"
                    )
                }
                None => "this kernel has no such key".to_owned(),
            }),
            _ if self.read_only => Some("it can only be read".to_owned()),
            (Some(Kept::Refused(why)), _) => Some(why.clone()),
            (Some(Kept::Other(value)), _) => Some(format!("the kernel keeps `{value}` instead")),
            (Some(Kept::AsWritten) | None, _) => None,
        }
    }

    /// Its value where nobody sets it: the baseline's, as a fresh namespace's may be a copy of this host's; or the fresh one's, where
    /// labs have another on purpose.
    pub fn by_itself(&self) -> Option<&str> {
        let value = match is_otherwise_in_labs(&self.key) {
            true => &self.fresh,
            false => &self.baseline,
        };
        value.as_deref()
    }

    /// Whether the kernel has the key and ignores it.
    pub fn is_idle(&self) -> bool {
        self.past
            .as_ref()
            .is_some_and(|past| past.fate == Fate::Idle)
    }
}

/// Settings that the baseline does not have as a kernel has them by itself (`lab::baseline` says why).
const OTHERWISE_IN_LABS: [&str; 3] = [
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
];

/// Whether labs start with another value than a kernel has by itself.
pub(super) fn is_otherwise_in_labs(key: &str) -> bool {
    OTHERWISE_IN_LABS.contains(&key)
}

/// The module that settings come with, where that is known (Linux 6.18, `net/bridge/br_netfilter_hooks.c`,
/// `net/netfilter/nf_conntrack_standalone.c`, `net/netfilter/ipvs/ip_vs_ctl.c`).
fn module(key: &str) -> Option<&'static str> {
    let modules = [
        ("net.bridge.", "br_netfilter"),
        ("net.netfilter.nf_conntrack_", "nf_conntrack"),
        ("net.nf_conntrack_max", "nf_conntrack"),
        ("net.ipv4.vs.", "ip_vs"),
    ];
    modules
        .into_iter()
        .find(|(start, _)| key.starts_with(start))
        .map(|(_, module)| module)
}

/// The key that is tried for a key: where a fresh namespace does not have the interface, that of interfaces to come, or of the one
/// that each namespace has.
fn tried_as<'a>(key: &'a str, survey: &Survey) -> Cow<'a, str> {
    let words: Vec<&str> = key.split('.').collect();
    let ["net", family, kind @ ("conf" | "neigh"), interface, setting] = words[..] else {
        return Cow::Borrowed(key);
    };
    // These are none: what only the host has of them belongs to the whole kernel.
    if survey.fresh.contains_key(key) || ["all", "default"].contains(&interface) {
        return Cow::Borrowed(key);
    }
    ["default", "lo"]
        .map(|other| format!("net.{family}.{kind}.{other}.{setting}"))
        .into_iter()
        .find(|other| survey.fresh.contains_key(other))
        .map_or(Cow::Borrowed(key), Cow::Owned)
}

/// What is to be tried: each key of a line that namespaces have, with the line's value.
pub fn to_try(entries: &[Entry], survey: &Survey) -> Vec<(String, String)> {
    let mut asked = BTreeSet::new();
    for entry in entries {
        if let Meaning::Sets { keys, value, .. } = &entry.meaning {
            let own = |key: &Cow<'_, str>| {
                let found = survey.fresh.get(key.as_ref());
                found.is_some_and(|found| found.writable)
            };
            let keys = keys.iter().map(|key| tried_as(key, survey)).filter(own);
            asked.extend(keys.map(|key| (key.into_owned(), value.clone())));
        }
    }
    asked.into_iter().collect()
}

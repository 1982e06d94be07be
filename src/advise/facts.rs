//! Facts about a key before anything is run: whether this kernel has it, its scope, and whether it accepts
//! the value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::history::{KeyFate, KeyHistory, history_of};
use super::merge::{LineMeaning, MergedLine};
use crate::lab::sysctl_survey::{FoundSysctl, SysctlSurvey, WriteOutcome};

/// A key on this kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyFacts {
    /// The key, written with dots.
    pub key: String,
    /// The part of the system that the key applies to.
    pub scope: KeyScope,
    /// Its removal or renaming, if known.
    pub history: Option<KeyHistory>,
    /// The value on this host.
    pub here: Option<String>,
    /// The value in a fresh namespace.
    pub fresh: Option<String>,
    /// The value in the baseline that labs start from, which the line is compared with.
    pub baseline: Option<String>,
    /// The result of writing the line's value in a namespace of its own; absent if it was not tried.
    pub kept: Option<WriteOutcome>,
    /// The key that was tried instead, for a key of an interface that a fresh namespace does not have.
    pub stand_in: Option<String>,
    /// True if this host has the key but it cannot be written.
    pub read_only: bool,
}

/// The part of the system that a setting applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Each network namespace has its own value.
    Namespace,
    /// The whole kernel: a namespace cannot write it, and nslab does not write settings of the host.
    Kernel,
    /// This kernel does not have the key.
    Missing,
}

impl KeyFacts {
    /// Looks up a key in the survey, or with `beyond` if it is outside `net.`.
    pub fn of(
        key: &str,
        survey: &SysctlSurvey,
        beyond: impl Fn(&str) -> Option<FoundSysctl>,
    ) -> Self {
        let tried = tried_as(key, survey);
        let (here, fresh) = (survey.here.get(key), survey.fresh.get(tried.as_ref()));
        let beyond = if key.starts_with("net.") {
            None
        } else {
            beyond(key)
        };
        let scope = match (fresh, here.or(beyond.as_ref())) {
            (Some(found), _) if found.writable => KeyScope::Namespace,
            (Some(_), _) | (None, Some(_)) => KeyScope::Kernel,
            (None, None) => KeyScope::Missing,
        };
        let found_here = here.or(beyond.as_ref());
        let value = |found: Option<&FoundSysctl>| found.and_then(|found| found.value.clone());
        Self {
            key: key.to_owned(),
            scope,
            history: history_of(key),
            here: value(found_here),
            fresh: value(fresh),
            baseline: value(survey.baseline.get(tried.as_ref())),
            kept: None,
            read_only: found_here.is_some_and(|found| !found.writable)
                && fresh.is_none_or(|found| !found.writable),
            stand_in: (tried != key).then(|| tried.into_owned()),
        }
    }

    /// Returns the reason why the kernel does not accept the line as written, if it does not.
    pub fn refusal(&self) -> Option<String> {
        match (&self.kept, self.scope) {
            (_, KeyScope::Missing) => Some(match &self.history {
                Some(history) => format!("this kernel has no such key; {history}"),
                None if let Some(module) = module(&self.key) => {
                    format!("this kernel has no such key; the module {module} provides it")
                }
                None => "this kernel has no such key".to_owned(),
            }),
            _ if self.read_only => Some("the key is read-only".to_owned()),
            (Some(WriteOutcome::Refused(why)), _) => Some(why.clone()),
            (Some(WriteOutcome::Other(value)), _) => {
                Some(format!("the kernel changes the value to `{value}`"))
            }
            (Some(WriteOutcome::AsWritten) | None, _) => None,
        }
    }

    /// Returns the default value: that of the baseline, because a fresh namespace may copy the value of the
    /// host; or that of the fresh namespace if labs use a different value on purpose.
    pub fn default_value(&self) -> Option<&str> {
        let value = match differs_in_labs(&self.key) {
            true => &self.fresh,
            false => &self.baseline,
        };
        value.as_deref()
    }

    /// Returns true if the kernel has the key but ignores it.
    pub fn is_ignored(&self) -> bool {
        self.history
            .as_ref()
            .is_some_and(|history| history.fate == KeyFate::Ignored)
    }
}

/// Settings whose value in the baseline is not the kernel's default; `lab::baseline` gives the reasons.
const DIFFERENT_IN_LABS: [&str; 3] = [
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
];

/// Returns true if labs start with a value other than the kernel's default.
pub(super) fn differs_in_labs(key: &str) -> bool {
    DIFFERENT_IN_LABS.contains(&key)
}

/// Returns the module that provides a setting, if known (Linux 6.18, `net/bridge/br_netfilter_hooks.c`,
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

/// Returns the key to try. For an interface that a fresh namespace does not have, this is the key of the
/// defaults for new interfaces, or of the loopback interface.
fn tried_as<'a>(key: &'a str, survey: &SysctlSurvey) -> Cow<'a, str> {
    let words: Vec<&str> = key.split('.').collect();
    let ["net", family, kind @ ("conf" | "neigh"), interface, setting] = words[..] else {
        return Cow::Borrowed(key);
    };
    // `all` and `default` are not interfaces: if only the host has the key, it applies to the whole kernel.
    if survey.fresh.contains_key(key) || ["all", "default"].contains(&interface) {
        return Cow::Borrowed(key);
    }
    ["default", "lo"]
        .map(|other| format!("net.{family}.{kind}.{other}.{setting}"))
        .into_iter()
        .find(|other| survey.fresh.contains_key(other))
        .map_or(Cow::Borrowed(key), Cow::Owned)
}

/// Returns the values to try: each key that namespaces have, with the value of its line.
pub fn values_to_try(entries: &[MergedLine], survey: &SysctlSurvey) -> Vec<(String, String)> {
    let mut pairs = BTreeSet::new();
    for entry in entries {
        if let LineMeaning::Sets { keys, value, .. } = &entry.meaning {
            let own = |key: &Cow<'_, str>| {
                let found = survey.fresh.get(key.as_ref());
                found.is_some_and(|found| found.writable)
            };
            let keys = keys.iter().map(|key| tried_as(key, survey)).filter(own);
            pairs.extend(keys.map(|key| (key.into_owned(), value.clone())));
        }
    }
    pairs.into_iter().collect()
}

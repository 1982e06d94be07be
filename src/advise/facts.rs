//! Facts about a key before anything is run: whether this kernel has it, its scope, its history, and the values
//! that it has in the reference, by default and on this host.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::merge::{LineMeaning, MergedLine};
use super::reference::{Reference, stock};
use crate::lab::sysctl_survey::{FoundSysctl, OrderedWrites, SysctlSurvey, WriteAttempt};
use crate::sysctls::{self, Fate, Setting, SettingScope};

/// A key on this kernel, and what it did with the line's value.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyFacts {
    /// The key, written with dots.
    pub key: String,
    /// The value of the line.
    pub written: String,
    /// The part of the system that the key applies to.
    pub scope: KeyScope,
    /// The entry of the catalogue, if it has one.
    pub setting: Option<&'static Setting>,
    /// The value on this host.
    pub here: Option<String>,
    /// The kernel's own default; absent if it is not known.
    pub default: Option<String>,
    /// The value in the reference.
    pub reference: Option<String>,
    /// The place of the reference's value, as in `on this host`.
    pub place: String,
    /// True if the namespace in which the value was tried began with the reference's value.
    pub began_as_reference: bool,
    /// The attempt to write the value after the lines before it; absent if it was not tried.
    pub attempt: Option<WriteAttempt>,
    /// The line that gives the key another value again, by its position.
    pub reset_by: Option<usize>,
    /// The key that was tried instead, for a key of an interface that a fresh namespace does not have.
    pub stand_in: Option<String>,
    /// True if this host has the key but it cannot be written.
    pub read_only: bool,
    /// True if this kernel has the key and ignores it.
    pub ignored: bool,
    /// The key that was probably meant, if this kernel lacks the key.
    pub meant: Option<String>,
    /// The module that provides the key, if it is known and not loaded.
    pub module: Option<&'static str>,
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
        written: &str,
        survey: &SysctlSurvey,
        reference: &Reference,
        beyond: impl Fn(&str) -> Option<FoundSysctl>,
    ) -> Self {
        let tried = tried_as(key, survey);
        let (here, fresh) = (survey.here.get(key), survey.fresh.get(tried.as_ref()));
        let beyond = if key.starts_with("net.") {
            None
        } else {
            beyond(key)
        };
        let found_here = here.or(beyond.as_ref());
        let setting = sysctls::find(key);
        let of_kernel = setting.is_some_and(|setting| setting.scope == SettingScope::Host);
        let scope = match (fresh, found_here) {
            (Some(found), _) if found.writable && !of_kernel => KeyScope::Namespace,
            (Some(_), _) | (None, Some(_)) => KeyScope::Kernel,
            (None, None) => KeyScope::Missing,
        };
        let value = |found: Option<&FoundSysctl>| found.and_then(|found| found.value.clone());
        let here = value(found_here);
        let of_reference = reference.value(key).map(str::to_owned);
        Self {
            key: key.to_owned(),
            written: written.to_owned(),
            scope,
            setting,
            default: stock(key, survey),
            // The survey has the network's settings only.
            reference: match beyond {
                Some(_) if reference.place == "on this host" => here.clone(),
                _ => of_reference,
            },
            here,
            place: reference.place_of(key).to_owned(),
            began_as_reference: false,
            attempt: None,
            reset_by: None,
            meant: None,
            module: module(key, survey),
            read_only: found_here.is_some_and(|found| !found.writable)
                && fresh.is_none_or(|found| !found.writable),
            stand_in: (tried != key).then(|| tried.into_owned()),
            ignored: setting.is_some_and(|setting| match setting.fate {
                Fate::Idle(since) => survey.machine.is_none_or(|machine| machine.kernel >= since),
                Fate::Current | Fate::Gone(_) | Fate::Foreign => false,
            }),
        }
    }

    /// Returns true if the setting applies to the whole kernel, and that kernel is not the user's to change.
    pub fn is_beyond_trial(&self) -> bool {
        self.scope == KeyScope::Kernel && self.attempt.is_none()
    }

    /// Adds what the kernel did with the value.
    pub(super) fn tried(self, line: usize, trials: &ValueTrials) -> Self {
        let tried = self.stand_in.as_ref().unwrap_or(&self.key);
        let start = trials.start.get(tried).filter(|_| self.stand_in.is_none());
        let attempt = trials.attempts.get(&(line, tried.clone())).cloned();
        let reset_by = trials.resets.get(&(line, tried.clone())).copied();
        Self {
            began_as_reference: start.is_some() && start == self.reference.as_ref(),
            attempt,
            reset_by,
            ..self
        }
    }
}

/// Returns the module that provides a key, if it is known and this kernel has none of its keys (Linux 6.18,
/// `net/bridge/br_netfilter_hooks.c`, `net/netfilter/nf_conntrack_standalone.c`, `net/netfilter/ipvs/ip_vs_ctl.c`).
fn module(key: &str, survey: &SysctlSurvey) -> Option<&'static str> {
    let modules = [
        ("net.bridge.", "br_netfilter"),
        ("net.netfilter.nf_conntrack_", "nf_conntrack"),
        ("net.nf_conntrack_max", "nf_conntrack"),
        ("net.ipv4.vs.", "ip_vs"),
    ];
    let (start, module) = modules
        .into_iter()
        .find(|(start, _)| key.starts_with(start))?;
    let is_loaded = survey.here.keys().any(|known| known.starts_with(start));
    (!is_loaded).then_some(module)
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

/// Returns true if a namespace can have the setting, or if the whole kernel can, which nobody else uses.
pub(super) fn can_be_tried(key: &str, survey: &SysctlSurvey, owns_kernel: bool) -> bool {
    let writable = |found: Option<&FoundSysctl>| found.is_some_and(|found| found.writable);
    writable(survey.fresh.get(key)) || (owns_kernel && writable(survey.here.get(key)))
}

/// A value to write in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueToTry {
    /// Position of the line.
    pub line: usize,
    /// The key to write.
    pub key: String,
    /// The value as written.
    pub value: String,
}

/// Returns the values to try, in the order of the lines: each key that namespaces have, with the value of its
/// line.
pub fn values_to_try(
    entries: &[MergedLine],
    survey: &SysctlSurvey,
    owns_kernel: bool,
) -> Vec<ValueToTry> {
    let mut all = Vec::new();
    for (line, entry) in entries.iter().enumerate() {
        let LineMeaning::Sets { keys, value, .. } = &entry.meaning else {
            continue;
        };
        let own = |key: &Cow<'_, str>| can_be_tried(key, survey, owns_kernel);
        let keys = keys.iter().map(|key| tried_as(key, survey)).filter(own);
        all.extend(keys.map(|key| ValueToTry {
            line,
            key: key.into_owned(),
            value: value.clone(),
        }));
    }
    all
}

/// The fate of each value that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueTrials {
    start: BTreeMap<String, String>,
    attempts: BTreeMap<(usize, String), WriteAttempt>,
    resets: BTreeMap<(usize, String), usize>,
}

impl ValueTrials {
    /// Sorts the attempts by line and key.
    pub fn of(tried: &[ValueToTry], writes: OrderedWrites) -> Self {
        let mut trials = Self {
            start: writes.start,
            ..Self::default()
        };
        for (value, attempt) in tried.iter().zip(writes.attempts) {
            let Some(attempt) = attempt else { continue };
            let place = (value.line, value.key.clone());
            let by = attempt.reset.as_ref().and_then(|reset| tried.get(reset.by));
            // A line with a pattern may set a key and the one that resets it; then its own order decides.
            if let Some(by) = by.filter(|by| by.line != value.line) {
                trials.resets.insert(place.clone(), by.line);
            }
            trials.attempts.insert(place, attempt);
        }
        trials
    }
}

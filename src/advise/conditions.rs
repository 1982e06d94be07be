//! The modes of the user's host, which hold on both sides of a comparison. Pure.
//!
//! A scenario sets some of them otherwise for its own claim: without SYN cookies, `tcp_max_syn_backlog` bounds
//! a queue. A user whose host has cookies wants to know what a line does there. Sizes that a scenario sets are
//! for scale, and stay.

use std::collections::BTreeMap;

use super::advice::LineAdvice;
use super::facts::KeyFacts;
use super::reference::{Reference, same_value, stock};
use crate::lab::sysctl_survey::SysctlSurvey;
use crate::sysctls::{self, About, Fate, Setting, SettingScope};

/// A mode with the value that the user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The key, written with dots.
    pub key: String,
    /// The value: that of the file, else that of the reference.
    pub value: String,
    /// True if labs start with another value although somebody chose this one: the file has it, or the
    /// reference is not as the kernel would be by itself.
    pub unlike_labs: bool,
    /// Position of the line that sets it; `None` if the reference has it.
    pub line: Option<usize>,
}

impl Condition {
    /// Returns true if a scenario that sets the key to these values needs the user's value.
    pub(super) fn is_needed<'a>(&self, values: impl Iterator<Item = &'a str>) -> bool {
        let mut values = values.peekable();
        match values.peek() {
            None => self.unlike_labs,
            Some(_) => values.any(|value| !same_value(value, &self.value)),
        }
    }
}

/// Returns the modes that a namespace has, with the user's values.
pub fn conditions(
    lines: &[LineAdvice],
    survey: &SysctlSurvey,
    reference: &Reference,
) -> Vec<Condition> {
    let mut of_file: BTreeMap<&str, (usize, &KeyFacts)> = BTreeMap::new();
    for (position, line) in lines.iter().enumerate() {
        for key in &line.facts {
            if key.refusal().is_none() && key.not_tried().is_none() && key.reset_by.is_none() {
                of_file.insert(&key.key, (position, key));
            }
        }
    }
    let modes = sysctls::all().filter(|setting| is_condition(setting));
    let condition = |setting: &'static Setting| {
        let key = setting.key;
        survey.fresh.get(key).filter(|found| found.writable)?;
        let line = of_file.get(key);
        let written = line.map(|(_, key)| key.effective());
        let value = written.or_else(|| reference.value(key))?;
        let in_labs = survey
            .baseline
            .get(key)
            .and_then(|found| found.value.as_deref());
        let is = |other: Option<&str>| other.is_some_and(|other| same_value(other, value));
        let chosen = written.is_some() || !is(stock(key, survey).as_deref());
        Some(Condition {
            key: key.to_owned(),
            value: value.to_owned(),
            unlike_labs: chosen && !is(in_labs),
            line: line.map(|(position, _)| *position),
        })
    };
    modes.filter_map(condition).collect()
}

/// Returns true for a mode that decides how connections work. The role of a node and the settings of its
/// interfaces belong to the scenario's topology.
fn is_condition(setting: &Setting) -> bool {
    setting.is_mode()
        && setting.fate == Fate::Current
        && setting.scope == SettingScope::Namespace
        && !setting.key.contains('*')
        && matches!(
            setting.about,
            Some(About::Speed | About::Limits | About::Security)
        )
}

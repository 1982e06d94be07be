//! Combines each line with the facts about its keys, and picks the settings worth a comparison. Pure: the
//! kernel was examined before.

use super::advice::LineAdvice;
use super::facts::{KeyFacts, KeyScope, ValueTrials};
use super::merge::{LineMeaning, MergedLine};
use super::name::Name;
use super::plan::Assignment;
use super::reference::{Reference, same_value};
use crate::lab::sysctl_survey::{FoundSysctl, SysctlSurvey};
use crate::sysctls;

/// Missing keys for which a similar key is looked for. It costs a comparison with every key of the catalogue, and a
/// file
/// with more is not a file with typing errors.
const GUESSES: usize = 200;

/// Combines lines and facts. `trials` holds what the kernel did with the values of [`super::values_to_try`];
/// `beyond` looks up settings outside `net.`.
pub fn assess(
    entries: Vec<MergedLine>,
    survey: &SysctlSurvey,
    reference: &Reference,
    trials: &ValueTrials,
    beyond: impl Fn(&str) -> Option<FoundSysctl>,
) -> Vec<LineAdvice> {
    let mut guesses = GUESSES;
    let line = |(index, entry): (usize, MergedLine)| {
        let facts = match &entry.meaning {
            LineMeaning::Sets { keys, value, .. } => {
                let of_key = |key: &String| {
                    let facts = KeyFacts::of(key, value, survey, reference, &beyond);
                    let mut facts = facts.tried(index, trials);
                    if facts.scope == KeyScope::Missing && guesses > 0 {
                        guesses -= 1;
                        facts.meant = sysctls::suggestion(key).or_else(|| {
                            let lower = key.to_lowercase();
                            let of_lower = KeyFacts::of(&lower, value, survey, reference, &beyond);
                            (of_lower.scope != KeyScope::Missing).then_some(lower)
                        });
                    }
                    facts
                };
                keys.iter().map(of_key).collect()
            }
            LineMeaning::Wrong(_) | LineMeaning::Excludes | LineMeaning::Overridden { .. } => {
                Vec::new()
            }
        };
        LineAdvice {
            entry,
            facts,
            not_run: Vec::new(),
            cut_short: false,
            too_short: Vec::new(),
            experiments: Vec::new(),
            allowed: false,
            out_of_scope: false,
        }
    };
    entries.into_iter().enumerate().map(line).collect()
}

/// The folders below `/proc/sys` (Linux 6.18).
pub(crate) const SUBSYSTEMS: [&str; 10] = [
    "abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm",
];

/// Marks the lines that a gate leaves out: those whose key `allow` names, and those of other subsystems than
/// `only`.
pub fn exempt(lines: &mut [LineAdvice], allow: &[Name], only: Option<&str>) {
    for line in lines {
        let subsystem = subsystem(&line.entry.text);
        line.out_of_scope = subsystem.is_some() && only.is_some() && subsystem != only;
        if let LineMeaning::Sets { name, .. } = &line.entry.meaning {
            line.allowed = allow
                .iter()
                .any(|each| each == name || each.matches(name.as_str()));
        }
    }
}

/// Returns the subsystem that the key of a line begins with; `None` if it begins with none of them.
fn subsystem(text: &str) -> Option<&'static str> {
    let key = text.trim_start_matches(['-', '/', ' ']);
    let first = key.split(['.', '/']).next().unwrap_or_default();
    SUBSYSTEMS.into_iter().find(|subsystem| *subsystem == first)
}

/// Returns the settings worth a comparison: a namespace has the reference's value and accepts the line's, and
/// the two differ. With `owns_kernel`, settings of the whole kernel are among them.
pub fn assignments(lines: &[LineAdvice], owns_kernel: bool) -> Vec<Assignment> {
    let of_line = |(index, line): (usize, &LineAdvice)| {
        let skipped = line.out_of_scope || line.is_already_so();
        let of_key = move |key: &KeyFacts| {
            let can_be_set = match key.scope {
                KeyScope::Namespace => key.began_as_reference,
                KeyScope::Kernel => owns_kernel && !key.read_only,
                KeyScope::Missing => false,
            };
            let runs = can_be_set
                && key.refusal().is_none()
                && key.not_tried().is_none()
                && key.reset_by.is_none();
            let against = key.reference.clone().filter(|_| runs && !skipped)?;
            (!same_value(&against, key.effective())).then(|| Assignment {
                line: index,
                key: as_of_an_interface(&key.key),
                value: key.effective().to_owned(),
                against,
                ignored: key.ignored,
            })
        };
        line.facts.iter().filter_map(of_key).collect::<Vec<_>>()
    };
    lines.iter().enumerate().flat_map(of_line).collect()
}

/// Returns the key of an interface for that of the defaults of new interfaces: the interfaces of a lab exist before its
/// settings, and those of a host come after them.
fn as_of_an_interface(key: &str) -> String {
    match key.split('.').collect::<Vec<_>>()[..] {
        ["net", family @ ("ipv4" | "ipv6"), "conf", "default", name] => {
            format!("net.{family}.conf.eth0.{name}")
        }
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests;

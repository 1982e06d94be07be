//! Merges files: decides which line sets which key in the end. Pure.
//!
//! The rules are those of systemd-sysctl(8), see sysctl.d(5). If two lines have the same key, the later one
//! wins. A pattern sets every key that matches, except keys that another line names exactly, and keys that
//! `-key` excludes.

use std::collections::{BTreeMap, BTreeSet};

use super::name::Name;
use super::text::{LineError, Statement, SysctlLine, read};

/// The text of a sysctl file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlSource {
    /// The path, or a name for people.
    pub label: String,
    /// The whole text.
    pub text: String,
}

/// The place of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinePlace {
    /// Label of the file.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
}

impl std::fmt::Display for LinePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line, merged with all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedLine {
    /// The place in its file.
    pub place: LinePlace,
    /// The text as written.
    pub text: String,
    /// The effect among all lines.
    pub meaning: LineMeaning,
}

/// The effect of a line among all lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineMeaning {
    /// Invalid: sysctl skips it.
    Wrong(LineError),
    /// Excludes keys from patterns.
    Excludes,
    /// Sets keys.
    Sets {
        /// The key, or a pattern of keys.
        name: Name,
        /// The value as written.
        value: String,
        /// True if failure does not matter (`-key = value`).
        may_fail: bool,
        /// The keys that it sets in the end; for a pattern, those that match.
        keys: Vec<String>,
    },
    /// A later line sets the same key or pattern.
    Overridden {
        /// The later line.
        by: LinePlace,
        /// The key, or a pattern of keys.
        name: Name,
        /// The value as written.
        value: String,
        /// True if failure does not matter (`-key = value`).
        may_fail: bool,
    },
}

/// Merges files in their order. `known` are the keys that patterns may match.
pub fn merge(sources: &[SysctlSource], known: &[String]) -> Vec<MergedLine> {
    let lines: Vec<(LinePlace, SysctlLine)> = sources
        .iter()
        .flat_map(|source| {
            read(&source.text).into_iter().map(|line| {
                let place = LinePlace {
                    file: source.label.clone(),
                    line: line.number,
                };
                (place, line)
            })
        })
        .collect();
    let mut last: BTreeMap<&Name, usize> = BTreeMap::new();
    let mut excluded: Vec<&Name> = Vec::new();
    for (index, (_, line)) in lines.iter().enumerate() {
        match &line.statement {
            Ok(Statement::Set { name, .. }) => {
                last.insert(name, index);
            }
            Ok(Statement::Exclude(name)) => excluded.push(name),
            Err(_) => {}
        }
    }
    let owners = owners(&last, &excluded, known);
    let entry = |(index, (place, line)): (usize, &(LinePlace, SysctlLine))| {
        let meaning = match &line.statement {
            Err(error) => LineMeaning::Wrong(error.clone()),
            Ok(Statement::Exclude(_)) => LineMeaning::Excludes,
            Ok(Statement::Set {
                name,
                value,
                may_fail,
            }) if last.get(name) != Some(&index) => LineMeaning::Overridden {
                by: lines[last.get(name).copied().unwrap_or(index)].0.clone(),
                name: name.clone(),
                value: value.clone(),
                may_fail: *may_fail,
            },
            Ok(Statement::Set {
                name,
                value,
                may_fail,
            }) => LineMeaning::Sets {
                name: name.clone(),
                value: value.clone(),
                may_fail: *may_fail,
                keys: match owners.get(&index) {
                    Some(keys) => keys.clone(),
                    None if name.is_pattern() => Vec::new(),
                    None => vec![name.as_str().to_owned()],
                },
            },
        };
        MergedLine {
            place: place.clone(),
            text: line.text.clone(),
            meaning,
        }
    };
    lines.iter().enumerate().map(entry).collect()
}

/// Returns the keys of each line with a pattern: not named by another line, not excluded, not matched by a
/// later pattern.
fn owners(
    last: &BTreeMap<&Name, usize>,
    excluded: &[&Name],
    known: &[String],
) -> BTreeMap<usize, Vec<String>> {
    let patterns: Vec<(&Name, usize)> = last
        .iter()
        .filter(|(name, _)| name.is_pattern())
        .map(|(name, index)| (*name, *index))
        .collect();
    let mut owners: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    if patterns.is_empty() {
        return owners;
    }
    let named: BTreeSet<&str> = last
        .keys()
        .filter(|name| !name.is_pattern())
        .map(|name| name.as_str())
        .collect();
    let excluded_or_named =
        |key: &str| named.contains(key) || excluded.iter().any(|name| name.matches(key));
    for key in known {
        let taken = patterns.iter().filter(|(name, _)| name.matches(key));
        let owner = taken.map(|(_, index)| *index).max();
        if let Some(owner) = owner.filter(|_| !excluded_or_named(key)) {
            owners.entry(owner).or_default().push(key.clone());
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<SysctlSource> = texts
            .iter()
            .map(|(label, text)| SysctlSource {
                label: (*label).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let known =
            ["all", "default", "lo", "eth0"].map(|name| format!("net.ipv4.conf.{name}.rp_filter"));
        let shown = |entry: MergedLine| match entry.meaning {
            LineMeaning::Wrong(error) => format!("{}: {error}", entry.place),
            LineMeaning::Excludes => format!("{} excludes", entry.place),
            LineMeaning::Overridden { by, .. } => format!("{} by {by}", entry.place),
            LineMeaning::Sets { value, keys, .. } => {
                let short: Vec<&str> = keys
                    .iter()
                    .map(|key| key.split('.').nth(3).unwrap_or(key))
                    .collect();
                format!("{} {} = {value}", entry.place, short.join(","))
            }
        };
        merge(&sources, &known).into_iter().map(shown).collect()
    }

    #[test]
    fn the_later_of_two_lines_wins_even_across_files() {
        assert_eq!(
            merged(&[
                ("a", "net.core.somaxconn=1\nnet/core/somaxconn=2"),
                ("b", "net.core.somaxconn=3")
            ]),
            ["a:1 by b:1", "a:2 by b:1", "b:1 net.core.somaxconn = 3"]
        );
    }

    #[test]
    fn patterns_skip_keys_that_are_named_or_excluded() {
        assert_eq!(
            merged(&[(
                "a",
                "net.ipv4.conf.eth0.rp_filter=0\nnet.ipv4.conf.*.rp_filter=2\n-net.ipv4.conf.lo.rp_filter"
            )]),
            ["a:1 eth0 = 0", "a:2 all,default = 2", "a:3 excludes"]
        );
        assert_eq!(
            merged(&[(
                "a",
                "net.ipv4.conf.*.rp_filter=2\nnet.ipv4.conf.[ad]*.rp_filter=1\nnet.x.* = 1"
            )]),
            [
                "a:1 eth0,lo = 2".replace("eth0,lo", "lo,eth0"),
                "a:2 all,default = 1".to_owned(),
                "a:3  = 1".to_owned()
            ]
        );
    }
}

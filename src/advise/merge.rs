//! What several files come to: which line sets which key in the end. Pure.
//!
//! As systemd-sysctl(8) has it (sysctl.d(5)): of two lines with the same key the later holds; a pattern sets every key that matches,
//! but for keys that a line names outright, wherever it stands, and keys that `-key` keeps out.

use std::collections::{BTreeMap, BTreeSet};

use super::name::Name;
use super::text::{Line, LineError, Said, read};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is called.
    pub label: String,
    /// Its text.
    pub text: String,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinePlace {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl std::fmt::Display for LinePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: LinePlace,
    /// As written.
    pub text: String,
    /// What it comes to.
    pub meaning: Meaning,
}

/// What a line comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: sysctl skips it.
    Wrong(LineError),
    /// It keeps keys out of patterns.
    Excludes,
    /// It sets keys.
    Sets {
        /// The key or pattern.
        name: Name,
        /// The value.
        value: String,
        /// Whether failure is no matter.
        may_fail: bool,
        /// The keys that it sets in the end: of a pattern those that match.
        keys: Vec<String>,
    },
    /// A later line, or one that names the key outright, takes its place.
    Overridden(LinePlace),
}

/// Puts files together, in their order. `known` are the keys that patterns may match.
pub fn merge(sources: &[Source], known: &[String]) -> Vec<Entry> {
    let lines: Vec<(LinePlace, Line)> = sources
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
        match &line.said {
            Ok(Said::Set { name, .. }) => {
                last.insert(name, index);
            }
            Ok(Said::Exclude(name)) => excluded.push(name),
            Err(_) => {}
        }
    }
    let owners = owners(&last, &excluded, known);
    let entry = |(index, (place, line)): (usize, &(LinePlace, Line))| {
        let meaning = match &line.said {
            Err(error) => Meaning::Wrong(error.clone()),
            Ok(Said::Exclude(_)) => Meaning::Excludes,
            Ok(Said::Set { name, .. }) if last.get(name) != Some(&index) => {
                let holds = last.get(name).copied().unwrap_or(index);
                Meaning::Overridden(lines[holds].0.clone())
            }
            Ok(Said::Set {
                name,
                value,
                may_fail,
            }) => Meaning::Sets {
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
        Entry {
            place: place.clone(),
            text: line.text.clone(),
            meaning,
        }
    };
    lines.iter().enumerate().map(entry).collect()
}

/// The keys of each line with a pattern: those that no line names, nothing keeps out, and no later pattern takes.
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
    let kept_out = |key: &str| named.contains(key) || excluded.iter().any(|name| name.matches(key));
    for key in known {
        let taken = patterns.iter().filter(|(name, _)| name.matches(key));
        let owner = taken.map(|(_, index)| *index).max();
        if let Some(owner) = owner.filter(|_| !kept_out(key)) {
            owners.entry(owner).or_default().push(key.clone());
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = texts
            .iter()
            .map(|(label, text)| Source {
                label: (*label).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let known =
            ["all", "default", "lo", "eth0"].map(|name| format!("net.ipv4.conf.{name}.rp_filter"));
        let shown = |entry: Entry| match entry.meaning {
            Meaning::Wrong(error) => format!("{}: {error}", entry.place),
            Meaning::Excludes => format!("{} keeps out", entry.place),
            Meaning::Overridden(by) => format!("{} by {by}", entry.place),
            Meaning::Sets { value, keys, .. } => {
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
    fn the_later_of_two_lines_holds_also_across_files() {
        assert_eq!(
            merged(&[
                ("a", "net.core.somaxconn=1\nnet/core/somaxconn=2"),
                ("b", "net.core.somaxconn=3")
            ]),
            ["a:1 by b:1", "a:2 by b:1", "b:1 net.core.somaxconn = 3"]
        );
    }

    #[test]
    fn patterns_leave_out_what_is_named_and_what_is_kept_out() {
        assert_eq!(
            merged(&[(
                "a",
                "net.ipv4.conf.eth0.rp_filter=0\nnet.ipv4.conf.*.rp_filter=2\n-net.ipv4.conf.lo.rp_filter"
            )]),
            ["a:1 eth0 = 0", "a:2 all,default = 2", "a:3 keeps out"]
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

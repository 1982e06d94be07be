//! Compares the environments of two recordings: kernel, machine, settings and offered load.

use std::collections::BTreeSet;

use super::Pair;
use crate::record::{Built, Environment, LoadReport};
use crate::suite::RunResult;

/// Rates within this share are the same load; an engine on a quiet machine keeps within 0.1 %.
const SAME_RATE: f64 = 0.01;

/// A difference between environments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnvironmentChange {
    /// The property that differs: `kernel`, `processors`.
    pub what: String,
    pub value: Pair<String>,
}

/// A sysctl of a node that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SysctlChange {
    pub node: String,
    /// The key in its spelling with dots.
    pub key: String,
    /// Its value, if it was pinned or set.
    pub value: Pair<Option<String>>,
}

/// A client whose offered or achieved load differs.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LoadChange {
    pub client: String,
    /// Attempts that were started.
    pub started: Pair<Option<u64>>,
    /// Offered rate per second.
    pub offered: Pair<Option<f64>>,
    /// Achieved rate per second.
    pub achieved: Pair<Option<f64>>,
}

/// Compares what both environments recorded.
pub(super) fn environment(both: Pair<&RunResult>) -> Vec<EnvironmentChange> {
    let mut found = Vec::new();
    let mut compare = |what: &str, a: String, b: String| {
        if a != b {
            found.push(EnvironmentChange {
                what: what.to_owned(),
                value: Pair { a, b },
            });
        }
    };
    if let (Some(a), Some(b)) = (&both.a.timeline.environment, &both.b.timeline.environment) {
        for (what, of) in FACTS {
            compare(what, of(a), of(b));
        }
        for (key, value) in &a.kernel_sysctls {
            // `own kernel` already shows that only one side could set it.
            if let Some(other) = b.kernel_sysctls.get(key) {
                compare(key, value.clone(), other.clone());
            }
        }
    }
    if let (Some(a), Some(b)) = (&both.a.timeline.built, &both.b.timeline.built) {
        compare("emulated", emulated(a), emulated(b));
        compare("conntrack room", rooms(a), rooms(b));
    }
    found
}

/// A fact about an environment, as text.
type Fact = fn(&Environment) -> String;

const FACTS: [(&str, Fact); 10] = [
    ("kernel", |of| of.kernel_release.clone()),
    ("kernel build", |of| of.kernel_build.clone()),
    ("machine", |of| of.machine.clone()),
    ("processors", |of| of.processors.to_string()),
    ("memory", |of| format!("{} MiB", of.memory >> 20)),
    ("privileges", |of| {
        format!("{:?}", of.privileges).to_lowercase()
    }),
    ("own kernel", |of| yes(of.owns_kernel)),
    ("virtual time", |of| yes(of.virtual_time)),
    ("nslab", |of| of.nslab.clone()),
    ("seed", |of| of.seed.to_string()),
];

fn yes(fact: bool) -> String {
    if fact { "yes" } else { "no" }.to_owned()
}

fn emulated(built: &Built) -> String {
    let sentences = built.emulated.iter().flat_map(|(node, sentences)| {
        sentences
            .iter()
            .map(move |sentence| format!("{node}: {sentence}"))
    });
    or_nothing(sentences.collect())
}

fn rooms(built: &Built) -> String {
    let rooms = built.conntrack_room.iter().map(|(node, room)| {
        let (room, max, filled) = (room.room, room.max, room.filled);
        format!("{node}: {room} of {max}, {filled} filled")
    });
    or_nothing(rooms.collect())
}

fn or_nothing(parts: Vec<String>) -> String {
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join("; ")
    }
}

/// Returns the sysctls that differ, by node and key.
pub(super) fn sysctls(both: Pair<&RunResult>) -> Vec<SysctlChange> {
    let (Some(a), Some(b)) = (&both.a.timeline.environment, &both.b.timeline.environment) else {
        return Vec::new();
    };
    let keys: BTreeSet<(&String, &String)> = [a, b]
        .into_iter()
        .flat_map(|environment| &environment.sysctls)
        .flat_map(|(node, keys)| keys.keys().map(move |key| (node, key)))
        .collect();
    let value = |of: &Environment, node, key| of.sysctls.get(node)?.get(key).cloned();
    keys.into_iter()
        .map(|(node, key)| SysctlChange {
            node: node.clone(),
            key: key.clone(),
            value: Pair {
                a: value(a, node, key),
                b: value(b, node, key),
            },
        })
        .filter(|change| !change.value.is_same())
        .collect()
}

/// Returns the loads that differ, in the order of the first side.
pub(super) fn loads(both: Pair<&RunResult>) -> Vec<LoadChange> {
    let (a, b) = (&both.a.timeline.loads, &both.b.timeline.loads);
    let only_b = b
        .iter()
        .filter(|load| !a.iter().any(|other| other.client == load.client));
    a.iter()
        .chain(only_b)
        .map(|load| {
            let of = |loads: &[LoadReport]| {
                let found = loads.iter().find(|other| other.client == load.client);
                found.cloned()
            };
            Pair { a: of(a), b: of(b) }
        })
        .filter(is_different)
        .map(|load| LoadChange {
            client: load
                .a
                .as_ref()
                .or(load.b.as_ref())
                .map_or_else(String::new, |load| load.client.to_string()),
            started: of_both(&load, |load| load.started),
            offered: of_both(&load, |load| load.offered_rate),
            achieved: of_both(&load, |load| load.achieved_rate),
        })
        .collect()
}

fn of_both<T>(load: &Pair<Option<LoadReport>>, of: fn(&LoadReport) -> T) -> Pair<Option<T>> {
    Pair {
        a: load.a.as_ref().map(of),
        b: load.b.as_ref().map(of),
    }
}

fn is_different(load: &Pair<Option<LoadReport>>) -> bool {
    let (Some(a), Some(b)) = (&load.a, &load.b) else {
        return true;
    };
    // The rate of a closed loop is measured, not offered.
    let apart = |a: f64, b: f64| (a - b).abs() > SAME_RATE * a.abs().max(b.abs());
    a.started != b.started
        || a.open_loop != b.open_loop
        || apart(a.offered_rate, b.offered_rate) && a.open_loop
        || apart(a.achieved_rate, b.achieved_rate)
}

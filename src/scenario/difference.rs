//! The differences between two runs in lab and load. Without any, both runs ask the same question.
//!
//! Names, descriptions, bookmarks, places in files and expectations do not count, and neither do the time limit and the
//! watching time, which follow from the expectations. Parameters count by the values that they are used for.

use serde_json::{Map, Value};

use super::model::RunSpec;

/// Fields of a run that are not part of its question.
const NOT_COMPARED: [&str; 8] = [
    "id",
    "params",
    "expect",
    "moments",
    "timeout",
    "watch_until",
    "exclusive",
    "quiet",
];
/// A field of many parts: the place in the scenario file.
const PLACE: &str = "place";
/// Fields that identify an item of a list.
const NAMES: [&str; 2] = ["name", "key"];

/// A difference between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path of the field: `topology.nodes.server.sysctls.net.core.somaxconn.value`.
    pub what: String,
    /// The first run's value; `None` if it has none.
    pub left: Option<String>,
    /// The second run's value; `None` if it has none.
    pub right: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        let (left, right) = (shown(&self.left), shown(&self.right));
        write!(f, "{}: {left} -> {right}", self.what)
    }
}

/// Returns all differences between two runs, in the order of the model.
pub fn differences(left: &RunSpec, right: &RunSpec) -> Vec<Difference> {
    let question = |run: &RunSpec| {
        let mut value = serde_json::to_value(run).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            fields.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
        }
        remove_places(&mut value);
        value
    };
    let mut found = Vec::new();
    compare(
        String::new(),
        Some(&question(left)),
        Some(&question(right)),
        &mut found,
    );
    found
}

fn remove_places(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != PLACE);
            fields.values_mut().for_each(remove_places);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_places),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compare(what: String, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<Difference>) {
    if left == right {
        return;
    }
    match (left.and_then(parts), right.and_then(parts)) {
        (Some(left), Some(right)) => {
            let names = left
                .keys()
                .chain(right.keys().filter(|name| !left.contains_key(*name)));
            for name in names {
                let what = match what.as_str() {
                    "" => name.clone(),
                    whole => format!("{whole}.{name}"),
                };
                compare(what, left.get(name), right.get(name), found);
            }
        }
        _ => found.push(Difference {
            what,
            left: left.map(shown),
            right: right.map(shown),
        }),
    }
}

/// Returns the named parts of a value that has any. The items of a list go by their names if each has its
/// own, else by their numbers.
fn parts(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::Array(items) => {
            let name = |item: &Value| {
                let name = NAMES.iter().find_map(|name| item.get(name)?.as_str());
                name.map(str::to_owned)
            };
            let named: Option<Map<String, Value>> = items
                .iter()
                .map(|item| Some((name(item)?, item.clone())))
                .collect();
            let numbered = || {
                let numbers = (0..).map(|number: usize| number.to_string());
                numbers.zip(items.iter().cloned()).collect()
            };
            named
                .filter(|named| named.len() == items.len())
                .or_else(|| Some(numbered()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.contains_key("value") => shown(&fields["value"]),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const TEXT: &str = "
nodes: { client: {}, server: { sysctls: { net.core.somaxconn: 10 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
params: { most: 5 }
clients: { load: { node: client, to: web, connect: { rate: 10/s, count: 5 } } }
expect: [ load.established == $most ]
";

    fn changes(change: impl Fn(&str) -> String) -> Vec<String> {
        let run = |text: &str| {
            let scenario = super::super::parse("a.yaml", text, &BTreeMap::new()).unwrap();
            scenario.runs[0].clone()
        };
        let found = differences(&run(TEXT), &run(&change(TEXT)));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn expectations_and_descriptions_do_not_count() {
        let changed = changes(|text| {
            let text = text
                .replace("== $most", "<= $most within 3s")
                .replace("most: 5", "most: 7");
            format!("# one more line\nname: other\ntitle: Other\n{text}")
        });
        assert_eq!(changed, [""; 0]);
    }

    #[test]
    fn lab_and_load_count_and_are_named() {
        let changed = changes(|text| {
            text.replace("somaxconn: 10", "somaxconn: 11")
                .replace("count: 5", "count: 6")
                .replace("web: {", "web: { backlog: 9,")
                .replace(
                    "client: {}",
                    "client: { sysctls: { net.ipv4.tcp_tw_reuse: 0 } }",
                )
        });
        assert_eq!(
            changed,
            [
                "topology.nodes.client.sysctls.net.ipv4.tcp_tw_reuse: nothing -> 0",
                "topology.nodes.server.sysctls.net.core.somaxconn.value: 10 -> 11",
                "workload.servers.web.backlog: 4096 -> 9",
                "workload.clients.load.load.Connect.schedule.count: 5 -> 6",
            ]
        );
    }
}

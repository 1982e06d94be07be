//! Overlays one tree on another: a variant on the document.
//!
//! Mappings are merged, lists and single values are replaced, and `~` removes. The document's expectations
//! stay, and the variant's are added. Of keys that exclude each other, such as `connect` and `hold` of a
//! client, the overlay's wins.

use super::document::LOADS;
use super::node::{MappingEntry, Node, NodeKind};

/// A set of keys of which only one may be present. `*` stands for any name.
struct Exclusive {
    path: &'static [&'static str],
    keys: &'static [&'static str],
}

/// The alternatives in the format.
const EXCLUSIVE: [Exclusive; 7] = [
    Exclusive {
        path: &["clients", "*"],
        keys: &LOADS,
    },
    Exclusive {
        path: &["clients", "*", "connect"],
        keys: &["for", "count"],
    },
    Exclusive {
        path: &["clients", "*", "ramp"],
        keys: &["for", "count"],
    },
    Exclusive {
        path: &["clients", "*", "flood"],
        keys: &["for", "count"],
    },
    Exclusive {
        path: &["servers", "*", "accept"],
        keys: &["delay", "pool"],
    },
    Exclusive {
        path: &["nodes", "*", "nat"],
        keys: &["masquerade", "snat"],
    },
    Exclusive {
        path: &["faults", "*"],
        keys: &["drop", "delay", "duplicate", "replay", "inject"],
    },
];

/// Returns the document with an overlay applied. Every value keeps the position of its own text.
pub(crate) fn overlay(document: &Node, over: &Node) -> Node {
    let mut path = Vec::new();
    merge(document, over, &mut path)
}

fn merge<'n>(base: &'n Node, over: &'n Node, path: &mut Vec<&'n str>) -> Node {
    match (&base.kind, &over.kind) {
        (NodeKind::Mapping(base_entries), NodeKind::Mapping(over_entries)) => Node {
            kind: NodeKind::Mapping(merge_entries(base_entries, over_entries, path)),
            ..*base
        },
        _ if path == &["expect"] => Node {
            kind: NodeKind::List([items(base), items(over)].concat()),
            ..*base
        },
        _ => over.clone(),
    }
}

/// Returns the items of a list, or a single value as a list of one.
fn items(node: &Node) -> Vec<Node> {
    match &node.kind {
        NodeKind::List(items) => items.clone(),
        NodeKind::Null => Vec::new(),
        NodeKind::Scalar(_) | NodeKind::Broken | NodeKind::Mapping(_) => vec![node.clone()],
    }
}

fn merge_entries<'n>(
    base: &'n [MappingEntry],
    over: &'n [MappingEntry],
    path: &mut Vec<&'n str>,
) -> Vec<MappingEntry> {
    let overridden = |key: &str| over.iter().find(|entry| entry.key.text == key);
    let groups: Vec<&[&str]> = EXCLUSIVE
        .iter()
        .filter(|group| matches(group.path, path))
        .map(|group| group.keys)
        .collect();
    let excluded = |key: &str| {
        groups.iter().any(|keys| {
            keys.contains(&key)
                && over
                    .iter()
                    .any(|entry| entry.key.text != key && keys.contains(&entry.key.text.as_str()))
        })
    };
    let mut merged = Vec::with_capacity(base.len() + over.len());
    for entry in base {
        match overridden(&entry.key.text) {
            None if excluded(&entry.key.text) => {}
            None => merged.push(entry.clone()),
            Some(new) if matches!(new.value.kind, NodeKind::Null) => {}
            Some(new) => {
                path.push(&entry.key.text);
                let value = merge(&entry.value, &new.value, path);
                path.pop();
                merged.push(MappingEntry {
                    value,
                    ..entry.clone()
                });
            }
        }
    }
    merged.extend(
        over.iter()
            .filter(|entry| !base.iter().any(|old| old.key.text == entry.key.text))
            .cloned(),
    );
    merged
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(path)
            .all(|(wanted, key)| *wanted == "*" || wanted == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::problem::Collector;
    use crate::scenario::yaml;

    fn tree(text: &str) -> Node {
        let mut cx = Collector::new(text);
        let tree = yaml::read(&mut cx).unwrap();
        assert_eq!(cx.count(), 0);
        tree
    }

    /// Flow style without places, to compare by.
    fn flow(node: &Node) -> String {
        match &node.kind {
            NodeKind::Null | NodeKind::Broken => "~".to_owned(),
            NodeKind::Scalar(scalar) => scalar.text.clone(),
            NodeKind::List(items) => format!(
                "[{}]",
                items.iter().map(flow).collect::<Vec<_>>().join(", ")
            ),
            NodeKind::Mapping(entries) => format!(
                "{{{}}}",
                entries
                    .iter()
                    .map(|entry| format!("{}: {}", entry.key.text, flow(&entry.value)))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    }

    fn laid(base: &str, over: &str) -> String {
        flow(&overlay(&tree(base), &tree(over)))
    }

    #[test]
    fn mappings_merge_and_lists_and_values_are_replaced() {
        assert_eq!(
            laid(
                "{a: {x: 1, y: 2}, l: [1, 2]}",
                "{a: {y: 3, z: 4}, l: [5], n: 6}"
            ),
            "{a: {x: 1, y: 3, z: 4}, l: [5], n: 6}"
        );
    }

    #[test]
    fn expectations_are_added_and_nothing_removes() {
        assert_eq!(
            laid("{expect: [a], b: 1, c: 2}", "{expect: [d], b: ~}"),
            "{expect: [a, d], c: 2}"
        );
        assert_eq!(laid("{expect: [a]}", "{expect: d}"), "{expect: [a, d]}");
        assert_eq!(laid("{expect: a}", "{expect: [d]}"), "{expect: [a, d]}");
    }

    #[test]
    fn an_alternative_replaces_the_one_it_excludes() {
        assert_eq!(
            laid(
                "{clients: {load: {to: web, connect: {rate: 1/s, for: 1s}}}}",
                "{clients: {load: {hold: {connections: 5}}}}"
            ),
            "{clients: {load: {to: web, hold: {connections: 5}}}}"
        );
        assert_eq!(
            laid(
                "{clients: {load: {connect: {rate: 1/s, for: 1s}}}}",
                "{clients: {load: {connect: {count: 7}}}}"
            ),
            "{clients: {load: {connect: {rate: 1/s, count: 7}}}}"
        );
    }
}

//! Names of variants and parameters that change nothing, because they are nearly, but not quite, those of the document.

use super::cases::Axis;
use super::node::{MappingEntry, Node, NodeKind};
use super::problem::{Collector, quoted};
use super::span::Spanned;
use super::suggest;

/// The sections whose entries have names, each with a key that every entry needs.
const SECTIONS: [(&str, &str, &str); 3] = [
    ("servers", "server", "node"),
    ("clients", "client", "node"),
    ("commands", "command", "node"),
];

/// Reports entries of a variant that were meant to change one of the document, under a misspelt name. Returns the
/// variant, in which these entries count as unreadable.
pub(super) fn names(root: &Node, over: &Node, cx: &mut Collector<'_>) -> Node {
    let mut over = over.clone();
    for (section, what, needed) in SECTIONS {
        let Some(base) = root.get(section) else {
            continue;
        };
        let known: Vec<&str> = keys(base).collect();
        for entry in entries_mut(&mut over, section) {
            let name = entry.key.text.as_str();
            let is_new = matches!(entry.value.kind, NodeKind::Mapping(_)) && !known.contains(&name);
            if !is_new || entry.value.get(needed).is_some() {
                continue;
            }
            if let Some(meant) = suggest::nearest(name, known.iter().copied()) {
                cx.error(
                    entry.key_span,
                    format!("there is no {what} {} to change", quoted(name)),
                )
                .help(format!("did you mean `{meant}`?"));
                entry.value.kind = NodeKind::Broken;
            }
        }
    }
    over
}

fn entries_mut<'n>(tree: &'n mut Node, section: &str) -> &'n mut [MappingEntry] {
    let NodeKind::Mapping(sections) = &mut tree.kind else {
        return &mut [];
    };
    let section = sections.iter_mut().find(|entry| entry.key.text == section);
    match section.map(|section| &mut section.value.kind) {
        Some(NodeKind::Mapping(entries)) => entries,
        _ => &mut [],
    }
}

/// Reports parameters that nothing uses, and whose names are nearly those of others.
pub(super) fn parameters(
    root: &Node,
    variants: &[(Spanned<String>, Node)],
    axes: &[Axis],
    cx: &mut Collector<'_>,
) {
    let common: Vec<&str> = root.get("params").into_iter().flat_map(keys).collect();
    let in_variants = variants.iter().flat_map(|(_, over)| params(over));
    let of_variants = in_variants.map(|entry| (entry.key.text.as_str(), entry.key_span));
    let of_axes = axes
        .iter()
        .map(|axis| (axis.name.value.as_str(), axis.name.span));
    for (name, span) in of_variants.chain(of_axes) {
        if common.contains(&name) {
            continue;
        }
        let near = suggest::nearest(name, common.iter().copied());
        if let Some(meant) = near.filter(|_| !uses(root, name)) {
            cx.error(span, format!("nothing uses the parameter {}", quoted(name)))
                .help(format!("did you mean `{meant}`?"));
        }
    }
}

fn params(tree: &Node) -> &[MappingEntry] {
    tree.get("params").map(Node::entries).unwrap_or_default()
}

fn keys(mapping: &Node) -> impl Iterator<Item = &str> {
    mapping
        .entries()
        .iter()
        .map(|entry| entry.key.text.as_str())
}

/// Returns true if `$name` or `${name}` may be in a value.
fn uses(node: &Node, name: &str) -> bool {
    match &node.kind {
        NodeKind::Null | NodeKind::Broken => false,
        NodeKind::Scalar(scalar) => {
            let goes_on = |rest: &str| {
                rest.starts_with(|next: char| next.is_ascii_alphanumeric() || "_-".contains(next))
            };
            scalar.text.split('$').skip(1).any(|behind| {
                let behind = behind.strip_prefix('{').unwrap_or(behind);
                behind.strip_prefix(name).is_some_and(|rest| !goes_on(rest))
            })
        }
        NodeKind::List(items) => items.iter().any(|item| uses(item, name)),
        NodeKind::Mapping(entries) => entries.iter().any(|entry| uses(&entry.value, name)),
    }
}

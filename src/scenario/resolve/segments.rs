//! Resolves segments: a switch for each, with a link to every member.

use std::collections::BTreeMap;

use super::names::Names;
use crate::scenario::bounds::{MAX_LINKS, MAX_SEGMENT};
use crate::scenario::document::Document;
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Span;

/// Returns the two ends of each link of a segment, the switch second, with the place of the segment.
pub(crate) fn ends(
    document: &Document,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Vec<([usize; 2], Span)> {
    let mut ends = Vec::new();
    let segments = document.segments.iter().flat_map(|segments| &segments.0);
    for (number, (name, members)) in segments.enumerate() {
        let Some(members) = members else { continue };
        let switch = names.nodes.len() + number;
        let mut seen: BTreeMap<usize, Span> = BTreeMap::new();
        for member in members.0.iter().flatten() {
            let Some(node) = names.node(member, cx) else {
                continue;
            };
            if let Some(first) = seen.insert(node, member.span) {
                let text = format!("{} is listed twice", quoted(&member.value.0));
                cx.error_between(member.span, text, first, "first here")
                    .help("a node has one interface on a segment");
                continue;
            }
            ends.push(([node, switch], name.span));
        }
        if !(2..=MAX_SEGMENT).contains(&members.0.len()) {
            let text = format!(
                "a segment has 2 to {MAX_SEGMENT} nodes, this one has {}",
                members.0.len()
            );
            cx.error(name.span, text).help("write `lan: [a, b, c]`");
        }
    }
    if ends.len() > MAX_LINKS {
        let at = ends[MAX_LINKS].1;
        cx.error(
            at,
            format!("the segments of a lab have at most {MAX_LINKS} nodes in total"),
        );
        ends.truncate(MAX_LINKS);
    }
    ends
}

//! The values that a student changes in a `fix` step: their paths, and the run that they make.

use std::collections::BTreeMap;

use super::cases::Cases;
use super::decode::FromNode;
use super::document::Document;
use super::lesson::{FixStep, FixValue};
use super::model::{RunId, RunSpec};
use super::node::{Node, NodeKind};
use super::overlay::overlay;
use super::problem::{Collector, Problems, quoted};
use super::resolve::{self, Names};
use super::suggest;
use super::yaml;

/// Returns the single values of an overlay with their paths.
pub(crate) fn values(node: &Node, cx: &mut Collector<'_>) -> Vec<FixValue> {
    let mut found = Vec::new();
    collect(node, &mut Vec::new(), &mut found, cx);
    found
}

fn collect(node: &Node, path: &mut Vec<String>, found: &mut Vec<FixValue>, cx: &mut Collector<'_>) {
    match &node.kind {
        NodeKind::Mapping(entries) => {
            for entry in entries {
                path.push(entry.key.text.clone());
                collect(&entry.value, path, found, cx);
                path.pop();
            }
        }
        NodeKind::Scalar(scalar) => found.push(FixValue {
            path: path.clone(),
            value: scalar.text.clone(),
            place: cx.source.place(node.span.start),
        }),
        NodeKind::List(_) => {
            cx.error(node.span, "a fix changes single values, not lists")
                .help("name one key per value");
        }
        NodeKind::Null => {
            cx.error(node.head, "the value is missing")
                .help("write a value, or remove the key to keep the one at the start");
        }
        NodeKind::Broken => cx.skip(),
    }
}

/// Reports every value of an overlay that may not be changed.
pub(crate) fn check_paths(node: &Node, allowed: &[FixValue], cx: &mut Collector<'_>) {
    let mut path = Vec::new();
    check_below(node, &mut path, allowed, cx);
}

fn check_below(node: &Node, path: &mut Vec<String>, allowed: &[FixValue], cx: &mut Collector<'_>) {
    for entry in node.entries() {
        path.push(entry.key.text.clone());
        let mut below = allowed.iter().filter(|value| value.path.starts_with(path));
        if below.next().is_none() {
            let depth = path.len() - 1;
            let siblings = allowed
                .iter()
                .filter(|value| value.path.starts_with(&path[..depth]))
                .filter_map(|value| value.path.get(depth));
            let help = suggest::did_you_mean(&entry.key.text, siblings.map(String::as_str))
                .unwrap_or_else(|| "the task lists the values that may be changed".to_owned());
            let message = format!("{} may not be changed", quoted(&path.join(".")));
            cx.error(entry.key_span, message).help(help);
        } else {
            check_below(&entry.value, path, allowed, cx);
        }
        path.pop();
    }
}

/// Reports the problems of a variant with an overlay.
pub(crate) fn check(
    cases: &Cases,
    variant: Option<&str>,
    over: &Node,
    cx: &mut Collector<'_>,
) -> Option<RunSpec> {
    let names = cases.variant_names();
    let index = names.iter().position(|name| Some(name.as_str()) == variant);
    let run = cases.run(&[], index, cx);
    let tree = overlay(&run.tree, over);
    let document = Document::from_node(&tree, cx)?;
    let known = Names::of(&document, cx);
    let id = RunId {
        scenario: "fix".to_owned(),
        variant: run.variant,
        case: Vec::new(),
        repetition: None,
    };
    Some(resolve::run(&document, &known, id, run.params, &names, cx))
}

/// Makes the run of a student's values: the variant of the lesson with the values of `answer` (YAML, the same keys as
/// `start`), judged by the expectations of the step. `lesson` is the text of the scenario, which is known to be valid.
///
/// # Errors
/// Returns every problem of the answer, with its place.
pub fn fixed_run(
    lesson: &str,
    set: &BTreeMap<String, String>,
    step: &FixStep,
    (label, answer): (&str, &str),
) -> Result<RunSpec, Problems> {
    let mut at_start = Collector::new(lesson);
    let mut cx = Collector::new(answer);
    let spec = yaml::read(&mut at_start).and_then(|mut root| {
        let cases = Cases::of(&mut root, set, &mut at_start)?;
        let over = yaml::read(&mut cx)?;
        if !matches!(over.kind, NodeKind::Mapping(_)) {
            cx.error(
                over.span,
                format!("expected the values of the task, found {}", over.describe()),
            )
            .help("write them as at the start: `servers: { web: { backlog: 8 } }`");
            return None;
        }
        check_paths(&over, &step.start, &mut cx);
        let written = values(&over, &mut cx);
        let kept = step
            .start
            .iter()
            .filter(|start| written.iter().all(|value| value.path != start.path));
        let kept = kept.fold(empty(), |tree, value| {
            overlay(&tree, &one_value(&value.path, &value.value))
        });
        check(
            &cases,
            step.variant.as_deref(),
            &overlay(&kept, &over),
            &mut cx,
        )
    });
    match (cx.finish(label), spec) {
        (None, Some(mut spec)) => {
            spec.expect.clone_from(&step.expect);
            let windows = step
                .expect
                .iter()
                .map(|expectation| expectation.window.latest());
            spec.watch_until = windows.fold(spec.watch_until, Ord::max);
            super::parse::watch(&mut spec, &[]);
            Ok(spec)
        }
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problems {
            label: label.to_owned(),
            text: answer.to_owned(),
            problems: Vec::new(),
        }),
    }
}

/// Reads the single values of a student's file; none if it has mistakes.
pub fn fix_values(text: &str) -> Vec<FixValue> {
    let mut cx = Collector::new(text);
    let Some(node) = yaml::read(&mut cx) else {
        return Vec::new();
    };
    values(&node, &mut cx)
}

/// Writes values as YAML, one key per line.
pub fn fix_file(values: &[FixValue]) -> String {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    for value in values {
        let Some((last, folders)) = value.path.split_last() else {
            continue;
        };
        let common = open
            .iter()
            .zip(folders)
            .take_while(|(a, b)| **a == b.as_str())
            .count();
        open.truncate(common);
        for folder in &folders[common..] {
            text += &format!("{}{folder}:\n", "  ".repeat(open.len()));
            open.push(folder);
        }
        text += &format!("{}{last}: {}\n", "  ".repeat(open.len()), value.value);
    }
    text
}

fn empty() -> Node {
    node(NodeKind::Mapping(Vec::new()))
}

fn node(kind: NodeKind) -> Node {
    Node {
        kind,
        span: super::span::Span::default(),
        head: super::span::Span::default(),
    }
}

fn scalar(text: &str) -> super::node::Scalar {
    super::node::Scalar {
        text: text.to_owned(),
        pieces: Vec::new(),
        plain: true,
    }
}

fn one_value(path: &[String], value: &str) -> Node {
    let Some((first, rest)) = path.split_first() else {
        return node(NodeKind::Scalar(scalar(value)));
    };
    node(NodeKind::Mapping(vec![super::node::MappingEntry {
        key: scalar(first),
        key_span: super::span::Span::default(),
        value: one_value(rest, value),
    }]))
}

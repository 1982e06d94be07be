//! The text of a scenario without the parts of its lesson that students see only after their prediction.

use super::node::{Node, NodeKind};
use super::problem::Collector;
use super::span::Span;
use super::yaml;

/// Stands in for a text that is left out.
const LEFT_OUT: &str = "(not shown)";

/// Returns the text with the explanations and solutions of its lesson replaced. Line numbers stay as they are.
pub fn without_spoilers(text: &str) -> String {
    let mut cx = Collector::new(text);
    let steps = yaml::read(&mut cx).and_then(|root| root.get("learn")?.get("steps").cloned());
    let Some(Node {
        kind: NodeKind::List(steps),
        ..
    }) = steps
    else {
        return text.to_owned();
    };
    let mut hidden: Vec<(Span, &str)> = Vec::new();
    for step in &steps {
        let mut hide = |node: Option<&Node>, with| {
            if let Some(node) = node {
                hidden.push((node.span, with));
            }
        };
        hide(step.get("reveal"), LEFT_OUT);
        hide(step.get("why").and_then(|why| why.get("answer")), LEFT_OUT);
        hide(step.get("fix").and_then(|fix| fix.get("solution")), "~");
        let predict = step.get("predict");
        let blanks = predict.and_then(|predict| predict.get("blanks"));
        let blanks = match blanks.map(|node| &node.kind) {
            Some(NodeKind::Mapping(blanks)) => blanks.iter().map(|entry| &entry.value).collect(),
            Some(_) | None => Vec::new(),
        };
        let choice = predict.and_then(|predict| predict.get("choice"));
        for choices in choice.into_iter().chain(blanks) {
            if let NodeKind::List(choices) = &choices.kind {
                for choice in choices {
                    hide(choice.get("note"), LEFT_OUT);
                }
            }
        }
    }
    hidden.sort_by_key(|(span, _)| span.start);
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for (span, with) in hidden {
        let Some(secret) = text.get(span.start..span.end).filter(|_| span.start >= at) else {
            continue;
        };
        // A block reaches up to the next key; its last lines are blank.
        let end = span.start + secret.trim_end().len();
        shown += &text[at..span.start];
        shown += with;
        shown.extend(std::iter::repeat_n(
            '\n',
            text[span.start..end].matches('\n').count(),
        ));
        at = end;
    }
    shown += &text[at..];
    shown
}

//! The text of a lesson at a terminal: paragraphs filled to its width, and everything else as it is.

use crate::report::{printable, wrap};

/// Width of text; longer lines are hard to read.
const WIDTH: usize = 80;

/// Writes Markdown for a terminal, with an empty line after it.
pub(super) fn paragraphs(markdown: &str, width: Option<u16>) -> String {
    let width = width.map_or(WIDTH, |width| usize::from(width).clamp(30, WIDTH));
    let mut text = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let kept = in_code || fence || line.starts_with("    ") || line.starts_with('|');
        if kept || line.trim().is_empty() {
            fill(&mut paragraph, width, &mut text);
            if !fence {
                text += line.trim_end();
                text.push('\n');
            }
        } else {
            if is_item(line) {
                fill(&mut paragraph, width, &mut text);
            }
            paragraph.push(line);
        }
    }
    fill(&mut paragraph, width, &mut text);
    let text = printable(text.trim_end());
    format!("{text}\n\n")
}

/// Returns the sentence of a question that asks, or its first one.
pub(super) fn question_of(ask: &str) -> String {
    let words: Vec<&str> = ask.split_whitespace().collect();
    let is_end = |word: &&str| word.ends_with(['.', '?', '!', '"', ')']);
    let sentences: Vec<String> = words
        .split_inclusive(is_end)
        .map(|words| words.join(" "))
        .collect();
    let asking = sentences.iter().rfind(|sentence| sentence.ends_with('?'));
    asking.or(sentences.first()).cloned().unwrap_or_default()
}

/// Fills a sentence to the width; a line of a table, which has blanks in a row, stays as it is.
pub(super) fn paragraphs_of(line: &str, width: Option<u16>) -> String {
    if line.contains("  ") {
        return line.to_owned();
    }
    paragraphs(line, width.map(|width| width.saturating_sub(2)))
        .trim_end()
        .to_owned()
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line.starts_with("- ") || (digits > 0 && line[digits..].starts_with(". "))
}

fn fill(paragraph: &mut Vec<&str>, width: usize, text: &mut String) {
    let Some(first) = paragraph.first() else {
        return;
    };
    let indent = if is_item(first) { "  " } else { "" };
    let words = paragraph.iter().flat_map(|line| line.split_whitespace());
    let joined = words.collect::<Vec<_>>().join(" ").replace("**", "");
    let lines = wrap(&joined, Some(width - indent.len()));
    *text += &lines.join(&format!("\n{indent}"));
    text.push('\n');
    paragraph.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_filled_and_lists_and_pictures_stay() {
        let text = paragraphs("One\ntwo **three**.\n\n- a\n- b\n\n    x --- y\n", Some(40));
        assert_eq!(text, "One two three.\n\n- a\n- b\n\n    x --- y\n\n");
        assert_eq!(question_of("A client. How many? (It\nwaits.)"), "How many?");
        assert_eq!(question_of("Set it to 1."), "Set it to 1.");
        let long = paragraphs(&"word ".repeat(20), Some(30));
        assert!(long.lines().all(|line| line.len() <= 30), "{long}");
    }
}

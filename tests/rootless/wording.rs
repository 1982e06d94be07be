//! Holds the wording to the mechanical rules of docs/dev/style.md: the width of lines, doc comments, names of types.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Columns of a line of code or prose.
const WIDEST_LINE: usize = 120;

/// Documents that a script writes, with tables and values as they come.
const GENERATED: &[&str] = &[
    "docs/advice-examples.md",
    "docs/metrics.md",
    "docs/performance.md",
    "docs/since.md",
    "docs/truth.md",
    "docs/virtual-time.md",
];

/// The number of wide lines in code that may remain. It only ever goes down.
const WIDE_LINES_IN_CODE: usize = 0;

/// The number of wide lines in prose that may remain. It only ever goes down.
const WIDE_LINES_IN_PROSE: usize = 0;

/// The number of doc comments that may still open with a question word. It only ever goes down.
const QUESTIONS: usize = 0;

/// The number of type names that may still be defined more than once. It only ever goes down.
const NAMES_DEFINED_TWICE: usize = 0;

/// Type names that may be defined more than once, with the reason.
const SHARED_NAMES: &[(&str, &str)] = &[];

#[test]
fn no_line_of_code_is_too_wide() {
    let wide: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| below(folder, "rs"))
        .flat_map(|(path, text)| wide_lines(&path, text.lines()))
        .collect();
    at_most(WIDE_LINES_IN_CODE, &wide, "lines are too wide");
}

/// Tables and quoted output cannot be wrapped, so they are not prose.
#[test]
fn no_line_of_prose_is_too_wide() {
    let mut wide = Vec::new();
    for (path, text) in documents() {
        let mut quoted = false;
        let prose = text.lines().filter(|line| {
            if line.trim_start().starts_with("```") {
                quoted = !quoted;
            }
            !quoted && !line.starts_with('|')
        });
        wide.extend(wide_lines(&path, prose));
    }
    at_most(WIDE_LINES_IN_PROSE, &wide, "lines are too wide");
}

/// A doc comment begins with a verb for a function and with a noun for a type. These words do neither.
#[test]
fn no_doc_comment_opens_with_a_question_word() {
    let question = Regex::new(r"^\s*//[/!] (What|How|Whether|Where|Which|Who|Why)\b").unwrap();
    let before = Regex::new(r"^\s*//[/!] ?\S").unwrap();
    let mut found = Vec::new();
    for (path, text) in ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| below(folder, "rs"))
    {
        let mut continues = false;
        for (number, line) in text.lines().enumerate() {
            // In the middle of a paragraph such a word may come first by chance.
            if !continues && question.is_match(line) {
                found.push(place(&path, number, line));
            }
            continues = before.is_match(line);
        }
    }
    at_most(QUESTIONS, &found, "doc comments open with a question word");
}

#[test]
fn no_type_name_is_defined_twice() {
    let definition =
        Regex::new(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum|trait|union)\s+([A-Z]\w*)")
            .unwrap();
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in below("src", "rs") {
        for (number, line) in text.lines().enumerate() {
            if let Some(found) = definition.captures(line) {
                let places = defined.entry(found[1].to_owned()).or_default();
                places.push(place(&path, number, ""));
            }
        }
    }
    let twice: Vec<String> = defined
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .filter(|(name, _)| !SHARED_NAMES.iter().any(|(shared, _)| shared == name))
        .map(|(name, places)| format!("{name}: {}", places.join(" ")))
        .collect();
    at_most(
        NAMES_DEFINED_TWICE,
        &twice,
        "type names are defined more than once",
    );
}

fn at_most(allowed: usize, found: &[String], what: &str) {
    assert!(
        found.len() <= allowed,
        "{} {what}, {allowed} allowed:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn wide_lines<'t>(path: &Path, lines: impl Iterator<Item = &'t str>) -> Vec<String> {
    lines
        .enumerate()
        .filter(|(_, line)| line.chars().count() > WIDEST_LINE)
        .map(|(number, line)| place(path, number, line))
        .collect()
}

fn place(path: &Path, number: usize, line: &str) -> String {
    let path = path.strip_prefix(root()).unwrap().display();
    format!("{path}:{}: {}", number + 1, line.trim())
}

/// Every Markdown file that people write.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = below("docs", "md");
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.retain(|(path, _)| !GENERATED.iter().any(|generated| path.ends_with(generated)));
    found
}

fn below(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

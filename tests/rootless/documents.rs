//! Checks the documents for contributors against the code: the files that they name exist and contain what the
//! documents say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// The documents that name files of this repository.
const DOCUMENTS: &[&str] = &[
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/dev/architecture.md",
    "docs/dev/recipes.md",
    "docs/dev/style.md",
];

/// The folders whose names mark a word in backticks as a path.
const TOP: &[&str] = &[
    "src/",
    "tests/",
    "docs/",
    "scenarios/",
    "ci/",
    "benches/",
    "examples/",
];

#[test]
fn every_path_that_a_document_names_exists() {
    let in_backticks = Regex::new("`([^`\\s]+)`").unwrap();
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        for found in in_backticks.captures_iter(&read(document)) {
            let path = &found[1];
            // Capitals stand for a name to fill in, as in `scenarios/TOPIC/NAME.yaml`.
            let placeholder = path.contains("TOPIC");
            let is_path = TOP.iter().any(|top| path.starts_with(top));
            if is_path && !placeholder && !root().join(path).exists() {
                wrong.push(format!("{document}: {path} does not exist"));
            }
        }
        for link in links(&read(document)) {
            let folder = root().join(document);
            if !folder.parent().unwrap().join(&link).exists() {
                wrong.push(format!("{document}: the link to {link} leads nowhere"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// "`ITEM` in `PATH`" claims that the file contains the item.
#[test]
fn every_place_in_a_recipe_contains_its_item() {
    let claim = Regex::new(r"`([^`]+)`\s+in\s+`([^`\s]+)`").unwrap();
    let mut wrong = Vec::new();
    let mut claims = 0;
    for document in DOCUMENTS {
        for found in claim.captures_iter(&read(document)) {
            let (item, path) = (&found[1], &found[2]);
            claims += 1;
            let text = fs::read_to_string(root().join(path)).unwrap_or_default();
            if !text.contains(item) {
                wrong.push(format!("{document}: {path} does not contain `{item}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(claims > 10, "the recipes name {claims} places only");
}

#[test]
fn the_code_map_lists_every_module() {
    let map = read("docs/dev/architecture.md");
    let missing: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| format!("`src/{}`", path.file_name().unwrap().to_string_lossy()))
        .filter(|folder| !map.contains(folder.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/dev/architecture.md does not list {}",
        missing.join(", ")
    );
}

/// `ci/check` runs every test program but `kernel`, which needs namespaces.
#[test]
fn ci_check_runs_every_test_program_without_privileges() {
    let script = read("ci/check");
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if matches!(name.as_str(), "data" | "kernel") {
            continue;
        }
        assert!(
            script.contains(&format!("--test {name}")),
            "ci/check does not run {name}"
        );
    }
    let continuous = read(".ci/run");
    assert!(continuous.contains("ci/test"), ".ci/run is not ci/test");
}

/// `ci/test` skips tests by the program that begins their name. A pattern that matches no test would skip nothing.
#[test]
fn every_pattern_of_a_program_matches_a_test() {
    let names: BTreeSet<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources_below(&root().join(folder)))
        .flat_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let functions = Regex::new(r"fn (\w+)").unwrap();
            let module = path.with_extension("");
            let module = module.display().to_string().replace('/', "::");
            let mut names: Vec<String> = functions
                .captures_iter(&text)
                .map(|found| found[1].to_owned())
                .collect();
            names.push(module);
            names
        })
        .collect();
    for line in read("ci/programs").lines() {
        if line.starts_with('#') {
            continue;
        }
        let pattern = line.split_whitespace().nth(2).unwrap();
        if matches!(pattern, "build" | "kernel" | "scenarios" | "shipping") {
            continue;
        }
        assert!(
            names.iter().any(|name| name.contains(pattern)),
            "no test is named {pattern}*"
        );
    }
}

/// Returns the relative links of a document, without their anchors.
fn links(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)#\s]+)").unwrap();
    link.captures_iter(text)
        .map(|found| found[1].to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Each command in a document is parsed with `--help` at its end, so that unknown commands, options and values are
/// found, and nothing is run.
#[test]
fn every_command_in_the_documents_is_understood() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (document, line) in commands() {
        let Some(words) = words(&line) else { continue };
        let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
            .args(&words)
            .arg("--help")
            .output()
            .unwrap();
        tried += 1;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("{document}: nslab {}\n{error}", words.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 40, "the documents have {tried} commands only");
}

/// Returns the lines of shell blocks that run nslab, by document.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for document in user_documents() {
        let mut in_shell = false;
        for line in read(&document).lines() {
            match line.trim_start().strip_prefix("```") {
                Some(language) => in_shell = language == "sh",
                None if in_shell && line.starts_with("nslab ") && !line.ends_with('\\') => {
                    found.push((document.clone(), line.to_owned()));
                }
                None => {}
            }
        }
    }
    found
}

/// Splits the arguments of a simple command, up to a comment, pipe or redirection. Returns `None` if it needs a shell.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match (letter, quote) {
            ('$' | '`', None | Some('"')) => return None,
            (end, Some(start)) if end == start => quote = None,
            ('\'' | '"', None) => quote = Some(letter),
            ('#' | '|' | '>' | ';' | '&', None) if words.last().is_some_and(String::is_empty) => {
                break;
            }
            (';', None) => break,
            (' ', None) => words.push(String::new()),
            (other, _) => words.last_mut()?.push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words.remove(0);
    // `--help` after `--` belongs to another program.
    Some(words.into_iter().take_while(|word| word != "--").collect())
}

#[test]
fn every_link_in_the_documents_for_users_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in user_documents() {
        let folder = root().join(&document);
        for link in links(&read(&document)) {
            let link = link.trim_matches(['<', '>']);
            if !folder.parent().unwrap().join(link).exists() {
                wrong.push(format!("{document}: the link to {link} leads nowhere"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn user_documents() -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    found.push("README.md".to_owned());
    found
}

//! Checks the documents for contributors against the code: the files that they name exist and contain what the
//! documents say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
        if matches!(pattern, "build" | "kernel" | "scenarios") {
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

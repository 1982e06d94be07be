//! The commands and options that templates and documents show must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const SHOWING: &[&str] = &[
    "action.yml",
    "ci/templates/github.yml",
    "ci/templates/gitlab.yml",
    "ci/templates/kubernetes.yaml",
    "docs/ci.md",
    "README.md",
];

#[test]
fn every_option_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in SHOWING {
        let text = fs::read_to_string(root.join(file)).expect("the file is there");
        for line in text.lines() {
            for verb in ["run", "report", "diff", "check", "list"] {
                // `nslab run`, also as "$RUNNER_TEMP/nslab/bin/nslab" run.
                let Some((_, rest)) = line
                    .split_once(&format!("nslab {verb} "))
                    .or_else(|| line.split_once(&format!("nslab\" {verb} ")))
                else {
                    continue;
                };
                // A table cell or a comment ends the command line.
                let typed = rest.split(['`', '|', '#']).next().unwrap_or_default();
                for word in typed
                    .split([' ', '='])
                    .filter(|word| word.starts_with("--"))
                {
                    seen.insert(word.to_owned());
                    if !help(verb).contains(word) {
                        wrong.push(format!("{file}: nslab {verb} has no {word}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        seen.contains("--shard") && seen.contains("--merge"),
        "{seen:?}"
    );
}

fn help(verb: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
        .args([verb, "--help"])
        .output()
        .expect("the program runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn templates_are_valid_yaml() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in SHOWING.iter().filter(|file| !file.ends_with(".md")) {
        let text = fs::read_to_string(root.join(file)).expect("the file is there");
        let document: Result<serde_json::Value, _> = serde_yaml::from_str(&text);
        let document = document.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(document.is_object(), "{file}");
    }
}

//! Checks that the code follows the rules of the project: what each module may import, how long a file may be,
//! which lints are on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The number of lines that a source file may have; a file with one noun stays well below.
const LONGEST_FILE: usize = 500;

/// Each module with the modules that it may use besides `names`, `units`, `causes`, `input_file`, `tcp`, `random`,
/// `unnamed_file`, `user_folders` and `metrics`.
/// Imports point one way: a module uses only what is listed.
const MAY_USE: &[(&str, &[&str])] = &[
    ("names", &[]),
    ("units", &[]),
    ("no_schema", &[]),
    ("sysctls", &[]),
    ("causes", &[]),
    ("input_file", &[]),
    ("random", &[]),
    ("unnamed_file", &[]),
    ("user_folders", &[]),
    ("tcp", &[]),
    ("metrics", &[]),
    ("scenario", &["sysctls"]),
    ("record", &[]),
    ("sys", &[]),
    ("lab", &["sysctls", "scenario", "record", "sys"]),
    ("traffic", &["scenario", "record", "lab", "sys"]),
    ("probe", &["scenario", "record", "lab", "sys"]),
    ("expect", &["scenario", "record"]),
    ("ladder", &["scenario", "record"]),
    ("fixtures", &["scenario", "record"]),
    (
        "run",
        &[
            "scenario", "record", "sys", "lab", "traffic", "probe", "expect",
        ],
    ),
    (
        "testbed",
        &["scenario", "record", "sys", "lab", "expect", "run"],
    ),
    ("backend", &["scenario", "record", "run", "sys"]),
    ("suite", &["scenario", "record", "expect", "backend"]),
    ("bench", &["scenario", "record", "suite"]),
    ("compare", &["scenario", "record", "expect", "suite"]),
    (
        "advise",
        &["sysctls", "scenario", "lab", "suite", "compare"],
    ),
    (
        "report",
        &[
            "sysctls", "scenario", "record", "ladder", "suite", "compare", "advise",
        ],
    ),
    (
        "fuzzing",
        &[
            "scenario", "record", "sys", "lab", "expect", "ladder", "backend", "suite", "advise",
            "report",
        ],
    ),
    (
        "learn",
        &["scenario", "record", "expect", "ladder", "suite", "report"],
    ),
    (
        "cli",
        &[
            "scenario", "record", "lab", "expect", "ladder", "run", "backend", "suite", "compare",
            "bench", "advise", "report", "learn",
        ],
    ),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let Some(allowed) = table.get(module.as_str()) else {
            if !matches!(module.as_str(), "lib" | "main") {
                wrong.push(format!(
                    "{}: module `{module}` is not in the table",
                    path.display()
                ));
            }
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for used in code
                .match_indices("crate::")
                .map(|(at, _)| &code[at + "crate::".len()..])
            {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let free = used == module
                    || matches!(
                        used.as_str(),
                        "names"
                            | "units"
                            | "causes"
                            | "input_file"
                            | "tcp"
                            | "random"
                            | "unnamed_file"
                            | "user_folders"
                            | "metrics"
                            | "fixtures"
                    )
                    || !table.contains_key(used.as_str());
                if !free && !allowed.contains(&used.as_str()) {
                    wrong.push(format!(
                        "{}:{}: `{module}` may not use `{used}`",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_code_map_lists_what_each_module_may_import() {
    let map = fs::read_to_string(root().join("docs/dev/architecture.md")).unwrap();
    for (module, uses) in MAY_USE {
        let Some(row) = map
            .lines()
            .find(|line| line.starts_with(&format!("| `src/{module}` |")))
        else {
            assert!(uses.is_empty(), "the code map has no row for {module}");
            continue;
        };
        let listed: Vec<&str> = match row.trim_end_matches(" |").rsplit_once(" | ") {
            Some((_, "nothing else")) => Vec::new(),
            Some((_, listed)) => listed
                .split(", ")
                .map(|name| name.trim_matches('`'))
                .collect(),
            None => panic!("{row}"),
        };
        assert_eq!(&listed, uses, "{row}");
    }
}

#[test]
fn the_table_itself_has_no_cycle() {
    let order: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    for (index, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let at = order.iter().position(|other| other == used).unwrap();
            assert!(at < index, "`{module}` uses `{used}`, which comes after it");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources()
        .into_iter()
        .chain(files_below("tests", "rs"))
        .chain(files_below("benches", "rs"))
        .filter(|(_, text)| text.lines().count() > LONGEST_FILE)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(
        long.is_empty(),
        "longer than {LONGEST_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is_responsible_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "no module doc at the top:\n{}",
        silent.join("\n")
    );
}

#[test]
fn only_sys_opens_unsafe_code_and_the_proc_file_system() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        // The registry of metrics names kernel files as sources, and opens none.
        if matches!(module_of(&path).as_str(), "sys" | "metrics") {
            continue;
        }
        // Unit tests may look at the kernel for themselves.
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        let in_tests = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
        if path.components().any(|part| in_tests(part.as_os_str())) {
            continue;
        }
        for (number, line) in shipped.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("unsafe ") || code.contains("\"/proc/") {
                wrong.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "belongs in `sys`:\n{}", wrong.join("\n"));
}

#[test]
fn the_lints_are_on_and_never_silenced_without_a_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for lint in [
        "unsafe_code = \"deny\"",
        "unreachable_pub",
        "missing_debug_implementations",
        "missing_docs",
        "allow_attributes",
        "allow_attributes_without_reason",
        "await_holding_lock",
        "dbg_macro",
        "exit",
        "get_unwrap",
        "print_stderr",
        "print_stdout",
        "todo",
        "undocumented_unsafe_blocks",
        "unimplemented",
        "unwrap_used",
        "use_self",
    ] {
        assert!(
            manifest.contains(lint),
            "lint `{lint}` is not in Cargo.toml"
        );
    }
    for (path, text) in sources() {
        assert!(
            !text.contains(concat!("#[", "allow(")),
            "{}: use #[expect(.., reason)]",
            path.display()
        );
    }
}

/// Returns the module that a file of `src` belongs to: its first folder, or its own name at the top.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap();
    Path::new(first.as_os_str())
        .file_stem()
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    files_below("src", "rs")
}

fn files_below(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
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

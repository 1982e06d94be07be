//! The state of the host that a run must not change: links, sysctls, rules, tables, namespaces and processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Returns everything on the host that a lab could have touched, as text by subject.
pub(crate) fn state() -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for (subject, program, arguments) in [
        ("links", "ip", &["-o", "link"][..]),
        ("addresses", "ip", &["-o", "addr"]),
        ("routes", "ip", &["route", "show", "table", "all"]),
        ("rules", "nft", &["list", "ruleset"]),
    ] {
        if let Ok(output) = Command::new(program).args(arguments).output() {
            state.insert(
                subject.to_owned(),
                String::from_utf8_lossy(&output.stdout).into_owned(),
            );
        }
    }
    read_tree(Path::new("/proc/sys/net"), &mut state);
    let count =
        fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").unwrap_or_default();
    state.insert("conntrack entries".to_owned(), count);
    state
}

/// Returns processes of the program under test, and namespaces that differ from ours. Both are looked up, not
/// remembered.
pub(crate) fn leftovers() -> Vec<String> {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let command = fs::read_to_string(path.join("cmdline"))
            .unwrap_or_default()
            .replace('\0', " ");
        let ours = fs::read_link(path.join("exe"))
            .is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_nslab")));
        if ours {
            found.push(format!("process {}: {command}", path.display()));
        }
        for task in fs::read_dir(path.join("task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if ours
                && fs::read_link(task.path().join("ns/net")).is_ok_and(|namespace| namespace != own)
            {
                found.push(format!("thread in a namespace: {}", task.path().display()));
            }
        }
    }
    found
}

fn read_tree(folder: &Path, state: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_tree(&path, state);
        } else if !moves_by_itself(&path) {
            state.insert(
                path.display().to_string(),
                fs::read_to_string(&path).unwrap_or_default(),
            );
        }
    }
}

/// Returns true for keys that count rather than set.
fn moves_by_itself(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        name == "nf_conntrack_count" || name == "flush" || name == "stable_secret"
    })
}

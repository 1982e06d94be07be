//! Finds what finished runs have left behind, by looking through the machine instead of keeping records.
//!
//! The namespaces of a lab carry a mark, the alias of their loopback interface. Its processes are this
//! program or were started by it. Whatever belongs to a run in progress is not a leak.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};

use super::mark;
use crate::sys::holders::{self, HeldNamespace, ProcessEntry};
use crate::sys::lifeline::{MACHINE_OF, this_program};

/// The result of a search for leaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaks {
    /// Processes that supervise runs in progress, with their command lines.
    pub in_progress: BTreeMap<u32, String>,
    /// Namespaces of labs that runs in progress hold.
    pub in_use: usize,
    /// Network namespaces of other programs.
    pub of_other_programs: usize,
    /// Processes of finished runs, with their command lines.
    pub processes: BTreeMap<u32, String>,
    /// Namespaces of labs of finished runs.
    pub namespaces: Vec<LeakedNamespace>,
}

/// A namespace that a finished run left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakedNamespace {
    /// The number of the namespace, as in `net:[4026531840]`.
    pub inode: u64,
    /// The processes and mounts that hold it.
    pub held_by: Vec<String>,
}

impl Leaks {
    /// Returns whether a finished run has left anything behind.
    pub fn any(&self) -> bool {
        !self.processes.is_empty() || !self.namespaces.is_empty()
    }
}

/// Looks through every process and namespace that the caller may see. Apparent leaks are checked a second
/// time, because a run may have started or finished during the first pass.
///
/// # Errors
/// `/proc` cannot be read.
pub fn find() -> io::Result<Leaks> {
    let first = find_once()?;
    if !first.any() {
        return Ok(first);
    }
    let mut again = find_once()?;
    again
        .processes
        .retain(|pid, _| first.processes.contains_key(pid));
    let inodes: BTreeSet<u64> = first.namespaces.iter().map(|left| left.inode).collect();
    again.namespaces.retain(|left| inodes.contains(&left.inode));
    Ok(again)
}

fn find_once() -> io::Result<Leaks> {
    let processes = holders::processes()?;
    let programs = programs(&processes);
    let mut leaks = Leaks::default();
    let mut alive = BTreeSet::new();
    for process in processes.values() {
        match role(process, &programs) {
            Role::Supervisor if process.pid == std::process::id() => {}
            Role::Supervisor => {
                leaks
                    .in_progress
                    .insert(process.pid, process.arguments.join(" "));
            }
            Role::Part if !is_supervised(process, &processes, &programs) => {
                leaks
                    .processes
                    .insert(process.pid, process.arguments.join(" "));
            }
            Role::Part | Role::Other => {}
        }
        if is_supervised(process, &processes, &programs) {
            alive.insert(process.pid);
        }
    }
    for held in holders::namespaces()? {
        if !mark::is_on(&held.netns) {
            leaks.of_other_programs += 1;
        } else if held.pids.iter().any(|pid| alive.contains(pid)) {
            leaks.in_use += 1;
        } else {
            leaks.namespaces.push(left(&held, &processes));
        }
    }
    Ok(leaks)
}

fn left(held: &HeldNamespace, processes: &BTreeMap<u32, ProcessEntry>) -> LeakedNamespace {
    // This process holds the namespace too while it looks.
    let others = held.pids.iter().filter(|pid| **pid != std::process::id());
    let by_process = others.map(|pid| {
        let line = processes
            .get(pid)
            .map(|process| process.arguments.join(" "));
        format!("process {pid} ({})", line.unwrap_or_default())
    });
    let by_mount = held
        .mounts
        .iter()
        .map(|at| format!("a mount on {}", at.display()));
    LeakedNamespace {
        inode: held.inode,
        held_by: by_process.chain(by_mount).collect(),
    }
}

/// The role of a process in nslab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A process that supervises runs, or that a user started.
    Supervisor,
    /// A part of a run: a worker, an agent, or a virtual machine.
    Part,
    Other,
}

/// Returns the names of this program. A copy with another name is recognized by the way in which it starts workers.
pub(super) fn programs(processes: &BTreeMap<u32, ProcessEntry>) -> BTreeSet<&str> {
    let this_program = this_program();
    let is_worker = |process: &&ProcessEntry| {
        let first = process.arguments.first();
        first.is_some_and(|first| this_program.as_os_str() == first.as_str()) && is_part(process)
    };
    let workers = processes.values().filter(is_worker);
    workers
        .map(|worker| worker.program.as_str())
        .chain([env!("CARGO_PKG_NAME")])
        .collect()
}

fn is_part(process: &ProcessEntry) -> bool {
    let verb = process.arguments.get(1).map(String::as_str);
    matches!(verb, Some("worker" | "agent"))
}

fn role(process: &ProcessEntry, programs: &BTreeSet<&str>) -> Role {
    if programs.contains(process.program.as_str()) {
        return match is_part(process) {
            true => Role::Part,
            false => Role::Supervisor,
        };
    }
    match machine_name(process) {
        Some(name) if name.starts_with(env!("CARGO_PKG_NAME")) => Role::Part,
        _ => Role::Other,
    }
}

/// Returns the name of a virtual machine; `None` for other processes.
fn machine_name(process: &ProcessEntry) -> Option<&str> {
    let is_machine = process.program.starts_with("qemu-system-");
    let mut words = process.arguments.windows(2);
    let name = words.find(|pair| is_machine && pair[0] == "-name")?;
    Some(&name[1])
}

/// Returns true for a virtual machine whose parent is the process that started it, whatever the name of its program.
fn has_its_parent(process: &ProcessEntry) -> bool {
    let parent = machine_name(process).and_then(|name| name.strip_prefix(MACHINE_OF));
    parent.and_then(|pid| pid.parse().ok()) == Some(process.parent)
}

/// Returns whether one of a process's ancestors supervises runs.
fn is_supervised(
    process: &ProcessEntry,
    processes: &BTreeMap<u32, ProcessEntry>,
    programs: &BTreeSet<&str>,
) -> bool {
    if has_its_parent(process) {
        return true;
    }
    let above = std::iter::successors(Some(process), |below| processes.get(&below.parent));
    above
        .skip(1)
        .any(|process| role(process, programs) == Role::Supervisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, program: &str, arguments: &[&str]) -> ProcessEntry {
        ProcessEntry {
            pid,
            parent,
            program: program.to_owned(),
            name: "nslab".to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    #[test]
    fn a_worker_is_part_of_a_run_only_while_it_is_supervised() {
        let run = process(10, 1, "nslab", &["nslab", "run"]);
        let worker = process(11, 10, "nslab", &["/proc/self/exe", "worker"]);
        let program = process(12, 11, "sleep", &["sleep", "9"]);
        let orphan = process(13, 1, "nslab", &["/proc/self/exe", "worker"]);
        let machine = process(14, 1, "qemu-system-x86_64", &["qemu", "-name", "nslab"]);
        let all = [&run, &worker, &program, &orphan, &machine];
        let all = all.map(|process| (process.pid, process.clone())).into();
        let programs = programs(&all);
        let role = |process: &ProcessEntry| role(process, &programs);
        let is_supervised = |process, all| is_supervised(process, all, &programs);
        assert_eq!(
            [&run, &worker, &program].map(role),
            [Role::Supervisor, Role::Part, Role::Other]
        );
        assert!(is_supervised(&worker, &all) && is_supervised(&program, &all));
        assert_eq!([&orphan, &machine].map(role), [Role::Part, Role::Part]);
        assert!(!is_supervised(&orphan, &all) && !is_supervised(&machine, &all));
    }

    #[test]
    fn a_machine_is_supervised_while_its_parent_is_the_process_that_it_names() {
        let run = process(10, 1, "build-17", &["./build-17", "run"]);
        let named = |parent| {
            let arguments = ["qemu", "-name", "nslab-of-10"];
            process(11, parent, "qemu-system-x86_64", &arguments)
        };
        for (machine, expected) in [(named(10), true), (named(1), false)] {
            let all = [&run, &machine].map(|process| (process.pid, process.clone()));
            let all = all.into();
            let programs = programs(&all);
            assert_eq!(role(&machine, &programs), Role::Part);
            assert_eq!(is_supervised(&machine, &all, &programs), expected);
        }
    }

    #[test]
    fn a_program_of_another_name_is_recognized_by_its_worker() {
        let run = process(10, 1, "nslab-2", &["./nslab-2", "run"]);
        let worker = process(11, 10, "nslab-2", &["/proc/self/exe", "worker"]);
        let all = [&run, &worker].map(|process| (process.pid, process.clone()));
        let all = all.into();
        let programs = programs(&all);
        assert_eq!(role(&run, &programs), Role::Supervisor);
        assert!(is_supervised(&worker, &all, &programs));
    }

    #[test]
    #[ignore = "kernel test: needs CAP_SYS_ADMIN"]
    fn kernel_a_lab_namespace_that_another_process_holds_is_found() {
        let marked = crate::sys::NetNs::create().unwrap();
        let inode = marked.inode().unwrap();
        let found = |inode| {
            let leaks = find().unwrap();
            leaks.namespaces.iter().any(|left| left.inode == inode)
        };
        assert!(
            !found(inode),
            "without a mark it belongs to another program"
        );
        mark::put_on(&marked);
        assert!(found(inode));
        drop(marked);
        assert!(!found(inode));
    }
}

//! Finds the labs that exist on this machine now, and runs programs in them for the user.
//!
//! A lab is found by its worker process, as `/proc` shows it, and its nodes by the marks of their namespaces. Nothing
//! is kept on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::Command;

use super::leaks::programs;
use super::mark;
use crate::sys::NetNs;
use crate::sys::confine;
use crate::sys::enter::ProcessNamespaces;
use crate::sys::holders::{self, ProcessEntry};

/// A lab that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningLab {
    /// The process that a user started: `nslab shell`, `nslab run` and the like.
    pub supervisor: u32,
    /// The run that the lab was built for.
    pub run: String,
    /// The worker's processes, each the parent of the next; the last one is inside the sandbox and holds the lab.
    pids: Vec<u32>,
}

impl RunningLab {
    /// Returns true if a user's word names the lab: the number of one of its processes, its run, or its scenario.
    pub fn is_named(&self, word: &str) -> bool {
        let number = word.parse().ok();
        let scenario = self.run.split([' ', '[']).next();
        number.is_some_and(|pid: u32| pid == self.supervisor || self.pids.contains(&pid))
            || self.run == word
            || scenario == Some(word)
    }

    /// Opens the lab. The process must have only one thread, because it enters the user namespace of a rootless lab.
    ///
    /// # Errors
    /// EACCES or EPERM if the lab belongs to someone else.
    pub fn open(&self) -> io::Result<OpenLab> {
        let inside = *self.pids.last().unwrap_or(&self.supervisor);
        // In a user namespace, this process can no longer look at all others; its view of the lab's is enough.
        let namespaces = ProcessNamespaces::open(inside)?;
        let held = holders::namespaces_of(inside)?;
        let nodes = held
            .into_iter()
            .filter_map(|netns| Some((mark::node(&netns)?, netns)));
        Ok(OpenLab {
            nodes: nodes.collect(),
            namespaces,
        })
    }
}

/// A lab that a program can be started in.
#[derive(Debug)]
pub struct OpenLab {
    nodes: BTreeMap<String, NetNs>,
    namespaces: ProcessNamespaces,
}

impl OpenLab {
    /// Returns the names of the nodes.
    pub fn nodes(&self) -> Vec<&str> {
        self.nodes.keys().map(String::as_str).collect()
    }

    /// Runs a program in a node, with this process's terminal, and returns its exit code. The program is killed when
    /// the lab is removed. Returns `None` if there is no such node.
    ///
    /// # Errors
    /// The namespaces cannot be entered, or the program cannot be started.
    pub fn run(self, node: &str, command: Command) -> Option<io::Result<u8>> {
        let netns = self.nodes.get(node)?;
        Some(self.namespaces.run(netns, node, command))
    }
}

/// Returns the labs that the caller can see: without root, its own.
///
/// # Errors
/// `/proc` cannot be read.
pub fn find() -> io::Result<Vec<RunningLab>> {
    Ok(find_among(&holders::processes()?))
}

fn find_among(processes: &BTreeMap<u32, ProcessEntry>) -> Vec<RunningLab> {
    let programs = programs(processes);
    let is_worker = |process: &&ProcessEntry| {
        programs.contains(process.program.as_str())
            && process
                .arguments
                .get(1)
                .is_some_and(|verb| verb == "worker")
            && process.name != confine::PROCESS_NAME
    };
    let workers: BTreeMap<u32, &ProcessEntry> = processes
        .values()
        .filter(is_worker)
        .map(|worker| (worker.pid, worker))
        .collect();
    let parents: BTreeSet<u32> = workers.values().map(|worker| worker.parent).collect();
    let innermost = workers
        .values()
        .filter(|worker| !parents.contains(&worker.pid));
    let lab = |inside: &&ProcessEntry| {
        let above = |process: &&ProcessEntry| workers.get(&process.parent).copied();
        let mut chain: Vec<&ProcessEntry> = std::iter::successors(Some(*inside), above).collect();
        chain.reverse();
        // A chain of one or two is still being built: its sandbox has three processes (`sys::sandbox`). Inside
        // the sandbox itself the outermost of them is out of sight.
        let outermost = chain.first()?;
        let is_complete = chain.len() == 3 || outermost.parent == 0;
        is_complete.then(|| RunningLab {
            supervisor: match outermost.parent {
                0 => outermost.pid,
                parent => parent,
            },
            run: inside.arguments.get(2).cloned().unwrap_or_default(),
            pids: chain.iter().map(|process| process.pid).collect(),
        })
    };
    innermost.filter_map(lab).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, arguments: &[&str]) -> (u32, ProcessEntry) {
        let process = ProcessEntry {
            pid,
            parent,
            program: "nslab".to_owned(),
            name: "nslab".to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        };
        (pid, process)
    }

    fn around_a_program(pid: u32, parent: u32, arguments: &[&str]) -> (u32, ProcessEntry) {
        let (pid, mut process) = process(pid, parent, arguments);
        process.name = confine::PROCESS_NAME.to_owned();
        (pid, process)
    }

    #[test]
    fn a_lab_is_named_by_its_processes_its_run_and_its_scenario() {
        let worker = ["/proc/self/exe", "worker", "queue / full"];
        let processes = [
            process(10, 1, &["nslab", "shell", "queue"]),
            process(11, 10, &worker),
            process(12, 11, &worker),
            process(13, 12, &worker),
            process(14, 13, &["/proc/self/exe", "agent"]),
            around_a_program(15, 13, &worker),
            around_a_program(16, 15, &worker),
            process(20, 1, &["nslab", "run"]),
            process(21, 20, &worker),
        ];
        let found = find_among(&processes.into());
        let [lab] = found.as_slice() else {
            panic!("one lab is complete, the other still has one process: {found:?}");
        };
        assert_eq!(lab.supervisor, 10);
        for name in ["10", "11", "13", "queue / full", "queue"] {
            assert!(lab.is_named(name), "{name}");
        }
        assert!(!lab.is_named("14") && !lab.is_named("full"));
    }
}

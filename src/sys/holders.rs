//! Finds processes and the holders of network namespaces by looking through `/proc`, without any bookkeeping.
//!
//! The caller finds only what it may see: without root, its own processes.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::netns::NetNs;

/// A process, as `/proc` shows it (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProcessEntry {
    pub pid: u32,
    /// The number of its parent; 0 if the parent is outside the PID namespace.
    pub parent: u32,
    /// The file name of its program; empty if it cannot be read.
    pub program: String,
    /// Its name (proc_pid_comm(5)), which a process can change.
    pub name: String,
    /// The words of its command line.
    pub arguments: Vec<String>,
}

/// A network namespace, other than the caller's, that something keeps alive.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct HeldNamespace {
    /// The number of the namespace, as in `net:[4026531840]`.
    pub inode: u64,
    pub netns: NetNs,
    /// Processes with a thread in it or an open descriptor of it.
    pub pids: BTreeSet<u32>,
    /// Files on which it is mounted.
    pub mounts: BTreeSet<PathBuf>,
}

/// Returns the visible processes by number, without kernel threads.
///
/// # Errors
/// `/proc` cannot be read.
pub fn processes() -> io::Result<BTreeMap<u32, ProcessEntry>> {
    let found = pids()?.into_iter().filter_map(|pid| {
        // A process that has ended in the meantime is skipped.
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let arguments: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let program = exe.file_name().unwrap_or_default().to_string_lossy();
        let process = ProcessEntry {
            pid,
            parent: parent(&status)?,
            // The suffix is shown if the program was replaced while it ran.
            program: program.trim_end_matches(" (deleted)").to_owned(),
            name: field(&status, "Name:").unwrap_or_default().to_owned(),
            arguments,
        };
        (!process.arguments.is_empty()).then_some((pid, process))
    });
    Ok(found.collect())
}

fn parent(status: &str) -> Option<u32> {
    field(status, "PPid:")?.parse().ok()
}

/// Returns a field of `/proc/PID/status`.
fn field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim())
}

/// Returns every network namespace, except the caller's, with a thread in it, an open descriptor of it, or
/// a mount of it.
///
/// # Errors
/// `/proc` cannot be read.
pub fn namespaces() -> io::Result<Vec<HeldNamespace>> {
    let own = fs::metadata("/proc/thread-self/ns/net")?.ino();
    let mut found: BTreeMap<u64, HeldNamespace> = BTreeMap::new();
    let mut mounts_seen = BTreeSet::new();
    for pid in pids()? {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let threads = entries(&process.join("task")).map(|task| task.join("ns/net"));
        let descriptors = entries(&process.join("fd")).filter(|fd| leads_to_namespace(fd));
        for path in threads.chain(descriptors) {
            if let Some(held) = hold(&path, own, &mut found) {
                held.pids.insert(pid);
            }
        }
        let mounts = fs::metadata(process.join("ns/mnt")).map(|mounts| mounts.ino());
        if mounts.is_ok_and(|mounts| mounts_seen.insert(mounts)) {
            for at in mounted(&process) {
                let path = process
                    .join("root")
                    .join(at.strip_prefix("/").unwrap_or(&at));
                if let Some(held) = hold(&path, own, &mut found) {
                    held.mounts.insert(at);
                }
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Returns the network namespaces of which a process holds a descriptor.
///
/// # Errors
/// The errors of reading `/proc/PID/fd`: EACCES if it is not the caller's to look at.
pub fn namespaces_of(pid: u32) -> io::Result<Vec<NetNs>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let path = entry?.path();
        if leads_to_namespace(&path) {
            hold(&path, 0, &mut found);
        }
    }
    Ok(found.into_values().map(|held| held.netns).collect())
}

fn leads_to_namespace(descriptor: &Path) -> bool {
    fs::read_link(descriptor).is_ok_and(|to| to.to_string_lossy().starts_with("net:["))
}

/// Adds the namespace of a path, unless it is the caller's own or gone.
fn hold<'a>(
    path: &Path,
    own: u64,
    found: &'a mut BTreeMap<u64, HeldNamespace>,
) -> Option<&'a mut HeldNamespace> {
    let inode = fs::metadata(path).ok()?.ino();
    if inode == own {
        return None;
    }
    match found.entry(inode) {
        Entry::Occupied(held) => Some(held.into_mut()),
        Entry::Vacant(free) => Some(free.insert(HeldNamespace {
            inode,
            netns: NetNs::from(File::open(path).ok()?),
            pids: BTreeSet::new(),
            mounts: BTreeSet::new(),
        })),
    }
}

/// Returns the mount points of network namespaces as a process sees them; `ip netns` mounts them on files.
fn mounted(process: &Path) -> Vec<PathBuf> {
    let lines = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
    let of_namespaces = lines.lines().filter(|line| line.contains(" - nsfs "));
    // The fourth word is the root within the file system, the fifth the mount point (proc_pid_mountinfo(5)).
    let places = of_namespaces.filter_map(|line| {
        let mut words = line.split(' ').skip(3);
        let root = words.next()?;
        root.starts_with("net:[").then(|| words.next())?
    });
    places.map(PathBuf::from).collect()
}

fn pids() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    Ok(entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

//! The guest's only file system, built in process: the same contents give the same bytes.
//!
//! It has the layout of a merged system: `/bin`, `/sbin`, `/lib` and `/lib64` are links below `/usr`, so a program
//! is found by either path.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use super::cpio::{self, CpioEntry};
use super::programs::{ProgramError, ProgramFiles};
use crate::sys::confine::is_secret;

/// Folders that are links to their namesakes below `/usr`.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];
/// Permissions of folders for which none were given.
const FOLDER: u32 = 0o755;
/// Maximum depth of nested folders of a tree; more would be a loop of mounts.
const DEEPEST: usize = 32;

/// An error in building a guest's file system.
#[derive(Debug, Error)]
pub(crate) enum InitramfsError {
    #[error("cannot copy the program to the guest")]
    Program(#[source] ProgramError),
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the scenario brings more than {} MiB, which a guest would keep in memory; bring less in `brings`",
        .0 >> 20
    )]
    TooMuch(u64),
    /// The path is the root itself, or leads through something that is not a folder.
    #[error("{path} is not a valid path in the guest")]
    Path { path: String },
}

/// A file system under construction.
#[derive(Debug)]
pub(crate) struct Initramfs {
    entries: BTreeMap<String, CpioEntry>,
    gatherer: ProgramFiles,
}

impl Default for Initramfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Initramfs {
    /// Creates one that has only the folders of programs and libraries. Libraries are looked up as
    /// the host's loader does.
    pub(crate) fn new() -> Self {
        let mut entries = BTreeMap::from([("usr".to_owned(), CpioEntry::Folder(FOLDER))]);
        for name in MERGED {
            entries.insert(format!("usr/{name}"), CpioEntry::Folder(FOLDER));
            entries.insert(name.to_owned(), CpioEntry::Link(format!("usr/{name}")));
        }
        Self {
            entries,
            gatherer: ProgramFiles::of_host(),
        }
    }

    /// Adds a folder and its parents.
    pub(crate) fn dir(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), CpioEntry::Folder(mode))
    }

    pub(crate) fn file(
        &mut self,
        path: impl AsRef<Path>,
        bytes: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), CpioEntry::File(mode, bytes.into()))
    }

    pub(crate) fn link(
        &mut self,
        path: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<&mut Self, InitramfsError> {
        let to = to.as_ref().to_string_lossy().into_owned();
        self.put(path.as_ref(), CpioEntry::Link(to))
    }

    /// Adds a character device with its numbers (Linux `Documentation/admin-guide/devices.txt`).
    pub(crate) fn device(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
        (major, minor): (u32, u32),
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), CpioEntry::Device(mode, major, minor))
    }

    /// Adds a program of the host with its loader, libraries or interpreter, without debug information.
    pub(crate) fn program(
        &mut self,
        guest: impl AsRef<Path>,
        host: impl AsRef<Path>,
    ) -> Result<&mut Self, InitramfsError> {
        let gathered = self.gatherer.program(guest.as_ref(), host.as_ref());
        gathered.map_err(InitramfsError::Program)?;
        for (path, bytes) in std::mem::take(&mut self.gatherer.files) {
            self.file(path, bytes, 0o755)?;
        }
        for (path, to) in std::mem::take(&mut self.gatherer.links) {
            self.link(path, to)?;
        }
        Ok(self)
    }

    /// Adds a file or folder of the host with everything in it: files, links and folders with their permissions,
    /// and what the programs and libraries among them need. Secrets of the machine are left out.
    pub(crate) fn tree(
        &mut self,
        guest: impl AsRef<Path>,
        host: impl AsRef<Path>,
    ) -> Result<&mut Self, InitramfsError> {
        self.grow(guest.as_ref(), host.as_ref(), DEEPEST)?;
        Ok(self)
    }

    fn grow(&mut self, guest: &Path, host: &Path, deeper: usize) -> Result<(), InitramfsError> {
        if is_secret(host) {
            return Ok(());
        }
        let failed = |source| InitramfsError::Read {
            path: host.to_owned(),
            source,
        };
        // The given path may be a link, which is followed; links inside the tree stay links.
        let about = match deeper {
            DEEPEST => fs::metadata(host),
            _ => fs::symlink_metadata(host),
        };
        let about = about.map_err(failed)?;
        let mode = about.permissions().mode() & 0o7777;
        if about.is_symlink() {
            self.link(guest, fs::read_link(host).map_err(failed)?)?;
        } else if about.is_file() {
            let bytes = fs::read(host).map_err(failed)?;
            // Plugins that a program loads have libraries too.
            if bytes.starts_with(b"\x7fELF") {
                match self.program(guest, host) {
                    // An object file, one for another processor, or a plugin that does not work here either.
                    Err(InitramfsError::Program(
                        ProgramError::NoProgram { .. } | ProgramError::NoLibrary { .. },
                    )) => self.file(guest, bytes, mode)?,
                    other => other?,
                };
            } else {
                self.file(guest, bytes, mode)?;
            }
        } else if about.is_dir() && deeper > 0 {
            self.dir(guest, mode)?;
            for entry in fs::read_dir(host).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                self.grow(&guest.join(&name), &host.join(&name), deeper - 1)?;
            }
        }
        Ok(())
    }

    /// Returns the archive in the format that the kernel unpacks.
    pub(crate) fn build(&self) -> Vec<u8> {
        let entries = self.entries.iter();
        cpio::archive(entries.map(|(path, entry)| (path.as_str(), entry)))
    }

    fn put(&mut self, path: &Path, entry: CpioEntry) -> Result<&mut Self, InitramfsError> {
        let refused = || InitramfsError::Path {
            path: path.display().to_string(),
        };
        let path = merged(path).ok_or_else(refused)?;
        for (at, _) in path.match_indices('/') {
            let above = path[..at].to_owned();
            match self.entries.entry(above) {
                Slot::Vacant(slot) => {
                    slot.insert(CpioEntry::Folder(FOLDER));
                }
                Slot::Occupied(slot) if matches!(slot.get(), CpioEntry::Folder(_)) => {}
                Slot::Occupied(_) => return Err(refused()),
            }
        }
        match (self.entries.entry(path), entry) {
            (Slot::Vacant(slot), entry) => {
                slot.insert(entry);
            }
            (Slot::Occupied(mut slot), entry) => {
                // A folder keeps its contents and stays a folder.
                let was_folder = matches!(slot.get(), CpioEntry::Folder(_));
                if was_folder != matches!(entry, CpioEntry::Folder(_)) {
                    return Err(refused());
                }
                slot.insert(entry);
            }
        }
        Ok(self)
    }
}

/// Returns a path in the merged layout, without a leading slash, or `None` for the root itself.
fn merged(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let first = parts.first()?;
    // The links themselves exist already.
    if MERGED.contains(first) {
        parts.insert(0, "usr");
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Initramfs) -> Vec<&str> {
        root.entries.keys().map(String::as_str).collect()
    }

    #[test]
    fn the_order_of_building_does_not_change_the_archive() {
        let mut one = Initramfs::new();
        one.file("/etc/passwd", "root", 0o644).unwrap();
        one.file("/init", "x", 0o755).unwrap();
        let mut other = Initramfs::new();
        other.file("init", "x", 0o755).unwrap();
        other.dir("/etc", 0o755).unwrap();
        other.file("/etc/../etc/./passwd", "root", 0o644).unwrap();
        assert_eq!(one.build(), other.build());
    }

    #[test]
    fn a_program_is_found_by_either_path_of_a_merged_system() {
        let mut root = Initramfs::new();
        root.file("/bin/sh", "x", 0o755).unwrap();
        assert!(paths(&root).contains(&"usr/bin/sh"));
        assert_eq!(root.entries["bin"], CpioEntry::Link("usr/bin".to_owned()));
    }

    #[test]
    fn secrets_of_the_machine_are_left_out() {
        let mut root = Initramfs::new();
        for secret in [
            "/etc/shadow",
            "/etc/../etc/gshadow",
            "/etc/ssh",
            "/proc/self/root/etc/shadow",
        ] {
            root.tree(secret, secret).unwrap();
        }
        assert_eq!(paths(&root), paths(&Initramfs::new()));
    }

    #[test]
    fn a_file_cannot_be_used_as_a_folder() {
        let mut root = Initramfs::new();
        root.file("/a", "x", 0o644).unwrap();
        assert!(root.file("/a/b", "x", 0o644).is_err());
        assert!(root.dir("/a", 0o755).is_err());
        assert!(root.file("/usr", "x", 0o644).is_err());
        assert!(root.file("/", "x", 0o644).is_err());
        root.file("/a", "y", 0o644).unwrap();
        assert_eq!(root.entries["a"], CpioEntry::File(0o644, b"y".to_vec()));
    }

    #[test]
    fn a_tree_keeps_its_links_and_permissions() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("conf.d")).unwrap();
        fs::write(folder.path().join("conf.d/a"), "x").unwrap();
        let secret = PermissionsExt::from_mode(0o600);
        fs::set_permissions(folder.path().join("conf.d/a"), secret).unwrap();
        std::os::unix::fs::symlink("conf.d/a", folder.path().join("b")).unwrap();
        let mut root = Initramfs::new();
        root.tree("/etc/thing", folder.path()).unwrap();
        assert_eq!(
            root.entries["etc/thing/b"],
            CpioEntry::Link("conf.d/a".to_owned())
        );
        assert_eq!(
            root.entries["etc/thing/conf.d/a"],
            CpioEntry::File(0o600, b"x".to_vec())
        );
    }
}

//! The guest's first and only file system, put together in process: the same contents give the same bytes.
//!
//! It has the layout of a merged system: `/bin`, `/sbin`, `/lib` and `/lib64` are links below `/usr`, so that a program is found by either path.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use super::cpio::{self, Entry};
use super::programs::{Gatherer, ProgramError};

/// Folders that are links to their namesakes below `/usr`.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];
/// Permissions of folders that nobody has said anything of.
const FOLDER: u32 = 0o755;
/// Folders of a tree below each other; more would be a loop of mounts.
const DEEPEST: usize = 32;

/// Why a file system cannot be put together.
#[derive(Debug, Error)]
pub(crate) enum InitramfsError {
    /// A program, or something that it needs, cannot be had.
    #[error("cannot take the program along")]
    Program(#[source] ProgramError),
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A path is the root itself, or leads through something that is no folder.
    #[error("{path} cannot be a path in the guest")]
    Path { path: String },
}

/// A file system under construction.
#[derive(Debug)]
pub(crate) struct Initramfs {
    entries: BTreeMap<String, Entry>,
    gatherer: Gatherer,
}

impl Default for Initramfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Initramfs {
    /// One with nothing but the folders of programs and libraries. Libraries are looked for as the host's loader does it.
    pub(crate) fn new() -> Self {
        let mut entries = BTreeMap::from([("usr".to_owned(), Entry::Folder(FOLDER))]);
        for name in MERGED {
            entries.insert(format!("usr/{name}"), Entry::Folder(FOLDER));
            entries.insert(name.to_owned(), Entry::Link(format!("usr/{name}")));
        }
        Self {
            entries,
            gatherer: Gatherer::of_host(),
        }
    }

    /// A folder, with its permissions; what is above it comes with it.
    pub(crate) fn dir(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), Entry::Folder(mode))
    }

    /// A file, with its permissions.
    pub(crate) fn file(
        &mut self,
        path: impl AsRef<Path>,
        bytes: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), Entry::File(mode, bytes.into()))
    }

    /// A symbolic link.
    pub(crate) fn link(
        &mut self,
        path: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<&mut Self, InitramfsError> {
        let to = to.as_ref().to_string_lossy().into_owned();
        self.put(path.as_ref(), Entry::Link(to))
    }

    /// A character device, with its permissions and numbers (Linux `Documentation/admin-guide/devices.txt`).
    pub(crate) fn device(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
        (major, minor): (u32, u32),
    ) -> Result<&mut Self, InitramfsError> {
        self.put(path.as_ref(), Entry::Device(mode, major, minor))
    }

    /// A program of the host with its loader, libraries or interpreter. What only debuggers read is left out.
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

    /// A file of the host, or a folder with all that is in it: files, links, folders, with their permissions; programs and libraries in it with
    /// what they need.
    pub(crate) fn tree(
        &mut self,
        guest: impl AsRef<Path>,
        host: impl AsRef<Path>,
    ) -> Result<&mut Self, InitramfsError> {
        self.grow(guest.as_ref(), host.as_ref(), DEEPEST)?;
        Ok(self)
    }

    fn grow(&mut self, guest: &Path, host: &Path, deeper: usize) -> Result<(), InitramfsError> {
        let failed = |source| InitramfsError::Read {
            path: host.to_owned(),
            source,
        };
        // What was asked for may be a link; what lies in it stays one.
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
            // What a program loads while it runs has libraries too.
            if bytes.starts_with(b"\x7fELF") {
                self.program(guest, host)?;
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

    /// The archive, as the kernel unpacks it.
    pub(crate) fn build(&self) -> Vec<u8> {
        let entries = self.entries.iter();
        cpio::archive(entries.map(|(path, entry)| (path.as_str(), entry)))
    }

    fn put(&mut self, path: &Path, entry: Entry) -> Result<&mut Self, InitramfsError> {
        let refused = || InitramfsError::Path {
            path: path.display().to_string(),
        };
        let path = merged(path).ok_or_else(refused)?;
        for (at, _) in path.match_indices('/') {
            let above = path[..at].to_owned();
            match self.entries.entry(above) {
                Slot::Vacant(slot) => {
                    slot.insert(Entry::Folder(FOLDER));
                }
                Slot::Occupied(slot) if matches!(slot.get(), Entry::Folder(_)) => {}
                Slot::Occupied(_) => return Err(refused()),
            }
        }
        match (self.entries.entry(path), entry) {
            (Slot::Vacant(slot), entry) => {
                slot.insert(entry);
            }
            (Slot::Occupied(mut slot), entry) => {
                // What folders hold stays; what is a folder stays one.
                let was_folder = matches!(slot.get(), Entry::Folder(_));
                if was_folder != matches!(entry, Entry::Folder(_)) {
                    return Err(refused());
                }
                slot.insert(entry);
            }
        }
        Ok(self)
    }
}

/// A path below the root, without a slash in front, by which the merged layout has it; `None` for the root itself.
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
    // The links themselves are there already.
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
    fn the_order_of_building_leaves_no_trace() {
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
    fn a_program_is_there_by_either_path_of_a_merged_system() {
        let mut root = Initramfs::new();
        root.file("/bin/sh", "x", 0o755).unwrap();
        assert!(paths(&root).contains(&"usr/bin/sh"));
        assert_eq!(root.entries["bin"], Entry::Link("usr/bin".to_owned()));
    }

    #[test]
    fn a_file_is_no_folder() {
        let mut root = Initramfs::new();
        root.file("/a", "x", 0o644).unwrap();
        assert!(root.file("/a/b", "x", 0o644).is_err());
        assert!(root.dir("/a", 0o755).is_err());
        assert!(root.file("/usr", "x", 0o644).is_err());
        assert!(root.file("/", "x", 0o644).is_err());
        root.file("/a", "y", 0o644).unwrap();
        assert_eq!(root.entries["a"], Entry::File(0o644, b"y".to_vec()));
    }

    #[test]
    fn a_tree_comes_with_its_links_and_permissions() {
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
            Entry::Link("conf.d/a".to_owned())
        );
        assert_eq!(
            root.entries["etc/thing/conf.d/a"],
            Entry::File(0o600, b"x".to_vec())
        );
    }
}

//! Snapshots of guests that have booted: made once, kept where caches are, restored for every run.
//!
//! A snapshot is named by everything that it depends on. It appears at once and whole, and is looked over before it is used: one that is
//! not as it was written is made anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::sys::lifeline::{link_unnamed, own_descriptor};
use crate::sys::memory_file::memory_file;

/// What a snapshot of ours begins with.
const MAGIC: &[u8; 8] = b"nslabvm1";
/// Magic, length of the rest, checksum of the rest, zeros up to here.
const HEADER: u64 = 32;
/// Snapshots that are kept; each new build of the program makes another, of about 100 MB.
const KEPT: usize = 8;
/// What is read at a time to sum it up.
const PIECE: usize = 1 << 20;
const SUFFIX: &str = "snapshot";

/// Where snapshots are kept.
#[derive(Debug, Clone)]
pub(super) struct Snapshots {
    /// None where there is no such folder; then a snapshot is as old as this process.
    folder: Option<PathBuf>,
}

impl Snapshots {
    /// Those of the user: `$XDG_CACHE_HOME/nslab`, else `~/.cache/nslab` (XDG base directory specification).
    pub(super) fn of_user() -> Self {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let folder = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .map(|cache| cache.join("nslab"));
        Self { folder }
    }

    /// A whole snapshot of this name, where there is one.
    pub(super) fn find(&self, name: &str) -> Option<Snapshot> {
        let path = self.path(name)?;
        let snapshot = Snapshot {
            file: File::open(&path).ok()?,
            kept: true,
        };
        if !snapshot.is_whole().unwrap_or(false) {
            let _gone_already = fs::remove_file(&path);
            return None;
        }
        // The least recently used go first.
        let _as_it_was = snapshot.file.set_modified(SystemTime::now());
        Some(snapshot)
    }

    /// A file for a snapshot to be written to, without a name until it is [kept](Self::keep).
    pub(super) fn create(&self) -> io::Result<File> {
        let unnamed = |folder: &PathBuf| {
            fs::create_dir_all(folder)?;
            OpenOptions::new()
                .read(true)
                .write(true)
                .mode(0o600)
                .custom_flags(libc::O_TMPFILE)
                .open(folder)
        };
        match self.folder.as_ref().map(unnamed) {
            Some(Ok(mut file)) => {
                file.seek(SeekFrom::Start(HEADER))?;
                Ok(file)
            }
            // A file system without such files, or a cache that cannot be written.
            Some(Err(_)) | None => Self::create_in_memory(),
        }
    }

    /// The same for a snapshot that ends with this process.
    pub(super) fn create_in_memory() -> io::Result<File> {
        let mut file = memory_file("snapshot", &[])?;
        file.seek(SeekFrom::Start(HEADER))?;
        Ok(file)
    }

    /// Why a snapshot could not be kept, and what to do.
    pub(super) fn why_not_kept(&self) -> String {
        let place = match &self.folder {
            Some(folder) => format!(
                "{} cannot be written or has no room for it",
                folder.display()
            ),
            None => "there is no place for it: neither HOME nor XDG_CACHE_HOME is set".to_owned(),
        };
        format!(
            "the guest that has booted cannot be kept, so that each start of nslab boots it anew: {place} (XDG_CACHE_HOME says where)"
        )
    }

    /// Takes a file that holds a snapshot now, and keeps it under its name where that can be.
    pub(super) fn keep(&self, name: &str, file: File) -> io::Result<Snapshot> {
        let (length, sum) = sum(&file)?;
        let mut header = Vec::from(MAGIC);
        header.extend(length.to_le_bytes());
        header.extend(sum.to_le_bytes());
        file.write_all_at(&header, 0)?;
        let mut kept = false;
        if let Some(path) = self.path(name) {
            // Where another process was faster, its is as good; where there is no place for it, this run has its own.
            kept = link_unnamed(&file, &path).is_ok() || path.exists();
            self.evict();
        }
        Ok(Snapshot { file, kept })
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{name}.{SUFFIX}")))
    }

    /// Removes all but the latest used.
    fn evict(&self) {
        let Some(entries) = self
            .folder
            .as_ref()
            .and_then(|folder| fs::read_dir(folder).ok())
        else {
            return;
        };
        let mut known: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                (path.extension()? == SUFFIX).then_some(())?;
                Some((entry.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        known.sort_unstable();
        for (_, path) in known.iter().rev().skip(KEPT) {
            let _gone_already = fs::remove_file(path);
        }
    }
}

/// A guest that has booted.
#[derive(Debug)]
pub(super) struct Snapshot {
    file: File,
    kept: bool,
}

impl Snapshot {
    /// Whether it outlives this process.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Opened anew at its start, for one machine to restore.
    pub(super) fn open(&self) -> io::Result<File> {
        let mut file = File::open(Path::new(&own_descriptor(&self.file)))?;
        file.seek(SeekFrom::Start(HEADER))?;
        Ok(file)
    }

    fn is_whole(&self) -> io::Result<bool> {
        let mut header = [0; 20];
        self.file.read_exact_at(&mut header, 0)?;
        let (length, sum) = sum(&self.file)?;
        let mut expected = Vec::from(MAGIC);
        expected.extend(length.to_le_bytes());
        expected.extend(sum.to_le_bytes());
        Ok(header.as_slice() == expected)
    }
}

/// Length and checksum of what comes after the header.
fn sum(file: &File) -> io::Result<(u64, u32)> {
    let mut hasher = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut at = HEADER;
    loop {
        match file.read_at(&mut piece, at)? {
            0 => return Ok((at - HEADER, hasher.finalize())),
            length => {
                hasher.update(&piece[..length]);
                at += length as u64;
            }
        }
    }
}

//! Snapshots of booted guests: made once, cached, restored for every run.
//!
//! A snapshot's name is derived from everything that it depends on. It appears complete or not at all, and is
//! checked before it is used: a damaged one is made again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::process::StartMode;
use crate::sys::sparse_file::for_each_filled_page;
use crate::{unnamed_file, user_folders};

/// The first bytes of a snapshot's footer. Before the footer come the guest's memory, with holes for its
/// zeros, and its devices.
const MAGIC: &[u8; 8] = b"nslabvm2";
/// Bytes of the footer: magic, length of the memory, length of the devices, checksum of both.
const FOOTER: u64 = 8 + 8 + 8 + 4;
/// Maximum number of bytes of devices; some 13,000 were seen.
const MAX_DEVICES: u64 = 100_000;
/// The number of snapshots that are kept; each new build of the program makes another, of about 130 MB.
const KEPT: usize = 8;
const SUFFIX: &str = "snapshot";

/// The cache of snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    /// None if there is no such folder; then a snapshot lives only as long as this process.
    folder: Option<PathBuf>,
}

impl Snapshots {
    /// Opens the user's cache: `$XDG_CACHE_HOME/nslab`, else `~/.cache/nslab` (XDG Base Directory Specification).
    pub(crate) fn of_user() -> Self {
        let folder = user_folders::cache().map(|cache| cache.join("nslab"));
        Self { folder }
    }

    /// Returns the snapshot of this name if it exists and is undamaged.
    pub(crate) fn find(&self, name: &str) -> Option<Snapshot> {
        let path = self.path(name)?;
        // A machine maps it as its memory, for which it must be open for writing. Nothing is written.
        let file = File::options().read(true).write(true).open(&path).ok()?;
        let Ok(Some(devices)) = devices_if_undamaged(&file) else {
            let _gone_already = fs::remove_file(&path);
            return None;
        };
        // The modification time records the last use, for eviction.
        let _as_it_was = file.set_modified(SystemTime::now());
        Some(Snapshot {
            memory: file,
            devices,
            kept: true,
        })
    }

    /// Explains why a snapshot could not be kept, and what to do.
    pub(crate) fn why_not_kept(&self) -> String {
        let place = match &self.folder {
            Some(folder) => format!("{} cannot be written or is full", folder.display()),
            None => "neither HOME nor XDG_CACHE_HOME is set".to_owned(),
        };
        format!(
            "cannot keep the booted guest, so nslab will boot it again each time: {place} (set XDG_CACHE_HOME to \
             choose another folder)"
        )
    }

    /// Keeps a snapshot under this name; if that fails, it lives only as long as this process.
    pub(crate) fn keep(&self, name: &str, memory: File, devices: Vec<u8>) -> Snapshot {
        let kept = self
            .path(name)
            .and_then(|path| write(&path, &memory, &devices).ok());
        self.evict();
        Snapshot {
            kept: kept.is_some(),
            memory: kept.unwrap_or(memory),
            devices,
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{name}.{SUFFIX}")))
    }

    /// Removes all but the most recently used.
    fn evict(&self) {
        if let Some(folder) = &self.folder {
            user_folders::keep_newest(folder, SUFFIX, KEPT);
        }
    }
}

/// The state of a booted guest.
#[derive(Debug)]
pub(crate) struct Snapshot {
    memory: File,
    devices: Vec<u8>,
    kept: bool,
}

impl Snapshot {
    /// Returns true if the snapshot outlives this process.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Returns the way to start a machine from this snapshot.
    pub(crate) fn start_mode(&self) -> StartMode<'_> {
        StartMode::Restore {
            memory: &self.memory,
            devices: &self.devices,
        }
    }
}

/// Writes a snapshot that appears complete or not at all.
fn write(path: &Path, memory: &File, devices: &[u8]) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let file = unnamed_file::create(folder, 0o600)?;
    let length = memory.metadata()?.len();
    let mut hasher = crc32fast::Hasher::new();
    for_each_filled_page(memory, length, |at, page| {
        add(&mut hasher, at, page);
        file.write_all_at(page, at)
    })?;
    add(&mut hasher, length, devices);
    file.write_all_at(devices, length)?;
    let mut footer = Vec::from(MAGIC);
    footer.extend(length.to_le_bytes());
    footer.extend((devices.len() as u64).to_le_bytes());
    footer.extend(hasher.finalize().to_le_bytes());
    file.write_all_at(&footer, length + devices.len() as u64)?;
    // If another process was faster, its snapshot is as good.
    match unnamed_file::link(&file, path) {
        Err(error) if !path.exists() => Err(error),
        _ => Ok(file),
    }
}

/// Returns the devices of a snapshot if it is undamaged.
fn devices_if_undamaged(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut footer = [0; FOOTER as usize];
    let Some(end) = file.metadata()?.len().checked_sub(FOOTER) else {
        return Ok(None);
    };
    file.read_exact_at(&mut footer, end)?;
    let number = |at: usize| {
        footer[at..]
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    };
    let (Some(length), Some(devices_length)) = (number(8), number(16)) else {
        return Ok(None);
    };
    let is_ours = footer.starts_with(MAGIC)
        && devices_length <= MAX_DEVICES
        && length.checked_add(devices_length) == Some(end);
    if !is_ours {
        return Ok(None);
    }
    let mut devices = vec![0; devices_length as usize];
    file.read_exact_at(&mut devices, length)?;
    let mut hasher = crc32fast::Hasher::new();
    for_each_filled_page(file, length, |at, page| {
        add(&mut hasher, at, page);
        Ok(())
    })?;
    add(&mut hasher, length, &devices);
    Ok((footer[24..] == hasher.finalize().to_le_bytes()).then_some(devices))
}

fn add(hasher: &mut crc32fast::Hasher, at: u64, bytes: &[u8]) {
    hasher.update(&at.to_le_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 3 << 20;

    fn memory() -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LENGTH).unwrap();
        file.write_all_at(b"a guest", 2 << 20).unwrap();
        file
    }

    fn kept(folder: &Path) -> (Snapshots, Snapshot) {
        let snapshots = Snapshots {
            folder: Some(folder.join("new")),
        };
        let snapshot = snapshots.keep("one", memory(), b"devices".to_vec());
        (snapshots, snapshot)
    }

    #[test]
    fn a_kept_snapshot_is_found_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let (snapshots, snapshot) = kept(folder.path());
        assert!(snapshot.is_kept());
        assert!(snapshots.find("two").is_none());
        let found = snapshots.find("one").unwrap();
        assert_eq!(found.devices, b"devices");
        let mut bytes = vec![1; LENGTH as usize];
        found.memory.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes[2 << 20..].starts_with(b"a guest\0"));
        assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 7);
    }

    #[test]
    fn a_damaged_snapshot_is_removed() {
        for damage in [
            |file: &File| file.write_all_at(b"b", 1000),
            |file: &File| file.write_all_at(b"D", LENGTH),
            |file: &File| file.set_len(LENGTH),
            |file: &File| file.set_len(0),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (snapshots, snapshot) = kept(folder.path());
            damage(&snapshot.memory).unwrap();
            assert!(snapshots.find("one").is_none());
            assert!(!snapshots.path("one").unwrap().exists());
        }
    }

    #[test]
    fn a_snapshot_that_cannot_be_kept_is_usable_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("new"), "no folder").unwrap();
        let (snapshots, snapshot) = kept(folder.path());
        assert!(!snapshot.is_kept());
        assert!(snapshots.find("one").is_none());
        assert_eq!(snapshot.devices, b"devices");
        assert_eq!(snapshot.memory.metadata().unwrap().len(), LENGTH);
    }
}

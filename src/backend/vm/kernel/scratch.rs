//! A temporary folder for changes to the store, which only one process at a time can have.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::store_error::{StoreError, failed};

/// The prefix of folders in which a kernel is being assembled or removed.
const SCRATCH: &str = ".under-way-";
/// The file that is locked during a change (flock(2)); the kernel releases the lock however the process ends.
const HELD: &str = ".held";

/// A temporary folder on the same file system as the kernels, with the lock on the store. Both go with the value.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _held: File,
}

impl Scratch {
    /// Waits for the lock, removes what a killed process left behind, and creates the folder.
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let path = folder.join(HELD);
        let held = File::options().create(true).append(true).open(&path);
        let held = held.map_err(failed("write", &path))?;
        held.lock().map_err(failed("lock", &path))?;
        for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
            let path = entry.map_err(failed("read", folder))?.path();
            let left = path.file_name().and_then(|name| name.to_str());
            if left.is_some_and(|name| name.starts_with(SCRATCH)) {
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
            }
        }
        let made = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(folder);
        Ok(Self {
            folder: made.map_err(failed("write", folder))?,
            _held: held,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn close(self) -> io::Result<()> {
        self.folder.close()
    }
}

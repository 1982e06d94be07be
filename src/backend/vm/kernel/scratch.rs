//! A folder for changes to the store of kernels, which one process at a time can have.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::store_error::{StoreError, failed};

/// What names of folders begin with that are being put together or taken apart.
const SCRATCH: &str = ".under-way-";
/// Held while somebody adds or removes (flock(2)): it is let go however they end.
const HELD: &str = ".held";

/// A folder to work in, on the same file system as the kernels, by whoever holds the store. It goes with the value.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _held: File,
}

impl Scratch {
    /// Waits until nobody else adds or removes, clears away what a killed process has left, and gives a folder to work in.
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

//! The folder of a command, with the scenario's files, visible to that command only.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::scenario::workload::{CommandSpec, FILES};

/// Anyone may write, because programs started as root often switch to another user, and nobody else sees the folder.
const FOLDER_MODE: u32 = 0o777;

/// Writes the files of a command, if it has any, for its user. The calling thread has shared memory of its own.
///
/// # Errors
/// If the files cannot be written.
pub(super) fn write(spec: &CommandSpec, user: Option<u32>) -> io::Result<()> {
    let Some(files) = &spec.files else {
        return Ok(());
    };
    folder(Path::new(FILES))?;
    for (name, text) in files {
        let path = Path::new(FILES).join(name);
        path.parent().map_or(Ok(()), folder)?;
        fs::write(&path, text)?;
        chown(&path, user, user)?;
    }
    Ok(())
}

/// Creates a folder, and the folders above it up to [`FILES`].
fn folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| above.starts_with(FILES)) {
        folder(above)?;
    }
    DirBuilder::new().create(path)?;
    // mkdir(2) applies the umask to the mode; this undoes it.
    fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
}

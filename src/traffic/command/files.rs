//! The folder of a command, with the scenario's files, visible to that command only.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::scenario::workload::{CommandSpec, FILES};
use crate::sys::private_mounts;

/// Anyone may write, because programs started as root often switch to another user, and nobody else sees the folder.
const FOLDER_MODE: u32 = 0o777;

/// Gives the calling thread, and the command that it starts, shared memory and files of their own.
///
/// # Errors
/// If the scenario has files and they cannot be provided.
pub(super) fn prepare(spec: &CommandSpec) -> io::Result<()> {
    let own = private_mounts::own_shared_memory();
    let Some(files) = &spec.files else {
        // If private shared memory is not available, the command shares the host's, as every program does.
        return Ok(());
    };
    own?;
    folder(Path::new(FILES))?;
    for (name, text) in files {
        let path = Path::new(FILES).join(name);
        path.parent().map_or(Ok(()), folder)?;
        fs::write(path, text)?;
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

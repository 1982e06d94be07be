//! The folder of a command: what the scenario writes there, where nobody else sees it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::scenario::workload::{CommandSpec, FILES};
use crate::sys::private_mounts;

/// Anyone may write: programs that are started as root often go on as somebody else, and nobody else sees the folder.
const FOLDER_MODE: u32 = 0o777;

/// Gives the calling thread, and the command that it starts, shared memory and files of their own.
///
/// # Errors
/// Where files are wanted that cannot be had.
pub(super) fn prepare(spec: &CommandSpec) -> io::Result<()> {
    let own = private_mounts::own_shared_memory();
    let Some(files) = &spec.files else {
        // Where it cannot be had, the command shares what there is, as every program does.
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

/// Makes a folder, with those above it up to [`FILES`].
fn folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| above.starts_with(FILES)) {
        folder(above)?;
    }
    DirBuilder::new().create(path)?;
    // What mkdir(2) takes from the mode by the umask is given back.
    fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
}

//! The search path for programs, `PATH`.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::confine::HOMES;

/// The search path if the environment has none: Debian's default for root (`/etc/login.defs`, ENV_SUPATH).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds a program as execvp(3) does: a name with a slash is a path, any other is looked up in the search path.
pub fn find(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    if program.is_empty() {
        return None;
    }
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    std::env::split_paths(search_path)
        .map(|directory| directory.join(program))
        .find(|path| is_program(path))
}

/// Finds a program as [`find`] does, but prefers those outside home folders. A confined program sees only its own
/// folder there, which is not enough for the wrappers that version managers add to `PATH`.
pub fn find_outside_homes(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    let outside = std::env::split_paths(search_path).filter(|directory| !is_in_a_home(directory));
    let outside = std::env::join_paths(outside).ok();
    let found = outside.and_then(|path| find(program, &path));
    found.or_else(|| find(program, search_path))
}

fn is_in_a_home(directory: &Path) -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let home = home.filter(|home| home.components().count() > 2);
    let mut homes = HOMES.iter().map(Path::new).chain(home.as_deref());
    homes.any(|home| directory.starts_with(home))
}

/// Returns true for a file that may be executed.
pub fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_executed_is_not_found() {
        let find = |program, path: &str| find(program, path.as_ref());
        assert_eq!(find("passwd", "/etc:/nonexistent"), None);
        assert_eq!(find("", "/bin"), None);
        assert_eq!(find("/bin/sh", ""), Some("/bin/sh".into()));
        assert_eq!(find("sh", "/etc:/bin"), Some("/bin/sh".into()));
    }

    #[test]
    fn a_program_in_a_home_is_taken_only_if_there_is_no_other() {
        let home = std::env::var_os("HOME").unwrap();
        let folder = tempfile::tempdir_in(home).unwrap();
        for name in ["sh", "only-here"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/bin", folder.path().display());
        let find = |program| find_outside_homes(program, path.as_ref());
        assert_eq!(find("sh"), Some("/bin/sh".into()));
        assert_eq!(find("only-here"), Some(folder.path().join("only-here")));
    }
}

//! The folders in which a user's programs keep files (XDG Base Directory Specification 0.8).

use std::path::PathBuf;

/// Returns the folder for files that can be made again: `XDG_CACHE_HOME`, else `~/.cache`. `None` without a home.
pub(crate) fn cache() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME", ".cache")
}

/// Returns the folder for data of programs: `XDG_DATA_HOME`, else `~/.local/share`. `None` without a home.
pub(crate) fn data() -> Option<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Returns the folder for the state of programs: `XDG_STATE_HOME`, else `~/.local/state`. `None` without a home.
pub(crate) fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
}

/// The specification says to ignore paths that are not absolute.
fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
}

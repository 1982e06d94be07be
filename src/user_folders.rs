//! The folders in which a user's programs keep files (XDG Base Directory Specification 0.8).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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

/// Removes all files with this extension but the `kept` most recently modified.
pub(crate) fn keep_newest(folder: &Path, extension: &str, kept: usize) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut known: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            (path.extension()? == extension).then_some(())?;
            Some((entry.metadata().ok()?.modified().ok()?, path))
        })
        .collect();
    known.sort_unstable();
    for (_, path) in known.iter().rev().skip(kept) {
        let _gone_already = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_newest_files_of_one_kind_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [
            ("a.json", 30),
            ("b.json", 10),
            ("c.json", 20),
            ("d.txt", 40),
        ] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(time).unwrap();
        }
        keep_newest(folder.path(), "json", 1);
        let exists = |name: &str| folder.path().join(name).exists();
        assert!(exists("b.json") && exists("d.txt"));
        assert!(!exists("a.json") && !exists("c.json"));
    }
}

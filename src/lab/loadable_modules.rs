//! The modules that the running kernel could load, from the lists that depmod(8) makes.

use std::path::{Path, PathBuf};

use nix::sys::utsname;

use crate::input_file;

/// The largest list that is read. Debian's are below 1 MiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Returns whether the running kernel has a module of this name, built in or as a file; `None` if its lists cannot be
/// read, as in a container.
pub fn has_module(name: &str) -> Option<bool> {
    let uname = utsname::uname().ok()?;
    let folder: PathBuf = ["/lib/modules".as_ref(), uname.release()].iter().collect();
    is_listed(&folder, name)
}

fn is_listed(folder: &Path, name: &str) -> Option<bool> {
    // modprobe(8) takes both characters for the same.
    let name = name.replace('-', "_");
    let mut found = false;
    for list in ["modules.dep", "modules.builtin"] {
        let text = input_file::read_text(&folder.join(list), LARGEST).ok()?;
        found |= text.lines().any(|line| {
            let path = line.split(':').next().unwrap_or_default();
            let file = path.rsplit('/').next().unwrap_or_default();
            file.split_once(".ko")
                .is_some_and(|(stem, _)| stem.replace('-', "_") == name)
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_among_files_and_built_in_ones() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(is_listed(folder.path(), "tcp_bbr"), None);
        let list = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        list(
            "modules.dep",
            "kernel/net/ipv4/tcp_bbr.ko.xz:\nkernel/net/sched/sch-cake.ko: kernel/lib/a.ko\n",
        );
        list("modules.builtin", "kernel/net/ipv4/tcp_cubic.ko\n");
        let found = ["tcp_bbr", "tcp_cubic", "sch_cake", "tcp_bbrplus", "a"]
            .map(|name| is_listed(folder.path(), name).unwrap());
        assert_eq!(found, [true, true, true, false, false]);
    }
}

//! The files of a kernel's modules: the folder `lib/modules/RELEASE`, wherever it is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The suffixes of module files, compressed or not.
const ENDINGS: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];
/// Maximum depth of nested folders; a distribution has 9 (`kernel/drivers/...`). More would be a loop.
const DEEPEST: usize = 32;

/// Returns the name of the module in a file, `nf_tables` for `nf-tables.ko.xz`, or `None` if the file
/// is not a module.
pub(crate) fn module_of(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let stem = ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    Some(spelled(stem))
}

/// Returns a module's name as the kernel spells it: `-` and `_` are the same.
pub(crate) fn spelled(name: &str) -> String {
    name.replace('-', "_")
}

/// Returns every module file below a folder and its `modules.builtin`, sorted by path. Does not follow symbolic
/// links: `build` and `source` lead to sources.
pub(crate) fn all(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    gather(folder, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn gather(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() && deeper > 0 {
            gather(&path, deeper - 1, found)?;
        } else if kind.is_file()
            && (module_of(&path).is_some() || path.ends_with("modules.builtin"))
        {
            found.push(path);
        }
    }
    Ok(())
}

pub(crate) fn by_name(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let files = all(folder)?.into_iter();
    Ok(files
        .filter_map(|path| Some((module_of(&path)?, path)))
        .collect())
}

/// Finds the folder of a release's modules, given that folder itself or one that contains it:
/// `DIR`, `DIR/RELEASE`, `DIR/lib/modules/RELEASE`, `DIR/usr/lib/modules/RELEASE`.
pub(crate) fn locate(given: &Path, release: &str) -> Option<PathBuf> {
    let below = ["", "lib/modules", "usr/lib/modules"];
    below
        .iter()
        .map(|between| given.join(between).join(release))
        .find(|folder| folder.is_dir())
        .or_else(|| Some(given.to_owned()).filter(|folder| is_one(folder)))
}

/// Returns true for a folder of modules: it has the list of built-in modules, an output of depmod(8),
/// or the tree itself.
fn is_one(folder: &Path) -> bool {
    ["modules.builtin", "modules.dep", "modules.order", "kernel"]
        .iter()
        .any(|name| folder.join(name).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_gives_the_name_that_the_kernel_uses() {
        let of = |name: &str| module_of(Path::new(name));
        assert_eq!(
            of("/m/kernel/net/nf-tables.ko.xz").as_deref(),
            Some("nf_tables")
        );
        assert_eq!(of("veth.ko").as_deref(), Some("veth"));
        assert_eq!(of("tun.ko.zst").as_deref(), Some("tun"));
        assert_eq!(of("modules.dep"), None);
        assert_eq!(of("veth.ko.asc"), None);
    }

    #[test]
    fn the_folder_is_found_from_every_folder_above_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("lib/modules/6.1.0");
        fs::create_dir_all(folder.join("kernel/net")).unwrap();
        fs::write(folder.join("kernel/net/veth.ko"), "").unwrap();
        std::os::unix::fs::symlink("/", folder.join("build")).unwrap();
        let at = |given: &Path| locate(given, "6.1.0");
        assert_eq!(at(root.path()), Some(folder.clone()));
        assert_eq!(at(&root.path().join("lib/modules")), Some(folder.clone()));
        assert_eq!(at(&folder), Some(folder.clone()));
        assert_eq!(locate(root.path(), "6.2.0"), None);
        // The link to the root of the host is not followed.
        assert_eq!(all(&folder).unwrap(), [folder.join("kernel/net/veth.ko")]);
        assert_eq!(by_name(&folder).unwrap().len(), 1);
    }
}

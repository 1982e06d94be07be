//! Lists the settings below `/proc/sys` that the calling thread's namespace has.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::sysctl::Key;

/// A setting with its permissions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SysctlEntry {
    pub key: Key,
    /// True if its owner may write it. A namespace can only read settings of the whole kernel.
    pub writable: bool,
    /// True if its owner may read it.
    pub readable: bool,
}

/// Lists the network settings. Those of interfaces with a dot in their name are left out, because their
/// keys would be ambiguous.
///
/// # Errors
/// `/proc/sys/net` cannot be listed.
pub fn network() -> io::Result<Vec<SysctlEntry>> {
    below("net")
}

/// Lists the settings outside `net.*`, as far as possible.
pub fn non_network() -> Vec<SysctlEntry> {
    let tops = fs::read_dir("/proc/sys").into_iter().flatten().flatten();
    let names = tops.filter_map(|top| top.file_name().into_string().ok());
    let others = names.filter(|name| name != "net");
    others
        .filter_map(|top| below(&top).ok())
        .flatten()
        .collect()
}

/// Looks up one setting.
pub fn find(key: &Key) -> Option<SysctlEntry> {
    let path = format!("/proc/sys/{}", key.as_str().replace('.', "/"));
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(SysctlEntry::of(key.clone(), &metadata))
}

impl SysctlEntry {
    fn of(key: Key, metadata: &fs::Metadata) -> Self {
        let mode = metadata.permissions().mode();
        Self {
            key,
            writable: mode & 0o200 != 0,
            readable: mode & 0o400 != 0,
        }
    }
}

fn below(top: &str) -> io::Result<Vec<SysctlEntry>> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::from("/proc/sys").join(top), top.to_owned())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let key = format!("{prefix}.{}", name.to_string_lossy());
            // A setting may disappear with its interface during the listing.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if name.to_string_lossy().contains('.') {
                continue;
            }
            if metadata.is_dir() {
                folders.push((entry.path(), key));
            } else if let Some(key) = Key::parse(&key) {
                found.push(SysctlEntry::of(key, &metadata));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_listed_with_their_permissions() {
        let all = network().unwrap();
        let find = |key: &str| all.iter().find(|entry| entry.key.as_str() == key);
        assert!(find("net.ipv4.ip_local_port_range").unwrap().writable);
        assert!(
            !find("net.ipv4.tcp_available_congestion_control")
                .unwrap()
                .writable
        );
        assert!(find("net.ipv4.conf.lo.rp_filter").is_some());
        let beyond = non_network();
        let version = beyond
            .iter()
            .find(|entry| entry.key.as_str() == "kernel.osrelease")
            .unwrap();
        assert!(!version.writable && super::find(&version.key).as_ref() == Some(version));
        assert_eq!(super::find(&Key::parse("kernel").unwrap()), None);
    }
}

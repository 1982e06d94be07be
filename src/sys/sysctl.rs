//! Reads and writes kernel settings below `/proc/sys` in the calling thread's namespace (sysctl(8), proc_sys(5)).
//!
//! Not here: the meaning of settings.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use thiserror::Error;

/// Bytes of the first read: enough for all but lists. The kernel clears a buffer of this size for each read.
const READ: usize = 256;
/// Bytes of the second read, for lists; lists of ports are the longest.
const READ_LIST: usize = 64 * 1024;

/// An error of reading or writing a setting. The texts complete "cannot set net.ipv4.ip_forward: ...".
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SysctlError {
    /// The namespace has no such file.
    #[error("there is no such setting here")]
    Absent,
    /// The file exists but cannot be opened for this.
    #[error("it is read-only here")]
    ReadOnly,
    /// `/proc/sys` is mounted read-only, as is common in containers.
    #[error(
        "/proc/sys is mounted read-only (a container: run it with --privileged, or with \
         --security-opt systempaths=unconfined)"
    )]
    ReadOnlyMount,
    #[error("the kernel refused the value")]
    Refused(#[source] io::Error),
    /// The file could not be read or written for another reason.
    #[error("its file cannot be opened, read or written")]
    File(#[source] io::Error),
}

/// A key that can safely be turned into a path: words of letters, digits, `_` and `-`, joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Parses a key; `None` if it has empty words or other characters, so that it cannot leave `/proc/sys`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        text.split('.').all(word).then(|| Self(text.to_owned()))
    }

    /// Returns the key with dots.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it begins with `net.`, the only part of `/proc/sys` that namespaces have separately.
    pub fn is_network(&self) -> bool {
        self.0.starts_with("net.")
    }

    /// Returns the folder below `/proc/sys` and the file in it.
    fn parts(&self) -> (String, &str) {
        let (folder, file) = self.0.rsplit_once('.').unwrap_or(("", &self.0));
        (format!("/proc/sys/{}", folder.replace('.', "/")), file)
    }
}

/// The settings of the namespace of the thread that uses it; the thread must not change namespaces meanwhile.
///
/// The folders that have been used stay open. All namespaces have folders with the same names, and the kernel
/// searches those of all to find the right one: on a machine with many namespaces this takes most of the time.
#[derive(Debug, Default)]
pub struct Sysctls {
    folders: BTreeMap<String, OwnedFd>,
}

impl Sysctls {
    /// Creates an accessor that has no folders open yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether the namespace has a key.
    pub fn has(&mut self, key: &Key) -> bool {
        self.open(key, OFlag::O_PATH).is_ok()
    }

    /// Returns every network key of the namespace, sorted. This reads some hundred folders.
    pub fn network_keys() -> Vec<String> {
        let mut keys = Vec::new();
        let mut folders = vec![("/proc/sys/net".to_owned(), "net".to_owned())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let key = format!("{prefix}.{name}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push((format!("{folder}/{name}"), key)),
                    _ => keys.push(key),
                }
            }
        }
        keys.sort();
        keys
    }

    /// Returns the value of a key, normalized (see [`normal`]).
    ///
    /// # Errors
    /// [`SysctlError::Absent`]; [`SysctlError::ReadOnly`] for a file that can only be written.
    pub fn read(&mut self, key: &Key) -> Result<String, SysctlError> {
        value(&self.open(key, OFlag::O_RDONLY)?)
    }

    /// Writes a value and returns the kernel's new value, normalized. Some keys can only be written, because
    /// writing triggers an action; for them the written value is returned.
    ///
    /// # Errors
    /// See [`SysctlError`].
    pub fn set(&mut self, key: &Key, wanted: &str) -> Result<String, SysctlError> {
        let (file, write_only) = match self.open(key, OFlag::O_RDWR) {
            Err(SysctlError::ReadOnly) => (self.open(key, OFlag::O_WRONLY)?, true),
            other => (other?, false),
        };
        // A single write, since the kernel takes each write as a complete value; an empty value is an empty
        // line. The value is read back below.
        let _taken = (&file)
            .write(format!("{wanted}\n").as_bytes())
            .map_err(SysctlError::Refused)?;
        if write_only {
            Ok(normal(wanted))
        } else {
            value(&file)
        }
    }

    /// Writes a value that the kernel is known to keep.
    ///
    /// # Errors
    /// See [`SysctlError`].
    pub fn write(&mut self, key: &Key, value: &str) -> Result<(), SysctlError> {
        let file = self.open(key, OFlag::O_WRONLY)?;
        (&file)
            .write(format!("{value}\n").as_bytes())
            .map(drop)
            .map_err(SysctlError::Refused)
    }

    fn open(&mut self, key: &Key, how: OFlag) -> Result<File, SysctlError> {
        let (path, file) = key.parts();
        let folder = match self.folders.entry(path) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(new) => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let folder = open(new.key().as_str(), flags, Mode::empty()).map_err(open_error)?;
                new.insert(folder)
            }
        };
        let opened = openat(folder, file, how | OFlag::O_CLOEXEC, Mode::empty());
        Ok(File::from(opened.map_err(open_error)?))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn value(file: &File) -> Result<String, SysctlError> {
    let mut buffer = [0; READ];
    let mut longer = Vec::new();
    let mut read = &mut buffer[..];
    let mut length = file.read_at(read, 0).map_err(SysctlError::File)?;
    if length == READ {
        longer.resize(READ_LIST, 0);
        read = &mut longer[..];
        length = file.read_at(read, 0).map_err(SysctlError::File)?;
    }
    let text = String::from_utf8_lossy(read.get(..length).unwrap_or_default());
    Ok(normal(&text))
}

fn open_error(error: Errno) -> SysctlError {
    match error {
        Errno::ENOENT | Errno::ENOTDIR => SysctlError::Absent,
        Errno::EACCES | Errno::EPERM => SysctlError::ReadOnly,
        Errno::EROFS => SysctlError::ReadOnlyMount,
        error => SysctlError::File(error.into()),
    }
}

/// Normalizes a value for comparison and the record: words separated by single spaces.
pub fn normal(value: &str) -> String {
    let mut words = value.split_whitespace();
    let mut normal = words.next().unwrap_or_default().to_owned();
    for word in words {
        normal.push(' ');
        normal.push_str(word);
    }
    normal
}

/// Returns whether the kernel kept what was written: the same words, the same numbers (`0x10` is read back as
/// `16`), or the same set of ports (`1,2` is read back as `1-2`).
pub fn same(written: &str, kept: &str) -> bool {
    let (written, kept) = (normal(written), normal(kept));
    if written == kept {
        return true;
    }
    let numbers = |text: &str| text.split(' ').map(number).collect::<Option<Vec<_>>>();
    if let (Some(written), Some(kept)) = (numbers(&written), numbers(&kept)) {
        return written == kept;
    }
    matches!((ranges(&written), ranges(&kept)), (Some(written), Some(kept)) if written == kept)
}

/// Parses a number like the kernel (`simple_strtoul` with base 0, `lib/vsprintf.c`): decimal, `0x`, or
/// octal after a 0.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    Some(sign * value.ok()?)
}

/// Parses a list of numbers and ranges; sorts it and joins neighbours.
fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut list = text
        .split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect::<Option<Vec<(u32, u32)>>>()?;
    list.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (first, last) in list {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_the_sysctl_tree() {
        for key in [
            "",
            "net",
            "net.ipv4.tcp_tw_reuse",
            "net.ipv4.conf.eth0.rp_filter",
        ] {
            assert_eq!(Key::parse(key).is_some(), !key.is_empty(), "{key}");
        }
        for key in [
            "net..ipv4",
            ".net",
            "net.",
            "net/ipv4",
            "net.ipv4.a b",
            "../x",
            "net.\0",
        ] {
            assert_eq!(Key::parse(key), None, "{key}");
        }
        assert_eq!(
            Key::parse("net.ipv4.conf.all.rp_filter").unwrap().parts(),
            ("/proc/sys/net/ipv4/conf/all".to_owned(), "rp_filter")
        );
    }

    #[test]
    fn spacing_and_the_notation_of_numbers_do_not_matter() {
        assert!(same("32768 60999", "32768\t60999\n"));
        assert!(same("0x400", "1024"));
        assert!(same("010", "8"));
        assert!(same("8080,9148,9149", "8080,9148-9149"));
        assert!(same("", "\n"));
        assert!(!same("100", "64"));
        assert!(!same("32768 60999", "32768"));
        assert!(!same("cubic", "reno"));
    }

    #[test]
    fn a_missing_setting_is_distinguished_from_a_read_only_one() {
        let read = |key| Sysctls::new().read(&Key::parse(key).unwrap());
        assert!(matches!(
            read("net.ipv4.no_such_setting"),
            Err(SysctlError::Absent)
        ));
        assert!(read("net.ipv4.ip_local_port_range").unwrap().contains(' '));
        let key = Key::parse("net.ipv4.tcp_available_congestion_control").unwrap();
        assert!(matches!(
            Sysctls::new().set(&key, "reno"),
            Err(SysctlError::ReadOnly)
        ));
    }
}

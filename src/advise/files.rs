//! Reads sysctl files in the order in which sysctl(8) would.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::merge::SysctlSource;
use super::reference::printed;
use crate::input_file;

/// Largest file that is read, far larger than any written by hand.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A sysctl file cannot be read.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// The file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is too large to be a sysctl file.
    #[error("{} is larger than 16 MiB, so it is not a sysctl file", path.display())]
    TooLarge { path: PathBuf },
    /// The file has a NUL byte.
    #[error(
        "{} is not text: NUL byte in line {line}{}", path.display(), if *utf16 { "; save it as UTF-8" } else { "" }
    )]
    Binary {
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// True if the file starts with the byte order mark of UTF-16.
        utf16: bool,
    },
    /// The file has no settings of the network.
    #[error(
        "{} is not the output of `sysctl -a`: no lines such as `net.core.somaxconn = 4096`", path.display()
    )]
    NoSettings { path: PathBuf },
    /// The folder has no files for sysctl.
    #[error("no *.conf files in {}", path.display())]
    Empty { path: PathBuf },
}

/// Reads files and folders. The `*.conf` files of all folders are sorted by name, as in sysctl.d(5); if two
/// have the same name, the one in the folder that is listed first is used. Single files follow in the given
/// order; `-` is standard input.
///
/// # Errors
/// Returns every file that cannot be read.
pub(crate) fn read_files(names: &[PathBuf]) -> Result<Vec<SysctlSource>, Vec<FileError>> {
    let (mut paths, mut errors) = (Vec::new(), Vec::new());
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for name in names {
        if !name.is_dir() {
            paths.push(name.clone());
            continue;
        }
        match conf_files(name) {
            Ok(found) if found.is_empty() => errors.push(FileError::Empty { path: name.clone() }),
            Ok(found) => {
                for path in found {
                    let file = path.file_name().unwrap_or_default().to_owned();
                    drop_ins.entry(file).or_insert(path);
                }
            }
            Err(source) => errors.push(FileError::Read {
                path: name.clone(),
                source,
            }),
        }
    }
    let mut sources = Vec::new();
    for path in drop_ins.into_values().chain(paths) {
        match read(&path) {
            Ok(source) => sources.push(source),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(sources)
    } else {
        Err(errors)
    }
}

/// Reads the output of `sysctl -a` on another host.
///
/// # Errors
/// If the file cannot be read, or has no settings of the network.
pub(crate) fn read_host(path: &Path) -> Result<SysctlSource, FileError> {
    let source = read(path)?;
    if printed(&source.text)
        .keys()
        .any(|key| key.starts_with("net."))
    {
        Ok(source)
    } else {
        Err(FileError::NoSettings {
            path: path.to_owned(),
        })
    }
}

fn conf_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "conf") && !path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<SysctlSource, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let (label, input): (String, Box<dyn Read>) = if path == Path::new("-") {
        ("standard input".to_owned(), Box::new(io::stdin()))
    } else {
        let file = input_file::open(path).map_err(failed)?;
        (path.display().to_string(), Box::new(file))
    };
    let mut bytes = Vec::new();
    input
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
        });
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(FileError::Binary {
            path: path.to_owned(),
            line: 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count(),
            utf16: bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]),
        });
    }
    // A comment may be in any encoding.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(SysctlSource { label, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_as_drop_ins_before_single_files() {
        let top = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, path.display().to_string()).unwrap();
        };
        for path in [
            "etc/60-b.conf",
            "etc/10-a.conf",
            "usr/10-a.conf",
            "usr/50-c.conf",
            "usr/x.txt",
            "sysctl.conf",
        ] {
            put(path);
        }
        let names = ["sysctl.conf", "etc", "usr"].map(|name| top.path().join(name));
        let labels: Vec<String> = read_files(&names)
            .unwrap()
            .into_iter()
            .map(|source| {
                source
                    .label
                    .trim_start_matches(&format!("{}/", top.path().display()))
                    .to_owned()
            })
            .collect();
        assert_eq!(
            labels,
            [
                "etc/10-a.conf",
                "usr/50-c.conf",
                "etc/60-b.conf",
                "sysctl.conf"
            ]
        );
    }

    #[test]
    fn every_unreadable_file_is_reported() {
        let top = tempfile::tempdir().unwrap();
        let errors = read_files(&["/nope/x.conf".into(), top.path().to_owned()]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn the_settings_of_another_host_are_read_if_there_are_any() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("host.txt");
        fs::write(
            &path,
            "kernel.osrelease = 6.1.0\nnet.core.somaxconn = 128\n",
        )
        .unwrap();
        assert!(read_host(&path).is_ok());
        fs::write(&path, "hello\n").unwrap();
        assert!(matches!(
            read_host(&path),
            Err(FileError::NoSettings { .. })
        ));
        assert!(matches!(read_host(top.path()), Err(FileError::Read { .. })));
    }

    #[test]
    fn a_binary_file_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let error = |bytes: &[u8]| {
            let path = top.path().join("a.conf");
            fs::write(&path, bytes).unwrap();
            read_files(&[path]).unwrap_err()[0].to_string()
        };
        let binary = error(b"a.b = 1\na.c = \0\n");
        assert!(binary.ends_with("is not text: NUL byte in line 2"));
        assert!(error(b"\xff\xfea\0.\0b\0").ends_with("save it as UTF-8"));
    }

    #[test]
    fn a_file_in_another_encoding_is_read() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a.conf");
        fs::write(&path, b"# caf\xe9\nnet.core.somaxconn=5\n").unwrap();
        assert!(read_files(&[path]).unwrap()[0].text.contains("somaxconn=5"));
    }
}

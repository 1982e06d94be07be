//! The files of `nslab advise`, in the order in which sysctl(8) would read them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::advise::Source;

/// Largest file that is read: far more than any that people write.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Why a file cannot be had.
#[derive(Debug, Error)]
pub(super) enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is too large.
    #[error("{} is larger than 16 MiB, which no sysctl file is", path.display())]
    TooLarge { path: PathBuf },
    /// It is no text.
    #[error("{} has a NUL byte in line {line}: it is no text that sysctl reads{}", path.display(), if *utf16 { "; save it as UTF-8" } else { "" })]
    Binary {
        path: PathBuf,
        line: usize,
        utf16: bool,
    },
    /// A folder without files.
    #[error("no *.conf in {}", path.display())]
    Empty { path: PathBuf },
}

/// Reads what the user names. Folders together are read as sysctl.d(5) has it: their `*.conf` in the order of their names, of two
/// with the same name the one in the folder that is named first. Files come after, in the order given; `-` is standard input.
pub(super) fn read_all(names: &[PathBuf]) -> Result<Vec<Source>, Vec<FileError>> {
    let (mut paths, mut errors) = (Vec::new(), Vec::new());
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for name in names {
        if !name.is_dir() {
            paths.push(name.clone());
            continue;
        }
        match below(name) {
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

fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "conf") && !path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Source, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let (label, input): (String, Box<dyn Read>) = if path == Path::new("-") {
        ("standard input".to_owned(), Box::new(io::stdin()))
    } else {
        let file = fs::File::open(path).map_err(failed)?;
        (path.display().to_string(), Box::new(file))
    };
    let mut bytes = Vec::new();
    input
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
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
    Ok(Source { label, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_as_drop_ins_and_files_after_them() {
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
        let labels: Vec<String> = read_all(&names)
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
    fn what_cannot_be_read_is_told_at_once() {
        let top = tempfile::tempdir().unwrap();
        let errors = read_all(&["/nope/x.conf".into(), top.path().to_owned()]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn what_is_no_text_is_told_and_not_read() {
        let top = tempfile::tempdir().unwrap();
        let told = |bytes: &[u8]| {
            let path = top.path().join("a.conf");
            fs::write(&path, bytes).unwrap();
            read_all(&[path]).unwrap_err()[0].to_string()
        };
        let binary = told(b"a.b = 1\na.c = \0\n");
        assert!(binary.ends_with("has a NUL byte in line 2: it is no text that sysctl reads"));
        assert!(told(b"\xff\xfea\0.\0b\0").ends_with("save it as UTF-8"));
    }

    #[test]
    fn other_encodings_do_not_keep_a_file_from_being_read() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a.conf");
        fs::write(&path, b"# caf\xe9\nnet.core.somaxconn=5\n").unwrap();
        assert!(read_all(&[path]).unwrap()[0].text.contains("somaxconn=5"));
    }
}

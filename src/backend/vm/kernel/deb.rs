//! Unpacks a kernel's Debian package: image, configuration, modules. It does so in process and needs
//! neither dpkg nor root.
//!
//! A package is an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*`, in this order (deb(5)).
//! Nothing of it is executed, and only the wanted files are written, each to the path given for it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};
use thiserror::Error;

use super::inflate;
use crate::input_file;

/// The first bytes of an `ar` archive (ar(5)).
const AR: &[u8] = b"!<arch>\n";
/// Bytes of a member's header. Its size is the decimal number at 48, 10 characters long.
const MEMBER: usize = 60;
const MEMBER_END: &[u8] = b"`\n";
/// The suffix of members with a compression that is not supported here (deb(5)).
const UNREAD: &str = ".lzma";
/// Maximum number of bytes that a package may unpack to: Ubuntu's generic modules with the extra ones have 600 MiB.
const LARGEST: u64 = 4 << 30;
/// Maximum number of bytes of a control file; a kernel's has 1 KiB.
const LARGEST_CONTROL: u64 = 1 << 20;
const AT_ONCE: usize = 64 << 10;
/// Maximum number of files in a package: Ubuntu's modules are 7,000.
const MOST_FILES: usize = 100_000;
/// Maximum number of bytes of a path (`PATH_MAX`, Linux `include/uapi/linux/limits.h`).
const LONGEST_PATH: u64 = 4096;

/// An error in unpacking a kernel's package.
#[derive(Debug, Error)]
pub(crate) enum DebError {
    /// It cannot be read, or its compressed data are damaged.
    #[error("it cannot be read completely")]
    Read(#[source] io::Error),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("it is truncated: it has {found} of {needed} bytes. Copy or download it again")]
    Truncated {
        found: u64,
        /// Minimum number of bytes that it should have.
        needed: u64,
    },
    /// Its compression is not supported.
    #[error(
        "it contains {0}, whose compression is not supported; unpack it (dpkg-deb -x PACKAGE DIR) and give \
         DIR/boot/vmlinuz-* instead"
    )]
    Packing(String),
    #[error("it is not a Debian package: {0}")]
    NotAPackage(&'static str),
    #[error(
        "it contains the path `{0}`, which leads outside the package, so the package was rejected"
    )]
    Unsafe(String),
    #[error("it is too large for a kernel package: {0}")]
    TooLarge(&'static str),
    /// It contains two images, or modules of two kernels.
    #[error("it contains more than one kernel: {0} and {1}")]
    Several(String, String),
}

/// A package's control fields and the kernel that it contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) maintainer: String,
    /// Its dependencies, as written.
    pub(crate) depends: String,
    /// The release in the name of its image, if it has one.
    pub(crate) image: Option<String>,
    /// The release of its modules, if it has any.
    pub(crate) modules: Option<String>,
}

/// The paths to which the parts of a kernel are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelPaths<'a> {
    pub(crate) image: &'a Path,
    pub(crate) config: &'a Path,
    /// The folder for modules, created for the first of them.
    pub(crate) modules: &'a Path,
}

/// Returns true if a file begins like a package.
pub(crate) fn is_package(path: &Path) -> bool {
    let mut first = [0; AR.len()];
    let read = input_file::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == AR
}

/// Unpacks a package's kernel. Fails if it is not a package, is damaged, or contains what no kernel's package
/// should; the files unpacked until then remain.
pub(crate) fn unpack(deb: &Path, to: KernelPaths<'_>) -> Result<Package, DebError> {
    let file = input_file::open(deb).map_err(DebError::Read)?;
    let length = file.metadata().map_err(DebError::Read)?.len();
    unpack_stream(BufReader::new(file), length, to)
}

/// Unpacks the kernel of a package that has `found` bytes.
pub(in crate::backend::vm) fn unpack_stream(
    mut file: impl Read + Seek,
    found: u64,
    to: KernelPaths<'_>,
) -> Result<Package, DebError> {
    let mut first = [0; AR.len()];
    match file.read_exact(&mut first) {
        Ok(()) if first == AR => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(DebError::Read(error));
        }
        _ => {
            return Err(DebError::NotAPackage(
                "it does not start with the signature of an ar archive",
            ));
        }
    }
    let mut package = None;
    while let Some((name, size)) = member(&mut file)? {
        let at = file.stream_position().map_err(DebError::Read)?;
        let needed = at.saturating_add(size);
        if needed > found {
            return Err(DebError::Truncated { found, needed });
        }
        if name.ends_with(UNREAD) {
            return Err(DebError::Packing(name));
        }
        let mut body = file.by_ref().take(size);
        if name.starts_with("control.tar") {
            package = Some(control(&mut body)?);
        } else if name.starts_with("data.tar") {
            let Some(mut package) = package else {
                return Err(DebError::NotAPackage(
                    "its data.tar comes before its control.tar",
                ));
            };
            let unpacked = inflate::reader(body).map_err(DebError::Read)?;
            data(unpacked, to, &mut package)?;
            return Ok(package);
        }
        io::copy(&mut body, &mut io::sink()).map_err(DebError::Read)?;
        // Members start at even offsets.
        io::copy(&mut file.by_ref().take(size % 2), &mut io::sink()).map_err(DebError::Read)?;
    }
    Err(DebError::NotAPackage("it has no data.tar"))
}

/// Returns the next member's name and size.
fn member(file: &mut impl Read) -> Result<Option<(String, u64)>, DebError> {
    let mut header = Vec::with_capacity(MEMBER);
    let mut read = file.take(MEMBER as u64);
    read.read_to_end(&mut header).map_err(DebError::Read)?;
    if header.is_empty() {
        return Ok(None);
    }
    if header.len() < MEMBER || !header.ends_with(MEMBER_END) {
        return Err(DebError::NotAPackage("it is truncated or damaged"));
    }
    let text =
        |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]).trim().to_owned();
    let size = text(48, 58).parse();
    let size = size.map_err(|_| DebError::NotAPackage("a member has no size"))?;
    Ok(Some((text(0, 16).trim_end_matches('/').to_owned(), size)))
}

fn control(body: &mut impl Read) -> Result<Package, DebError> {
    let unpacked = inflate::reader(body).map_err(DebError::Read)?;
    let mut archive = Archive::new(unpacked.take(LARGEST_CONTROL * 16));
    for entry in archive.entries().map_err(DebError::Read)? {
        let entry = entry.map_err(DebError::Read)?;
        if entry.path().is_ok_and(|path| path.ends_with("control")) {
            let mut text = String::new();
            let mut bounded = entry.take(LARGEST_CONTROL);
            bounded.read_to_string(&mut text).map_err(DebError::Read)?;
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            return Ok(Package {
                name: field("Package:"),
                maintainer: field("Maintainer:"),
                depends: field("Depends:"),
                ..Package::default()
            });
        }
    }
    Err(DebError::NotAPackage("it has no control file"))
}

fn data(unpacked: impl Read, to: KernelPaths<'_>, package: &mut Package) -> Result<(), DebError> {
    let mut archive = Archive::new(unpacked);
    let mut left = LARGEST;
    let mut long_path = None;
    // Raw, because the library would read extensions of any length into memory.
    let entries = archive.entries().map_err(DebError::Read)?.raw(true);
    for (number, entry) in entries.enumerate() {
        let mut entry = entry.map_err(DebError::Read)?;
        if number >= MOST_FILES {
            return Err(DebError::TooLarge("more than 100,000 files"));
        }
        left = left
            .checked_sub(entry.size())
            .ok_or(DebError::TooLarge("more than 4 GiB"))?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                long_path = Some(path_in(&mut entry)?);
                continue;
            }
            // The target of the link that follows.
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            EntryType::XHeader => {
                return Err(DebError::NotAPackage(
                    "it has pax headers, which deb(5) excludes",
                ));
            }
            _ => {}
        }
        let path = match long_path.take() {
            Some(path) => path,
            None => entry.path().map_err(DebError::Read)?.into_owned(),
        };
        let inside = inside(&path)?;
        // Folders are created with their files; links (`build`, `source`) lead to what no guest has.
        if kind == EntryType::Regular
            && let Some(target) = wanted(&inside, to, package)?
        {
            pour(&mut entry, &target)?;
        }
    }
    Ok(())
}

/// Reads the path of the entry that follows, which ends with a NUL byte.
fn path_in(entry: &mut impl Read) -> Result<PathBuf, DebError> {
    let mut bytes = Vec::new();
    let mut bounded = entry.take(LONGEST_PATH + 1);
    bounded.read_to_end(&mut bytes).map_err(DebError::Read)?;
    if bytes.len() as u64 > LONGEST_PATH {
        return Err(DebError::TooLarge("a path of more than 4,096 bytes"));
    }
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

/// Writes a file; reports a damaged source and a full disk as different errors.
fn pour(source: &mut impl Read, path: &Path) -> Result<(), DebError> {
    let failed = |source| DebError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create(path).map_err(failed)?;
    let mut bytes = vec![0; AT_ONCE];
    loop {
        match source.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => file.write_all(&bytes[..length]).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DebError::Read(error)),
        }
    }
}

/// Returns a path without a leading `./`; refuses one that leads out of the package.
fn inside(path: &Path) -> Result<PathBuf, DebError> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(DebError::Unsafe(path.display().to_string())),
        })
        .collect()
}

/// Returns the target path of a file, or `None` if it is not wanted. Records the file's release in `package`.
fn wanted(
    path: &Path,
    to: KernelPaths<'_>,
    package: &mut Package,
) -> Result<Option<PathBuf>, DebError> {
    let text = path.to_string_lossy();
    // Debian and Ubuntu may one day move everything below /usr.
    let text = text.strip_prefix("usr/").unwrap_or(&text);
    if let Some(release) = text.strip_prefix("boot/vmlinuz-") {
        only(&mut package.image, release)?;
        return Ok(Some(to.image.to_owned()));
    }
    if text.starts_with("boot/config-") {
        return Ok(Some(to.config.to_owned()));
    }
    match text
        .strip_prefix("lib/modules/")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((release, rest)) => {
            only(&mut package.modules, release)?;
            Ok(Some(to.modules.join(rest)))
        }
        None => Ok(None),
    }
}

fn only(known: &mut Option<String>, release: &str) -> Result<(), DebError> {
    match known {
        Some(other) if other != release => {
            Err(DebError::Several(other.clone(), release.to_owned()))
        }
        _ => {
            *known = Some(release.to_owned());
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! Unpacks a kernel's Debian package: image, configuration, modules. It does so in process and needs
//! neither dpkg nor root.
//!
//! A package is an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*`, in this order (deb(5)).
//! Nothing of it is executed, and only the wanted files are written, each to the path given for it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
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
    let mut file = BufReader::new(input_file::open(deb).map_err(DebError::Read)?);
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
    let found = file.get_ref().metadata().map_err(DebError::Read)?.len();
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
    for (number, entry) in archive.entries().map_err(DebError::Read)?.enumerate() {
        let mut entry = entry.map_err(DebError::Read)?;
        if number >= MOST_FILES {
            return Err(DebError::TooLarge("more than 100,000 files"));
        }
        let path = entry.path().map_err(DebError::Read)?.into_owned();
        let inside = inside(&path)?;
        left = left
            .checked_sub(entry.size())
            .ok_or(DebError::TooLarge("more than 4 GiB"))?;
        // Folders are created with their files; links (`build`, `source`) lead to what no guest has.
        if entry.header().entry_type() == EntryType::Regular
            && let Some(target) = wanted(&inside, to, package)?
        {
            pour(&mut entry, &target)?;
        }
    }
    Ok(())
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
pub(crate) mod tests {
    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_ustar();
            // The crate would refuse a path that leads out of the archive, so the name is written directly.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = AR.to_vec();
        for (name, body) in members {
            bytes.extend(
                format!(
                    "{name:<16}0           0     0     100644  {:<10}`\n",
                    body.len()
                )
                .bytes(),
            );
            bytes.extend(*body);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    pub(crate) fn package(control: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
        let zstd = |bytes: Vec<u8>| {
            ruzstd::encoding::compress_to_vec(
                &bytes[..],
                ruzstd::encoding::CompressionLevel::Fastest,
            )
        };
        ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar(&[("./control", control.as_bytes())])),
            ("data.tar.zst", &zstd(tar(files))),
        ])
    }

    fn unpacked(bytes: &[u8]) -> (Result<Package, DebError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.deb");
        fs::write(&path, bytes).unwrap();
        let parts = KernelPaths {
            image: &folder.path().join("image"),
            config: &folder.path().join("config"),
            modules: &folder.path().join("modules"),
        };
        (unpack(&path, parts), folder)
    }

    const CONTROL: &str = "Package: linux-image-6.1.0\nMaintainer: Debian Kernel Team <a@b>\n\
        Depends: kmod, linux-base\n";

    #[test]
    fn image_configuration_and_modules_are_unpacked_and_nothing_else() {
        let bytes = package(
            CONTROL,
            &[
                ("./boot/vmlinuz-6.1.0", b"image"),
                ("./boot/config-6.1.0", b"CONFIG_VETH=m"),
                ("./boot/System.map-6.1.0", b"map"),
                ("./usr/lib/modules/6.1.0/kernel/net/veth.ko", b"veth"),
                ("./usr/share/doc/linux/README", b"read me"),
            ],
        );
        let (package, folder) = unpacked(&bytes);
        let package = package.unwrap();
        assert_eq!(package.name, "linux-image-6.1.0");
        assert_eq!(package.maintainer, "Debian Kernel Team <a@b>");
        assert_eq!(package.depends, "kmod, linux-base");
        assert_eq!(package.image.as_deref(), Some("6.1.0"));
        assert_eq!(package.modules.as_deref(), Some("6.1.0"));
        let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
        assert_eq!(read("image"), b"image");
        assert_eq!(read("config"), b"CONFIG_VETH=m");
        assert_eq!(read("modules/kernel/net/veth.ko"), b"veth");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_path_that_leads_out_of_the_package_is_refused() {
        for path in [
            "./lib/modules/6.1.0/../../../../outside",
            "/lib/modules/6.1.0/a.ko",
            "../outside",
        ] {
            let (package, folder) = unpacked(&package(CONTROL, &[(path, b"x")]));
            let error = package.unwrap_err();
            assert!(matches!(error, DebError::Unsafe(_)), "{path}: {error}");
            assert!(!folder.path().parent().unwrap().join("outside").exists());
        }
    }

    #[test]
    fn a_truncated_package_is_an_error_wherever_it_ends() {
        let whole = package(CONTROL, &[("./boot/vmlinuz-6.1.0", &[7; 3000])]);
        for length in (0..whole.len() - 1).step_by(37) {
            let (package, _folder) = unpacked(&whole[..length]);
            assert!(package.is_err(), "{length} of {}", whole.len());
        }
        let (package, _folder) = unpacked(&whole[..whole.len() - 2]);
        let error = package.unwrap_err().to_string();
        assert!(error.starts_with("it is truncated: it has "), "{error}");
    }

    #[test]
    fn an_unsupported_compression_is_reported_with_a_workaround() {
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar(&[("./control", CONTROL.as_bytes())])),
            ("data.tar.lzma", b"\x5d\0\0\x80\0"),
        ]);
        let error = unpacked(&bytes).0.unwrap_err().to_string();
        assert!(
            error.contains("data.tar.lzma") && error.contains("dpkg-deb -x"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_not_a_package_is_reported() {
        let (package, _folder) = unpacked(b"PK\x03\x04 something else");
        let error = package.unwrap_err().to_string();
        assert!(error.contains("not a Debian package"), "{error}");
        let (package, _folder) = unpacked(&ar(&[("debian-binary", b"2.0\n")]));
        assert!(package.unwrap_err().to_string().contains("no data.tar"));
    }

    #[test]
    fn two_kernels_in_one_package_are_refused() {
        let bytes = package(
            CONTROL,
            &[
                ("./boot/vmlinuz-6.1.0", b"x"),
                ("./boot/vmlinuz-6.2.0", b"x"),
            ],
        );
        assert!(matches!(unpacked(&bytes).0, Err(DebError::Several(..))));
    }
}

//! Checks that a kernel's image is a complete bzImage for x86-64 and reads its
//! release (Linux `Documentation/arch/x86/boot.rst`).

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::input_file;

/// `setup_sects`: sectors of the set-up code, without the boot sector.
const SETUP_SECTS: usize = 0x1f1;
/// `syssize`: size of the code after it, in units of 16 bytes.
const SYSSIZE: usize = 0x1f4;
/// `header`: the magic number, "HdrS".
const HEADER: usize = 0x202;
/// `version` of the boot protocol, major in the high byte.
const VERSION: usize = 0x206;
/// `kernel_version`: the offset of the text, counted from byte 512.
const KERNEL_VERSION: usize = 0x20e;
/// `xloadflags`: bit 0 (XLF_KERNEL_64) is set if there is a 64-bit entry point.
const XLOADFLAGS: usize = 0x236;
/// The first boot protocol with `xloadflags` (Linux 3.8).
const PROTOCOL_2_12: u16 = 0x020c;
/// Bytes of a sector, and the origin of `kernel_version`.
const SECTOR: usize = 512;
/// `setup_sects` when it is 0, for historical reasons.
const HISTORICAL_SETUP_SECTS: usize = 4;
/// Longer than any release (`__NEW_UTS_LEN` is 64) followed by the description of its build.
const LONGEST_TEXT: usize = 512;

/// Maximum number of bytes of an image: distributions' have 15 MiB, one with everything built in a few times that.
const LARGEST: u64 = 512 << 20;

/// An error in reading an image.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It ends before its header does, or before the size in its header.
    #[error("it is truncated: it has {found} of {needed} bytes. Copy, download or build it again")]
    Truncated {
        found: usize,
        /// Minimum number of bytes that it should have.
        needed: usize,
    },
    #[error(
        "it is an ELF file, the uncompressed `vmlinux`; give the bzImage instead: arch/x86/boot/bzImage in the build \
         tree, /boot/vmlinuz-RELEASE if installed"
    )]
    Elf,
    #[error(
        "it is not a Linux kernel image (bzImage) for x86: bytes 514 to 517 are not \"HdrS\". Give a vmlinuz, a \
         bzImage or a linux-image package (.deb)"
    )]
    NotAnImage,
    #[error("it has no 64-bit entry point; only kernels for x86-64, 3.8 or later, can be booted")]
    Not64Bit,
    #[error("its header does not name a release")]
    NoRelease,
}

/// Reads the whole image and returns its release: what `uname -r` prints once it runs. Fails if the file is not a
/// complete image for x86-64.
pub(crate) fn release_of(path: &Path) -> Result<String, ImageError> {
    match input_file::read(path, LARGEST) {
        Ok(image) => release(&image),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(ImageError::NotAnImage),
        Err(error) => Err(ImageError::Read(error)),
    }
}

pub(in crate::backend::vm) fn release(image: &[u8]) -> Result<String, ImageError> {
    if image.starts_with(b"\x7fELF") {
        return Err(ImageError::Elf);
    }
    match image.get(HEADER..HEADER + 4) {
        Some(b"HdrS") => {}
        // A file that ends before the magic number may still begin like a boot sector, unless it is text.
        None if std::str::from_utf8(image).is_err() || image.contains(&0) => {
            return Err(ImageError::Truncated {
                found: image.len(),
                needed: XLOADFLAGS + 2,
            });
        }
        _ => return Err(ImageError::NotAnImage),
    }
    let truncated = |needed| ImageError::Truncated {
        found: image.len(),
        needed,
    };
    let word = |at: usize| {
        let bytes = image.get(at..at + 2).ok_or(truncated(XLOADFLAGS + 2))?;
        Ok::<_, ImageError>(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    if word(VERSION)? < PROTOCOL_2_12 || word(XLOADFLAGS)? & 1 == 0 {
        return Err(ImageError::Not64Bit);
    }
    let setup = match usize::from(image[SETUP_SECTS]) {
        0 => HISTORICAL_SETUP_SECTS,
        sectors => sectors,
    };
    let paragraphs = usize::from(word(SYSSIZE)?) | usize::from(word(SYSSIZE + 2)?) << 16;
    let needed = (setup + 1) * SECTOR + paragraphs * 16;
    if image.len() < needed {
        return Err(truncated(needed));
    }
    let text = match usize::from(word(KERNEL_VERSION)?) {
        0 => return Err(ImageError::NoRelease),
        at => &image[(at + SECTOR).min(image.len())..],
    };
    let text = &text[..text.len().min(LONGEST_TEXT)];
    let first = text
        .split(|byte| *byte == 0 || byte.is_ascii_whitespace())
        .next();
    first
        .filter(|release| !release.is_empty() && release.iter().all(u8::is_ascii_graphic))
        .and_then(|release| String::from_utf8(release.to_vec()).ok())
        .ok_or(ImageError::NoRelease)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An image that contains nothing but has a valid header.
    pub(crate) fn image(release: &str) -> Vec<u8> {
        let mut bytes = vec![0; 3 * SECTOR];
        bytes[SETUP_SECTS] = 1;
        bytes[SYSSIZE] = (SECTOR / 16) as u8;
        bytes[HEADER..HEADER + 4].copy_from_slice(b"HdrS");
        bytes[VERSION..VERSION + 2].copy_from_slice(&0x020f_u16.to_le_bytes());
        bytes[KERNEL_VERSION..KERNEL_VERSION + 2].copy_from_slice(&0x100_u16.to_le_bytes());
        bytes[XLOADFLAGS] = 1;
        let text = format!("{release} (someone@somewhere) #1 SMP");
        bytes[SECTOR + 0x100..][..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn the_release_is_read_from_the_header() {
        assert_eq!(
            release(&image("6.1.0-56-cloud-amd64")).unwrap(),
            "6.1.0-56-cloud-amd64"
        );
        assert_eq!(release(&image("4.9.337")).unwrap(), "4.9.337");
    }

    #[test]
    fn a_truncated_image_is_refused_wherever_it_ends() {
        let whole = image("6.1.0");
        for length in 1..whole.len() {
            let error = release(&whole[..length]).unwrap_err();
            assert!(
                matches!(error, ImageError::Truncated { .. }),
                "{length}: {error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_not_an_image_is_reported_for_what_it_is() {
        let elf = [b"\x7fELF".as_slice(), &[0; 2000]].concat();
        assert!(matches!(release(&elf), Err(ImageError::Elf)));
        assert!(matches!(release(&[0; 2000]), Err(ImageError::NotAnImage)));
        assert!(matches!(release(b""), Err(ImageError::NotAnImage)));
        assert!(matches!(
            release(b"name: it\n"),
            Err(ImageError::NotAnImage)
        ));
        let mut of_32_bits = image("6.1.0");
        of_32_bits[XLOADFLAGS] = 0;
        assert!(matches!(release(&of_32_bits), Err(ImageError::Not64Bit)));
        let mut nameless = image("6.1.0");
        nameless[KERNEL_VERSION + 1] = 0;
        assert!(matches!(release(&nameless), Err(ImageError::NoRelease)));
        // A text beyond the end does not count.
        let mut astray = image("6.1.0");
        astray[KERNEL_VERSION + 1] = 0xff;
        assert!(matches!(release(&astray), Err(ImageError::NoRelease)));
    }
}

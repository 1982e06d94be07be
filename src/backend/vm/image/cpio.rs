//! The archive that Linux unpacks as its first file system: cpio, "newc" (Linux
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! The same entries always give the same bytes: there are no times and no owners, and inodes count from 1.

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CpioEntry {
    /// A folder: its permissions.
    Folder(u32),
    /// A file: its permissions and its contents.
    File(u32, Vec<u8>),
    /// A symbolic link: its target.
    Link(String),
    /// A character device: permissions, major and minor number.
    Device(u32, u32, u32),
}

/// Writes an archive of entries, each with its path (without a leading slash), parents before children.
pub(crate) fn archive<'a>(entries: impl IntoIterator<Item = (&'a str, &'a CpioEntry)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut inode = 0;
    for (path, entry) in entries {
        inode += 1;
        let (mode, links, device, body): (_, _, _, &[u8]) = match entry {
            CpioEntry::Folder(mode) => (libc::S_IFDIR | mode, 2, (0, 0), &[]),
            CpioEntry::File(mode, body) => (libc::S_IFREG | mode, 1, (0, 0), body),
            CpioEntry::Link(to) => (libc::S_IFLNK | 0o777, 1, (0, 0), to.as_bytes()),
            CpioEntry::Device(mode, major, minor) => {
                (libc::S_IFCHR | mode, 1, (*major, *minor), &[][..])
            }
        };
        header(&mut bytes, inode, mode, links, device, path, body);
    }
    header(&mut bytes, 0, 0, 1, (0, 0), "TRAILER!!!", &[]);
    bytes
}

fn header(
    bytes: &mut Vec<u8>,
    inode: u32,
    mode: u32,
    links: u32,
    (major, minor): (u32, u32),
    path: &str,
    body: &[u8],
) {
    let size = body.len() as u32;
    let name_size = path.len() as u32 + 1;
    bytes.extend_from_slice(b"070701");
    // c_ino c_mode c_uid c_gid c_nlink c_mtime c_filesize c_maj c_min c_rmaj c_rmin c_namesize c_chksum
    for field in [
        inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0,
    ] {
        bytes.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    bytes.extend_from_slice(path.as_bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend_from_slice(body);
    pad(bytes);
}

/// Pads the header with the name, or the body, to a multiple of 4.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_documented_bytes() {
        let entries = [
            ("bin", CpioEntry::Folder(0o755)),
            ("bin/a", CpioEntry::File(0o644, b"hello".to_vec())),
            ("dev", CpioEntry::Device(0o666, 1, 3)),
            ("b", CpioEntry::Link("bin".to_owned())),
        ];
        let bytes = archive(entries.iter().map(|(path, entry)| (*path, entry)));
        let zero = "00000000";
        let expected = [
            "070701",
            "00000001",
            "000041ed",
            zero,
            zero,
            "00000002",
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            "00000004",
            zero,
            "bin\0\0\0",
            "070701",
            "00000002",
            "000081a4",
            zero,
            zero,
            "00000001",
            zero,
            "00000005",
            zero,
            zero,
            zero,
            zero,
            "00000006",
            zero,
            "bin/a\0",
            "hello\0\0\0",
            "070701",
            "00000003",
            "000021b6",
            zero,
            zero,
            "00000001",
            zero,
            zero,
            zero,
            zero,
            "00000001",
            "00000003",
            "00000004",
            zero,
            "dev\0\0\0",
            "070701",
            "00000004",
            "0000a1ff",
            zero,
            zero,
            "00000001",
            zero,
            "00000003",
            zero,
            zero,
            zero,
            zero,
            "00000002",
            zero,
            "b\0",
            "bin\0",
            "070701",
            zero,
            zero,
            zero,
            zero,
            "00000001",
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            "0000000b",
            zero,
            "TRAILER!!!\0\0\0\0",
        ]
        .concat();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}

//! The folders in which the host's dynamic loader finds libraries: `/etc/ld.so.cache` (glibc 2.2 and later,
//! `sysdeps/generic/dl-cache.h`), else the standard folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CACHE: &str = "/etc/ld.so.cache";
/// The first bytes of the current format; data in an older format may come before them.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of the header, and of an entry: flags, name, path (4 each), an unused 4, and the
/// required hardware capabilities (8).
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64`.
const X86_64: u32 = 0x0303;
/// The standard folders (ld.so(8)), those of multiarch systems first, in the order of such loaders.
const FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

#[derive(Debug, Clone, Default)]
pub(crate) struct LibraryCache {
    libraries: BTreeMap<String, PathBuf>,
}

impl LibraryCache {
    /// Reads the host's cache; it is empty if the host has none.
    pub(crate) fn of_host() -> Self {
        Self::parse(&fs::read(CACHE).unwrap_or_default())
    }

    pub(in crate::backend::vm) fn parse(bytes: &[u8]) -> Self {
        let start = bytes.windows(MAGIC.len()).position(|bytes| bytes == MAGIC);
        let bytes = start.and_then(|at| bytes.get(at..)).unwrap_or_default();
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 4)?;
            Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let text = |at: u32| {
            let bytes = bytes.get(at as usize..)?;
            let end = bytes.iter().position(|byte| *byte == 0)?;
            String::from_utf8(bytes[..end].to_vec()).ok()
        };
        let mut libraries = BTreeMap::new();
        let count = number(MAGIC.len()).unwrap_or_default() as usize;
        for at in (0..count).map(|index| HEADER + index * ENTRY) {
            let entry = || {
                // Libraries that need newer processors are left out: the guest has another processor.
                let plain = number(at + 16)? == 0 && number(at + 20)? == 0;
                let fits = plain && number(at)? == X86_64;
                Some((text(number(at + 4)?)?, text(number(at + 8)?)?)).filter(|_| fits)
            };
            match entry() {
                Some((name, path)) => {
                    libraries.entry(name).or_insert_with(|| PathBuf::from(path));
                }
                // The file is truncated.
                None if number(at + 20).is_none() => break,
                None => {}
            }
        }
        Self { libraries }
    }

    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let cached = self.libraries.get(name).filter(|path| path.exists());
        cached.cloned().or_else(|| {
            let places = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
            places.into_iter().find(|path| path.exists())
        })
    }
}

/// Returns true for a folder that every loader searches.
pub(crate) fn is_standard(folder: &Path) -> bool {
    FOLDERS.iter().any(|standard| Path::new(standard) == folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(&str, &str, u32, u64)]) -> Vec<u8> {
        let mut texts = Vec::new();
        let mut table = Vec::new();
        for (name, path, flags, capabilities) in entries {
            let at = |texts: &Vec<u8>| (HEADER + entries.len() * ENTRY + texts.len()) as u32;
            table.extend(flags.to_le_bytes());
            table.extend(at(&texts).to_le_bytes());
            texts.extend([name.as_bytes(), b"\0"].concat());
            table.extend(at(&texts).to_le_bytes());
            texts.extend([path.as_bytes(), b"\0"].concat());
            table.extend(0_u32.to_le_bytes());
            table.extend(capabilities.to_le_bytes());
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend((entries.len() as u32).to_le_bytes());
        bytes.resize(HEADER, 0);
        [bytes, table, texts].concat()
    }

    #[test]
    fn the_library_for_any_processor_of_this_architecture_is_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let mut bytes = b"ld.so-1.7.0 and what was before".to_vec();
        bytes.extend(cache(&[
            (
                "libx.so.1",
                "/nowhere/glibc-hwcaps/x86-64-v3/libx.so.1",
                X86_64,
                1 << 62 | 2,
            ),
            ("libx.so.1", "/nowhere/of-32-bits/libx.so.1", 0x0003, 0),
            ("libx.so.1", path, X86_64, 0),
        ]));
        let cache = LibraryCache::parse(&bytes);
        assert_eq!(cache.find("libx.so.1").as_deref(), Some(file.path()));
        assert_eq!(cache.find("liby.so.1"), None);
        for length in 0..bytes.len() {
            let _no_panic = LibraryCache::parse(&bytes[..length]);
        }
    }
}

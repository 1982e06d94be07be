//! A kernel module's description of itself: the section `.modinfo` of its ELF
//! file (Linux `include/linux/moduleparam.h`).

use elf::ElfBytes;
use elf::endian::AnyEndian;

/// A module's description of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ModInfo {
    /// The modules whose symbols it uses (`depends=`, written by modpost).
    pub(crate) depends: Vec<String>,
    /// The modules that should be loaded before it (`softdep=pre:`).
    pub(crate) before: Vec<String>,
    /// The modules that should be loaded after it (`softdep=post:`).
    pub(crate) after: Vec<String>,
    /// The release that it was built for: the first word of `vermagic=`.
    pub(crate) release: Option<String>,
    /// Other names under which it can be loaded.
    pub(crate) aliases: Vec<String>,
}

impl ModInfo {
    /// Parses a decompressed module; returns `None` if it is not a module.
    pub(crate) fn of(module: &[u8]) -> Option<Self> {
        let file = ElfBytes::<AnyEndian>::minimal_parse(module).ok()?;
        let section = file.section_header_by_name(".modinfo").ok()??;
        let (bytes, _) = file.section_data(&section).ok()?;
        let mut info = Self::default();
        for line in bytes.split(|byte| *byte == 0) {
            let line = String::from_utf8_lossy(line);
            match line.split_once('=') {
                Some(("depends", names)) => {
                    let names = names.split(',').filter(|name| !name.is_empty());
                    info.depends.extend(names.map(str::to_owned));
                }
                Some(("softdep", text)) => info.soften(text),
                Some(("vermagic", text)) => {
                    info.release = text.split(' ').next().map(str::to_owned);
                }
                Some(("alias", name)) => info.aliases.push(name.to_owned()),
                _ => {}
            }
        }
        Some(info)
    }

    /// `pre: a b post: c` (modprobe.d(5)).
    fn soften(&mut self, text: &str) {
        let mut to = None;
        for word in text.split_ascii_whitespace() {
            match (word, to) {
                ("pre:", _) => to = Some(false),
                ("post:", _) => to = Some(true),
                (name, Some(false)) => self.before.push(name.to_owned()),
                (name, Some(true)) => self.after.push(name.to_owned()),
                (_, None) => {}
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An ELF file that contains nothing but a module's description.
    pub(crate) fn module(says: &[&str]) -> Vec<u8> {
        let info: Vec<u8> = says
            .iter()
            .flat_map(|line| [line.as_bytes(), b"\0"].concat())
            .collect();
        let names = b"\0.modinfo\0.shstrtab\0";
        let (info_at, names_at) = (64, 64 + info.len());
        let table_at = (names_at + names.len()).next_multiple_of(8);
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        // ET_REL, EM_X86_64.
        bytes.extend([1, 0, 62, 0, 1, 0, 0, 0]);
        bytes.extend([0; 16]);
        bytes.extend((table_at as u64).to_le_bytes());
        bytes.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
        bytes.extend(&info);
        bytes.extend(names);
        bytes.resize(table_at + 64, 0);
        // SHT_PROGBITS, then SHT_STRTAB.
        for (name, kind, at, size) in [
            (1_u32, 1_u32, info_at, info.len()),
            (10, 3, names_at, names.len()),
        ] {
            bytes.extend(name.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 16]);
            bytes.extend((at as u64).to_le_bytes());
            bytes.extend((size as u64).to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(1_u64.to_le_bytes());
            bytes.extend([0; 8]);
        }
        bytes
    }

    #[test]
    fn a_module_names_its_dependencies_and_its_kernel() {
        let bytes = module(&[
            "license=GPL",
            "softdep=pre: crc32c nf_defrag post: extra",
            "depends=nf_tables,nf_nat",
            "alias=nft-chain-2-nat",
            "vermagic=6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions ",
        ]);
        let info = ModInfo::of(&bytes).unwrap();
        assert_eq!(info.depends, ["nf_tables", "nf_nat"]);
        assert_eq!(info.before, ["crc32c", "nf_defrag"]);
        assert_eq!(info.after, ["extra"]);
        assert_eq!(info.aliases, ["nft-chain-2-nat"]);
        assert_eq!(info.release.as_deref(), Some("6.1.0-56-cloud-amd64"));
        let alone = ModInfo::of(&module(&["depends="])).unwrap();
        assert_eq!(alone, ModInfo::default());
    }

    #[test]
    fn a_file_that_is_not_a_module_is_ignored() {
        assert_eq!(ModInfo::of(b"#!/bin/sh"), None);
        let bytes = module(&["depends=a"]);
        for length in 0..bytes.len() {
            let _none_or_some = ModInfo::of(&bytes[..length]);
        }
    }
}

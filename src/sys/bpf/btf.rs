//! Reads the kernel's description of its own types (BTF, Linux `Documentation/bpf/btf.rst`): positions of fields, names
//! of constants, arguments of tracepoints.

use std::collections::BTreeMap;
use std::io;

/// The kernel's own description.
const OF_KERNEL: &str = "/sys/kernel/btf/vmlinux";
/// The first two bytes (`BTF_MAGIC`, Linux `include/uapi/linux/btf.h`).
const MAGIC: u16 = 0xeb9f;
/// Nested types that are followed before a description counts as broken.
const DEEPEST: usize = 32;

/// Kinds of types (`enum` of `BTF_KIND_*`, the same file).
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// The types of a kernel.
#[derive(Debug)]
pub(in crate::sys) struct KernelTypes {
    bytes: Vec<u8>,
    /// The position of each type; the first one is number 1.
    types: Vec<usize>,
    strings: usize,
}

/// A type: its name, kind, number of members, and the size or the type that it refers to.
#[derive(Debug, Clone, Copy)]
struct TypeEntry {
    at: usize,
    kind: u32,
    members: usize,
    /// True if members may be bit fields.
    has_bit_fields: bool,
    refers_to: u32,
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
struct StructMember {
    name: usize,
    kind_of: u32,
    bits: u32,
}

impl KernelTypes {
    /// Reads the types of this kernel.
    ///
    /// # Errors
    /// ENOENT if the kernel has no description (CONFIG_DEBUG_INFO_BTF); `InvalidData` if it cannot be understood.
    pub(in crate::sys) fn of_kernel() -> io::Result<Self> {
        Self::parse(std::fs::read(OF_KERNEL)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unknown form of BTF"))
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        if u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?) != MAGIC {
            return None;
        }
        let header = word(4)? as usize;
        let start = header + word(8)? as usize;
        let end = start + word(12)? as usize;
        let strings = header + word(16)? as usize;
        let mut types = Vec::new();
        let mut at = start;
        while at < end {
            types.push(at);
            let info = word(at + 4)?;
            at += 12 + length_after(info >> 24 & 0x1f, (info & 0xffff) as usize);
        }
        Some(Self {
            bytes,
            types,
            strings,
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(
            self.bytes.get(at..at + 4)?.try_into().ok()?,
        ))
    }

    fn string(&self, at: usize) -> &[u8] {
        let rest = self.bytes.get(self.strings + at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(0);
        &rest[..end]
    }

    fn entry(&self, at: usize) -> Option<TypeEntry> {
        let info = self.word(at + 4)?;
        Some(TypeEntry {
            at,
            kind: info >> 24 & 0x1f,
            members: (info & 0xffff) as usize,
            has_bit_fields: info >> 31 == 1,
            refers_to: self.word(at + 8)?,
        })
    }

    fn by_number(&self, number: u32) -> Option<TypeEntry> {
        let at = self.types.get((number as usize).checked_sub(1)?)?;
        self.entry(*at)
    }

    fn by_name(&self, kinds: &[u32], name: &str) -> Option<TypeEntry> {
        self.types.iter().find_map(|at| {
            let entry = self.entry(*at)?;
            let is_it = kinds.contains(&entry.kind)
                && self.string(self.word(*at)? as usize) == name.as_bytes();
            is_it.then_some(entry)
        })
    }

    /// Follows typedefs and qualifiers.
    fn plain(&self, number: u32) -> Option<TypeEntry> {
        let mut entry = self.by_number(number)?;
        for _ in 0..DEEPEST {
            match entry.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    entry = self.by_number(entry.refers_to)?;
                }
                _ => return Some(entry),
            }
        }
        None
    }

    fn members(&self, entry: TypeEntry) -> impl Iterator<Item = StructMember> + '_ {
        (0..entry.members).filter_map(move |index| {
            let at = entry.at + 12 + index * 12;
            let bits = self.word(at + 8)?;
            Some(StructMember {
                name: self.word(at)? as usize,
                kind_of: self.word(at + 4)?,
                bits: if entry.has_bit_fields {
                    bits & 0x00ff_ffff
                } else {
                    bits
                },
            })
        })
    }

    /// Returns the position in bytes of a field in a structure: `["__sk_common", "skc_net", "net"]` in `sock`.
    /// Members without a name are looked into. Returns `None` if this kernel has no such field.
    pub(in crate::sys) fn position(&self, structure: &str, path: &[&str]) -> Option<i32> {
        let mut entry = self.by_name(&[kind::STRUCT], structure)?;
        let mut bits = 0;
        for name in path {
            let (at, inner) = self.member(entry, name, DEEPEST)?;
            bits += at;
            entry = self.plain(inner)?;
        }
        i32::try_from(bits / 8).ok()
    }

    fn member(&self, entry: TypeEntry, name: &str, deepest: usize) -> Option<(u32, u32)> {
        if !matches!(entry.kind, kind::STRUCT | kind::UNION) || deepest == 0 {
            return None;
        }
        self.members(entry).find_map(|member| {
            let own = self.string(member.name);
            if own == name.as_bytes() {
                return Some((member.bits, member.kind_of));
            }
            if !own.is_empty() {
                return None;
            }
            let (at, kind_of) = self.member(self.plain(member.kind_of)?, name, deepest - 1)?;
            Some((member.bits + at, kind_of))
        })
    }

    /// Returns the constants of an enumeration by value, without a prefix of their names.
    pub(in crate::sys) fn constants(&self, name: &str, prefix: &str) -> BTreeMap<u32, String> {
        let Some(entry) = self.by_name(&[kind::ENUM], name) else {
            return BTreeMap::new();
        };
        let constant = |index: usize| {
            let at = entry.at + 12 + index * 8;
            let name = String::from_utf8_lossy(self.string(self.word(at)? as usize));
            let name = name.strip_prefix(prefix)?.to_owned();
            Some((self.word(at + 4)?, name))
        };
        (0..entry.members).filter_map(constant).collect()
    }

    /// Returns the number of arguments of a tracepoint, or `None` if this kernel does not have it.
    pub(in crate::sys) fn arguments_of_tracepoint(&self, name: &str) -> Option<usize> {
        let typedef = self.by_name(&[kind::TYPEDEF], &format!("btf_trace_{name}"))?;
        let pointer = self.plain(typedef.refers_to)?;
        let prototype = (pointer.kind == kind::PTR).then(|| self.plain(pointer.refers_to))??;
        // The first argument is that of whoever attaches to it.
        (prototype.kind == kind::FUNC_PROTO).then(|| prototype.members.saturating_sub(1))
    }
}

/// Returns the bytes that follow the first twelve of a type.
fn length_after(kind_of: u32, members: usize) -> usize {
    match kind_of {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => members * 12,
        kind::ENUM | kind::FUNC_PROTO => members * 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "kernel test: needs a kernel with CONFIG_DEBUG_INFO_BTF"]
    fn kernel_fields_and_constants_are_where_the_kernel_says() {
        let types = KernelTypes::of_kernel().unwrap();
        // These have not moved since Linux 3.x (`struct sock_common`).
        assert_eq!(types.position("sock_common", &["skc_daddr"]), Some(0));
        assert_eq!(types.position("sock_common", &["skc_rcv_saddr"]), Some(4));
        assert_eq!(types.position("sock_common", &["skc_family"]), Some(16));
        assert_eq!(types.position("sock_common", &["no_such_field"]), None);
        let reasons = types.constants("skb_drop_reason", "SKB_DROP_REASON_");
        assert!(reasons.values().any(|name| name == "NO_SOCKET"));
        assert_eq!(
            types.arguments_of_tracepoint("inet_sock_set_state"),
            Some(3)
        );
        assert_eq!(types.arguments_of_tracepoint("no_such_tracepoint"), None);
    }
}

//! The contents of a guest: this program as its first process, the kernel's modules, and the files
//! that scenarios' commands need.

mod command_files;
mod cpio;
pub(crate) mod initramfs;
pub(super) mod libraries;
pub(super) mod programs;
mod scripts;

use std::collections::BTreeSet;
use std::fs::File;

use super::error::VmError;
use super::kernel::{Kernel, fingerprint};
use super::modules::{ModuleFile, ModulePlan, needs, signature};
use crate::sys::lifeline::this_program;
use crate::sys::memory_file::memory_file;
pub(crate) use command_files::CommandFiles;
use initramfs::Initramfs;

/// The folder of modules in a guest.
const MODULES: &str = "/lib/modules";
/// Users that programs run as, and groups of the same names, with the numbers of every Debian (`base-passwd`).
const USERS: [(&str, u16); 9] = [
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("mail", 8),
    ("proxy", 13),
    ("www-data", 33),
    ("backup", 34),
    ("nobody", 65534),
];
/// The other name of `nobody`'s group.
const NOGROUP: &str = "nogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
/// Protocols that programs accept by name (protocols(5); `ip rule add ipproto icmp`), with IANA's numbers.
const PROTOCOLS: &str =
    "icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\nsctp 132 SCTP\n";
/// Folders for mounts, and folders that programs write to.
const FOLDERS: [&str; 8] = [
    "/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var/log", "/var/tmp",
];
/// Modules that every guest gets if its kernel has them, so that most runs share one guest: links, address
/// translation under its current names, connection tracking, socket diagnostics. A run loads those that it needs.
const COMMON: [&str; 11] = [
    "veth",
    "af_packet",
    "unix",
    "tcp_diag",
    "nf_tables",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nft_ct",
    "nft_chain_nat",
    "nft_nat",
    "nft_masq",
];

/// The contents that differ between the guests of a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageParts {
    command_files: CommandFiles,
    /// Modules in addition to the common ones.
    modules: BTreeSet<ModuleFile>,
}

impl ImageParts {
    /// Combines the files of a run's commands with the modules that it loads.
    pub(crate) fn of(command_files: CommandFiles, plan: ModulePlan, common: &[ModuleFile]) -> Self {
        let more = plan.load.into_iter().filter(|file| !common.contains(file));
        Self {
            command_files,
            modules: more.collect(),
        }
    }
}

/// A guest's file system.
#[derive(Debug)]
pub(crate) struct GuestImage {
    pub(crate) initramfs: File,
    /// SHA-256 of the file system.
    pub(crate) hash: String,
    /// SHA-256 of this program.
    pub(crate) program: String,
}

impl GuestImage {
    /// Builds the image for a kernel with these common modules.
    pub(crate) fn make(
        kernel: &Kernel,
        common: &[ModuleFile],
        parts: &ImageParts,
    ) -> Result<Self, VmError> {
        let signed = needs::forces_signatures(kernel)?;
        let mut files = Initramfs::new();
        let users = USERS.map(|(name, id)| format!("{name}:x:{id}:{id}:{name}:/:/bin/sh\n"));
        let groups = USERS.map(|(name, id)| format!("{name}:x:{id}:\n"));
        for folder in FOLDERS {
            files.dir(folder, 0o755)?;
        }
        files
            .device("/dev/console", 0o600, (5, 1))?
            .file("/etc/passwd", users.concat(), 0o644)?
            .file("/etc/group", groups.concat() + NOGROUP, 0o644)?
            .file("/etc/hosts", HOSTS, 0o644)?
            .file("/etc/protocols", PROTOCOLS, 0o644)?
            .program("/init", this_program())?;
        parts.command_files.add_to(&mut files)?;
        for module in common.iter().chain(&parts.modules) {
            let mut bytes = module.read()?;
            if !signed {
                bytes = signature::without(bytes);
            }
            files.file(Self::place(&module.name), bytes, 0o644)?;
        }
        let bytes = files.build();
        let program = fingerprint::of_file(&this_program()).map_err(VmError::Start)?;
        Ok(Self {
            hash: fingerprint::of_bytes(&bytes),
            program,
            initramfs: memory_file("initramfs", &bytes).map_err(VmError::Start)?,
        })
    }

    /// Returns the path of a module in a guest.
    pub(crate) fn place(module: &str) -> String {
        format!("{MODULES}/{module}.ko")
    }
}

impl Kernel {
    /// Returns the modules that every guest of this kernel has.
    pub(crate) fn common(&self) -> Result<Vec<ModuleFile>, VmError> {
        Ok(self.load_order(&COMMON)?.load)
    }
}

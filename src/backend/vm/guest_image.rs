//! What is in a guest: this program as its first, the kernel's modules, and what the commands of scenarios bring along.

use std::collections::BTreeSet;
use std::fs::File;

use super::along::Along;
use super::error::VmError;
use super::fingerprint;
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::modules::{ModuleFile, ModulePlan};
use crate::scenario::RunSpec;
use crate::sys::lifeline::this_program;
use crate::sys::memory_file::memory_file;

/// Where modules are in a guest.
const MODULES: &str = "/lib/modules";
/// Users and groups that programs look for, by Debian's numbers (base-passwd): Squid runs as `proxy`.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nproxy:x:13:13:proxy:/bin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nproxy:x:13:\nwww-data:x:33:\nnogroup:x:65534:\nnobody:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
/// Folders that are mounted on, and that programs write to.
const FOLDERS: [&str; 8] = [
    "/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var/log", "/var/tmp",
];
/// Modules that are in every guest of a kernel that has them, so that most runs share one: links, translation by its names of today,
/// tracked connections, a look at sockets. A run loads those that it needs.
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

/// What differs between the guests of a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ImageParts {
    along: Along,
    /// Modules beside the common ones.
    modules: BTreeSet<ModuleFile>,
}

impl ImageParts {
    /// What a run takes, with the modules that it loads.
    pub(super) fn of(spec: &RunSpec, plan: ModulePlan, common: &[ModuleFile]) -> Self {
        let more = plan.load.into_iter().filter(|file| !common.contains(file));
        Self {
            along: Along::of(spec),
            modules: more.collect(),
        }
    }
}

/// A guest's file system.
#[derive(Debug)]
pub(super) struct GuestImage {
    pub(super) initramfs: File,
    /// SHA-256 of it.
    pub(super) hash: String,
    /// SHA-256 of this program.
    pub(super) program: String,
}

impl GuestImage {
    /// Puts it together.
    pub(super) fn make(common: &[ModuleFile], parts: &ImageParts) -> Result<Self, VmError> {
        let mut files = Initramfs::new();
        for folder in FOLDERS {
            files.dir(folder, 0o755)?;
        }
        files
            .device("/dev/console", 0o600, (5, 1))?
            .file("/etc/passwd", PASSWD, 0o644)?
            .file("/etc/group", GROUP, 0o644)?
            .file("/etc/hosts", HOSTS, 0o644)?
            .program("/init", this_program())?;
        parts.along.add_to(&mut files)?;
        for module in common.iter().chain(&parts.modules) {
            files.file(Self::place(&module.name), module.read()?, 0o644)?;
        }
        let bytes = files.build();
        let program = fingerprint::of_file(&this_program()).map_err(VmError::Start)?;
        Ok(Self {
            hash: fingerprint::of_bytes(&bytes),
            program,
            initramfs: memory_file("initramfs", &bytes).map_err(VmError::Start)?,
        })
    }

    /// Where a module is in a guest.
    pub(super) fn place(module: &str) -> String {
        format!("{MODULES}/{module}.ko")
    }
}

impl Kernel {
    /// The modules that every guest of this kernel has.
    pub(super) fn common(&self) -> Result<Vec<ModuleFile>, VmError> {
        Ok(self.load_order(&COMMON)?.load)
    }
}

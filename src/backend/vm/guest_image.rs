//! What is in a guest: this program as its first, the kernel's modules, and the programs that scenarios name.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use super::fingerprint;
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::machine_backend::VmError;
use crate::scenario::RunSpec;
use crate::sys::lifeline::this_program;
use crate::sys::memory_file::memory_file;

/// Where modules are in a guest.
const MODULES: &str = "/lib/modules";
/// Users and groups that programs look for.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\nnobody:x:65534:\n";
/// Folders that programs write to.
const FOLDERS: [&str; 9] = [
    "/proc", "/sys", "/dev", "/run", "/root", "/var/log", "/var/tmp", "/var/lib", "/tmp",
];

/// Modules that runs need: links, translation, tracked connections, a look at sockets.
const WANTED: [&str; 14] = [
    "veth",
    "af_packet",
    "unix",
    "tcp_diag",
    "tun",
    "nf_tables",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nft_ct",
    "nft_chain_nat",
    "nft_nat",
    "nft_masq",
    "nft_redir",
    "tcp_bbr",
];

/// What differs between the guests of a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ImageParts {
    /// Programs of the host by their names.
    programs: BTreeMap<String, PathBuf>,
}

impl ImageParts {
    /// What a run takes along. A program that this host has not is left out: the run then says so.
    pub(super) fn of(spec: &RunSpec) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| {
            std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
        };
        let named = spec.requires.programs.iter().map(String::as_str);
        let run = spec
            .workload
            .commands
            .iter()
            .filter_map(|command| command.run.first());
        let programs = named
            .chain(run.map(String::as_str))
            .filter_map(|name| Some((name.to_owned(), find(name)?)))
            .collect();
        Self { programs }
    }
}

/// A guest's file system.
#[derive(Debug)]
pub(super) struct GuestImage {
    pub(super) initramfs: File,
    /// SHA-256 of it.
    pub(super) hash: String,
    /// SHA-256 of this program.
    pub(super) program_hash: String,
    /// Modules in it, in the order of loading.
    pub(super) modules: Vec<String>,
}

impl GuestImage {
    /// Puts it together, with those of the modules that the kernel has.
    pub(super) fn make(kernel: &Kernel, parts: &ImageParts) -> Result<Self, VmError> {
        let mut files = Initramfs::new();
        for folder in FOLDERS {
            files.dir(folder, 0o755)?;
        }
        files
            .device("/dev/console", 0o600, (5, 1))?
            .file("/etc/passwd", PASSWD, 0o644)?
            .file("/etc/group", GROUP, 0o644)?
            .file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0o644)?
            .program("/init", this_program())?;
        for (name, path) in &parts.programs {
            files.program(format!("/usr/bin/{name}"), path)?;
        }
        let mut modules = Vec::new();
        for module in kernel.load_order(&WANTED)?.load {
            let path = format!("{MODULES}/{}.ko", module.name);
            files.file(&path, module.read()?, 0o644)?;
            modules.push(path);
        }
        let bytes = files.build();
        Ok(Self {
            modules,
            hash: fingerprint::of_bytes(&bytes),
            program_hash: fingerprint::of_bytes(
                &std::fs::read(this_program()).map_err(VmError::Start)?,
            ),
            initramfs: memory_file("initramfs", &bytes).map_err(VmError::Start)?,
        })
    }
}

//! The environment of a run: kernel, machine, privileges and the settings of every node.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything outside the scenario that could have changed the result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of the nslab that ran the worker.
    pub nslab: String,
    /// Kernel release, as in `uname -r`.
    pub kernel_release: String,
    /// Kernel build, as in `uname -v`.
    pub kernel_build: String,
    /// Machine architecture, as in `uname -m`.
    pub machine: String,
    /// Number of processors that the worker may use.
    pub processors: u32,
    /// Memory of the machine in bytes.
    pub memory: u64,
    /// Number of descriptors that a process, or a thread with a table of its own, may have (`RLIMIT_NOFILE`); absent
    /// in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// The privileges with which the run created its namespaces.
    pub privileges: Privileges,
    /// True if the lab has the kernel to itself, that is, in a virtual machine.
    pub owns_kernel: bool,
    /// The inputs of the virtual machine, if the lab has the kernel to itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// True if the run's clock is virtual.
    pub virtual_time: bool,
    /// The seed of everything random in the run.
    pub seed: u64,
    /// Every sysctl that the lab pinned or the scenario set, by node, as read back from the kernel.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
    /// The subset of `sysctls` that differs from the baseline: by node, key and value.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
    /// Sysctls set for the whole kernel, if the lab has it to itself: key and value, as read back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kernel_sysctls: BTreeMap<String, String>,
    /// Baseline sysctls that the kernel does not have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent_sysctls: BTreeSet<String>,
}

/// The inputs of a virtual machine besides the scenario. If they are all the same, so is the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Name and version of the emulator.
    pub emulator: String,
    /// SHA-256 of the kernel and its modules.
    pub kernel: String,
    /// SHA-256 of the guest's file system.
    pub initramfs: String,
    /// SHA-256 of the nslab program that runs in the guest.
    pub program: String,
    /// True if the guest's time is virtual, counted in instructions.
    pub virtual_time: bool,
}

/// The privileges with which a run created its namespaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privileges {
    /// CAP_NET_ADMIN and CAP_SYS_ADMIN in the initial user namespace.
    #[default]
    Root,
    /// All capabilities in a user namespace of its own.
    Rootless,
}

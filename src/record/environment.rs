//! Where a run happened: kernel, machine, privileges, what every node was set to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything outside the scenario that could have changed the result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of the program that ran the worker.
    pub nslab: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`: the build.
    pub kernel_build: String,
    /// `uname -m`.
    pub machine: String,
    /// Processors that the worker may use.
    pub processors: u32,
    /// Memory of the machine, bytes.
    pub memory: u64,
    /// How the run got its namespaces.
    pub privileges: Privileges,
    /// Whether the lab owns the kernel (a virtual machine).
    pub owns_kernel: bool,
    /// What the guest depends on, where the lab owns the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// Whether time is virtual.
    pub virtual_time: bool,
    /// The seed of everything random.
    pub seed: u64,
    /// Every sysctl that the lab pinned or the scenario set, by node, as read back.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
    /// Of these, what differs from the baseline: by node, key and value.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
    /// What was set for the whole kernel, where the lab owns it: key and value, as read back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kernel_sysctls: BTreeMap<String, String>,
    /// Keys of the baseline that the kernel does not have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent_sysctls: BTreeSet<String>,
}

/// What a run in a virtual machine depends on beside its scenario: the same of all this gives the same run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// What emulates the machine, with its version.
    pub emulator: String,
    /// SHA-256 of the kernel with its modules.
    pub kernel: String,
    /// SHA-256 of the guest's file system.
    pub initramfs: String,
    /// SHA-256 of the program that runs in it: this one.
    pub program: String,
    /// Whether its time is virtual: counted in instructions.
    pub virtual_time: bool,
}

/// How a run got its namespaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privileges {
    /// CAP_NET_ADMIN and CAP_SYS_ADMIN in the initial user namespace.
    #[default]
    Root,
    /// A user namespace of its own.
    Rootless,
}

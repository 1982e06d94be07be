//! Privileges of a program beyond those of every program.

use serde::{Deserialize, Serialize};

/// A privilege of a program, by the name in the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Privilege(&'static Definition);

#[derive(Debug, PartialEq, Eq)]
struct Definition {
    name: &'static str,
    meaning: Meaning,
    /// True if it reaches beyond the lab, so that it is given only on a kernel that belongs to the lab.
    needs_own_kernel: bool,
}

/// The effect of a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It runs as root, without the capabilities of root.
    Root,
    /// It sees the folders of users.
    Homes,
    /// There is no boundary.
    All,
    /// It has a capability, by its number (Linux `include/uapi/linux/capability.h`).
    Capability(u8),
}

/// A name that is not a privilege.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a privilege")]
pub struct UnknownPrivilege(String);

const fn in_lab(name: &'static str, number: u8) -> Definition {
    Definition {
        name,
        meaning: Meaning::Capability(number),
        needs_own_kernel: false,
    }
}

const fn beyond(name: &'static str, number: u8) -> Definition {
    Definition {
        name,
        meaning: Meaning::Capability(number),
        needs_own_kernel: true,
    }
}

/// Every privilege; capabilities by their names in capabilities(7), without `CAP_`.
static ALL: [Definition; 40] = [
    Definition {
        name: "all",
        meaning: Meaning::All,
        needs_own_kernel: true,
    },
    Definition {
        name: "root",
        meaning: Meaning::Root,
        needs_own_kernel: false,
    },
    Definition {
        name: "homes",
        meaning: Meaning::Homes,
        needs_own_kernel: false,
    },
    in_lab("CHOWN", 0),
    beyond("DAC_OVERRIDE", 1),
    beyond("DAC_READ_SEARCH", 2),
    in_lab("FOWNER", 3),
    in_lab("FSETID", 4),
    in_lab("KILL", 5),
    in_lab("SETGID", 6),
    in_lab("SETUID", 7),
    beyond("SETPCAP", 8),
    beyond("LINUX_IMMUTABLE", 9),
    in_lab("NET_BROADCAST", 11),
    beyond("IPC_LOCK", 14),
    in_lab("IPC_OWNER", 15),
    beyond("SYS_MODULE", 16),
    beyond("SYS_RAWIO", 17),
    in_lab("SYS_CHROOT", 18),
    beyond("SYS_PTRACE", 19),
    beyond("SYS_PACCT", 20),
    beyond("SYS_ADMIN", 21),
    beyond("SYS_BOOT", 22),
    beyond("SYS_NICE", 23),
    beyond("SYS_RESOURCE", 24),
    beyond("SYS_TIME", 25),
    beyond("SYS_TTY_CONFIG", 26),
    beyond("MKNOD", 27),
    beyond("LEASE", 28),
    beyond("AUDIT_WRITE", 29),
    beyond("AUDIT_CONTROL", 30),
    beyond("SETFCAP", 31),
    beyond("MAC_OVERRIDE", 32),
    beyond("MAC_ADMIN", 33),
    beyond("SYSLOG", 34),
    beyond("WAKE_ALARM", 35),
    beyond("BLOCK_SUSPEND", 36),
    beyond("AUDIT_READ", 37),
    beyond("PERFMON", 38),
    beyond("BPF", 39),
];

impl Privilege {
    /// Returns the privilege with this name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = ALL.iter().find(|definition| definition.name == name);
        found.map(Self)
    }

    /// Returns the names of all privileges.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|definition| definition.name)
    }

    /// Returns its name in the scenario.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns its effect.
    pub fn meaning(self) -> Meaning {
        self.0.meaning
    }

    /// Returns true if it reaches beyond the lab, so that it is given only on a kernel that belongs to the lab.
    pub fn needs_own_kernel(self) -> bool {
        self.0.needs_own_kernel
    }
}

impl From<Privilege> for String {
    fn from(privilege: Privilege) -> Self {
        privilege.name().to_owned()
    }
}

impl TryFrom<String> for Privilege {
    type Error = UnknownPrivilege;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or(UnknownPrivilege(name))
    }
}

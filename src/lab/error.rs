//! Why a lab could not be built: what this kernel or machine lacks, and what went wrong.

use std::io;

use thiserror::Error;

use super::conntrack_fill::ConntrackFillError;
use super::known_sysctls::removed_in;
use super::plan::Site;
use super::wire::WireError;
use crate::names::NodeName;
use crate::scenario::Place;
use crate::sys::netlink::NetlinkError;
use crate::sys::sysctl::SysctlError;

/// What the kernel must be able to do for labs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Pairs of virtual Ethernet devices.
    Veth,
    /// nf_tables with address translation and connection tracking.
    NfTables,
    /// IPv6.
    Ipv6,
    /// The queueing discipline netem.
    Netem,
    /// Sockets in TIME_WAIT that can be ended from outside.
    EarlyEnd,
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Veth => "veth devices",
            Self::NfTables => "nf_tables with connection tracking and address translation",
            Self::Ipv6 => "IPv6",
            Self::Netem => "netem (`by: netem`)",
            Self::EarlyEnd => {
                "way to end TIME_WAIT sockets early, which emulating net.ipv4.tcp_tw_recycle takes"
            }
        })
    }
}

impl Feature {
    /// How a machine comes by it.
    pub fn how_to_get(self) -> &'static str {
        match self {
            Self::Veth => {
                "as root: modprobe veth; a kernel of one's own needs CONFIG_VETH, and its modules beside it (--modules DIR)"
            }
            Self::NfTables => {
                "as root: modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nft_ct nf_conntrack_netlink; \
                 a kernel of one's own needs CONFIG_NF_TABLES, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_CT, CONFIG_NF_CT_NETLINK"
            }
            Self::Ipv6 => "start the kernel without ipv6.disable=1, with CONFIG_IPV6",
            Self::Netem => {
                "as root: modprobe sch_netem; a kernel of one's own needs CONFIG_NET_SCH_NETEM; without `by: netem` the lab's own wire does it"
            }
            Self::EarlyEnd => {
                "Linux 6.1 has one, with CONFIG_INET_DIAG_DESTROY; before 4.12 there is the real thing"
            }
        }
    }
}

/// What the scenario needs and this kernel or machine does not have.
#[derive(Debug, Error)]
pub enum NotApplicable {
    /// A setting that only the initial namespace has.
    #[error(
        "{key} (of `{node}`, {place}) is host-wide: it belongs to the whole kernel and a namespace cannot set it; it can be set \
         where the lab owns the kernel: nslab run --kernel KERNEL"
    )]
    HostWide {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// Where the scenario says so.
        place: Place,
    },
    /// A host-wide setting under `kernel:`.
    #[error(
        "{key} is host-wide: it is set only where the lab owns the kernel: nslab run --kernel KERNEL"
    )]
    Kernel {
        /// The key.
        key: String,
    },
    /// A setting under `kernel:` that this kernel does not have.
    #[error("this kernel has no {key}{}", removed_in(key).map_or_else(String::new, |since| format!(": it is gone since Linux {since}")))]
    KernelLacks {
        /// The key.
        key: String,
    },
    /// A setting under `kernel:` that each namespace has for itself.
    #[error(
        "{key} is each namespace's own on this kernel: set for the whole kernel it does not hold on `{node}`; set it where it shall hold: \
         nodes: {{ {node}: {{ sysctls: {{ {key}: {wanted} }} }} }}"
    )]
    KernelOfNodes {
        /// The key.
        key: String,
        /// A node.
        node: NodeName,
        /// What the scenario wants.
        wanted: String,
    },
    /// A setting that kernels once had.
    #[error("{key} (of `{node}`, {place}) is gone since Linux {since}")]
    Gone {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// The first version without it.
        since: &'static str,
        /// Where the scenario says so.
        place: Place,
    },
    /// A setting that this kernel does not have.
    #[error("this kernel has no {key} (of `{node}`, {place}){}", meant(.similar.as_deref()))]
    Absent {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// Where the scenario says so.
        place: Place,
        /// A key that it has and that may have been meant.
        similar: Option<String>,
    },
    /// Something larger.
    #[error("this kernel has no {feature}; {}", .feature.how_to_get())]
    Feature {
        /// What.
        feature: Feature,
        /// How the kernel said so.
        #[source]
        source: io::Error,
    },
}

impl From<WireError> for BuildError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NoEarlyEnd {
                source: NetlinkError::Refused { source, .. },
                ..
            } if source.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                Self::NotApplicable(NotApplicable::Feature {
                    feature: Feature::EarlyEnd,
                    source,
                })
            }
            error => Self::Wire(error),
        }
    }
}

/// Why a lab could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The room in a node's conntrack table could not be made.
    #[error("cannot make room in the conntrack table of `{node}`")]
    Conntrack {
        /// The node.
        node: NodeName,
        /// Why.
        #[source]
        source: ConntrackFillError,
    },
    /// A wire could not be laid.
    #[error("cannot lay the userspace wires")]
    Wire(#[source] WireError),
    /// The run is not applicable here.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// A namespace could not be created.
    #[error("cannot create the namespace of {site}{}", hint(.source))]
    Namespace {
        /// Whose.
        site: Site,
        /// EPERM without privileges.
        #[source]
        source: io::Error,
    },
    /// There is no thread to create namespaces.
    #[error("cannot have a thread create namespaces")]
    Thread(#[source] io::Error),
    /// A namespace could not be entered.
    #[error("cannot enter the namespace of {site}")]
    Enter {
        /// Whose.
        site: Site,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Netlink is not to be had in a namespace.
    #[error("cannot open a netlink socket in the namespace of {site}")]
    Netlink {
        /// Whose.
        site: Site,
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused an operation of the plan.
    #[error("cannot carry out `{op}`")]
    Refused {
        /// The line of the plan.
        op: String,
        /// The kernel's refusal.
        #[source]
        source: NetlinkError,
    },
    /// A link did not come up.
    #[error("cannot bring up {interface} of {site}: it has no carrier")]
    NoCarrier {
        /// The namespace.
        site: Site,
        /// The interface.
        interface: String,
    },
    /// A kernel that cannot be told how many segments a packet may hold would not cut them otherwise either.
    #[error("cannot have {interface} of {site} take segments one by one")]
    Segments {
        /// The namespace.
        site: Site,
        /// The interface.
        interface: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A setting that the topology itself needs could not be made.
    #[error("cannot set {key} of {site}")]
    Own {
        /// The namespace.
        site: Site,
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: SysctlError,
    },
    /// Two nodes want different values of a setting that belongs to the whole kernel.
    #[error(
        "cannot set {key} of `{node}` to `{wanted}` ({place}): this kernel has one value for all nodes, and another wants `{other}`"
    )]
    Conflict {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// What this node wants.
        wanted: String,
        /// What another has got.
        other: String,
        /// Where the scenario says so.
        place: Place,
    },
    /// IPv6 addresses were not taken into use.
    #[error("cannot use the IPv6 addresses of {site}: the kernel keeps them tentative")]
    Tentative {
        /// The namespace.
        site: Site,
    },
    /// Not a key of a setting.
    #[error("cannot set `{key}` of `{node}` ({place}): it is not the name of a setting")]
    Key {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// Where the scenario says so.
        place: Place,
    },
    /// The kernel refused a value.
    #[error("cannot set {key} of `{node}` to `{wanted}` ({place}){}", refusal(.key, .source))]
    Sysctl {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// What the scenario wants.
        wanted: String,
        /// Where the scenario says so.
        place: Place,
        /// Why.
        #[source]
        source: SysctlError,
    },
    /// The kernel kept another value.
    #[error("cannot set {key} of `{node}` to `{wanted}` ({place}): the kernel kept `{kept}`")]
    Kept {
        /// The node.
        node: NodeName,
        /// The key.
        key: String,
        /// What the scenario wants.
        wanted: String,
        /// What is there now.
        kept: String,
        /// Where the scenario says so.
        place: Place,
    },
    /// A host-wide value could not be set.
    #[error("cannot set {key} of this kernel to `{wanted}`")]
    Kernel {
        /// The key.
        key: String,
        /// What the scenario wants.
        wanted: String,
        /// Why.
        #[source]
        source: SysctlError,
    },
    /// The kernel kept another host-wide value.
    #[error("cannot set {key} of this kernel to `{wanted}`: it kept `{kept}`")]
    KernelKept {
        /// The key.
        key: String,
        /// What the scenario wants.
        wanted: String,
        /// What is there now.
        kept: String,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => "; it takes CAP_SYS_ADMIN: run as root or in a user namespace",
        Some(libc::ENOSPC) => "; user.max_net_namespaces is reached",
        _ => "",
    }
}

fn meant(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

/// What a refusal means where its errno does not say it: `tcp_set_default_congestion_control`, Linux 6.18 `net/ipv4/tcp_cong.c`.
fn refusal(key: &str, error: &SysctlError) -> &'static str {
    let SysctlError::Refused(error) = error else {
        return "";
    };
    match (key, error.raw_os_error()) {
        ("net.ipv4.tcp_congestion_control", Some(libc::EPERM)) => {
            "; a namespace may use only what the host's net.ipv4.tcp_allowed_congestion_control lists: add it there, as root"
        }
        ("net.ipv4.tcp_congestion_control", Some(libc::ENOENT)) => {
            "; this kernel has no such algorithm: net.ipv4.tcp_available_congestion_control lists those it has, and \
             `modprobe tcp_NAME`, as root, may add it"
        }
        _ => "",
    }
}

//! Errors of building a lab: missing features of this kernel or machine, and failures.

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

/// A kernel feature that labs may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Feature {
    /// Pairs of virtual Ethernet devices.
    Veth,
    /// nf_tables with address translation and connection tracking.
    NfTables,
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
                "way to end TIME_WAIT sockets early, which emulating net.ipv4.tcp_tw_recycle needs"
            }
        })
    }
}

impl Feature {
    /// Returns instructions for enabling the feature on a machine.
    pub fn how_to_get(self) -> &'static str {
        match self {
            Self::Veth => {
                "as root: modprobe veth; a custom kernel needs CONFIG_VETH, and its modules (--modules DIR)"
            }
            Self::NfTables => {
                "as root: modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nft_ct nf_conntrack_netlink; \
                 a custom kernel needs CONFIG_NF_TABLES, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_CT, \
                 CONFIG_NF_CT_NETLINK"
            }
            Self::Ipv6 => "start the kernel without ipv6.disable=1, with CONFIG_IPV6",
            Self::Netem => {
                "as root: modprobe sch_netem; a custom kernel needs CONFIG_NET_SCH_NETEM; without `by: netem` \
                the lab's own wire impairs the link"
            }
            Self::EarlyEnd => {
                "use Linux 6.1 with CONFIG_INET_DIAG_DESTROY, or a kernel before 4.12, which has the setting itself"
            }
        }
    }
}

/// Something that the scenario needs and this kernel or machine does not have.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NotApplicable {
    /// A setting that only the initial namespace has.
    #[error(
        "{key} (of `{node}`, {place}) is host-wide: it belongs to the whole kernel, so a namespace cannot set it; \
         it can be set if the lab owns the kernel: nslab run --kernel KERNEL"
    )]
    HostWide {
        node: NodeName,
        key: String,
        place: Place,
    },
    /// A host-wide setting under `kernel:`.
    #[error(
        "{key} is host-wide: it can be set only if the lab owns the kernel: nslab run --kernel KERNEL"
    )]
    Kernel { key: String },
    /// A setting under `kernel:` that this kernel does not have.
    #[error("this kernel has no {key}{}", removal(key))]
    KernelLacks { key: String },
    /// A setting under `kernel:` that each namespace has separately.
    #[error(
        "{key} is separate for each namespace on this kernel, so setting it under `kernel:` has no effect on \
         `{node}`; set it for the node: nodes: {{ {node}: {{ sysctls: {{ {key}: {wanted} }} }} }}"
    )]
    KernelOfNodes {
        key: String,
        node: NodeName,
        wanted: String,
    },
    /// A setting that was removed from Linux.
    #[error("{key} (of `{node}`, {place}) was removed in Linux {since}")]
    Gone {
        node: NodeName,
        key: String,
        /// The first version without it.
        since: String,
        place: Place,
    },
    /// A setting that this kernel does not have.
    #[error("this kernel has no {key} (of `{node}`, {place}){}", meant(.similar.as_deref()))]
    Absent {
        node: NodeName,
        key: String,
        place: Place,
        /// An existing key that may have been meant.
        similar: Option<String>,
    },
    /// A missing kernel feature.
    #[error("this kernel has no {feature}; {}", .feature.how_to_get())]
    Feature {
        feature: Feature,
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

/// An error of building a lab.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BuildError {
    /// A conntrack table cannot be filled.
    #[error("cannot fill the conntrack table of `{node}`")]
    Conntrack {
        node: NodeName,
        #[source]
        source: ConntrackFillError,
    },
    /// A wire cannot be started.
    #[error("cannot start the userspace wires")]
    Wire(#[source] WireError),
    /// The run is not applicable here.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// A namespace cannot be created.
    #[error("cannot create the namespace of {site}{}", hint(.source))]
    Namespace {
        site: Site,
        #[source]
        source: io::Error,
    },
    /// The thread that creates namespaces cannot be started.
    #[error("cannot start a thread to create namespaces")]
    Thread(#[source] io::Error),
    /// A namespace cannot be entered.
    #[error("cannot enter the namespace of {site}")]
    Enter {
        site: Site,
        #[source]
        source: io::Error,
    },
    /// A netlink socket cannot be opened in a namespace.
    #[error("cannot open a netlink socket in the namespace of {site}")]
    Netlink {
        site: Site,
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused an operation of the plan.
    #[error("cannot carry out `{op}`")]
    Refused {
        op: String,
        #[source]
        source: NetlinkError,
    },
    /// A link did not come up.
    #[error("cannot bring up {interface} of {site}: it has no carrier")]
    NoCarrier { site: Site, interface: String },
    /// Segmentation offload cannot be turned off. Such a kernel would ignore the limit in segments as well.
    #[error("cannot turn off segmentation offload on {interface} of {site}")]
    Segments {
        site: Site,
        interface: String,
        #[source]
        source: io::Error,
    },
    /// A setting that the topology itself needs cannot be applied.
    #[error("cannot set {key} of {site}")]
    Own {
        site: Site,
        key: &'static str,
        #[source]
        source: SysctlError,
    },
    /// Two nodes want different values of a setting that belongs to the whole kernel.
    #[error(
        "cannot set {key} of `{node}` to `{wanted}` ({place}): this kernel has one value for all nodes, \
         and another node sets it to `{other}`"
    )]
    Conflict {
        node: NodeName,
        key: String,
        wanted: String,
        /// The value that another node has set.
        other: String,
        place: Place,
    },
    /// IPv6 addresses stayed tentative.
    #[error("cannot use the IPv6 addresses of {site}: the kernel still reports them as tentative")]
    Tentative { site: Site },
    /// The key is not a valid name of a setting.
    #[error("cannot set `{key}` of `{node}` ({place}): it is not the name of a setting")]
    Key {
        node: NodeName,
        key: String,
        place: Place,
    },
    /// The kernel refused a value.
    #[error("cannot set {key} of `{node}` to `{wanted}` ({place}){}", refusal(.key, .source))]
    Sysctl {
        node: NodeName,
        key: String,
        wanted: String,
        place: Place,
        #[source]
        source: SysctlError,
    },
    /// The kernel kept another value than the one written.
    #[error("cannot set {key} of `{node}` to `{wanted}` ({place}): the kernel kept `{kept}`")]
    Kept {
        node: NodeName,
        key: String,
        wanted: String,
        kept: String,
        place: Place,
    },
    /// A host-wide value cannot be set.
    #[error("cannot set {key} of this kernel to `{wanted}`")]
    Kernel {
        key: String,
        wanted: String,
        #[source]
        source: SysctlError,
    },
    /// The kernel kept another host-wide value than the one written.
    #[error("cannot set {key} of this kernel to `{wanted}`: it kept `{kept}`")]
    KernelKept {
        key: String,
        wanted: String,
        kept: String,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => "; this needs CAP_SYS_ADMIN: run as root or in a user namespace",
        Some(libc::ENOSPC) => "; the limit user.max_net_namespaces is reached",
        _ => "",
    }
}

fn removal(key: &str) -> String {
    removed_in(key).map_or_else(String::new, |version| {
        format!(": it was removed in Linux {version}")
    })
}

fn meant(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

/// Explains a refusal whose errno does not: `tcp_set_default_congestion_control`, Linux 6.18 `net/ipv4/tcp_cong.c`.
fn refusal(key: &str, error: &SysctlError) -> &'static str {
    let SysctlError::Refused(error) = error else {
        return "";
    };
    match (key, error.raw_os_error()) {
        ("net.ipv4.tcp_congestion_control", Some(libc::EPERM)) => {
            "; a namespace may use only the algorithms in the host's net.ipv4.tcp_allowed_congestion_control: add it \
             there, as root"
        }
        ("net.ipv4.tcp_congestion_control", Some(libc::ENOENT)) => {
            "; this kernel has no such algorithm: net.ipv4.tcp_available_congestion_control lists the available ones, \
             and `modprobe tcp_NAME`, as root, may add it"
        }
        _ => "",
    }
}

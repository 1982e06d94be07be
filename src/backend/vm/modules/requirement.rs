//! The parts of a kernel that runs need, with their configuration options and modules.

/// A part of a kernel that a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) what: &'static str,
    pub(super) option: &'static str,
    /// The names that its module has had; one of them is enough. Empty if it cannot be a module.
    pub(super) modules: &'static [&'static str],
}

const fn need(
    what: &'static str,
    option: &'static str,
    modules: &'static [&'static str],
) -> Requirement {
    Requirement {
        what,
        option,
        modules,
    }
}

pub(super) const NAMESPACES: Requirement = need("network namespaces", "CONFIG_NET_NS", &[]);
pub(super) const SOCKETS: Requirement = need(
    "socket diagnostics (sock_diag)",
    "CONFIG_INET_TCP_DIAG",
    &["tcp_diag"],
);
pub(super) const LINKS: Requirement = need("links (veth)", "CONFIG_VETH", &["veth"]);
pub(super) const BRIDGES: Requirement = need("bridges (segments)", "CONFIG_BRIDGE", &["bridge"]);
pub(super) const IPV6: Requirement = need("IPv6", "CONFIG_IPV6", &["ipv6"]);
pub(super) const NETEM: Requirement = need("netem", "CONFIG_NET_SCH_NETEM", &["sch_netem"]);
pub(super) const PACKETS: Requirement = need("packet sockets", "CONFIG_PACKET", &["af_packet"]);
pub(super) const TABLES: Requirement = need("nf_tables", "CONFIG_NF_TABLES", &["nf_tables"]);
pub(super) const TRACKING: Requirement = need(
    "connection tracking",
    "CONFIG_NF_CONNTRACK",
    &["nf_conntrack"],
);
pub(super) const TABLE_OF_CONNECTIONS: Requirement = need(
    "the connection table over netlink",
    "CONFIG_NF_CT_NETLINK",
    &["nf_conntrack_netlink"],
);
pub(super) const TRACKED: Requirement = need(
    "connection tracking expressions in nf_tables",
    "CONFIG_NFT_CT",
    &["nft_ct"],
);
pub(super) const LIMITS: Requirement =
    need("limits in nf_tables", "CONFIG_NFT_LIMIT", &["nft_limit"]);
pub(super) const REJECTS: Requirement = need(
    "rejects in nf_tables",
    "CONFIG_NFT_REJECT_IPV4",
    &["nft_reject_ipv4"],
);
pub(super) const REJECTS_V6: Requirement = need(
    "rejects in nf_tables for IPv6",
    "CONFIG_NFT_REJECT_IPV6",
    &["nft_reject_ipv6"],
);
pub(super) const NUMBERS: Requirement = need(
    "number generators in nf_tables",
    "CONFIG_NFT_NUMGEN",
    &["nft_numgen"],
);
pub(super) const HASHES: Requirement =
    need("hashes in nf_tables", "CONFIG_NFT_HASH", &["nft_hash"]);
pub(super) const TRANSLATION: Requirement = need(
    "address translation in nf_tables",
    "CONFIG_NFT_NAT",
    &["nft_chain_nat", "nft_chain_nat_ipv4"],
);
pub(super) const TRANSLATION_V6: Requirement = need(
    "IPv6 address translation in nf_tables",
    "CONFIG_NFT_NAT",
    &["nft_chain_nat", "nft_chain_nat_ipv6"],
);
pub(super) const ADDRESSES: Requirement =
    need("SNAT and DNAT in nf_tables", "CONFIG_NFT_NAT", &["nft_nat"]);
pub(super) const MASQUERADE: Requirement =
    need("masquerade in nf_tables", "CONFIG_NFT_MASQ", &["nft_masq"]);

//! Links, addresses and routes over rtnetlink(7): messages for a [`Batch`], and queries.
//!
//! The crates rtnetlink and netlink-packet-route build the messages; our own [`Netlink`] sends them in batches.

use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage, State};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAttribute, RouteMetric, RouteScope, RouteType};
use rtnetlink::{
    AddressMessageBuilder, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
};

use super::NetNs;
use super::netlink::{Batch, CREATE, EXCL, Netlink, NetlinkError, REPLACE, attributes};

/// Index of the loopback interface, the first in each namespace (`LOOPBACK_IFINDEX`, Linux `include/net/flow.h`).
pub const LOOPBACK: u32 = 1;
/// Time limit for changes that the kernel makes as soon as one of its workers runs.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two checks for such a change.
const CHECK_PAUSE: Duration = Duration::from_micros(100);
/// `IFLA_OPERSTATE` (Linux `include/uapi/linux/if_link.h`).
const IFLA_OPERSTATE: u16 = 16;
/// `IFLA_IFALIAS` (Linux `include/uapi/linux/if_link.h`).
const IFLA_IFALIAS: u16 = 20;
/// `IFLA_GSO_MAX_SEGS` (Linux `include/uapi/linux/if_link.h`).
const IFLA_GSO_MAX_SEGS: u16 = 40;
/// Offset of the flags in `struct ifaddrmsg`.
const IFADDRMSG_FLAGS: usize = 2;
/// Bytes of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

/// One end of a veth pair.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VethEnd<'a> {
    /// The namespace in which it is created.
    pub netns: &'a NetNs,
    /// At most 15 bytes.
    pub name: &'a str,
    /// A free index in that namespace.
    pub index: u32,
    pub mac: [u8; 6],
    /// Maximum transmission unit, bytes; the kernel's default is 1,500.
    pub mtu: Option<u32>,
    pub arp: bool,
    /// Maximum number of segments per packet, if limited (`IFLA_GSO_MAX_SEGS`); 1 turns segmentation offload off.
    pub gso_max_segs: Option<u32>,
}

impl VethEnd<'_> {
    /// Completes a message. Each end gets one queue per direction: with more, it would wait for an RCU grace
    /// period while it holds the lock of all links.
    fn message<T>(&self, message: LinkMessageBuilder<T>) -> LinkMessageBuilder<T> {
        let mut message = message
            .name(self.name)
            .index(self.index)
            .address(self.mac.to_vec())
            .setns_by_fd(self.netns_fd())
            .append_extra_attribute(LinkAttribute::NumTxQueues(1))
            .append_extra_attribute(LinkAttribute::NumRxQueues(1));
        if !self.arp {
            message = message.arp(false);
        }
        if let Some(mtu) = self.mtu {
            message = message.mtu(mtu);
        }
        if let Some(segments) = self.gso_max_segs {
            message = message.append_extra_attribute(LinkAttribute::GsoMaxSegs(segments));
        }
        message
    }

    fn netns_fd(&self) -> i32 {
        std::os::fd::AsFd::as_fd(self.netns).as_raw_fd()
    }
}

/// Creates a veth pair, each end directly in its namespace (veth(4)). Only the first end is up: while the second is
/// created, it has no peer to connect to (`veth_open`, Linux `drivers/net/veth.c`), so it needs [`set_link`] later.
pub fn veth(batch: &mut Batch, ends: &[VethEnd<'_>; 2]) {
    let peer: LinkMessage = ends[1]
        .message(LinkMessageBuilder::<LinkUnspec>::new())
        .build();
    let message = ends[0]
        .message(LinkMessageBuilder::<LinkVeth>::new_with_info_kind(
            InfoKind::Veth,
        ))
        .up()
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .build();
    push(batch, libc::RTM_NEWLINK, CREATE | EXCL, &message);
}

/// Creates a bridge and takes it up. Without the spanning tree protocol, its ports forward at once
/// (`br_make_forwarding`, Linux `net/bridge/br_stp.c`).
pub fn bridge(batch: &mut Batch, name: &str, index: u32) {
    let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Bridge)
        .name(name.to_owned())
        .index(index)
        .up()
        .build();
    push(batch, libc::RTM_NEWLINK, CREATE | EXCL, &message);
}

/// Makes an interface a port of a bridge.
pub fn set_master(batch: &mut Batch, index: u32, bridge: u32) {
    let message = LinkUnspec::new_with_index(index).controller(bridge);
    push(batch, libc::RTM_NEWLINK, 0, &message.build());
}

/// Takes an interface up or down.
pub fn set_link(batch: &mut Batch, index: u32, up: bool) {
    let message = LinkUnspec::new_with_index(index);
    let message = if up { message.up() } else { message.down() };
    push(batch, libc::RTM_NEWLINK, 0, &message.build());
}

/// Takes an interface up and sets its alias (`IFLA_IFALIAS`, up to 255 bytes), which `ip link show` displays.
pub fn set_up_with_alias(batch: &mut Batch, index: u32, alias: &str) {
    let message = LinkUnspec::new_with_index(index).up();
    let message = message.append_extra_attribute(LinkAttribute::IfAlias(alias.to_owned()));
    push(batch, libc::RTM_NEWLINK, 0, &message.build());
}

/// Returns the alias of an interface, if it has one.
///
/// # Errors
/// ENODEV if there is no interface with this index.
pub fn alias(netlink: &mut Netlink, index: u32) -> Result<Option<String>, NetlinkError> {
    let text = |alias: &[u8]| {
        String::from_utf8_lossy(alias)
            .trim_end_matches('\0')
            .to_owned()
    };
    of_link(netlink, index, IFLA_IFALIAS, |alias| Some(alias.map(text)))
}

/// Adds an address to an interface. An IPv6 address is usable when [`has_tentative_addresses`] returns `false`.
pub fn address(batch: &mut Batch, index: u32, address: IpAddr, length: u8) {
    let message = match address {
        IpAddr::V4(address) => AddressMessageBuilder::<std::net::Ipv4Addr>::new()
            .index(index)
            .address(address, length)
            .build(),
        IpAddr::V6(address) => AddressMessageBuilder::<std::net::Ipv6Addr>::new()
            .index(index)
            .address(address, length)
            .build(),
    };
    push(batch, libc::RTM_NEWADDR, CREATE | EXCL, &message);
}

/// Returns whether an IPv6 address of this namespace is not usable yet. Even without
/// duplicate address detection, a kernel worker activates addresses, and nothing answers for
/// them before (`addrconf_dad_begin`, Linux `net/ipv6/addrconf.c`).
///
/// # Errors
/// The errors of the dump.
pub fn has_tentative_addresses(netlink: &mut Netlink) -> Result<bool, NetlinkError> {
    let message = AddressMessageBuilder::<std::net::Ipv6Addr>::new().build();
    let mut tentative = false;
    netlink.dump(
        libc::RTM_GETADDR,
        0,
        |body| emit(body, &message),
        |_, answer| {
            let flags = answer.get(IFADDRMSG_FLAGS).copied().unwrap_or_default();
            tentative |= u32::from(flags) & libc::IFA_F_TENTATIVE != 0;
        },
    )?;
    Ok(tentative)
}

/// Adds a route through a neighbour.
pub fn route(batch: &mut Batch, to: IpAddr, length: u8, via: IpAddr, mtu: Option<u32>) {
    let mut message = match (network(to, length), via) {
        (IpAddr::V4(to), IpAddr::V4(via)) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .destination_prefix(to, length)
            .gateway(via)
            .build(),
        (IpAddr::V4(to), IpAddr::V6(via)) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .destination_prefix(to, length)
            .via(via)
            .build(),
        (IpAddr::V6(to), via) => {
            let via = match via {
                IpAddr::V6(via) => via,
                IpAddr::V4(via) => via.to_ipv6_mapped(),
            };
            RouteMessageBuilder::<std::net::Ipv6Addr>::new()
                .destination_prefix(to, length)
                .gateway(via)
                .build()
        }
    };
    if let Some(mtu) = mtu {
        let metrics = RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]);
        message.attributes.push(metrics);
    }
    push(batch, libc::RTM_NEWROUTE, CREATE | EXCL, &message);
}

/// Fixes the link-layer address of a neighbour (`ip neigh replace ADDRESS lladdr MAC nud permanent`).
pub fn neighbour(batch: &mut Batch, index: u32, address: IpAddr, mac: [u8; 6]) {
    let mut message = NeighbourMessage::default();
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    message.attributes = vec![
        NeighbourAttribute::Destination(address.into()),
        NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
    ];
    push(batch, libc::RTM_NEWNEIGH, CREATE | REPLACE, &message);
}

/// Makes all addresses of a prefix local to this host, on the loopback interface (`ip route add
/// local PREFIX dev lo`).
pub fn local_prefix(batch: &mut Batch, prefix: IpAddr, length: u8) {
    let mut message = match network(prefix, length) {
        IpAddr::V4(prefix) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .destination_prefix(prefix, length)
            .output_interface(LOOPBACK)
            .build(),
        IpAddr::V6(prefix) => RouteMessageBuilder::<std::net::Ipv6Addr>::new()
            .destination_prefix(prefix, length)
            .output_interface(LOOPBACK)
            .build(),
    };
    message.header.table = libc::RT_TABLE_LOCAL;
    message.header.kind = RouteType::Local;
    if message.header.address_family == AddressFamily::Inet {
        message.header.scope = RouteScope::Host;
    }
    push(batch, libc::RTM_NEWROUTE, CREATE | EXCL, &message);
}

/// Returns whether an interface passes packets, that is, whether its operational state (RFC 2863) is up.
/// After both ends of a pair are up, the end that came up first drops packets until this is true (Linux
/// `net/core/link_watch.c`). Since 6.8, this query makes the kernel update the state.
///
/// # Errors
/// ENODEV if there is no interface with this index.
pub fn is_operational(netlink: &mut Netlink, index: u32) -> Result<bool, NetlinkError> {
    of_link(netlink, index, IFLA_OPERSTATE, |state| {
        Some(*state?.first()? == u8::from(State::Up))
    })
}

/// Returns the maximum number of segments per packet of an interface (`gso_max_segs`), if the kernel reports
/// it (since Linux 4.6). Before 4.16 it cannot be set, and attempts are silently ignored.
///
/// # Errors
/// ENODEV if there is no interface with this index.
pub fn gso_max_segs(netlink: &mut Netlink, index: u32) -> Result<Option<u32>, NetlinkError> {
    let number = |value: &[u8]| Some(u32::from_ne_bytes(value.try_into().ok()?));
    of_link(netlink, index, IFLA_GSO_MAX_SEGS, |value| {
        Some(value.and_then(number))
    })
}

/// Queries one attribute of an interface; `read` is called with `None` if there is no such attribute.
fn of_link<T>(
    netlink: &mut Netlink,
    index: u32,
    kind: u16,
    read: impl Fn(Option<&[u8]>) -> Option<T>,
) -> Result<T, NetlinkError> {
    let message = LinkUnspec::new_with_index(index).build();
    netlink.get(
        libc::RTM_GETLINK,
        |body| emit(body, &message),
        |answer| {
            let mut all = attributes(answer.get(IFINFOMSG..)?);
            let found = all.find(|(each, _)| *each == kind);
            read(found.map(|(_, value)| value))
        },
    )
}

/// Calls `check` until it returns `true`. Returns `false` if the time limit passes first.
///
/// # Errors
/// The errors of `check`.
pub fn wait_until(
    mut check: impl FnMut() -> Result<bool, NetlinkError>,
) -> Result<bool, NetlinkError> {
    let deadline = Instant::now() + CHANGE_TIMEOUT;
    while !check()? {
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(CHECK_PAUSE);
    }
    Ok(true)
}

/// Returns whether a network, given by one of its addresses, contains another address.
pub fn covers(address: IpAddr, length: u8, other: IpAddr) -> bool {
    network(address, length) == network(other, length)
}

/// Clears the host bits of an address, since the kernel refuses routes with host bits.
fn network(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(length.min(32)))
                .unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(length.min(128)))
                .unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

fn push(batch: &mut Batch, kind: u16, flags: u16, message: &impl Emitable) {
    batch.push(kind, flags, |body| emit(body, message));
}

fn emit(body: &mut Vec<u8>, message: &impl Emitable) {
    let start = body.len();
    body.resize(start + message.buffer_len(), 0);
    message.emit(&mut body[start..]);
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_network_has_no_host_bits() {
        for (address, length, expected) in [
            ("10.1.2.3", 24, "10.1.2.0"),
            ("10.1.2.3", 0, "0.0.0.0"),
            ("10.1.2.3", 32, "10.1.2.3"),
            ("fd00:1:2::3", 48, "fd00:1:2::"),
            ("fd00::1", 0, "::"),
        ] {
            let found = network(address.parse().unwrap(), length);
            assert_eq!(found, expected.parse::<std::net::IpAddr>().unwrap());
        }
    }
}

//! Address translation, connection tracking and firewall of a node: one nf_tables table, created in one transaction.
//!
//! SNAT with a port range works as follows. For each connection the kernel takes the first free port of the range,
//! starting at the connection's own port or a random one. In a range of up to 128 ports it tries each port. In a
//! larger range it gives up after 128 tries, then 64, 32 and 16 tries at other places (`nf_nat_l4proto_unique_tuple`,
//! Linux `net/netfilter/nf_nat_core.c`), so a large and nearly exhausted pool sometimes fails before its last port is
//! taken. If no free port is found, the connection keeps a port that is in use, and its first packet is dropped when
//! it is confirmed: the counters `insert_failed` and `drop` go up (`__nf_conntrack_confirm`).

use std::net::{IpAddr, SocketAddr};

use super::error::{BuildError, Feature, NotApplicable};
use super::firewall;
use crate::scenario::firewall::{FirewallRule, host};
use crate::scenario::topology::{DnatBalance, IpVersion, NatPorts, NatSpec, PortOrder, Prefix};
use crate::scenario::workload::Protocol;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::nft::{Expression, Hook, TableFamily, Transaction};

/// The name of the table, as `nft list ruleset` shows it.
pub(crate) const TABLE: &str = "nslab";
const PREROUTING: &str = "prerouting";
const OWN: &str = "own";
const POSTROUTING: &str = "postrouting";
const TRACK: &str = "track";

/// `NF_NAT_RANGE_*`, Linux `include/uapi/linux/netfilter/nf_nat.h`.
const RANDOM: u32 = 1 << 2;
const PERSISTENT: u32 = 1 << 3;
const FULLY_RANDOM: u32 = 1 << 4;

/// The address translations and the firewall of a node.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) ip: IpVersion,
    /// True if connections are tracked.
    pub(super) tracks: bool,
    /// Translations, in order.
    pub(super) nat: Vec<NatSpec>,
    /// The node's own addresses.
    pub(super) own: Vec<IpAddr>,
    /// The rules of the firewall, in order.
    pub(super) firewall: Vec<FirewallRule>,
    /// The line of the plan, for error messages.
    pub(super) line: String,
}

/// Returns the family of the tables of a lab.
pub(crate) fn family(ip: IpVersion) -> TableFamily {
    match ip {
        IpVersion::V4 => TableFamily::Ip,
        IpVersion::V6 => TableFamily::Ip6,
    }
}

impl Rules {
    /// Creates the table in the calling thread's namespace.
    pub(super) fn apply(&self) -> Result<(), BuildError> {
        Netlink::open(libc::NETLINK_NETFILTER)
            .and_then(|mut netlink| self.transaction().commit(&mut netlink))
            .map_err(|error| self.refusal(error))
    }

    fn transaction(&self) -> Transaction {
        let mut change = Transaction::new(family(self.ip));
        change.table(TABLE);
        if self.tracks && self.nat.is_empty() {
            change.chain(TABLE, TRACK, Hook::Prerouting);
            change.rule(TABLE, TRACK, &[Expression::Track]);
        }
        if !self.nat.is_empty() {
            // Both chains are needed: before 4.18 replies are translated back only if the other chain is hooked in too.
            change.chain(TABLE, PREROUTING, Hook::DestinationNat);
            change.chain(TABLE, POSTROUTING, Hook::SourceNat);
        }
        if self
            .nat
            .iter()
            .any(|nat| matches!(nat, NatSpec::Dnat { .. }))
        {
            change.chain(TABLE, OWN, Hook::OwnDestinationNat);
        }
        for nat in &self.nat {
            self.translate(&mut change, nat);
        }
        firewall::add(&mut change, self.ip, &self.firewall);
        change
    }

    fn translate(&self, change: &mut Transaction, nat: &NatSpec) {
        match nat {
            NatSpec::Masquerade { out, ports } => change.rule(
                TABLE,
                POSTROUTING,
                &[
                    Expression::OutInterface(out.as_str()),
                    Expression::Masquerade(ports.range, flags(ports)),
                ],
            ),
            NatSpec::Snat {
                out,
                addresses,
                ports,
                only_from,
            } => {
                let mut rule = vec![Expression::OutInterface(out.as_str())];
                rule.extend(only_from.map(|source| {
                    let Prefix { address, length } = host(source);
                    Expression::SourceWithin(address, length)
                }));
                // A port belongs to TCP or UDP; ICMP keeps its identifier.
                rule.push(Expression::SourceNat(*addresses, ports.range, flags(ports)));
                change.rule(TABLE, POSTROUTING, &rule);
            }
            NatSpec::Dnat { .. } => translate_destination(change, &self.own, nat),
        }
    }

    /// Classifies a refusal. The kernel returns EPROTONOSUPPORT without nfnetlink, EOPNOTSUPP without
    /// nf_tables, and ENOENT without a chain type or an expression.
    fn refusal(&self, error: NetlinkError) -> BuildError {
        let lacks = matches!(
            error.errno(),
            Some(libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::ENOENT)
        );
        match error {
            NetlinkError::Socket(source) | NetlinkError::Refused { source, .. } if lacks => {
                BuildError::NotApplicable(NotApplicable::Feature {
                    feature: Feature::NfTables,
                    source,
                })
            }
            source => BuildError::Refused {
                op: self.line.clone(),
                source,
            },
        }
    }
}

fn flags(ports: &NatPorts) -> u32 {
    match ports.order {
        PortOrder::Kept => 0,
        PortOrder::Random => RANDOM,
        PortOrder::FullyRandom => FULLY_RANDOM,
        PortOrder::Persistent => PERSISTENT,
    }
}

/// Adds a rule for each server. As in kube-proxy's rules for iptables, each takes its share of the connections that
/// the rules before it have left: a third, then a half, then all.
fn balance(
    change: &mut Transaction,
    chain: &str,
    matches: &[Expression<'_>],
    to: &[SocketAddr],
    by: DnatBalance,
) {
    let all = u32::try_from(to.len()).unwrap_or(u32::MAX);
    for (number, server) in (0..).zip(to) {
        let left = all - number;
        let share = match by {
            DnatBalance::RoundRobin => Expression::EachNth(left),
            DnatBalance::Random => Expression::OneIn(left),
            DnatBalance::Hash => Expression::SourceHash(all, number),
        };
        let mut rule = matches.to_vec();
        rule.extend((left > 1).then_some(share));
        rule.push(Expression::DestinationNat(server.ip(), server.port()));
        change.rule(TABLE, chain, &rule);
    }
}

/// Returns the change that replaces all destination translations of a node.
pub(super) fn replace_dnat(ip: IpVersion, own: &[IpAddr], nat: &[NatSpec]) -> Transaction {
    let mut change = Transaction::new(family(ip));
    for chain in [PREROUTING, OWN] {
        change.delete_rules(TABLE, chain);
    }
    for nat in nat {
        translate_destination(&mut change, own, nat);
    }
    change
}

/// Adds the rules of a destination translation; nothing for other translations.
fn translate_destination(change: &mut Transaction, own: &[IpAddr], nat: &NatSpec) {
    let NatSpec::Dnat {
        protocol,
        port,
        to,
        by,
    } = nat
    else {
        return;
    };
    for chain in [PREROUTING, OWN] {
        for address in own {
            let matches = [
                Expression::Destination(*address),
                Expression::Protocol(match protocol {
                    Protocol::Tcp => libc::IPPROTO_TCP as u8,
                    Protocol::Udp => libc::IPPROTO_UDP as u8,
                }),
                Expression::DestinationPorts([*port; 2]),
            ];
            balance(change, chain, &matches, to, *by);
        }
    }
}

//! Address translation and connection tracking of a node: one nf_tables table, created in one transaction.
//!
//! SNAT with a port range works as follows. For each connection the kernel takes the first free port of the range,
//! starting at the connection's own port or a random one. In a range of up to 128 ports it tries each port. In a
//! larger range it gives up after 128 tries, then 64, 32 and 16 tries at other places (`nf_nat_l4proto_unique_tuple`,
//! Linux `net/netfilter/nf_nat_core.c`), so a large and nearly exhausted pool sometimes fails before its last port is
//! taken. If no free port is found, the connection keeps a port that is in use, and its first packet is dropped when
//! it is confirmed: the counters `insert_failed` and `drop` go up (`__nf_conntrack_confirm`).

use std::net::IpAddr;

use super::error::{BuildError, Feature, NotApplicable};
use crate::scenario::topology::{IpVersion, NatSpec};
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::nft::{Expression, Hook, TableFamily, Transaction};

/// The name of the table, as `nft list ruleset` shows it.
const TABLE: &str = "nslab";
const PREROUTING: &str = "prerouting";
const POSTROUTING: &str = "postrouting";
const TRACK: &str = "track";

/// The address translations of a node.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) ip: IpVersion,
    /// Translations, in order. Without any, connections are only tracked.
    pub(super) nat: Vec<NatSpec>,
    /// The node's own addresses.
    pub(super) own: Vec<IpAddr>,
    /// The line of the plan, for error messages.
    pub(super) line: String,
}

impl Rules {
    /// Creates the table in the calling thread's namespace.
    pub(super) fn apply(&self) -> Result<(), BuildError> {
        Netlink::open(libc::NETLINK_NETFILTER)
            .and_then(|mut netlink| self.transaction().commit(&mut netlink))
            .map_err(|error| self.refusal(error))
    }

    fn transaction(&self) -> Transaction {
        let mut change = Transaction::new(match self.ip {
            IpVersion::V4 => TableFamily::Ip,
            IpVersion::V6 => TableFamily::Ip6,
        });
        change.table(TABLE);
        if self.nat.is_empty() {
            change.chain(TABLE, TRACK, Hook::Prerouting);
            change.rule(TABLE, TRACK, &[Expression::Track]);
            return change;
        }
        // Both chains are needed: before 4.18 replies are translated back only if the other chain is hooked in too.
        change.chain(TABLE, PREROUTING, Hook::DestinationNat);
        change.chain(TABLE, POSTROUTING, Hook::SourceNat);
        for nat in &self.nat {
            self.translate(&mut change, nat);
        }
        change
    }

    fn translate(&self, change: &mut Transaction, nat: &NatSpec) {
        match nat {
            NatSpec::Masquerade { out } => change.rule(
                TABLE,
                POSTROUTING,
                &[
                    Expression::OutInterface(out.as_str()),
                    Expression::Masquerade,
                ],
            ),
            NatSpec::Snat {
                out,
                addresses,
                ports,
            } => change.rule(
                TABLE,
                POSTROUTING,
                &[
                    Expression::OutInterface(out.as_str()),
                    Expression::SourceNat(*addresses, *ports),
                ],
            ),
            NatSpec::Dnat { port, to } => {
                for address in &self.own {
                    change.rule(
                        TABLE,
                        PREROUTING,
                        &[
                            Expression::Destination(*address),
                            Expression::TcpDestinationPort(*port),
                            Expression::DestinationNat(to.ip(), to.port()),
                        ],
                    );
                }
            }
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

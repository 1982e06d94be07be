//! nf_tables over netlink: tables, chains and rules in one transaction (Linux
//! `include/uapi/linux/netfilter/nf_tables.h`).
//!
//! This file encodes the expressions that the crate uses; the purpose of a ruleset is up to the caller. The
//! constants have the names and values of that header.

use std::net::IpAddr;

use super::netlink::{APPEND, Batch, CREATE, Netlink, NetlinkError, attribute, nested};

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_IMMEDIATE_DREG: u16 = 1;
const NFTA_IMMEDIATE_DATA: u16 = 2;
const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const NFTA_META_DREG: u16 = 1;
const NFTA_META_KEY: u16 = 2;
const NFTA_PAYLOAD_DREG: u16 = 1;
const NFTA_PAYLOAD_BASE: u16 = 2;
const NFTA_PAYLOAD_OFFSET: u16 = 3;
const NFTA_PAYLOAD_LEN: u16 = 4;
const NFTA_CT_DREG: u16 = 1;
const NFTA_CT_KEY: u16 = 2;
const NFTA_NAT_TYPE: u16 = 1;
const NFTA_NAT_FAMILY: u16 = 2;
const NFTA_NAT_REG_ADDR_MIN: u16 = 3;
const NFTA_NAT_REG_ADDR_MAX: u16 = 4;
const NFTA_NAT_REG_PROTO_MIN: u16 = 5;
const NFTA_NAT_REG_PROTO_MAX: u16 = 6;
const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER: u32 = 2;
/// The first of four registers of 16 bytes each; the others follow.
const NFT_REG_1: u32 = 1;

/// The protocol of the packets that a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TableFamily {
    Ip,
    Ip6,
}

impl TableFamily {
    fn number(self) -> u8 {
        match self {
            Self::Ip => libc::NFPROTO_IPV4 as u8,
            Self::Ip6 => libc::NFPROTO_IPV6 as u8,
        }
    }

    /// Offset and length of the destination address in the network header (RFC 791, RFC 8200).
    fn destination(self) -> (u32, u32) {
        match self {
            Self::Ip => (16, 4),
            Self::Ip6 => (24, 16),
        }
    }
}

/// The hook of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `type filter hook prerouting priority filter` (0).
    Prerouting,
    /// `type nat hook prerouting priority dstnat` (-100).
    DestinationNat,
    /// `type nat hook postrouting priority srcnat` (100).
    SourceNat,
}

impl Hook {
    /// Returns type, hook and priority (`enum nf_ip_hook_priorities`, Linux `include/uapi/linux/netfilter_ipv4.h`).
    fn parts(self) -> (&'static str, i32, i32) {
        match self {
            Self::Prerouting => ("filter", libc::NF_INET_PRE_ROUTING, 0),
            Self::DestinationNat => ("nat", libc::NF_INET_PRE_ROUTING, -100),
            Self::SourceNat => ("nat", libc::NF_INET_POST_ROUTING, 100),
        }
    }
}

/// A part of a rule: a match that may end it, or an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression<'a> {
    /// `oifname NAME`
    OutInterface(&'a str),
    /// `ip daddr ADDRESS`, `ip6 daddr ADDRESS`
    Destination(IpAddr),
    /// `meta l4proto tcp tcp dport PORT`
    TcpDestinationPort(u16),
    /// `ct state`, read but not compared, which turns connection tracking on.
    Track,
    /// `masquerade`
    Masquerade,
    /// `snat to FIRST-LAST[:FIRST-LAST]`
    SourceNat([IpAddr; 2], Option<[u16; 2]>),
    /// `dnat to ADDRESS:PORT`
    DestinationNat(IpAddr, u16),
}

/// Changes that the kernel applies all together or not at all.
#[derive(Debug)]
pub struct Transaction {
    batch: Batch,
    family: TableFamily,
}

impl Transaction {
    /// Creates an empty transaction for tables of a family.
    pub fn new(family: TableFamily) -> Self {
        let mut batch = Batch::new();
        mark(&mut batch, libc::NFNL_MSG_BATCH_BEGIN);
        Self { batch, family }
    }

    pub(crate) fn table(&mut self, table: &str) {
        self.push(libc::NFT_MSG_NEWTABLE, CREATE, |body| {
            string(body, NFTA_TABLE_NAME, table);
        });
    }

    /// Adds a chain with its hook; packets that it does not decide about are accepted.
    pub fn chain(&mut self, table: &str, chain: &str, hook: Hook) {
        let (kind, number, priority) = hook.parts();
        self.push(libc::NFT_MSG_NEWCHAIN, CREATE, |body| {
            string(body, NFTA_CHAIN_TABLE, table);
            string(body, NFTA_CHAIN_NAME, chain);
            nested(body, NFTA_CHAIN_HOOK, |hook| {
                attribute(hook, NFTA_HOOK_HOOKNUM, &number.to_be_bytes());
                attribute(hook, NFTA_HOOK_PRIORITY, &priority.to_be_bytes());
            });
            string(body, NFTA_CHAIN_TYPE, kind);
        });
    }

    /// Adds a rule at the end of a chain.
    pub fn rule(&mut self, table: &str, chain: &str, expressions: &[Expression<'_>]) {
        let family = self.family;
        self.push(libc::NFT_MSG_NEWRULE, CREATE | APPEND, |body| {
            string(body, NFTA_RULE_TABLE, table);
            string(body, NFTA_RULE_CHAIN, chain);
            nested(body, NFTA_RULE_EXPRESSIONS, |list| {
                for expression in expressions {
                    expression.write(list, family);
                }
            });
        });
    }

    /// Sends the transaction and waits for the result.
    ///
    /// # Errors
    /// The kernel refuses the request: EOPNOTSUPP without nf_tables, ENOENT without a chain type or an expression.
    pub fn commit(mut self, netlink: &mut Netlink) -> Result<(), NetlinkError> {
        // The last change requests the acknowledgement, because kernels before 6.10 do not acknowledge the end mark.
        self.batch.acknowledge_last();
        mark(&mut self.batch, libc::NFNL_MSG_BATCH_END);
        netlink.transact(self.batch)
    }

    fn push(&mut self, message: i32, flags: u16, body: impl FnOnce(&mut Vec<u8>)) {
        let kind = (libc::NFNL_SUBSYS_NFTABLES << 8 | message) as u16;
        let family = self.family.number();
        self.batch.push(kind, flags, |bytes| {
            // struct nfgenmsg: family, version, resource.
            bytes.extend_from_slice(&[family, libc::NFNETLINK_V0 as u8, 0, 0]);
            body(bytes);
        });
    }
}

fn mark(batch: &mut Batch, kind: i32) {
    batch.push(kind as u16, 0, |bytes| {
        let [high, low] = (libc::NFNL_SUBSYS_NFTABLES as u16).to_be_bytes();
        bytes.extend_from_slice(&[libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8, high, low]);
    });
}

impl Expression<'_> {
    fn write(&self, list: &mut Vec<u8>, family: TableFamily) {
        match self {
            Self::OutInterface(name) => {
                let mut padded = [0; libc::IFNAMSIZ];
                for (to, from) in padded.iter_mut().zip(name.bytes()) {
                    *to = from;
                }
                meta(list, libc::NFT_META_OIFNAME);
                compare(list, &padded);
            }
            Self::Destination(address) => {
                let (offset, length) = family.destination();
                payload(list, NFT_PAYLOAD_NETWORK_HEADER, offset, length);
                compare(list, &octets(*address));
            }
            Self::TcpDestinationPort(port) => {
                meta(list, libc::NFT_META_L4PROTO);
                compare(list, &[libc::IPPROTO_TCP as u8]);
                // Bytes 2 and 3 of the TCP header (RFC 9293).
                payload(list, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
                compare(list, &port.to_be_bytes());
            }
            Self::Track => expression(list, "ct", |data| {
                number(data, NFTA_CT_DREG, NFT_REG_1);
                number(data, NFTA_CT_KEY, libc::NFT_CT_STATE as u32);
            }),
            Self::Masquerade => expression(list, "masq", |_| ()),
            Self::SourceNat([first, last], ports) => {
                immediate(list, NFT_REG_1, &octets(*first));
                immediate(list, NFT_REG_1 + 1, &octets(*last));
                if let Some([first, last]) = ports {
                    immediate(list, NFT_REG_1 + 2, &first.to_be_bytes());
                    immediate(list, NFT_REG_1 + 3, &last.to_be_bytes());
                }
                expression(list, "nat", |data| {
                    number(data, NFTA_NAT_TYPE, libc::NFT_NAT_SNAT as u32);
                    number(data, NFTA_NAT_FAMILY, u32::from(family.number()));
                    number(data, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
                    number(data, NFTA_NAT_REG_ADDR_MAX, NFT_REG_1 + 1);
                    if ports.is_some() {
                        number(data, NFTA_NAT_REG_PROTO_MIN, NFT_REG_1 + 2);
                        number(data, NFTA_NAT_REG_PROTO_MAX, NFT_REG_1 + 3);
                    }
                });
            }
            Self::DestinationNat(address, port) => {
                immediate(list, NFT_REG_1, &octets(*address));
                immediate(list, NFT_REG_1 + 2, &port.to_be_bytes());
                expression(list, "nat", |data| {
                    number(data, NFTA_NAT_TYPE, libc::NFT_NAT_DNAT as u32);
                    number(data, NFTA_NAT_FAMILY, u32::from(family.number()));
                    number(data, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
                    number(data, NFTA_NAT_REG_PROTO_MIN, NFT_REG_1 + 2);
                });
            }
        }
    }
}

fn expression(list: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
    nested(list, NFTA_LIST_ELEM, |element| {
        string(element, NFTA_EXPR_NAME, name);
        nested(element, NFTA_EXPR_DATA, fill);
    });
}

fn meta(list: &mut Vec<u8>, key: i32) {
    expression(list, "meta", |data| {
        number(data, NFTA_META_DREG, NFT_REG_1);
        number(data, NFTA_META_KEY, key as u32);
    });
}

fn payload(list: &mut Vec<u8>, base: u32, offset: u32, length: u32) {
    expression(list, "payload", |data| {
        number(data, NFTA_PAYLOAD_DREG, NFT_REG_1);
        number(data, NFTA_PAYLOAD_BASE, base);
        number(data, NFTA_PAYLOAD_OFFSET, offset);
        number(data, NFTA_PAYLOAD_LEN, length);
    });
}

fn compare(list: &mut Vec<u8>, value: &[u8]) {
    expression(list, "cmp", |data| {
        number(data, NFTA_CMP_SREG, NFT_REG_1);
        number(data, NFTA_CMP_OP, libc::NFT_CMP_EQ as u32);
        nested(data, NFTA_CMP_DATA, |data| {
            attribute(data, NFTA_DATA_VALUE, value);
        });
    });
}

fn immediate(list: &mut Vec<u8>, register: u32, value: &[u8]) {
    expression(list, "immediate", |data| {
        number(data, NFTA_IMMEDIATE_DREG, register);
        nested(data, NFTA_IMMEDIATE_DATA, |data| {
            attribute(data, NFTA_DATA_VALUE, value);
        });
    });
}

fn number(body: &mut Vec<u8>, kind: u16, value: u32) {
    attribute(body, kind, &value.to_be_bytes());
}

/// Appends a string attribute, which nf_tables requires to end with a zero byte.
fn string(body: &mut Vec<u8>, kind: u16, value: &str) {
    let mut ended = value.as_bytes().to_vec();
    ended.push(0);
    attribute(body, kind, &ended);
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

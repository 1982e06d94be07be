//! The parts of a rule: matches and actions.

use std::net::IpAddr;

use super::{TableFamily, number, string};
use crate::sys::netlink::{attribute, nested};

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
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
const NFTA_BITWISE_SREG: u16 = 1;
const NFTA_BITWISE_DREG: u16 = 2;
const NFTA_BITWISE_LEN: u16 = 3;
const NFTA_BITWISE_MASK: u16 = 4;
const NFTA_BITWISE_XOR: u16 = 5;
const NFTA_CT_DREG: u16 = 1;
const NFTA_CT_KEY: u16 = 2;
const NFTA_NAT_TYPE: u16 = 1;
const NFTA_NAT_FAMILY: u16 = 2;
const NFTA_NAT_REG_ADDR_MIN: u16 = 3;
const NFTA_NAT_REG_ADDR_MAX: u16 = 4;
const NFTA_NAT_REG_PROTO_MIN: u16 = 5;
const NFTA_NAT_REG_PROTO_MAX: u16 = 6;
const NFTA_NAT_FLAGS: u16 = 7;
const NFTA_MASQ_FLAGS: u16 = 1;
const NFTA_MASQ_REG_PROTO_MIN: u16 = 2;
const NFTA_MASQ_REG_PROTO_MAX: u16 = 3;
const NFTA_LIMIT_RATE: u16 = 1;
const NFTA_LIMIT_UNIT: u16 = 2;
const NFTA_LIMIT_BURST: u16 = 3;
const NFTA_LIMIT_TYPE: u16 = 4;
const NFTA_LIMIT_FLAGS: u16 = 5;
const NFT_LIMIT_PKTS: u32 = 0;
const NFT_LIMIT_F_INV: u32 = 1;
const NFTA_REJECT_TYPE: u16 = 1;
const NFTA_REJECT_ICMP_CODE: u16 = 2;
const NFT_REJECT_ICMP_UNREACH: u32 = 0;
const NFT_REJECT_TCP_RST: u32 = 1;
const NFTA_NG_DREG: u16 = 1;
const NFTA_NG_MODULUS: u16 = 2;
const NFTA_NG_TYPE: u16 = 3;
const NFT_NG_INCREMENTAL: u32 = 0;
const NFT_NG_RANDOM: u32 = 1;
const NFTA_HASH_SREG: u16 = 1;
const NFTA_HASH_DREG: u16 = 2;
const NFTA_HASH_LEN: u16 = 3;
const NFTA_HASH_MODULUS: u16 = 4;
const NFTA_HASH_SEED: u16 = 5;
const NFT_CMP_NEQ: u32 = 1;
const NFT_CMP_LTE: u32 = 3;
const NFT_CMP_GTE: u32 = 5;
const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER: u32 = 2;
const NFT_REG_VERDICT: u32 = 0;
/// The first of four registers of 16 bytes each; the others follow.
const NFT_REG_1: u32 = 1;
/// The seed of hashes. Any constant will do: the same scenario then chooses the same servers.
const HASH_SEED: u32 = 0x6e73_6c62;

impl TableFamily {
    /// Offset and length of the destination address in the network header (RFC 791, RFC 8200).
    fn destination(self) -> (u32, u32) {
        match self {
            Self::Ip => (16, 4),
            Self::Ip6 => (24, 16),
        }
    }

    /// Offset and length of the source address in the network header.
    fn source(self) -> (u32, u32) {
        match self {
            Self::Ip => (12, 4),
            Self::Ip6 => (8, 16),
        }
    }
}

/// The reason that an ICMP error gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unreachable {
    Port,
    Host,
    Net,
    Prohibited,
}

impl Unreachable {
    /// Returns the code of the ICMP (RFC 792, RFC 1812) or ICMPv6 (RFC 4443) message.
    fn code(self, family: TableFamily) -> u8 {
        match (self, family) {
            (Self::Net, TableFamily::Ip | TableFamily::Ip6) => 0,
            (Self::Host, TableFamily::Ip) => 1,
            (Self::Port, TableFamily::Ip) => 3,
            (Self::Prohibited, TableFamily::Ip) => 13,
            (Self::Prohibited, TableFamily::Ip6) => 1,
            (Self::Host, TableFamily::Ip6) => 3,
            (Self::Port, TableFamily::Ip6) => 4,
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
    /// `ip saddr ADDRESS/LENGTH`
    SourceWithin(IpAddr, u8),
    /// `ip daddr ADDRESS/LENGTH`
    DestinationWithin(IpAddr, u8),
    /// `meta l4proto NUMBER`
    Protocol(u8),
    /// `th dport FIRST-LAST`, after [`Self::Protocol`]
    DestinationPorts([u16; 2]),
    /// `icmpv6 type FIRST-LAST`, after [`Self::Protocol`]
    IcmpTypes([u8; 2]),
    /// `ct state`, read but not compared, which turns connection tracking on.
    Track,
    /// `ct state`, compared with a mask of states (`NF_CT_STATE_BIT`); any of them matches.
    TrackedAs(u32),
    /// `limit rate [over] RATE/UNIT burst BURST packets`, with the unit in seconds.
    Limit {
        /// Packets per unit.
        rate: u64,
        /// The unit in seconds.
        unit: u64,
        /// Packets that may come at once.
        burst: u32,
        /// True if the packets beyond the rate match.
        over: bool,
    },
    /// `counter`
    Counter,
    /// `numgen inc mod N 0`: each Nth packet that comes here matches, beginning with the first.
    EachNth(u32),
    /// `numgen random mod N 0`: a packet matches with probability 1 / N.
    OneIn(u32),
    /// `jhash ip saddr mod N K`
    SourceHash(u32, u32),
    /// `accept`
    Accept,
    /// `drop`
    Drop,
    /// `reject with icmp CODE`
    Reject(Unreachable),
    /// `reject with tcp reset`
    Reset,
    /// `masquerade [to :FIRST-LAST]`, with flags (`NF_NAT_RANGE_*`)
    Masquerade(Option<[u16; 2]>, u32),
    /// `snat to FIRST-LAST[:FIRST-LAST]`, with flags
    SourceNat([IpAddr; 2], Option<[u16; 2]>, u32),
    /// `dnat to ADDRESS:PORT`
    DestinationNat(IpAddr, u16),
}

impl Expression<'_> {
    pub(super) fn write(&self, list: &mut Vec<u8>, family: TableFamily) {
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
            Self::SourceWithin(address, length) => {
                within(list, family.source(), *address, *length);
            }
            Self::DestinationWithin(address, length) => {
                within(list, family.destination(), *address, *length);
            }
            Self::Protocol(number) => {
                meta(list, libc::NFT_META_L4PROTO);
                compare(list, &[*number]);
            }
            Self::DestinationPorts([first, last]) => {
                // Bytes 2 and 3 of the headers of TCP (RFC 9293) and UDP (RFC 768).
                payload(list, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
                between(list, &first.to_be_bytes(), &last.to_be_bytes());
            }
            Self::IcmpTypes([first, last]) => {
                payload(list, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
                between(list, &[*first], &[*last]);
            }
            Self::Track => ct_state(list),
            Self::TrackedAs(states) => {
                ct_state(list);
                mask(list, &states.to_ne_bytes());
                compare_as(list, NFT_CMP_NEQ, &[0; 4]);
            }
            Self::Limit {
                rate,
                unit,
                burst,
                over,
            } => expression(list, "limit", |data| {
                attribute(data, NFTA_LIMIT_RATE, &rate.to_be_bytes());
                attribute(data, NFTA_LIMIT_UNIT, &unit.to_be_bytes());
                number(data, NFTA_LIMIT_BURST, *burst);
                number(data, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
                number(
                    data,
                    NFTA_LIMIT_FLAGS,
                    if *over { NFT_LIMIT_F_INV } else { 0 },
                );
            }),
            Self::Counter => expression(list, "counter", |_| ()),
            Self::EachNth(modulus) => numgen(list, NFT_NG_INCREMENTAL, *modulus),
            Self::OneIn(modulus) => numgen(list, NFT_NG_RANDOM, *modulus),
            Self::SourceHash(modulus, value) => {
                let (offset, length) = family.source();
                payload(list, NFT_PAYLOAD_NETWORK_HEADER, offset, length);
                expression(list, "hash", |data| {
                    number(data, NFTA_HASH_SREG, NFT_REG_1);
                    number(data, NFTA_HASH_DREG, NFT_REG_1);
                    number(data, NFTA_HASH_LEN, length);
                    number(data, NFTA_HASH_MODULUS, *modulus);
                    number(data, NFTA_HASH_SEED, HASH_SEED);
                });
                compare(list, &value.to_ne_bytes());
            }
            Self::Accept => verdict(list, libc::NF_ACCEPT),
            Self::Drop => verdict(list, libc::NF_DROP),
            Self::Reject(reason) => expression(list, "reject", |data| {
                number(data, NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
                attribute(data, NFTA_REJECT_ICMP_CODE, &[reason.code(family)]);
            }),
            Self::Reset => expression(list, "reject", |data| {
                number(data, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
            }),
            Self::Masquerade(ports, flags) => {
                if let Some([first, last]) = ports {
                    immediate(list, NFT_REG_1, &first.to_be_bytes());
                    immediate(list, NFT_REG_1 + 1, &last.to_be_bytes());
                }
                expression(list, "masq", |data| {
                    if *flags != 0 {
                        number(data, NFTA_MASQ_FLAGS, *flags);
                    }
                    if ports.is_some() {
                        number(data, NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1);
                        number(data, NFTA_MASQ_REG_PROTO_MAX, NFT_REG_1 + 1);
                    }
                });
            }
            Self::SourceNat([first, last], ports, flags) => {
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
                    if *flags != 0 {
                        number(data, NFTA_NAT_FLAGS, *flags);
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

fn ct_state(list: &mut Vec<u8>) {
    expression(list, "ct", |data| {
        number(data, NFTA_CT_DREG, NFT_REG_1);
        number(data, NFTA_CT_KEY, libc::NFT_CT_STATE as u32);
    });
}

/// Matches if a number from a generator is 0.
fn numgen(list: &mut Vec<u8>, kind: u32, modulus: u32) {
    expression(list, "numgen", |data| {
        number(data, NFTA_NG_DREG, NFT_REG_1);
        number(data, NFTA_NG_MODULUS, modulus);
        number(data, NFTA_NG_TYPE, kind);
    });
    compare(list, &[0; 4]);
}

fn verdict(list: &mut Vec<u8>, code: i32) {
    expression(list, "immediate", |data| {
        number(data, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        nested(data, NFTA_IMMEDIATE_DATA, |data| {
            nested(data, NFTA_DATA_VERDICT, |data| {
                number(data, NFTA_VERDICT_CODE, code.cast_unsigned());
            });
        });
    });
}

/// Matches if the address at a place of the network header is in a prefix.
fn within(list: &mut Vec<u8>, (offset, length): (u32, u32), address: IpAddr, bits: u8) {
    payload(list, NFT_PAYLOAD_NETWORK_HEADER, offset, length);
    let mut wanted = octets(address);
    let mut kept = vec![0_u8; wanted.len()];
    for (position, byte) in kept.iter_mut().enumerate() {
        let ones = usize::from(bits).saturating_sub(position * 8).min(8);
        *byte = !(0xff_u16 >> ones).to_le_bytes()[0];
    }
    for (byte, kept) in wanted.iter_mut().zip(&kept) {
        *byte &= kept;
    }
    mask(list, &kept);
    compare(list, &wanted);
}

/// Keeps the bits of the register that the mask has.
fn mask(list: &mut Vec<u8>, kept: &[u8]) {
    expression(list, "bitwise", |data| {
        number(data, NFTA_BITWISE_SREG, NFT_REG_1);
        number(data, NFTA_BITWISE_DREG, NFT_REG_1);
        number(
            data,
            NFTA_BITWISE_LEN,
            u32::try_from(kept.len()).unwrap_or_default(),
        );
        nested(data, NFTA_BITWISE_MASK, |data| {
            attribute(data, NFTA_DATA_VALUE, kept)
        });
        nested(data, NFTA_BITWISE_XOR, |data| {
            attribute(data, NFTA_DATA_VALUE, &vec![0; kept.len()]);
        });
    });
}

fn between(list: &mut Vec<u8>, first: &[u8], last: &[u8]) {
    if first == last {
        compare(list, first);
        return;
    }
    compare_as(list, NFT_CMP_GTE, first);
    compare_as(list, NFT_CMP_LTE, last);
}

fn compare(list: &mut Vec<u8>, value: &[u8]) {
    compare_as(list, libc::NFT_CMP_EQ as u32, value);
}

fn compare_as(list: &mut Vec<u8>, op: u32, value: &[u8]) {
    expression(list, "cmp", |data| {
        number(data, NFTA_CMP_SREG, NFT_REG_1);
        number(data, NFTA_CMP_OP, op);
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

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

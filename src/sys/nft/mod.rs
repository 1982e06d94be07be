//! nf_tables over netlink: tables, chains and rules in one transaction (Linux
//! `include/uapi/linux/netfilter/nf_tables.h`).
//!
//! `expression` encodes the parts of a rule, and `counters` reads how often rules matched. The purpose of a ruleset
//! is up to the caller. The constants have the names and values of that header.

pub(in crate::sys) mod counters;
mod expression;

pub use counters::{RuleCount, rule_counts};
pub use expression::{Expression, Unreachable};

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
const NFTA_RULE_USERDATA: u16 = 7;
/// `NFTNL_UDATA_RULE_COMMENT` of libnftnl, by which nft(8) shows the text as a comment.
const COMMENT: u8 = 0;

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
}

/// The hook of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `type filter hook prerouting priority filter` (0).
    Prerouting,
    /// `type nat hook prerouting priority dstnat` (-100).
    DestinationNat,
    /// `type nat hook output priority -100`, for the node's own packets.
    OwnDestinationNat,
    /// `type nat hook postrouting priority srcnat` (100).
    SourceNat,
    /// `type filter hook input priority filter` (0).
    Input,
    /// `type filter hook forward priority filter` (0).
    Forward,
    /// `type filter hook output priority filter` (0).
    Output,
}

impl Hook {
    /// Returns type, hook and priority (`enum nf_ip_hook_priorities`, Linux `include/uapi/linux/netfilter_ipv4.h`).
    fn parts(self) -> (&'static str, i32, i32) {
        match self {
            Self::Prerouting => ("filter", libc::NF_INET_PRE_ROUTING, 0),
            Self::DestinationNat => ("nat", libc::NF_INET_PRE_ROUTING, -100),
            Self::OwnDestinationNat => ("nat", libc::NF_INET_LOCAL_OUT, -100),
            Self::SourceNat => ("nat", libc::NF_INET_POST_ROUTING, 100),
            Self::Input => ("filter", libc::NF_INET_LOCAL_IN, 0),
            Self::Forward => ("filter", libc::NF_INET_FORWARD, 0),
            Self::Output => ("filter", libc::NF_INET_LOCAL_OUT, 0),
        }
    }
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
        self.named_rule(table, chain, None, expressions);
    }

    /// Adds a rule with a name, under which [`rule_counts`] finds it and which nft(8) shows as a comment.
    pub fn named_rule(
        &mut self,
        table: &str,
        chain: &str,
        name: Option<&str>,
        expressions: &[Expression<'_>],
    ) {
        let family = self.family;
        self.push(libc::NFT_MSG_NEWRULE, CREATE | APPEND, |body| {
            string(body, NFTA_RULE_TABLE, table);
            string(body, NFTA_RULE_CHAIN, chain);
            nested(body, NFTA_RULE_EXPRESSIONS, |list| {
                for expression in expressions {
                    expression.write(list, family);
                }
            });
            if let Some(name) = name {
                attribute(body, NFTA_RULE_USERDATA, &comment(name));
            }
        });
    }

    /// Deletes every rule of a chain.
    pub(crate) fn delete_rules(&mut self, table: &str, chain: &str) {
        self.push(libc::NFT_MSG_DELRULE, 0, |body| {
            string(body, NFTA_RULE_TABLE, table);
            string(body, NFTA_RULE_CHAIN, chain);
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

/// Returns a name as libnftnl's user data of a rule: kind, length, text with a zero byte.
fn comment(name: &str) -> Vec<u8> {
    let mut bytes = vec![COMMENT, u8::try_from(name.len() + 1).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes
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

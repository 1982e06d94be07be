//! The counters of named rules, read from the kernel.

use super::TableFamily;
use crate::sys::netlink::{Netlink, NetlinkError, attributes};

const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_COUNTER_BYTES: u16 = 1;
const NFTA_COUNTER_PACKETS: u16 = 2;
/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;

/// The packets that a rule has matched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RuleCount {
    pub name: String,
    pub packets: u64,
    pub bytes: u64,
}

/// Reads the counters of the named rules of a table in the socket's namespace. Rules with the same name have an entry
/// each.
///
/// # Errors
/// The kernel refuses the request.
pub fn rule_counts(
    netlink: &mut Netlink,
    family: TableFamily,
    table: &str,
) -> Result<Vec<RuleCount>, NetlinkError> {
    let kind = (libc::NFNL_SUBSYS_NFTABLES << 8 | libc::NFT_MSG_GETRULE) as u16;
    let mut counts = Vec::new();
    netlink.dump(
        kind,
        0,
        |body| {
            body.extend_from_slice(&[family.number(), libc::NFNETLINK_V0 as u8, 0, 0]);
            super::string(body, NFTA_RULE_TABLE, table);
        },
        |_, body| counts.extend(count(body.get(NFGENMSG..).unwrap_or_default())),
    )?;
    Ok(counts)
}

pub(in crate::sys) fn count(rule: &[u8]) -> Option<RuleCount> {
    let of = |wanted: u16| attributes(rule).find(|(kind, _)| *kind == wanted);
    let (_, data) = of(NFTA_RULE_USERDATA)?;
    let name = String::from_utf8_lossy(data.get(2..)?);
    let (_, expressions) = of(NFTA_RULE_EXPRESSIONS)?;
    let counter = attributes(expressions).find_map(|(_, expression)| {
        let of = |wanted: u16| attributes(expression).find(|(kind, _)| *kind == wanted);
        let (_, name) = of(NFTA_EXPR_NAME)?;
        let (_, data) = of(NFTA_EXPR_DATA)?;
        (name.strip_suffix(&[0]).unwrap_or(name) == b"counter").then_some(data)
    })?;
    let number = |wanted: u16| {
        let (_, value) = attributes(counter).find(|(kind, _)| *kind == wanted)?;
        Some(u64::from_be_bytes(value.try_into().ok()?))
    };
    Some(RuleCount {
        name: name.trim_end_matches('\0').to_owned(),
        packets: number(NFTA_COUNTER_PACKETS)?,
        bytes: number(NFTA_COUNTER_BYTES)?,
    })
}

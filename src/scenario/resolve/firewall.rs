//! Resolves the firewall of a node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::View;
use super::server::number;
use crate::scenario::decode::{Framed, List, OneOrMany, check_name};
use crate::scenario::document::{FirewallRuleDoc, RuleMatchDoc, Text};
use crate::scenario::firewall::{
    FirewallRule, RejectWith, RuleDirection, RuleLimit, RuleProtocol, RuleVerdict, host,
};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::topology::{IpVersion, Prefix};

/// Packets that a limit allows at once, as in nft(8).
const BURST: u64 = 5;
/// Kernel rules that one rule of a firewall may become.
const MAX_COMBINATIONS: usize = 10_000;

/// Resolves every rule that could be read.
pub(crate) fn firewall(
    written: &List<FirewallRuleDoc>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<FirewallRule> {
    let mut names = BTreeMap::new();
    let mut rules = Vec::new();
    for doc in written.0.iter().flatten() {
        if let Some(name) = &doc.name
            && check_name(&name.value.0, name.span, "a rule", cx)
            && let Some(first) = names.insert(name.value.0.clone(), name.span)
        {
            cx.error_between(
                name.span,
                format!("the name {} is already taken", quoted(&name.value.0)),
                first,
                "first used here",
            )
            .label("used again here");
        }
        rules.extend(rule(doc, view, cx));
    }
    rules
}

fn rule(doc: &FirewallRuleDoc, view: View<'_, '_>, cx: &mut Collector<'_>) -> Option<FirewallRule> {
    let (matches, verdict) = match (&doc.accept, &doc.drop, &doc.reject) {
        (Some(matches), None, None) => (matches, RuleVerdict::Accept),
        (None, Some(matches), None) => (matches, RuleVerdict::Drop),
        (None, None, Some(matches)) => {
            let with = matches.with.map(|with| with.value).unwrap_or_default();
            (matches, RuleVerdict::Reject(with))
        }
        _ => {
            if doc.complete() {
                cx.error(
                    doc.head(),
                    "a rule must have exactly one of `accept`, `drop` and `reject`",
                )
                .help("for every packet write `drop: {}`");
            }
            return None;
        }
    };
    if let (Some(with), None) = (matches.with, &doc.reject) {
        cx.error(with.span, "only `reject` answers a packet")
            .help("write `reject: { with: ... }`, or leave `with` out");
    }
    let rule = FirewallRule {
        name: doc.name.as_ref().map(|name| name.value.0.clone()),
        verdict,
        directions: directions(matches),
        protocols: protocols(matches, verdict, cx),
        ports: ports(matches),
        from: addresses(matches.from.as_ref(), view, cx),
        to: addresses(matches.to.as_ref(), view, cx),
        states: list(matches.ct.as_ref()),
        limit: limit(matches, cx),
        place: cx.source.place(doc.head().start),
    };
    let counts = [
        rule.protocols.len(),
        rule.ports.len(),
        rule.from.len(),
        rule.to.len(),
    ];
    if counts
        .iter()
        .map(|count| (*count).max(1))
        .product::<usize>()
        > MAX_COMBINATIONS
    {
        cx.error(
            doc.head(),
            format!("the rule needs more than {MAX_COMBINATIONS} rules of the kernel"),
        )
        .help("use prefixes and ranges in place of long lists");
        return None;
    }
    Some(rule)
}

fn list<T: Copy>(written: Option<&OneOrMany<T>>) -> Vec<T> {
    written.map(|list| list.0.clone()).unwrap_or_default()
}

fn directions(matches: &RuleMatchDoc) -> Vec<RuleDirection> {
    let mut directions = match &matches.direction {
        Some(directions) => directions.0.clone(),
        None => vec![RuleDirection::In, RuleDirection::Forward],
    };
    directions.sort();
    directions.dedup();
    directions
}

fn ports(matches: &RuleMatchDoc) -> Vec<[u16; 2]> {
    list(matches.port.as_ref())
        .into_iter()
        .map(|range| range.0)
        .collect()
}

/// Returns the protocols of a rule. A port belongs to TCP and UDP, and a RST to TCP.
fn protocols(
    matches: &RuleMatchDoc,
    verdict: RuleVerdict,
    cx: &mut Collector<'_>,
) -> Vec<RuleProtocol> {
    let resets = verdict == RuleVerdict::Reject(RejectWith::TcpReset);
    let Some(written) = &matches.protocol else {
        return match (resets, matches.port.is_some()) {
            (true, _) => vec![RuleProtocol::Tcp],
            (false, true) => vec![RuleProtocol::Tcp, RuleProtocol::Udp],
            (false, false) => Vec::new(),
        };
    };
    let protocols = written.value.0.clone();
    if matches.port.is_some() && protocols.contains(&RuleProtocol::Icmp) {
        cx.error(written.span, "ICMP has no ports")
            .help("leave `port` out, or give ICMP a rule of its own");
    }
    if resets
        && protocols
            .iter()
            .any(|protocol| *protocol != RuleProtocol::Tcp)
    {
        cx.error(written.span, "`tcp-reset` answers TCP segments only")
            .help("use `icmp-port-unreachable` for other protocols");
    }
    protocols
}

fn limit(matches: &RuleMatchDoc, cx: &mut Collector<'_>) -> Option<RuleLimit> {
    let (rate, beyond) = match (matches.limit, matches.over) {
        (Some(limit), None) => (limit, false),
        (None, Some(over)) => (over, true),
        (Some(_), Some(over)) => {
            cx.error(over.span, "a rule cannot have both `limit` and `over`")
                .help("`limit` matches packets within the rate, `over` those beyond it");
            return None;
        }
        (None, None) => {
            if let Some(burst) = matches.burst {
                cx.error(burst.span, "`burst` without `limit`")
                    .help("a burst is above a rate: set both");
            }
            return None;
        }
    };
    Some(RuleLimit {
        rate: rate.value.0,
        burst: number(matches.burst, BURST, 1..=1_000_000, "`burst`", cx),
        beyond,
    })
}

/// Resolves nodes, addresses and prefixes. A node stands for all of its addresses.
fn addresses(
    written: Option<&OneOrMany<Spanned<Text>>>,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    for text in written.iter().flat_map(|list| &list.0) {
        let name = text.value.0.as_str();
        if let Some(node) = view.names.nodes.get_index_of(name) {
            prefixes.extend(view.lab.addresses_of(node));
            continue;
        }
        match prefix(name) {
            Some(prefix) if prefix.address.is_ipv4() == (view.lab.ip() == IpVersion::V4) => {
                prefixes.push(prefix);
            }
            Some(_) => {
                cx.error(text.span, "the address is of the other version of IP");
            }
            None => {
                let known = view.names.nodes.keys().copied();
                cx.error(
                    text.span,
                    format!("{} is neither a node nor an address", quoted(name)),
                )
                .maybe_help(not_an_address(name).or_else(|| suggest::did_you_mean(name, known)));
            }
        }
    }
    prefixes
}

/// Explains what is wrong with a text that looks like an address.
fn not_an_address(text: &str) -> Option<String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = address.split('.').collect();
    if parts.len() > 1 && parts.iter().all(|part| digits(part)) {
        if parts.len() != 4 {
            return Some(format!(
                "an IPv4 address has four numbers, and this one has {}",
                parts.len()
            ));
        }
        let large = parts.iter().find(|part| part.parse::<u8>().is_err());
        if let Some(large) = large {
            return Some(format!(
                "each number of an IPv4 address is at most 255, and {large} is not"
            ));
        }
    }
    let most = host(address.parse::<IpAddr>().ok()?).length;
    Some(match length?.parse::<u32>() {
        Ok(_) => format!("the prefix length is at most {most}: write `{address}/{most}` or less"),
        Err(_) => format!("the prefix length is a number: write `{address}/24`"),
    })
}

/// Reads `10.0.0.1` or `10.0.0.0/24`.
pub(crate) fn prefix(text: &str) -> Option<Prefix> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(host);
    };
    let most = host(address.parse().ok()?);
    let length = length.parse().ok()?;
    (length <= most.length).then_some(Prefix { length, ..most })
}

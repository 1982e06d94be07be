//! The firewall of a node as rules of the kernel: a chain for each direction, in which each rule counts its packets.
//!
//! A rule of nf_tables has one protocol, one range of ports, one source and one destination. A rule of the scenario
//! becomes one for each combination, all with its name, and their counts are added up (`probe`).

use super::rules::TABLE;
use crate::scenario::firewall::{
    CtState, FirewallRule, RejectWith, RuleDirection, RuleLimit, RuleProtocol, RuleVerdict,
};
use crate::scenario::topology::{IpVersion, Prefix};
use crate::sys::nft::{Expression, Hook, Transaction, Unreachable};

/// `IPPROTO_ICMPV6` and the types of neighbour discovery, from router solicitation to redirect (RFC 4861).
const NEIGHBOUR_DISCOVERY: [u8; 2] = [133, 137];

/// Adds the chains of a firewall. Without rules, it adds nothing.
pub(super) fn add(change: &mut Transaction, ip: IpVersion, rules: &[FirewallRule]) {
    for direction in [
        RuleDirection::In,
        RuleDirection::Forward,
        RuleDirection::Out,
    ] {
        let mut own = rules
            .iter()
            .filter(|rule| rule.directions.contains(&direction))
            .peekable();
        if own.peek().is_none() {
            continue;
        }
        let (chain, hook) = match direction {
            RuleDirection::In => ("input", Hook::Input),
            RuleDirection::Forward => ("forward", Hook::Forward),
            RuleDirection::Out => ("output", Hook::Output),
        };
        change.chain(TABLE, chain, hook);
        if ip == IpVersion::V6 {
            // Without it no address resolves. ARP, its counterpart, does not pass through these chains.
            change.rule(
                TABLE,
                chain,
                &[
                    Expression::Protocol(libc::IPPROTO_ICMPV6 as u8),
                    Expression::IcmpTypes(NEIGHBOUR_DISCOVERY),
                    Expression::Accept,
                ],
            );
        }
        for rule in own {
            for matches in combinations(rule, ip) {
                let mut expressions = matches;
                expressions.extend(rule.limit.map(limit));
                expressions.push(Expression::Counter);
                expressions.push(verdict(rule.verdict));
                change.named_rule(TABLE, chain, rule.name.as_deref(), &expressions);
            }
        }
    }
}

/// Returns the matches of each rule of the kernel that a rule needs.
fn combinations(rule: &FirewallRule, ip: IpVersion) -> Vec<Vec<Expression<'static>>> {
    let within = |of: fn(std::net::IpAddr, u8) -> Expression<'static>, prefixes: &[Prefix]| {
        let each = prefixes
            .iter()
            .map(|prefix| of(prefix.address, prefix.length));
        each.collect::<Vec<_>>()
    };
    let mut all = vec![Vec::new()];
    let protocols = rule
        .protocols
        .iter()
        .map(|protocol| Expression::Protocol(number(*protocol, ip)));
    for choices in [
        within(Expression::SourceWithin, &rule.from),
        within(Expression::DestinationWithin, &rule.to),
        protocols.collect(),
        rule.ports
            .iter()
            .map(|range| Expression::DestinationPorts(*range))
            .collect(),
        (!rule.states.is_empty())
            .then(|| Expression::TrackedAs(rule.states.iter().map(|state| bit(*state)).sum()))
            .into_iter()
            .collect(),
    ] {
        if !choices.is_empty() {
            let with = |one: Vec<Expression<'static>>| {
                let each = choices
                    .iter()
                    .map(move |choice| [one.clone(), vec![choice.clone()]].concat());
                each.collect::<Vec<_>>()
            };
            all = all.into_iter().flat_map(with).collect();
        }
    }
    all
}

fn number(protocol: RuleProtocol, ip: IpVersion) -> u8 {
    let number = match (protocol, ip) {
        (RuleProtocol::Tcp, _) => libc::IPPROTO_TCP,
        (RuleProtocol::Udp, _) => libc::IPPROTO_UDP,
        (RuleProtocol::Icmp, IpVersion::V4) => libc::IPPROTO_ICMP,
        (RuleProtocol::Icmp, IpVersion::V6) => libc::IPPROTO_ICMPV6,
    };
    number as u8
}

/// Returns the bit of a state (`NF_CT_STATE_BIT`, Linux `include/uapi/linux/netfilter/nf_conntrack_common.h`).
fn bit(state: CtState) -> u32 {
    match state {
        CtState::Invalid => 1,
        CtState::Established => 2,
        CtState::Related => 4,
        CtState::New => 8,
        CtState::Untracked => 64,
    }
}

/// Returns a limit in the smallest unit in which its rate is a whole number, to within a percent.
fn limit(limit: RuleLimit) -> Expression<'static> {
    const UNITS: [u32; 4] = [1, 60, 3_600, 86_400];
    let per = |unit: u32| limit.rate.as_per_second() * f64::from(unit);
    let is_whole = |rate: f64| (rate - rate.round()).abs() <= 0.01 * rate && rate.round() >= 1.0;
    let unit = UNITS
        .into_iter()
        .find(|unit| is_whole(per(*unit)))
        .unwrap_or(86_400);
    Expression::Limit {
        rate: per(unit).round().max(1.0) as u64,
        unit: unit.into(),
        burst: limit.burst,
        over: limit.beyond,
    }
}

fn verdict(verdict: RuleVerdict) -> Expression<'static> {
    match verdict {
        RuleVerdict::Accept => Expression::Accept,
        RuleVerdict::Drop => Expression::Drop,
        RuleVerdict::Reject(RejectWith::TcpReset) => Expression::Reset,
        RuleVerdict::Reject(RejectWith::IcmpPortUnreachable) => {
            Expression::Reject(Unreachable::Port)
        }
        RuleVerdict::Reject(RejectWith::IcmpHostUnreachable) => {
            Expression::Reject(Unreachable::Host)
        }
        RuleVerdict::Reject(RejectWith::IcmpNetUnreachable) => Expression::Reject(Unreachable::Net),
        RuleVerdict::Reject(RejectWith::IcmpAdminProhibited) => {
            Expression::Reject(Unreachable::Prohibited)
        }
    }
}

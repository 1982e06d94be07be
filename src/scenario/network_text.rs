//! Impairments of links as text; address translations and rules of a firewall, in the manner of nft(8).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::scenario::firewall::{
    CtState, FirewallRule, RejectWith, RuleDirection, RuleProtocol, RuleVerdict,
};
use crate::scenario::topology::{Impairment, NatPorts, NatSpec};
use crate::scenario::workload::Protocol;
use crate::units::{Percent, format_seconds};

/// Returns a translation as one line.
pub(crate) fn nat_text(nat: &NatSpec, own: &[IpAddr]) -> String {
    match nat {
        NatSpec::Masquerade { out, ports } => {
            format!("oifname {out} masquerade{}", ports_text(ports))
        }
        NatSpec::Snat {
            out,
            addresses: [first, last],
            ports,
            only_from,
        } => {
            let from = only_from
                .map(|source| format!("saddr {source} "))
                .unwrap_or_default();
            let range = if last == first {
                String::new()
            } else {
                format!("-{last}")
            };
            format!(
                "{from}oifname {out} snat to {first}{range}{}",
                ports_text(ports)
            )
        }
        NatSpec::Dnat {
            protocol,
            port,
            to,
            by,
        } => {
            let protocol = match protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
            };
            let to = match to.as_slice() {
                [one] => one.to_string(),
                several => format!("{{ {} }} by {}", joined(several), by.as_str()),
            };
            format!(
                "daddr {{ {} }} {protocol} dport {port} dnat to {to}",
                joined(own)
            )
        }
    }
}

fn ports_text(ports: &NatPorts) -> String {
    let range = ports
        .range
        .map(|[first, last]| format!(" ports {first}-{last}"));
    let order = match ports.order.as_str() {
        "" => String::new(),
        word => format!(" {word}"),
    };
    range.unwrap_or_default() + &order
}

/// Returns a rule as one line: `web: accept tcp dport 80 saddr 10.0.0.1/32`.
pub(crate) fn rule_text(rule: &FirewallRule) -> String {
    let mut words = Vec::new();
    words.extend(rule.name.as_ref().map(|name| format!("{name}:")));
    words.push(match rule.verdict {
        RuleVerdict::Accept => "accept".to_owned(),
        RuleVerdict::Drop => "drop".to_owned(),
        RuleVerdict::Reject(with) => format!("reject with {}", answer(with)),
    });
    let default = [RuleDirection::In, RuleDirection::Forward];
    if rule.directions != default {
        let words_of = rule.directions.iter().map(|direction| match direction {
            RuleDirection::In => "in",
            RuleDirection::Forward => "forward",
            RuleDirection::Out => "out",
        });
        words.push(set("direction", &words_of.collect::<Vec<_>>()));
    }
    let protocols = rule.protocols.iter().map(|protocol| match protocol {
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::Udp => "udp",
        RuleProtocol::Icmp => "icmp",
    });
    words.push(set("", &protocols.collect::<Vec<_>>()));
    let ports = rule.ports.iter().map(|[first, last]| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    words.push(set("dport", &ports.collect::<Vec<_>>()));
    words.push(set("saddr", &rule.from));
    words.push(set("daddr", &rule.to));
    let states = rule.states.iter().map(|state| match state {
        CtState::Invalid => "invalid",
        CtState::Established => "established",
        CtState::Related => "related",
        CtState::New => "new",
        CtState::Untracked => "untracked",
    });
    words.push(set("ct state", &states.collect::<Vec<_>>()));
    words.extend(rule.limit.map(|limit| {
        let over = if limit.beyond { "over " } else { "" };
        format!("limit {over}{} burst {}", limit.rate, limit.burst)
    }));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn answer(with: RejectWith) -> &'static str {
    match with {
        RejectWith::TcpReset => "tcp-reset",
        RejectWith::IcmpPortUnreachable => "icmp-port-unreachable",
        RejectWith::IcmpHostUnreachable => "icmp-host-unreachable",
        RejectWith::IcmpNetUnreachable => "icmp-net-unreachable",
        RejectWith::IcmpAdminProhibited => "icmp-admin-prohibited",
    }
}

/// Returns a key with its values: nothing without values, and in braces if there are several.
fn set(key: &str, values: &[impl ToString]) -> String {
    let key = if key.is_empty() {
        String::new()
    } else {
        format!("{key} ")
    };
    match values {
        [] => String::new(),
        [one] => key + &one.to_string(),
        several => format!("{key}{{ {} }}", joined(several)),
    }
}

fn joined(values: &[impl ToString]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// `delay 0.05s, loss 1%`; empty for a link without impairment.
impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delay,
            jitter,
            loss,
            rate,
            queue,
            reorder,
            duplicate,
        } = self;
        let seconds = |name, value: &Option<Duration>| {
            value.map(|value| format!("{name} {}", format_seconds(value)))
        };
        let percent = |name, value: &Option<Percent>| {
            value.map(|value| format!("{name} {}%", value.as_fraction() * 100.0))
        };
        let parts = [
            seconds("delay", delay),
            seconds("jitter", jitter),
            percent("loss", loss),
            rate.map(|rate| format!("rate {} bit/s", rate.as_per_second())),
            queue.map(|queue| format!("queue {} bytes", queue.0)),
            percent("reorder", reorder),
            percent("duplicate", duplicate),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

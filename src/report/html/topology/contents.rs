//! The lines inside a node's box: link ends, translation, settings, servers, clients and commands.

use crate::names::NodeName;
use crate::report::plan::accept;
use crate::report::programs::with_privileges;
use crate::scenario::firewall::{FirewallRule, RuleVerdict};
use crate::scenario::topology::{Emulation, NatPorts, NatSpec, NodeSpec};
use crate::scenario::workload::{Accept, ClientSpec, Load, Protocol, ServerSpec};
use crate::scenario::{RunSpec, topology::InterfaceSpec};
use crate::units::show;

/// One line in a node's box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NodeLine {
    pub(super) kind: LineKind,
    pub(super) text: String,
}

/// The subject of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Nat,
    /// A setting of the scenario.
    Setting,
    /// A feature that the lab emulates.
    Emulated,
    Server,
    Client,
    Command,
}

impl LineKind {
    /// Returns the class that colours it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Setting => "setting",
            Self::Emulated => "emulated",
            Self::Server => "server",
            Self::Client => "client",
            Self::Command => "command",
        }
    }
}

/// Returns everything but the interfaces, in reading order.
pub(super) fn lines(spec: &RunSpec, name: &NodeName, node: &NodeSpec) -> Vec<NodeLine> {
    let line = |kind, text| NodeLine { kind, text };
    let mut lines = Vec::new();
    lines.extend(
        node.nat
            .iter()
            .map(|nat| line(LineKind::Nat, nat_text(nat))),
    );
    let rules = node.firewall.iter();
    lines.extend(rules.map(|rule| line(LineKind::Nat, rule_text(rule))));
    if let Some(room) = node.conntrack_room {
        let room = show::grouped(room.into(), 0);
        lines.push(line(LineKind::Setting, format!("conntrack room {room}")));
    }
    lines.extend(node.sysctls.iter().map(|sysctl| {
        let key = sysctl.key.strip_prefix("net.ipv4.").unwrap_or(&sysctl.key);
        line(LineKind::Setting, format!("{key}={}", sysctl.value))
    }));
    if let Some(nofile) = node.nofile {
        lines.push(line(LineKind::Setting, format!("nofile {nofile}")));
    }
    lines.extend(node.emulate.iter().map(|emulation| {
        let Emulation::TcpTwRecycle = emulation;
        line(LineKind::Emulated, "emulates tcp_tw_recycle".to_owned())
    }));
    let workload = &spec.workload;
    lines.extend(
        workload
            .servers
            .iter()
            .filter(|server| server.node == *name)
            .map(|server| line(LineKind::Server, server_text(server))),
    );
    lines.extend(
        workload
            .clients
            .iter()
            .filter(|client| client.node == *name)
            .map(|client| line(LineKind::Client, client_text(client))),
    );
    lines.extend(
        workload
            .commands
            .iter()
            .filter(|command| command.node == *name)
            .map(|command| line(LineKind::Command, format!("$ {}", with_privileges(command)))),
    );
    lines
}

/// Returns an interface with its address: `eth0 10.0.0.1/30`.
pub(super) fn interface(interface: &InterfaceSpec) -> String {
    match interface.addresses.as_slice() {
        [] => interface.name.to_string(),
        [one] => format!("{} {one}", interface.name),
        [one, more @ ..] => format!("{} {one} +{}", interface.name, more.len()),
    }
}

fn nat_text(nat: &NatSpec) -> String {
    let with = |ports: &NatPorts| match ports.order.as_str() {
        "" => String::new(),
        order => format!(", {order}"),
    };
    match nat {
        NatSpec::Masquerade { out, ports } => match ports.range {
            Some([low, high]) => format!("masquerade :{low}-{high} on {out}{}", with(ports)),
            None => format!("masquerade on {out}{}", with(ports)),
        },
        NatSpec::Snat {
            out,
            addresses: [first, last],
            ports,
            only_from,
        } => {
            let addresses = if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            };
            let range = ports.range.map(|[low, high]| format!(":{low}-{high}"));
            let from = only_from.map(|source| format!("{source} "));
            format!(
                "{}snat {addresses}{} on {out}{}",
                from.unwrap_or_default(),
                range.unwrap_or_default(),
                with(ports)
            )
        }
        NatSpec::Dnat {
            protocol,
            port,
            to,
            by,
        } => {
            let udp = if *protocol == Protocol::Udp {
                "/udp"
            } else {
                ""
            };
            let servers: Vec<String> = to.iter().map(ToString::to_string).collect();
            let by = if to.len() > 1 {
                format!(" {}", by.as_str())
            } else {
                String::new()
            };
            format!("dnat :{port}{udp} to {}{by}", servers.join(", "))
        }
    }
}

fn rule_text(rule: &FirewallRule) -> String {
    let verdict = match rule.verdict {
        RuleVerdict::Accept => "accept",
        RuleVerdict::Drop => "drop",
        RuleVerdict::Reject(_) => "reject",
    };
    match &rule.name {
        Some(name) => format!("firewall {verdict} {name}"),
        None => format!("firewall {verdict}"),
    }
}

fn server_text(server: &ServerSpec) -> String {
    let accept = match &server.accept {
        Accept::Epoll => String::new(),
        other => format!(", {}", accept(other)),
    };
    let protocol = match server.protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
    };
    let start = match server.start.is_zero() {
        true => String::new(),
        false => format!(", from {}", show::seconds(server.start.as_secs_f64())),
    };
    format!("{} :{}{protocol}{accept}{start}", server.name, server.port)
}

fn client_text(client: &ClientSpec) -> String {
    let whole = |count: u64| show::grouped(count as f64, 0);
    let rate = |rate: crate::units::Rate| show::grouped(rate.as_per_second(), 2);
    let load = match &client.load {
        Load::Connect { schedule, .. } if schedule.from == schedule.to => {
            format!("{} × {}/s", whole(schedule.count), rate(schedule.from))
        }
        Load::Connect { schedule, .. } => format!(
            "{} × {}..{}/s",
            whole(schedule.count),
            rate(schedule.from),
            rate(schedule.to)
        ),
        Load::Flood { schedule, .. } => format!(
            "{} SYNs, forged, {}/s",
            whole(schedule.count),
            rate(schedule.from)
        ),
        Load::Requests { schedule, pool, .. } => format!(
            "{} × {}/s over {} connections",
            whole(schedule.count),
            rate(schedule.from),
            pool.size
        ),
        Load::Exchange {
            steps, connections, ..
        } => format!("{} steps on {connections} connections", steps.len()),
        Load::Queries(queries) => {
            let all = queries
                .schedule
                .count
                .saturating_mul(queries.at_once.into());
            format!("{} queries, {}/s", whole(all), rate(queries.schedule.from))
        }
        Load::Hold { connections, .. } => format!("holds {}", whole(*connections)),
        Load::Loop {
            concurrency,
            requests,
            ..
        } => format!("{} in {concurrency} loops", whole(*requests)),
        Load::Bulk { bytes, streams, .. } => {
            format!("{streams} × {}", show::bytes(bytes.0 as f64))
        }
    };
    let to = client.to.as_ref().map_or_else(
        || client.target.to_string(),
        std::string::ToString::to_string,
    );
    format!("{} → {to}: {load}", client.name)
}

//! What can be measured: the series of clients, servers, commands, nodes and the kernel, with their units.

use std::ops::Range;

use indexmap::{IndexMap, IndexSet};

use super::counters::{self, Known};
use super::errno;
use super::probed;
use super::syntax::At;
use crate::names::SeriesName;
use crate::scenario::problem::quoted;
use crate::scenario::suggest;
use crate::units::Unit;

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActorKind {
    Server,
    /// A server that passes requests on.
    Proxy,
    Client,
    Command,
    /// A command that serves a port.
    ServingCommand,
    Flood,
    Fault,
}

impl ActorKind {
    /// Whether it listens on a port of its own.
    pub(super) fn serves(self) -> bool {
        matches!(self, Self::Server | Self::Proxy | Self::ServingCommand)
    }

    /// Whether it has connections of its own that are established.
    pub(super) fn connects(self) -> bool {
        self.serves() || self == Self::Client
    }
}

/// What the expectations of one run may speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subjects {
    pub(crate) nodes: IndexSet<String>,
    pub(crate) actors: IndexMap<String, ActorKind>,
}

/// How the values of a series behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One number at each moment.
    Number,
    /// Many numbers at once: only a percentile, a mean or an extreme of them is a number.
    Distribution,
    /// Lines.
    Text,
}

/// A series that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) series: SeriesName,
    pub(crate) unit: Unit,
    pub(crate) shape: Shape,
}

/// A path that names nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Series of clients.
const CLIENT: [(&str, Unit, Shape); 9] = [
    ("attempted", Unit::Count, Shape::Number),
    ("established", Unit::Count, Shape::Number),
    ("completed", Unit::Count, Shape::Number),
    ("failed", Unit::Count, Shape::Number),
    ("in-flight", Unit::Count, Shape::Number),
    ("latency", Unit::Seconds, Shape::Distribution),
    ("bytes", Unit::Bytes, Shape::Number),
    ("throughput", Unit::BytesPerSecond, Shape::Number),
    ("cpu", Unit::Seconds, Shape::Number),
];

/// Series of servers.
const SERVER: [(&str, Unit, Shape); 4] = [
    ("accepted", Unit::Count, Shape::Number),
    ("replies", Unit::Count, Shape::Number),
    ("bytes", Unit::Bytes, Shape::Number),
    ("cpu", Unit::Seconds, Shape::Number),
];

/// Series of proxies.
const PROXY: [(&str, Unit, Shape); 5] = [
    SERVER[0],
    SERVER[1],
    ("forwarded", Unit::Count, Shape::Number),
    SERVER[2],
    SERVER[3],
];

/// Series of commands.
const COMMAND: [(&str, Unit, Shape); 3] = [
    ("exit", Unit::Count, Shape::Number),
    ("stdout", Unit::Text, Shape::Text),
    ("stderr", Unit::Text, Shape::Text),
];

/// Series of floods.
const FLOOD: [(&str, Unit, Shape); 1] = [("sent", Unit::Count, Shape::Number)];

/// Series of faults.
const FAULT: [(&str, Unit, Shape); 1] = [("matched", Unit::Count, Shape::Number)];

/// States of sockets (Linux 6.18 `include/net/tcp_states.h`).
const STATES: [&str; 13] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
    "BOUND_INACTIVE",
];

/// The table's size, and its statistics as ctnetlink calls them (`enum ctattr_stats_cpu`, Linux 6.18
/// `include/uapi/linux/netfilter/nfnetlink_conntrack.h`), without those that are always 0.
const CONNTRACK: [&str; 11] = [
    "entries",
    "found",
    "invalid",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "error",
    "search_restart",
    "clash_resolve",
    "chaintoolong",
];

/// Finds what a path names: `load.errors.ECONNREFUSED`.
pub(crate) fn metric(path: &At<String>, subjects: &Subjects) -> Result<Metric, Unknown> {
    let text = path.value.as_str();
    let start = path.range.start;
    let Some((subject, name)) = text.split_once('.') else {
        return Err(Unknown {
            range: path.range.clone(),
            message: format!("{} is no quantity", quoted(text)),
            help: Some(match subjects.actors.get(text) {
                Some(kind) => format!("write one of {}", listed(text, of_actor(*kind))),
                None => "a quantity is `SUBJECT.NAME`, as in `web.accepted`".to_owned(),
            }),
        });
    };
    let found = |unit, shape| Metric {
        series: SeriesName::new(text),
        unit,
        shape,
    };
    if subject == "kernel" {
        return if name == "log" {
            Ok(found(Unit::Text, Shape::Text))
        } else if let Some(unit) = probed::of_kernel(name) {
            Ok(found(unit, Shape::Number))
        } else {
            Err(Unknown {
                range: start + subject.len() + 1..path.range.end,
                message: format!("the kernel has no {}", quoted(name)),
                help: Some(
                    suggest::nearest(name, probed::names_of_kernel().collect::<Vec<_>>().iter().map(String::as_str))
                        .map_or_else(
                            || "its log is `kernel.log`, its objects `kernel.slab.TCP`; counters belong to a node".to_owned(),
                            |name| format!("did you mean `{name}`?"),
                        ),
                ),
            })
        };
    }
    let actor = subjects.actors.get(subject).copied();
    let is_node = subjects.nodes.contains(subject);
    if actor.is_none() && !is_node {
        let known = subjects
            .actors
            .keys()
            .chain(&subjects.nodes)
            .map(String::as_str);
        return Err(Unknown {
            range: start..start + subject.len(),
            message: format!("nothing is called {}", quoted(subject)),
            help: suggest::did_you_mean(subject, known),
        });
    }
    if let Some(kind) = actor
        && let Some((unit, shape)) = actor_metric(kind, name)
    {
        return Ok(found(unit, shape));
    }
    if is_node && let Some(unit) = node_metric(name, subjects) {
        return Ok(found(unit, Shape::Number));
    }
    let what = match (actor, is_node) {
        (Some(ActorKind::Server), false) => "a server",
        (Some(ActorKind::Proxy), false) => "a proxy",
        (Some(ActorKind::Client), false) => "a client",
        (Some(ActorKind::Command | ActorKind::ServingCommand), false) => "a command",
        (Some(ActorKind::Flood), false) => "a flood",
        (Some(ActorKind::Fault), false) => "a fault",
        _ => "a node",
    };
    Err(Unknown {
        range: start + subject.len() + 1..path.range.end,
        message: format!("{what} has no {}", quoted(name)),
        help: meant(actor, is_node, name, subjects),
    })
}

fn of_actor(kind: ActorKind) -> &'static [(&'static str, Unit, Shape)] {
    match kind {
        ActorKind::Client => &CLIENT,
        ActorKind::Server => &SERVER,
        ActorKind::Proxy => &PROXY,
        ActorKind::Command | ActorKind::ServingCommand => &COMMAND,
        ActorKind::Flood => &FLOOD,
        ActorKind::Fault => &FAULT,
    }
}

fn has_errors(kind: ActorKind) -> bool {
    matches!(
        kind,
        ActorKind::Server | ActorKind::Client | ActorKind::Proxy | ActorKind::Flood
    )
}

fn actor_metric(kind: ActorKind, name: &str) -> Option<(Unit, Shape)> {
    if let Some(error) = name.strip_prefix("errors.") {
        return (has_errors(kind) && errno::names().any(|known| known == error))
            .then_some((Unit::Count, Shape::Number));
    }
    if let Some(status) = name.strip_prefix("status.") {
        return (kind == ActorKind::Client && is_status(status))
            .then_some((Unit::Count, Shape::Number));
    }
    if let Some(unit) = probed::of_actor(kind, name) {
        return Some((unit, Shape::Number));
    }
    let found = of_actor(kind).iter().find(|(known, _, _)| *known == name)?;
    Some((found.1, found.2))
}

/// Whether a text is a status code of HTTP (RFC 9110, section 15).
fn is_status(text: &str) -> bool {
    let code = text.parse().unwrap_or(0_u16);
    text.len() == 3 && (100..=599).contains(&code)
}

fn node_metric(name: &str, subjects: &Subjects) -> Option<Unit> {
    let serves = |name: &str| subjects.actors.get(name).is_some_and(|kind| kind.serves());
    if let Some(unit) = probed::of_node(name, serves) {
        return Some(unit);
    }
    if let Some(state) = name.strip_prefix("tcp.") {
        return STATES.contains(&state).then_some(Unit::Count);
    }
    if let Some(counter) = name.strip_prefix("conntrack.") {
        return CONNTRACK.contains(&counter).then_some(Unit::Count);
    }
    if name == "memory.tcp" {
        return Some(Unit::Bytes);
    }
    matches!(counters::look_up(name), Known::Yes | Known::Perhaps).then_some(Unit::Count)
}

/// The name that may have been meant, else what there is.
fn meant(
    actor: Option<ActorKind>,
    is_node: bool,
    name: &str,
    subjects: &Subjects,
) -> Option<String> {
    let mut known: Vec<String> = Vec::new();
    if let Some(kind) = actor {
        known.extend(of_actor(kind).iter().map(|(name, _, _)| (*name).to_owned()));
        known.extend(probed::names_of_actor(kind));
        if kind.connects()
            && let Some(help) = probed::meant_by_tcp_info(name)
        {
            return Some(help);
        }
        if has_errors(kind) && (name.starts_with("err") || known.len() < 5) {
            known.extend(errno::names().map(|error| format!("errors.{error}")));
        }
        if name.starts_with("status.") {
            return Some(
                "a client counts replies by status: `status.200`, `status.503`".to_owned(),
            );
        }
    }
    if is_node {
        known.extend(STATES.iter().map(|state| format!("tcp.{state}")));
        known.extend(
            CONNTRACK
                .iter()
                .map(|counter| format!("conntrack.{counter}")),
        );
        known.push("memory.tcp".to_owned());
        known.push("ports.range".to_owned());
        let serving = subjects.actors.iter().filter(|(_, kind)| kind.serves());
        known.extend(serving.map(|(name, _)| format!("ports.to.{name}")));
        if let Known::No(Some(counter)) = counters::look_up(name)
            && !name.contains('.')
        {
            return Some(format!("did you mean `{counter}`?"));
        }
    }
    if let Some(name) = suggest::nearest(name, known.iter().map(String::as_str)) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut there_is: Vec<&str> = Vec::new();
    if let Some(kind) = actor {
        there_is.extend(of_actor(kind).iter().map(|(name, _, _)| *name));
        if has_errors(kind) {
            there_is.push("errors.ECONNREFUSED");
        }
        if kind == ActorKind::Client {
            there_is.push("status.503");
        }
    }
    if is_node {
        there_is.extend([
            "tcp.TIME_WAIT",
            "conntrack.entries",
            "memory.tcp",
            "TcpExtListenDrops",
        ]);
    }
    let (verb, tail) = if is_node {
        ("there is", ", and every counter that `nstat` prints")
    } else {
        ("there is", "")
    };
    Some(format!("{verb} {}{tail}", suggest::listed(&there_is)))
}

fn listed(subject: &str, known: &[(&str, Unit, Shape)]) -> String {
    let names: Vec<String> = known
        .iter()
        .map(|(name, _, _)| format!("`{subject}.{name}`"))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Subjects {
        Subjects {
            nodes: ["client", "server", "nat"].map(str::to_owned).into(),
            actors: [
                ("load", ActorKind::Client),
                ("web", ActorKind::Server),
                ("server", ActorKind::Server),
                ("ab", ActorKind::Command),
                ("proxy", ActorKind::Proxy),
                ("nginx", ActorKind::ServingCommand),
            ]
            .map(|(name, kind)| (name.to_owned(), kind))
            .into(),
        }
    }

    fn find(path: &str) -> Result<Metric, Unknown> {
        metric(
            &At {
                value: path.to_owned(),
                range: 0..path.len(),
            },
            &subjects(),
        )
    }

    #[test]
    fn everything_that_the_format_names_is_there_with_its_unit() {
        for (path, unit) in [
            ("load.attempted", Unit::Count),
            ("load.established", Unit::Count),
            ("load.failed", Unit::Count),
            ("load.in-flight", Unit::Count),
            ("load.errors.ECONNREFUSED", Unit::Count),
            ("load.errors.EADDRNOTAVAIL", Unit::Count),
            ("load.latency", Unit::Seconds),
            ("load.bytes", Unit::Bytes),
            ("load.throughput", Unit::BytesPerSecond),
            ("load.status.503", Unit::Count),
            ("load.cpu", Unit::Seconds),
            ("load.tcp_info.rtt", Unit::Seconds),
            ("nginx.tcp_info.snd_cwnd.max", Unit::Count),
            ("web.tcp_info.delivery_rate.min", Unit::BytesPerSecond),
            ("nginx.accept_queue", Unit::Count),
            ("web.accept_queue.limit", Unit::Count),
            ("web.syn_queue", Unit::Count),
            ("client.ports.to.nginx", Unit::Count),
            ("client.ports.range", Unit::Count),
            ("kernel.slab.TCP", Unit::Count),
            ("kernel.slab.tw_sock_TCP.size", Unit::Bytes),
            ("proxy.forwarded", Unit::Count),
            ("proxy.errors.EADDRNOTAVAIL", Unit::Count),
            ("web.accepted", Unit::Count),
            ("web.errors.EMFILE", Unit::Count),
            ("ab.exit", Unit::Count),
            ("ab.stdout", Unit::Text),
            ("ab.stderr", Unit::Text),
            ("client.tcp.TIME_WAIT", Unit::Count),
            ("server.TcpExtListenDrops", Unit::Count),
            ("server.TcpRetransSegs", Unit::Count),
            ("server.accepted", Unit::Count),
            ("nat.conntrack.entries", Unit::Count),
            ("nat.conntrack.drop", Unit::Count),
            ("nat.conntrack.early_drop", Unit::Count),
            ("nat.conntrack.insert_failed", Unit::Count),
            ("client.memory.tcp", Unit::Bytes),
            ("kernel.log", Unit::Text),
        ] {
            let found = find(path).unwrap();
            assert_eq!((found.unit, found.series.as_str()), (unit, path));
        }
    }

    #[test]
    fn what_is_unknown_is_pointed_at_and_the_nearest_is_offered() {
        for (path, range, help) in [
            ("laod.established", 0..4, "did you mean `load`?"),
            ("load.estabilshed", 5..16, "did you mean `established`?"),
            (
                "load.errors.ECONREFUSED",
                5..23,
                "did you mean `errors.ECONNREFUSED`?",
            ),
            (
                "client.tcp.TIMEWAIT",
                7..19,
                "did you mean `tcp.TIME_WAIT`?",
            ),
            (
                "nat.ListenDrops",
                4..15,
                "did you mean `TcpExtListenDrops`?",
            ),
            (
                "nat.conntrack.drops",
                4..19,
                "did you mean `conntrack.drop`?",
            ),
            (
                "load.tcp_info.cwnd",
                5..18,
                "did you mean `tcp_info.snd_cwnd`?",
            ),
            ("web.accept-queue", 4..16, "did you mean `accept_queue`?"),
            ("client.ports.to.wbe", 7..19, "did you mean `ports.to.web`?"),
            ("kernel.slab.TPC", 7..15, "did you mean `slab.TCP`?"),
            ("ab.exitcode", 3..11, "did you mean `exit`?"),
            ("ab.output", 3..9, "there is `exit`, `stdout`, `stderr`"),
        ] {
            let unknown = find(path).unwrap_err();
            assert_eq!(
                (unknown.range, unknown.help.as_deref()),
                (range, Some(help)),
                "{path}"
            );
        }
    }
}

//! Resolves what an expectation names, as in `load.errors.ECONNREFUSED`, to a metric of the registry.
//!
//! Not here: which metrics there are (`metrics`), and the kernel's counters that the registry lacks (`counters`).

use std::ops::Range;

use super::counters::{self, CounterName};
use super::subjects::Subjects;
use super::syntax::At;
use super::{connection, idle, slips, synonyms};
use crate::metrics::{
    self, Metric, NameParameter, Recorded, SeriesKind, Subject, kernel_counters, tcp_info,
};
use crate::names::SeriesName;
use crate::scenario::problem::quoted;
use crate::scenario::suggest;
use crate::units::Unit;

/// A series that an expectation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedMetric {
    pub(crate) series: SeriesName,
    pub(crate) unit: Unit,
    pub(crate) kind: SeriesKind,
}

/// A path that does not name a metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownMetric {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Finds the metric that a path names: `load.errors.ECONNREFUSED`.
pub(crate) fn metric(
    path: &At<String>,
    subjects: &Subjects,
) -> Result<ResolvedMetric, UnknownMetric> {
    let text = path.value.as_str();
    let start = path.range.start;
    let Some((subject, name)) = text.split_once('.') else {
        return Err(UnknownMetric {
            range: path.range.clone(),
            message: format!("{} is not a quantity", quoted(text)),
            help: Some(match subjects.actors.get(text) {
                Some(actor) => format!("write one of {}", qualified(text, *actor)),
                None => {
                    let slip = || slips::undotted(text, subjects);
                    let meant = connection::meant_state(text).or_else(slip);
                    meant.unwrap_or_else(|| slips::without_subject(text, subjects))
                }
            }),
        });
    };
    if let Some((client, number)) = subject.split_once(':') {
        return connection::metric(path, (client, number, name), subjects);
    }
    let meant: Vec<Subject> = if subject == "kernel" {
        vec![Subject::Kernel]
    } else {
        let node = subjects.nodes.contains(subject).then_some(Subject::Node);
        subjects
            .actors
            .get(subject)
            .copied()
            .into_iter()
            .chain(node)
            .collect()
    };
    if meant.is_empty() {
        let actors = subjects.actors.keys().map(String::as_str);
        let known = actors.chain(subjects.nodes.iter().map(String::as_str));
        return Err(UnknownMetric {
            range: start..start + subject.len(),
            message: format!("nothing is called {}", quoted(subject)),
            help: slips::nested(name, subjects).or_else(|| suggest::did_you_mean(subject, known)),
        });
    }
    if meant == [Subject::Node]
        && let Some(unknown) = idle::counter(path, (subject, name), subjects)
    {
        return Err(unknown);
    }
    let of_node = subjects.rules.get(subject).map_or(&[][..], Vec::as_slice);
    for kind in &meant {
        if let Some((unit, kind)) = find(*kind, name, subjects, of_node) {
            return Ok(ResolvedMetric {
                series: SeriesName::new(text),
                unit,
                kind,
            });
        }
    }
    let owner = match meant.as_slice() {
        [Subject::Kernel] => "the kernel".to_owned(),
        [Subject::ServingCommand] => "a command".to_owned(),
        [one] => format!("a {one}"),
        _ => "a node".to_owned(),
    };
    Err(UnknownMetric {
        range: start + subject.len() + 1..path.range.end,
        message: format!("{owner} has no {}", quoted(name)),
        help: Some(
            other_word(subject, &meant, name, subjects)
                .unwrap_or_else(|| help(&meant, name, subjects, of_node)),
        ),
    })
}

/// Suggests the metric that another word means, of the subject or of something else.
fn other_word(subject: &str, meant: &[Subject], name: &str, subjects: &Subjects) -> Option<String> {
    if let Some(explained) = synonyms::not_counted(name) {
        return Some(explained.to_owned());
    }
    if let Some(function) = synonyms::percentile(subject, meant, name) {
        return Some(format!("did you mean `{function}`?"));
    }
    if let Some(meant) = slips::of_subject(subject, meant, name) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let of_it = meant.iter().find_map(|kind| synonyms::of(*kind, name));
    let elsewhere = || synonyms::elsewhere(subject, name, subjects);
    let meant = of_it.or_else(elsewhere)?;
    Some(format!("did you mean `{meant}`?"))
}

fn find(
    subject: Subject,
    name: &str,
    subjects: &Subjects,
    rules: &[String],
) -> Option<(Unit, SeriesKind)> {
    if let Some(metric) = metrics::find(subject, name) {
        let exists = match metric.parameter {
            Some(NameParameter::Server) => metric
                .value_in(name)
                .is_some_and(|server| serves(server, subjects)),
            Some(NameParameter::Rule) => metric
                .value_in(name)
                .is_some_and(|rule| rules.iter().any(|own| own == rule)),
            _ => true,
        };
        return (exists && metric.recorded != Recorded::Internally)
            .then_some((metric.unit, metric.kind));
    }
    let is_counter = subject == Subject::Node
        && match counters::look_up(name) {
            CounterName::Known => true,
            // `TcpTimeWait` is a state.
            CounterName::Possible => synonyms::state(name).is_none(),
            CounterName::Unknown(_) => false,
        };
    is_counter.then(|| (Unit::Count, kernel_counters::kind(name)))
}

fn serves(name: &str, subjects: &Subjects) -> bool {
    subjects
        .actors
        .get(name)
        .is_some_and(|actor| actor.serves())
}

/// The metrics of a subject that an expectation can name.
fn nameable(subject: Subject) -> impl Iterator<Item = &'static Metric> {
    metrics::of(subject).filter(|metric| metric.recorded != Recorded::Internally)
}

/// Suggests the name that was probably meant, or lists what there is.
fn help(meant: &[Subject], name: &str, subjects: &Subjects, rules: &[String]) -> String {
    if name.starts_with("rules.") && meant.contains(&Subject::Node) && rules.is_empty() {
        return "the node has no named rules: give it a `firewall`".to_owned();
    }
    if name.starts_with("status.") && meant != [Subject::Node] && meant != [Subject::Kernel] {
        return "a client counts replies by status: `status.200`, `status.503`".to_owned();
    }
    if name.starts_with("tcp_info.")
        && meant
            .iter()
            .any(|kind| metrics::find(*kind, "tcp_info.rtt").is_some())
    {
        return tcp_info_help(name);
    }
    if meant.contains(&Subject::Node)
        && !name.contains('.')
        && let CounterName::Unknown(Some(counter)) = counters::look_up(name)
    {
        return format!("did you mean `{counter}`?");
    }
    let names = meant.iter().flat_map(|kind| nameable(*kind));
    let mut known: Vec<String> = names
        .flat_map(|metric| spelled_out(metric, subjects, rules))
        .collect();
    // The many names of errors would match nearly anything.
    let is_error = name.starts_with("err")
        || known
            .iter()
            .filter(|name| !name.starts_with("errors."))
            .count()
            < 5;
    known.retain(|known| is_error || !known.starts_with("errors."));
    if let Some(name) = suggest::nearest(name, known.iter().map(String::as_str)) {
        return format!("did you mean `{name}`?");
    }
    let mut examples: Vec<String> = Vec::new();
    for metric in meant.iter().flat_map(|kind| nameable(*kind)) {
        // One example of each family.
        let family = metric.name.split('.').next().unwrap_or_default();
        if !examples
            .iter()
            .any(|example| example.split('.').next() == Some(family))
        {
            examples.push(example(metric));
        }
    }
    let listed = suggest::listed(&examples.iter().map(String::as_str).collect::<Vec<_>>());
    match meant {
        [Subject::Kernel] => format!("available: {listed}; counters belong to a node"),
        _ if meant.contains(&Subject::Node) => {
            format!("available: {listed}, and every counter that `nstat` prints")
        }
        _ => format!("available: {listed}"),
    }
}

/// Suggests the field that ends with the name (`cwnd`), or the nearest one.
fn tcp_info_help(name: &str) -> String {
    let field = name.strip_prefix("tcp_info.").unwrap_or(name);
    let fields = || {
        let names = tcp_info::FIELDS.iter().map(|metric| metric.name);
        names.filter_map(|name| name.strip_prefix("tcp_info."))
    };
    let ends_so = |known: &&str| {
        let before = known.strip_suffix(field);
        before.is_some_and(|before| before.ends_with('_'))
    };
    let meant = fields()
        .find(ends_so)
        .or_else(|| suggest::nearest(field, fields()));
    match meant {
        Some(meant) => format!("did you mean `tcp_info.{meant}`?"),
        None => format!(
            "fields of tcp_info: {}",
            suggest::listed(&fields().collect::<Vec<_>>())
        ),
    }
}

/// The names of a metric, one for each value of its parameter.
fn spelled_out(metric: &Metric, subjects: &Subjects, rules: &[String]) -> Vec<String> {
    let Some(parameter) = metric.parameter else {
        return vec![metric.name.to_owned()];
    };
    let servers = subjects.actors.iter().filter(|(_, actor)| actor.serves());
    let values: Vec<&str> = match parameter {
        NameParameter::Server => servers.map(|(name, _)| name.as_str()).collect(),
        NameParameter::Rule => rules.iter().map(String::as_str).collect(),
        _ => parameter.values(),
    };
    values
        .into_iter()
        .map(|value| metric.with_value(value))
        .collect()
}

fn example(metric: &Metric) -> String {
    match metric.parameter {
        Some(NameParameter::Errno) => metric.with_value("ECONNREFUSED"),
        Some(NameParameter::HttpStatus) => metric.with_value("503"),
        Some(NameParameter::TcpState) => metric.with_value("TIME_WAIT"),
        Some(NameParameter::SlabCache) => metric.with_value("TCP"),
        Some(NameParameter::DropReason) => metric.with_value("NO_SOCKET"),
        Some(NameParameter::Server | NameParameter::Rule) | None => metric.name.to_owned(),
    }
}

/// Lists the metrics of an actor behind its name.
fn qualified(actor: &str, subject: Subject) -> String {
    let plain = nameable(subject)
        .filter(|metric| metric.recorded == Recorded::Always && metric.parameter.is_none());
    let names: Vec<String> = plain
        .map(|metric| format!("`{actor}.{}`", metric.name))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn subjects() -> Subjects {
        Subjects {
            nodes: ["client", "server", "nat"].map(str::to_owned).into(),
            actors: [
                ("load", Subject::Client),
                ("web", Subject::Server),
                ("server", Subject::Server),
                ("ab", Subject::Command),
                ("proxy", Subject::Proxy),
                ("nginx", Subject::ServingCommand),
            ]
            .map(|(name, kind)| (name.to_owned(), kind))
            .into(),
            homes: [("load", "client"), ("proxy", "nat"), ("web", "server")]
                .map(|(actor, node)| (actor.to_owned(), node.to_owned()))
                .into(),
            attempts: IndexMap::new(),
            rules: [("nat".to_owned(), vec!["bad".to_owned()])].into(),
            untracked: ["client".to_owned()].into(),
            without_ipv4: false,
        }
    }

    fn find(path: &str) -> Result<ResolvedMetric, UnknownMetric> {
        metric(
            &At {
                value: path.to_owned(),
                range: 0..path.len(),
            },
            &subjects(),
        )
    }

    #[test]
    fn documented_metrics_are_found_with_their_units() {
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
            ("nat.rules.bad.packets", Unit::Count),
            ("nat.rules.bad.bytes", Unit::Bytes),
            ("nat.conntrack.entries", Unit::Count),
            ("nat.conntrack.max", Unit::Count),
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
    fn unknown_names_are_pointed_at_and_the_nearest_is_suggested() {
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
            (
                "nat.rules.bda.packets",
                4..21,
                "did you mean `rules.bad.packets`?",
            ),
            (
                "server.rules.bad.packets",
                7..24,
                "the node has no named rules: give it a `firewall`",
            ),
            (
                "client.conntrack.entries",
                0..24,
                "its table is always empty; to track, give the node `conntrack: { track: true }`",
            ),
            ("ab.exitcode", 3..11, "did you mean `exit`?"),
            ("ab.output", 3..9, "did you mean `stdout`?"),
            ("ab.weight", 3..9, "available: `exit`, `stdout`, `stderr`"),
            (
                "nat.conntrack.count",
                4..19,
                "did you mean `conntrack.entries`?",
            ),
            ("nat.TW", 4..6, "did you mean `tcp.TIME_WAIT`?"),
            ("nat.TcpTimeWait", 4..15, "did you mean `tcp.TIME_WAIT`?"),
            ("proxy.TW", 6..8, "did you mean `nat.tcp.TIME_WAIT`?"),
            (
                "proxy.tcp.timewait",
                6..18,
                "did you mean `nat.tcp.TIME_WAIT`?",
            ),
            (
                "client.established",
                7..18,
                "did you mean `tcp.ESTABLISHED`?",
            ),
            ("client.failed", 7..13, "did you mean `load.failed`?"),
            (
                "load.errors.EOF",
                5..15,
                "a reply that ended early (an end of file) counts as `errors.ENODATA`",
            ),
            ("load.timeouts", 5..13, "did you mean `errors.ETIMEDOUT`?"),
            (
                "load.latency.p99",
                5..16,
                "did you mean `p99(load.latency)`?",
            ),
            ("kernel.dmesg", 7..12, "did you mean `log`?"),
            ("forwarded", 0..9, "name its subject: `proxy.forwarded`"),
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

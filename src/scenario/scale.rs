//! Scales a scenario down, for a machine that cannot generate its load: rates, counts and tables become smaller by the
//! same factor, and times stay. The text keeps its comments and its layout.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::node::{Node, NodeKind};
use super::problem::Collector;
use super::span::Span;
use super::{Problems, port_range, yaml};
use crate::units::{self, Dimension};

/// Keys of loads, tables and ranges that scale, below a node, a client or a server of any name.
const SCALED: [&str; 16] = [
    "connect.rate",
    "connect.count",
    "ramp.from",
    "ramp.to",
    "ramp.count",
    "hold.rate",
    "hold.connections",
    "flood.rate",
    "flood.count",
    "loop.requests",
    "queries.rate",
    "queries.count",
    "requests.rate",
    "requests.count",
    "conntrack.room",
    "limits.nofile",
];

/// A scaled scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaledScenario {
    /// The text of the file.
    pub text: String,
    /// Each change: its line, the text before and after.
    pub changes: Vec<(u32, String, String)>,
}

/// Scales the text of a valid scenario.
///
/// # Errors
/// The text is not a mapping.
pub fn scale(label: &str, text: &str, factor: u64) -> Result<ScaledScenario, Problems> {
    let mut cx = Collector::new(text);
    let root = yaml::read(&mut cx);
    if let Some(problems) = cx.finish(label) {
        return Err(problems);
    }
    let cx = Collector::new(text);
    let mut scaling = Scaling {
        factor,
        edits: Vec::new(),
    };
    if let Some(root) = &root {
        scaling.document(root);
        scaling.narrow_ports(root, text);
        for variant in root.get("variants").map(Node::entries).unwrap_or_default() {
            scaling.document(&variant.value);
        }
    }
    let mut edits = scaling.edits;
    edits.sort_by_key(|(span, _)| *span);
    let mut scaled = String::new();
    let (mut at, mut changes) = (0, Vec::new());
    for (span, after) in edits {
        let before = text.get(span.start..span.end).unwrap_or_default();
        scaled += text.get(at..span.start).unwrap_or_default();
        scaled += &after;
        at = span.end;
        changes.push((
            cx.source.place(span.start).line,
            before.to_owned(),
            after.trim().to_owned(),
        ));
    }
    scaled += text.get(at..).unwrap_or_default();
    Ok(ScaledScenario {
        text: scaled,
        changes,
    })
}

struct Scaling {
    factor: u64,
    /// The text that replaces each range.
    edits: Vec<(Span, String)>,
}

impl Scaling {
    /// Scales a document, or the overlay of a variant.
    fn document(&mut self, root: &Node) {
        for section in ["nodes", "clients", "servers"] {
            for entry in root.get(section).map(Node::entries).unwrap_or_default() {
                self.entry(&entry.value);
            }
        }
        for section in ["params", "matrix"] {
            for entry in root.get(section).map(Node::entries).unwrap_or_default() {
                self.rates(&entry.value);
            }
        }
        for key in ["expect", "compare"] {
            match root.get(key).map(|node| &node.kind) {
                Some(NodeKind::List(lines)) => lines.iter().for_each(|line| self.expectation(line)),
                Some(_) => root
                    .get(key)
                    .into_iter()
                    .for_each(|line| self.expectation(line)),
                None => {}
            }
        }
    }

    fn entry(&mut self, entry: &Node) {
        for path in SCALED {
            let value = path.split('.').try_fold(entry, |node, key| node.get(key));
            if let Some(value) = value {
                self.number(value);
            }
        }
        let settings = entry.get("sysctls");
        let nat = entry.get("nat").and_then(|nat| nat.get("snat"));
        let ranges = [
            settings.and_then(|settings| settings.get(port_range::KEY)),
            nat.and_then(|nat| nat.get("ports")),
        ];
        for range in ranges.into_iter().flatten() {
            self.range(range);
        }
    }

    /// Divides a count or a rate.
    fn number(&mut self, node: &Node) {
        let NodeKind::Scalar(scalar) = &node.kind else {
            return;
        };
        if let Some(scaled) = divided(&scalar.text, self.factor) {
            self.edits.push((node.span, scaled));
        }
    }

    /// Divides the rates among the values of a parameter. The meaning of a plain number is not known.
    fn rates(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::List(items) => items.iter().for_each(|item| self.rates(item)),
            NodeKind::Scalar(scalar) if scalar.text.contains('/') => self.number(node),
            NodeKind::Scalar(_) | NodeKind::Null | NodeKind::Broken | NodeKind::Mapping(_) => {}
        }
    }

    /// Keeps the first port of a range, and one of `factor` ports.
    fn range(&mut self, node: &Node) {
        let NodeKind::Scalar(scalar) = &node.kind else {
            return;
        };
        let separator = if scalar.text.contains('-') { "-" } else { " " };
        let ports: Option<Vec<u64>> = scalar
            .text
            .split(['-', ' ', '\t'])
            .filter(|port| !port.is_empty())
            .map(|port| port.parse().ok())
            .collect();
        if let Some([first, last]) = ports.as_deref() {
            let last = last_port(*first, *last, self.factor);
            self.edits
                .push((node.span, format!("{first}{separator}{last}")));
        }
    }

    /// Narrows the range of ports of each node that opens connections, unless it has its own range.
    fn narrow_ports(&mut self, root: &Node, text: &str) {
        let nodes = root.get("nodes").map(Node::entries).unwrap_or_default();
        let opens = openers(root);
        let range = format!(
            "{}: {} {}",
            port_range::KEY,
            port_range::DEFAULT[0],
            last_port(port_range::DEFAULT[0], port_range::DEFAULT[1], self.factor)
        );
        for node in nodes
            .iter()
            .filter(|node| opens.contains(node.key.text.as_str()))
        {
            let settings = node.value.get("sysctls");
            if settings.is_some_and(|settings| settings.get(port_range::KEY).is_some()) {
                continue;
            }
            let (mapping, entry) = match settings {
                Some(settings) => (settings, range.clone()),
                None => (&node.value, format!("sysctls: {{ {range} }}")),
            };
            self.edits
                .extend(inserted(mapping, node.key_span, &entry, text));
        }
    }

    /// Divides the counts and rates of an expectation. Numbers that multiply, and small ones, stay.
    fn expectation(&mut self, node: &Node) {
        static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(
                r"(^|[\s(=<>±]|\.\.)(\d[\d_]*(?:\.\d+)?)(/s|/min|/h)?([A-Za-z%][\w/]*)?(\s*\*)?",
            )
            .ok()
        });
        let (NodeKind::Scalar(scalar), Some(number)) = (&node.kind, NUMBER.as_ref()) else {
            return;
        };
        if scalar.text.contains("~ /") {
            return;
        }
        let scaled = number.replace_all(&scalar.text, |found: &Captures<'_>| {
            let part = |group: usize| found.get(group).map_or("", |part| part.as_str());
            let whole = part(0).to_owned();
            let multiplies = !part(5).is_empty()
                || scalar.text[..found.get(0).map_or(0, |all| all.start())]
                    .trim_end()
                    .ends_with('*');
            if multiplies || !part(4).is_empty() {
                return whole;
            }
            match divided(&format!("{}{}", part(2), part(3)), self.factor) {
                Some(scaled) => format!("{}{scaled}{}", part(1), part(4)),
                None => whole,
            }
        });
        if *scaled != scalar.text
            && let Some(span) = scalar.locate(0, scalar.text.len())
        {
            self.edits.push((span, scaled.into_owned()));
        }
    }
}

/// Returns the names of nodes that open connections: those of clients, and of servers that are proxies.
fn openers(root: &Node) -> BTreeSet<&str> {
    let actors = |section: &str| {
        root.get(section)
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
    };
    let servers = actors("servers").filter(|server| server.value.get("forward").is_some());
    let nodes =
        actors("clients")
            .chain(servers)
            .filter_map(|actor| match &actor.value.get("node")?.kind {
                NodeKind::Scalar(scalar) => Some(scalar.text.as_str()),
                _ => None,
            });
    nodes.collect()
}

/// Returns the edit that adds an entry to a mapping; none if its form is not one of the usual ones.
fn inserted(mapping: &Node, key: Span, entry: &str, text: &str) -> Option<(Span, String)> {
    let written = text.get(mapping.span.start..mapping.span.end)?;
    if let Some(inside) = written.strip_prefix('{') {
        let after = if inside.trim_start().starts_with('}') {
            if inside.starts_with('}') { " " } else { "" }
        } else {
            ","
        };
        let at = Span::new(mapping.span.start + 1, mapping.span.start + 1);
        return Some((at, format!(" {entry}{after}")));
    }
    if mapping.entries().is_empty() {
        let at = Span::new(key.end + 1, key.end + 1);
        return Some((at, format!(" {{ {entry} }}")));
    }
    let first = mapping.entries().first()?.key_span.start;
    let line = text.get(..first)?.rfind('\n').map_or(0, |end| end + 1);
    let indent = text.get(line..first)?;
    indent
        .trim()
        .is_empty()
        .then(|| (Span::new(line, line), format!("{indent}{entry}\n")))
}

fn last_port(first: u64, last: u64, factor: u64) -> u64 {
    let ports = (last.saturating_sub(first) + 1) / factor;
    first + ports.max(1) - 1
}

/// Divides a count or a rate, unless it is smaller than the factor.
fn divided(text: &str, factor: u64) -> Option<String> {
    let quantity = units::parse_quantity(text).ok()?;
    let unit = text
        .trim_start_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '_' | '.'));
    let number: f64 = text[..text.len() - unit.len()]
        .replace('_', "")
        .parse()
        .ok()?;
    match quantity.dimension {
        Dimension::Plain if number >= factor as f64 => {
            Some((number / factor as f64).round().to_string())
        }
        Dimension::PerSecond => Some(format!("{}{unit}", number / factor as f64)),
        Dimension::Plain
        | Dimension::Time
        | Dimension::Bytes
        | Dimension::BytesPerSecond
        | Dimension::BitsPerSecond
        | Dimension::Share => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment stays.
nodes:
  client: {}
  proxy: { conntrack: { room: 1000 } }
  server:
    sysctls: { net.ipv4.tcp_fin_timeout: 30 }
links: [ { between: [client, proxy] }, { between: [proxy, server] } ]
servers:
  edge: { node: proxy, port: 80, forward: web }
  web: { node: server, port: 80 }
clients:
  load: { node: client, to: edge, connect: { rate: 800/s, for: 60s } }
expect:
  - load.established == 48_000 ± 2%
  - load.failed == 0
  - load.status.503 == 0
  - edge.errors.EADDRNOTAVAIL >= 0.5 * load.attempted
  - rate(load.established) in 700/s..900/s
  - first(edge.errors.EADDRNOTAVAIL) >= 30s
";

    #[test]
    fn loads_tables_and_counts_scale_and_times_do_not() {
        let scaled = scale("a.yaml", TEXT, 8).unwrap();
        for line in [
            "# A comment stays.",
            "  client: { sysctls: { net.ipv4.ip_local_port_range: 32768 36296 } }",
            "  proxy: { sysctls: { net.ipv4.ip_local_port_range: 32768 36296 }, conntrack: { room: 125 } }",
            "    sysctls: { net.ipv4.tcp_fin_timeout: 30 }",
            "connect: { rate: 100/s, for: 60s }",
            "  - load.established == 6000 ± 2%",
            "  - load.failed == 0\n",
            "  - load.status.503 == 0\n",
            "  - edge.errors.EADDRNOTAVAIL >= 0.5 * load.attempted",
            "  - rate(load.established) in 87.5/s..112.5/s",
            "  - first(edge.errors.EADDRNOTAVAIL) >= 30s",
        ] {
            assert!(scaled.text.contains(line), "{line} in\n{}", scaled.text);
        }
        super::super::parse("a.yaml", &scaled.text, &std::collections::BTreeMap::new()).unwrap();
    }

    #[test]
    fn a_range_in_the_file_is_narrowed() {
        let text = TEXT.replace(
            "client: {}",
            "client: { sysctls: { net.ipv4.ip_local_port_range: 20000 20999 } }",
        );
        let scaled = scale("a.yaml", &text, 10).unwrap();
        assert!(
            scaled
                .text
                .contains("net.ipv4.ip_local_port_range: 20000 20099"),
            "{}",
            scaled.text
        );
    }
}

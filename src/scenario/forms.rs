//! Guesses the form that was meant by a value of the wrong kind, in the writer's own words: `nat: masquerade`,
//! `lb -> proxy`, a list of names.

use super::network_words;
use super::node::{MappingEntry, Node, NodeKind};

/// The names of a document that examples use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// The node of the first server or, without one, the last node.
    pub(super) toward: Option<String>,
    /// The first node.
    pub(super) first: Option<String>,
    /// The first server.
    pub(super) server: Option<String>,
}

impl Outline {
    pub(crate) fn of(tree: &Node) -> Self {
        let keys = |key: &str| {
            let entries = tree.get(key).map(Node::entries).unwrap_or_default();
            entries
                .iter()
                .map(|entry| entry.key.text.clone())
                .collect::<Vec<_>>()
        };
        let nodes = keys("nodes");
        let servers = tree.get("servers").map(Node::entries).unwrap_or_default();
        let home = servers
            .iter()
            .find_map(|server| scalar(server.value.get("node")?).map(str::to_owned));
        Self {
            toward: home.or_else(|| nodes.last().cloned()),
            first: nodes.first().cloned(),
            server: servers.first().map(|server| server.key.text.clone()),
        }
    }
}

pub(super) fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar(scalar) => Some(scalar.text.trim()),
        _ => None,
    }
}

fn scalars(node: &Node) -> Option<Vec<&str>> {
    match &node.kind {
        NodeKind::List(items) => items.iter().map(scalar).collect(),
        _ => None,
    }
}

/// Returns the mapping that was meant by a value that is none. `what` describes the mapping as messages do.
pub(crate) fn mapping(
    what: &str,
    node: &Node,
    known: &[&str],
    outline: &Outline,
) -> Option<String> {
    let toward = outline.toward.as_deref().unwrap_or("server");
    let first = outline.first.as_deref().unwrap_or("client");
    let text = scalar(node);
    let listed = scalars(node);
    let number = text.filter(|text| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let form = match what {
        "`nat`" => match text? {
            "snat" => format!("nat: {{ snat: {{ toward: {toward}, addresses: 1 }} }}"),
            "dnat" => format!(
                "nat: {{ dnat: {{ port: 8080, to: {} }} }}",
                outline.server.as_deref().unwrap_or("web")
            ),
            "false" | "no" | "off" | "none" => return Some("leave `nat` out".to_owned()),
            _ => format!("nat: {{ masquerade: {{ toward: {toward} }} }}"),
        },
        "`masquerade`" | "`snat`" => {
            let toward = text
                .filter(|text| !matches!(*text, "true" | "yes" | "on"))
                .unwrap_or(toward);
            format!("{}: {{ toward: {toward} }}", what.trim_matches('`'))
        }
        "`dnat`" => {
            let (port, to) = pair(text?)?;
            format!("dnat: {{ port: {port}, to: {to} }}")
        }
        "a link" => {
            let (one, other) = match (text, listed.as_deref()) {
                (Some(text), _) => pair(text)?,
                (None, Some([one, other])) => (*one, *other),
                _ => return None,
            };
            format!("{{ between: [{one}, {other}] }}")
        }
        "a node" => {
            return Some(
                "a node is a mapping; `{}` has the defaults, and addresses are assigned to it"
                    .to_owned(),
            );
        }
        "`conntrack`" if number.is_some() => format!("conntrack: {{ room: {} }}", number?),
        "`conntrack`" if known.contains(&"track") => "conntrack: { track: true }".to_owned(),
        "a rule of `firewall`" => match text? {
            verdict @ ("accept" | "drop" | "reject") => format!("{{ {verdict}: {{}} }}"),
            _ => return None,
        },
        "the match of a rule" => format!("{{ port: {} }}", number?),
        "`limits`" => format!("limits: {{ nofile: {} }}", number?),
        "`pool`" => format!("pool: {{ threads: {} }}", number?),
        "`connect`" => {
            let (rate, time) = paced(text?);
            format!(
                "connect: {{ rate: {rate}, for: {} }}",
                time.unwrap_or("10s")
            )
        }
        "`flood`" => {
            let (rate, time) = paced(text?);
            format!("flood: {{ rate: {rate}, for: {} }}", time.unwrap_or("5s"))
        }
        "`ramp`" => {
            let (from, to) = pair(text?)?;
            format!(
                "ramp: {{ from: {}, to: {}, for: 60s }}",
                rate(from),
                rate(to)
            )
        }
        "`hold`" => format!("hold: {{ connections: {}, rate: 100/s, for: 10s }}", text?),
        "`loop`" => format!("loop: {{ requests: {} }}", number?),
        "`bulk`" => format!("bulk: {{ bytes: {} }}", text?),
        "a server" => match number {
            Some(port) => format!("{{ node: {toward}, port: {port} }}"),
            None => {
                let (node, port) = pair(text?)?;
                format!("{{ node: {node}, port: {port} }}")
            }
        },
        "a command" => {
            let run: Vec<&str> = match (text, listed) {
                (Some(text), _) => text.split_whitespace().collect(),
                (None, words) => words?,
            };
            format!("{{ node: {first}, run: [{}] }}", run.join(", "))
        }
        "`requires`" => match (text, listed) {
            (Some(bound), _)
                if bound.starts_with(|first: char| {
                    first.is_ascii_digit() || "<>=!".contains(first)
                }) =>
            {
                format!("requires: {{ kernel: \"{bound}\" }}")
            }
            (Some(program), _) => format!("requires: {{ programs: [{program}] }}"),
            (None, programs) => format!("requires: {{ programs: [{}] }}", programs?.join(", ")),
        },
        "`kernel`" => format!("requires: {{ kernel: \"{}\" }}", text?),
        "`stop`" => format!("stop: {}", text?),
        _ => return None,
    };
    Some(format!("write `{form}`"))
}

/// Returns the mapping of names to values that was meant by another value of the key: `nodes: [client, server]`.
pub(crate) fn entries(key: &str, node: &Node) -> Option<String> {
    let key = key
        .trim()
        .trim_end_matches(':')
        .rsplit(['{', ',', ' '])
        .next()
        .unwrap_or_default();
    if let NodeKind::List(items) = &node.kind
        && let Some(first) = items.iter().find_map(|item| item.entries().first())
    {
        return Some(keyed(items, first));
    }
    let names = match scalar(node) {
        Some(text) => text
            .split([',', ' '])
            .filter(|name| !name.is_empty())
            .collect(),
        None => scalars(node)?,
    };
    if names.is_empty() {
        return None;
    }
    let entries: Vec<String> = names
        .iter()
        .map(
            |name| match name.split_once('=').or(name.split_once(": ")) {
                Some((name, value)) => format!("{}: {}", name.trim(), value.trim()),
                None => format!(
                    "{name}: {}",
                    if matches!(key, "nodes" | "variants") {
                        "{}"
                    } else {
                        "..."
                    }
                ),
            },
        )
        .collect();
    Some(format!("write `{key}: {{ {} }}`", entries.join(", ")))
}

/// Explains a list of mappings where names are keys: `- name: web`, or `- web: { ... }`.
fn keyed(items: &[Node], first: &MappingEntry) -> String {
    let named = items.iter().find_map(|item| scalar(item.get("name")?));
    match named {
        Some(name) => format!(
            "the name is the key: write `{name}: {{ ... }}`, without `-` and without `name`"
        ),
        None => format!("write `{}:` without `-`", first.key.text),
    }
}

/// Returns the list that was meant by another value: `between: client -> server`.
pub(crate) fn list(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Mapping(_) => {
            Some("begin it with `- `, or write it in brackets: `[{ ... }]`".to_owned())
        }
        NodeKind::Scalar(scalar) => {
            let text = scalar.text.trim();
            let items: Vec<&str> = match pair(text) {
                Some((one, other)) => vec![one, other],
                None => text
                    .split([',', ' '])
                    .filter(|item| !item.is_empty())
                    .collect(),
            };
            (!items.is_empty()).then(|| format!("write `[{}]`", items.join(", ")))
        }
        NodeKind::Null | NodeKind::Broken | NodeKind::List(_) => None,
    }
}

/// Explains a text that lost the blank after its colon: `between:[client, server]`.
pub(crate) fn entry(node: &Node, known: &[&str]) -> Option<(String, String)> {
    let (key, value) = scalar(node)?.split_once(':')?;
    known.contains(&key).then(|| {
        let missing = format!("a space is missing after `{key}:`");
        (missing, format!("write `{key}: {}`", value.trim_start()))
    })
}

/// Explains an unknown key that lost the blank after its colon, its colon, or has `=` in its place.
pub(crate) fn key(entry: &MappingEntry, known: &[&str]) -> Option<(String, String)> {
    if !matches!(entry.value.kind, NodeKind::Null) {
        return None;
    }
    let written = entry.key.text.as_str();
    let (key, value) = written.split_once([':', '=', ' '])?;
    let key = key.trim();
    let missing = match written.as_bytes().get(key.len())? {
        b':' => format!("a space is missing after `{key}:`"),
        b'=' => format!("`{key}` is followed by `=`, not by a colon"),
        _ => format!("a colon is missing after `{key}`"),
    };
    known.contains(&key).then(|| {
        (
            missing,
            format!(
                "write `{key}: {}`",
                value.trim_start_matches([' ', '=', ':'])
            ),
        )
    })
}

/// Splits a pair: `a -> b`, `a -- b`, `a, b`, `a to b`, `a:b`.
fn pair(text: &str) -> Option<(&str, &str)> {
    const BETWEEN: [&str; 13] = [
        "<-->", "<->", "-->", "->", "=>", "<-", "---", "--", " - ", "..", " to ", ",", ":",
    ];
    let found = BETWEEN.iter().find_map(|between| text.split_once(between));
    let (one, other) = found.or_else(|| text.split_once(' '))?;
    let (one, other) = (one.trim(), other.trim());
    let is_word = |word: &str| !word.is_empty() && !word.contains(' ');
    (is_word(one) && is_word(other)).then_some((one, other))
}

/// Splits a rate and the time that it lasts: `100/s for 5s`, `100/s, 5s`.
fn paced(text: &str) -> (String, Option<&str>) {
    let split = [" for ", ",", " over ", " during "]
        .iter()
        .find_map(|between| text.split_once(between));
    match split {
        Some((written, time)) => (rate(written.trim()), Some(time.trim())),
        None => (rate(text), None),
    }
}

fn rate(text: &str) -> String {
    let form = crate::units::meant(text)
        .into_iter()
        .find(|form| form.contains('/'));
    form.unwrap_or_else(|| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{text}/s"),
        false => text.to_owned(),
    })
}

/// Returns help for keys that exist, but elsewhere, and for other words for a key.
pub(crate) fn other_key(what: &str, key: &str) -> Option<&'static str> {
    Some(match (what, key) {
        (
            "a client",
            "rate" | "for" | "count" | "timeout" | "close" | "keep-alive" | "rps" | "duration",
        ) => "it belongs in the load: `connect: { rate: 20/s, for: 10s }`",
        ("a client", "connections" | "concurrency" | "threads" | "requests" | "users") => {
            "it belongs in a load: `loop: { concurrency: 5, requests: 1000 }` or `hold: { connections: 1000, ... }`"
        }
        (
            "a client",
            "target" | "server" | "dest" | "destination" | "url" | "host" | "connect-to"
            | "address",
        ) => "did you mean `to`?",
        (
            "a client" | "a server" | "a command",
            "on" | "host" | "namespace" | "ns" | "at" | "where",
        ) => "did you mean `node`?",
        (
            "`connect`" | "`ramp`" | "`hold`" | "`flood`",
            "duration" | "time" | "seconds" | "during" | "length",
        ) => "did you mean `for`?",
        (
            "`connect`" | "`flood`" | "`hold`",
            "rps" | "qps" | "per-second" | "speed" | "frequency",
        ) => "did you mean `rate`?",
        ("`connect`", "requests" | "connections" | "number" | "n" | "total") => {
            "did you mean `count`?"
        }
        ("`loop`", "clients" | "threads" | "workers" | "connections" | "parallel" | "c") => {
            "did you mean `concurrency`?"
        }
        ("`loop`", "count" | "number" | "n" | "total") => "did you mean `requests`?",
        ("`loop`", "for" | "duration") => {
            "a loop ends after its `requests`; `connect` takes a time"
        }
        ("a step", "after" | "time" | "when" | "t") => "did you mean `at`?",
        ("a step", "kill" | "end" | "terminate" | "shutdown" | "crash") => "did you mean `stop`?",
        ("a server", "listen" | "ports") => "did you mean `port`?",
        ("a server", "address" | "ip" | "bind") => {
            "a server listens on all addresses of its `node`"
        }
        ("a server", "upstream" | "proxy" | "to" | "target" | "backend") => {
            "did you mean `forward`?"
        }
        ("a server", "response" | "body" | "size" | "bytes") => "did you mean `reply`?",
        ("a server", "threads" | "workers") => "did you mean `accept: { pool: { threads: 4 } }`?",
        ("a server", "delay" | "latency" | "sleep") => "did you mean `accept: { delay: 50ms }`?",
        ("a command", "cmd" | "command" | "exec" | "args" | "program" | "script" | "shell") => {
            "did you mean `run`? It takes a list, as in `run: [ss, -tan]`"
        }
        ("a node", "tcp_syncookies" | "somaxconn") => "kernel settings go in `sysctls:`",
        ("a node", key) if key.starts_with("net.") => "kernel settings go in `sysctls:`",
        ("a node", "nofile") => "it belongs in `limits: { nofile: ... }`",
        ("a node", "ulimit" | "ulimits" | "rlimits") => "did you mean `limits`?",
        ("`conntrack`", "max" | "size" | "limit" | "entries" | "free" | "count") => {
            "did you mean `room`? It leaves exactly this many free entries"
        }
        ("`forward`", "server" | "node" | "target" | "upstream" | "host") => "did you mean `to`?",
        ("`forward`", "pool") => "it belongs in the server, beside `forward`",
        ("a node", "room") => "it belongs in `conntrack: { room: ... }`",
        ("a node", "masquerade" | "snat" | "dnat") => "it belongs in `nat: { ... }`",
        ("a node", "address" | "addresses" | "subnet" | "cidr" | "interface" | "interfaces") => {
            "addresses and routes are assigned in the order of the file; `nslab run --plan` prints them"
        }
        ("a node", "image" | "container") => {
            "a node is a network namespace; programs run on it as `commands`"
        }
        (
            "a link",
            "from" | "to" | "nodes" | "ends" | "endpoints" | "connect" | "a" | "b" | "link",
        ) => "did you mean `between: [a, b]`?",
        ("a link", "latency" | "ping") => "did you mean `delay`? It applies in each direction",
        ("a link", "rtt") => {
            "did you mean `delay`? It applies in each direction, so it is half of the RTT"
        }
        ("a link", "bandwidth" | "bw" | "speed" | "capacity" | "throughput") => {
            "did you mean `rate`?"
        }
        ("a link", "packet-loss" | "packet_loss" | "drop" | "lossy") => "did you mean `loss`?",
        ("a link", "buffer" | "limit" | "buffers") => "did you mean `queue`?",
        ("the scenario", "sysctls" | "sysctl") => {
            "per-namespace settings belong in a node, host-wide ones in `kernel: { sysctls: ... }`"
        }
        ("the scenario", "node" | "hosts" | "namespaces" | "topology" | "machines") => {
            "did you mean `nodes`?"
        }
        (
            "the scenario",
            "assert" | "asserts" | "assertions" | "checks" | "expectations" | "expected" | "tests"
            | "then",
        ) => "did you mean `expect`?",
        ("the scenario", "description" | "summary" | "about") => {
            "did you mean `title`, or `lesson` for a longer text?"
        }
        ("the scenario", "vars" | "variables" | "env" | "parameters" | "args") => {
            "did you mean `params`?"
        }
        ("the scenario", "programs" | "processes" | "run" | "exec") => "did you mean `commands`?",
        ("the scenario", "events" | "actions" | "timeline" | "schedule") => "did you mean `steps`?",
        ("the scenario", "load" | "loads" | "traffic" | "users") => "did you mean `clients`?",
        ("the scenario", "services" | "listeners" | "proxies") => "did you mean `servers`?",
        ("the scenario", "for" | "duration" | "rate" | "connect") => {
            "it belongs in the load of a client"
        }
        _ => return network_words::other_key(what, key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_any_arrow() {
        for text in [
            "lb -> proxy",
            "lb->proxy",
            "lb -- proxy",
            "lb - proxy",
            "lb, proxy",
            "lb to proxy",
            "lb proxy",
            "lb <-> proxy",
        ] {
            assert_eq!(pair(text), Some(("lb", "proxy")), "{text}");
        }
        assert_eq!(pair("10.0.0.1"), None);
        assert_eq!(pair("a b c"), None);
    }
}

//! Guesses the form that was meant by a value of the wrong kind, in the writer's own words: `nat: masquerade`,
//! `lb -> proxy`, a list of names.

use super::node::{MappingEntry, Node, NodeKind};
use super::suggest;

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
                .filter(|text| !matches!(*text, "true" | "yes" | "on" | "auto"))
                .filter(|text| !suggest::is_address(text))
                .unwrap_or(toward);
            let pool = if what == "`snat`" {
                ", addresses: 1"
            } else {
                ""
            };
            format!("{}: {{ toward: {toward}{pool} }}", what.trim_matches('`'))
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
        "`conntrack`" if known.contains(&"flush") => format!("conntrack: {{ flush: {first} }}"),
        "`conntrack`" if number.is_some() => format!("conntrack: {{ room: {} }}", number?),
        "`conntrack`" if known.contains(&"track") => "conntrack: { track: true }".to_owned(),
        "a rule of `firewall`" => match text? {
            verdict @ ("accept" | "drop" | "reject") => format!("{{ {verdict}: {{}} }}"),
            _ => return None,
        },
        "the match of a rule" => format!("{{ port: {} }}", number?),
        "`limits`" => format!("limits: {{ nofile: {} }}", number?),
        "`pool`" if known.contains(&"size") => format!("pool: {{ size: {} }}", number?),
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
            (Some(text), _) if text.starts_with("linux") || text.starts_with("kernel") => {
                let bound = text.trim_start_matches(|letter: char| letter.is_alphabetic());
                format!("requires: {{ kernel: \"{}\" }}", bound.trim())
            }
            (Some(program), _) => format!("requires: {{ programs: [{program}] }}"),
            (None, programs) => format!("requires: {{ programs: [{}] }}", programs?.join(", ")),
        },
        "a step" => {
            // `at 1s stop web`
            let words: Vec<&str> = text?.split_whitespace().collect();
            match words[..] {
                ["at", time, action, name] | [time, action, name]
                    if known.contains(&action.trim_end_matches(':')) =>
                {
                    let action = action.trim_end_matches(':');
                    format!("{{ at: {time}, {action}: {name} }}")
                }
                _ => "{ at: 5s, stop: web }".to_owned(),
            }
        }
        "`link`" => {
            let state = text
                .filter(|text| matches!(*text, "up" | "down"))
                .unwrap_or("down");
            format!("link: {{ between: [{first}, {toward}], state: {state} }}")
        }
        "`delay`" => format!("delay: {{ by: {} }}", text?),
        "a moment" => format!("{{ at: {}, note: ... }}", text?),
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
    if key == "segments" && names.len() > 1 {
        return Some(format!(
            "write `segments: {{ lan: [{}] }}`",
            names.join(", ")
        ));
    }
    let entries: Vec<String> = names
        .iter()
        .map(
            |name| match name.split_once('=').or(name.split_once(": ")) {
                Some((name, value)) => format!("{}: {}", name.trim(), value.trim()),
                None => format!(
                    "{name}: {}",
                    match key {
                        "nodes" | "variants" => "{}",
                        "options" => "true",
                        _ => "...",
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
        NodeKind::Mapping(entries) => {
            let default_route = match entries.as_slice() {
                [entry] => (entry.key.text == "default").then(|| scalar(&entry.value)),
                _ => None,
            };
            Some(match default_route.flatten() {
                Some(via) => format!(
                    "a route leads to a node: `[{{ to: server, via: {via} }}]`; others follow the shortest path"
                ),
                None => "begin it with `- `, or write it in brackets: `[{ ... }]`".to_owned(),
            })
        }
        NodeKind::Scalar(scalar) => {
            let text = scalar.text.trim();
            let text = text
                .strip_prefix('(')
                .and_then(|text| text.strip_suffix(')'))
                .unwrap_or(text);
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

/// A number with commas inside brackets, where YAML ends an entry at each comma: `connections: 1,000`.
pub(crate) struct SplitNumber {
    pub(crate) message: String,
    pub(crate) help: String,
    /// The number of entries that its groups of digits after the first comma became.
    pub(crate) groups: usize,
}

/// Explains a number with commas if its first group after a comma is the entry `at`.
pub(crate) fn commas(entries: &[MappingEntry], at: usize) -> Option<SplitNumber> {
    let is_group = |entry: &&MappingEntry| {
        let digits = entry.key.text.bytes().all(|byte| byte.is_ascii_digit());
        digits && !entry.key.text.is_empty() && matches!(entry.value.kind, NodeKind::Null)
    };
    let first = entries
        .get(at.checked_sub(1)?)
        .filter(|before| !is_group(before))?;
    let groups = entries[at..].iter().take_while(is_group);
    let groups: Vec<&str> = groups.map(|entry| entry.key.text.as_str()).collect();
    if groups.is_empty() {
        return None;
    }
    let (key, number) = (&first.key.text, scalar(&first.value)?);
    // A setting with several numbers, or the thousands of one.
    let between = if key.contains('.') { " " } else { "_" };
    let meant = format!("{number}{between}{}", groups.join(between));
    Some(SplitNumber {
        message: "inside `{...}`, a comma ends the entry".to_owned(),
        help: format!("write `{key}: {meant}`"),
        groups: groups.len(),
    })
}

/// Explains a name that is followed by `=`, and so has no value: `{ net.ipv4.tcp_tw_reuse = 1 }`.
pub(crate) fn assigned(entry: &MappingEntry) -> Option<(String, String)> {
    if !matches!(entry.value.kind, NodeKind::Null) {
        return None;
    }
    let (key, value) = entry.key.text.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    (!key.is_empty() && !value.is_empty()).then(|| {
        (
            format!("`{key}` is followed by `=`, not by a colon"),
            format!("write `{key}: {value}`"),
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

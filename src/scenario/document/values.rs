//! Single values as written: texts, ports, and words with a fixed meaning. Numbers are in `quantities`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::scenario::bounds::MAX_DURATION;
use crate::scenario::decode::FromNode;
use crate::scenario::expr::CompareOp;
use crate::scenario::model::{Truth, VersionBound};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::suggest;
use crate::scenario::topology::{Emulation, ImpairedBy, IpVersion};
use crate::scenario::workload::{ClientClose, PortChoice, ServerClose, StopHow};
use crate::units;

pub(crate) use super::quantities::{Bandwidth, Bytes, Count, EventRate, Share, Timespan};

/// The reason why a text is not a value of the expected kind.
pub(crate) struct Wrong {
    /// Text beside the underline.
    pub(crate) label: String,
    /// Advice on what to write.
    pub(crate) help: String,
}

impl Wrong {
    pub(crate) fn new(label: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            help: help.into(),
        }
    }
}

/// A value that is written as a single text.
pub(crate) trait ScalarValue: Sized {
    /// A description that completes "expected ...".
    const WHAT: &'static str;
    fn parse(text: &str) -> Result<Self, Wrong>;
}

impl<T: ScalarValue> FromNode for T {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Broken) {
            cx.skip();
            return None;
        }
        let NodeKind::Scalar(scalar) = &node.kind else {
            let at = if matches!(node.kind, NodeKind::Null) {
                node.head
            } else {
                node.span
            };
            cx.error(
                at,
                format!("expected {}, found {}", T::WHAT, node.describe()),
            )
            .maybe_help(
                single(node)
                    .filter(|only| T::parse(only).is_ok())
                    .map(|only| format!("write it without brackets: `{only}`")),
            );
            return None;
        };
        match T::parse(&scalar.text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                cx.error(
                    node.span,
                    format!("expected {}, found {}", T::WHAT, quoted(&scalar.text)),
                )
                .label(wrong.label)
                .help(wrong.help);
                None
            }
        }
    }
}

/// Returns the only value of a list or a mapping that holds nothing else: `[client]`, `{ client }`.
fn single(node: &Node) -> Option<&str> {
    let only = match &node.kind {
        NodeKind::List(items) => match items.as_slice() {
            [
                Node {
                    kind: NodeKind::Scalar(scalar),
                    ..
                },
            ] => scalar,
            _ => return None,
        },
        NodeKind::Mapping(entries) => match entries.as_slice() {
            [entry] if matches!(entry.value.kind, NodeKind::Null) => &entry.key,
            _ => return None,
        },
        NodeKind::Null | NodeKind::Broken | NodeKind::Scalar(_) => return None,
    };
    Some(&only.text)
}

/// Gives a type its place in the JSON Schema. A parameter (`$name`) may stand for every value.
macro_rules! schema {
    ($type:ty, $name:expr, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// Any text, with numbers and booleans as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl ScalarValue for Text {
    const WHAT: &'static str = "a text";
    fn parse(text: &str) -> Result<Self, Wrong> {
        Ok(Self(text.to_owned()))
    }
}
pub(super) use schema;
schema!(Text, "Text", { "type": ["string", "number", "boolean"] });

/// A choice of yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl ScalarValue for Switch {
    const WHAT: &'static str = "`true` or `false`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(Self(true)),
            "false" | "no" | "off" => Ok(Self(false)),
            other => Err(Wrong {
                label: String::new(),
                help: match other {
                    "1" => "write `true`",
                    "0" => "write `false`",
                    _ => "write `true` or `false`",
                }
                .to_owned(),
            }),
        }
    }
}
schema!(Switch, "Switch", {
    "type": ["boolean", "string"],
    "pattern": r"^(\$.+|true|false|yes|no|on|off)$",
    "patternErrorMessage": "expected `true` or `false`",
});

/// A port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortNumber(pub(crate) u16);

fn port_of(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

/// Returns the port that is meant by `http`, `:80` or `80/tcp`.
fn named_port(text: &str) -> Option<u16> {
    match text.trim().to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" | "tls" => Some(443),
        "dns" | "domain" => Some(53),
        "ssh" => Some(22),
        text if text.contains(':') && text.split(':').all(|part| port_of(part).is_some()) => {
            text.rsplit(':').next().and_then(port_of)
        }
        text => port_of(
            text.trim_start_matches("tcp")
                .trim_start_matches([':', '/', ' '])
                .trim_end_matches("/tcp"),
        ),
    }
}

impl ScalarValue for PortNumber {
    const WHAT: &'static str = "a port";
    fn parse(text: &str) -> Result<Self, Wrong> {
        port_of(text).map(Self).ok_or_else(|| Wrong {
            label: "not a port".to_owned(),
            help: match named_port(text) {
                Some(port) => format!("write `{port}`"),
                None => "write a number from 1 to 65535".to_owned(),
            },
        })
    }
}
schema!(PortNumber, "Port", {
    "type": ["integer", "string"],
    "minimum": 1,
    "maximum": 65535,
    "pattern": r"^(\$.+|[0-9]+)$",
    "patternErrorMessage": "expected a port, a number from 1 to 65535",
});

/// The condition under which a program is ready: `port 80` means once it listens on that port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListensOn(pub(crate) u16);

impl ScalarValue for ListensOn {
    const WHAT: &'static str = "the port that the program listens on";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let port = text.trim().strip_prefix("port ").and_then(port_of);
        port.map(Self).ok_or_else(|| Wrong {
            label: String::new(),
            help: match port_of(text) {
                Some(port) => format!("write `port {port}`"),
                None => "write it like `port 80`".to_owned(),
            },
        })
    }
}
schema!(ListensOn, "ListensOn", { "type": "string", "pattern": r"^(\$.+|port +(\$.+|[0-9]+))$" });

/// Ports from the first to the last: `20000-20099`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortRange(pub(crate) [u16; 2]);

impl ScalarValue for PortRange {
    const WHAT: &'static str = "a range of ports";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port_of(first), port_of(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self([first, last])),
            (Some(_), Some(_)) => Err(Wrong {
                label: "the last port is below the first".to_owned(),
                help: "write it like `20000-20099`".to_owned(),
            }),
            _ => Err(Wrong {
                label: "not a range of ports".to_owned(),
                help: match text
                    .split([' ', ':', ',', '.', '\u{2013}'])
                    .filter(|part| !part.is_empty() && *part != "to")
                    .map(port_of)
                    .collect::<Option<Vec<u16>>>()
                    .as_deref()
                {
                    Some([first, last]) => format!("write `{first}-{last}`"),
                    _ => "write it like `20000-20099`, with numbers from 1 to 65535".to_owned(),
                },
            }),
        }
    }
}
schema!(PortRange, "PortRange", { "type": ["string", "integer"], "pattern": r"^(\$.+|[0-9]+(-[0-9]+)?)$" });

/// Shift of a clock in whole seconds: `+800s`, `-5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shift(pub(crate) i64);

impl ScalarValue for Shift {
    const WHAT: &'static str = "a shift of the clock";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let wrong = |label: String| Wrong {
            label,
            help: "write it like `+800s`, in whole seconds".to_owned(),
        };
        let shift = units::parse_duration(magnitude).map_err(|error| wrong(error.to_string()))?;
        if shift.subsec_nanos() != 0 {
            return Err(wrong("not a whole number of seconds".to_owned()));
        }
        if shift > MAX_DURATION {
            return Err(wrong("it is too large".to_owned()));
        }
        let seconds = i64::try_from(shift.as_secs()).unwrap_or(i64::MAX);
        Ok(Self(sign * seconds))
    }
}
schema!(Shift, "Shift", { "type": ["string", "integer"], "pattern": r"^(\$.+|[+-]?[0-9].*)$" });

/// The value of a sysctl, as it is written to `/proc/sys`: a text, a number, `true` for 1, or `false` for 0.
/// A list is joined by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SysctlValue(pub(crate) String);

impl FromNode for SysctlValue {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        let parts: Option<Vec<String>> = match &node.kind {
            NodeKind::List(items) => items
                .iter()
                .map(|item| Text::from_node(item, cx).map(|text| text.0))
                .collect(),
            _ => Text::from_node(node, cx).map(|text| vec![text.0]),
        };
        let text = parts?.join(" ");
        let value = match text.as_str() {
            "true" => "1",
            "false" => "0",
            other => other.trim(),
        };
        if value.is_empty()
            || value.len() > 1024
            || value
                .chars()
                .any(|letter| letter.is_control() && letter != '\t')
        {
            cx.error(node.span, "not a valid value for a sysctl")
                .help("write one line of at most 1024 characters");
            return None;
        }
        Some(Self(value.to_owned()))
    }
}
schema!(SysctlValue, "SysctlValue", {
    "type": ["string", "number", "boolean", "array"],
    "items": { "type": ["string", "number"] },
});

/// Bounds on the kernel's version: `>= 4.12`, or several separated by commas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KernelBounds(pub(crate) Vec<VersionBound>);

impl ScalarValue for KernelBounds {
    const WHAT: &'static str = "bounds on the kernel's version";
    fn parse(text: &str) -> Result<Self, Wrong> {
        text.split(',')
            .map(|bound| {
                version_bound(bound.trim()).ok_or_else(|| Wrong {
                    label: String::new(),
                    help: match version_bound(bound.trim().trim_end_matches(['+', ' '])) {
                        Some(_) => format!(
                            "write `\">= {}\"`",
                            bound.trim().trim_end_matches(['+', ' '])
                        ),
                        None => "write it like `\">= 4.12\"`, or `\">= 4.12, < 6.3\"`".to_owned(),
                    },
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
schema!(KernelBounds, "KernelBounds", { "type": ["string", "number"] });

fn version_bound(text: &str) -> Option<VersionBound> {
    /// Longer operators come first, so that `>=` is not read as `>`.
    const OPERATORS: [(&str, CompareOp); 7] = [
        (">=", CompareOp::GreaterOrEqual),
        ("<=", CompareOp::LessOrEqual),
        ("==", CompareOp::Equal),
        ("!=", CompareOp::NotEqual),
        (">", CompareOp::Greater),
        ("<", CompareOp::Less),
        ("=", CompareOp::Equal),
    ];
    let (written, op) = OPERATORS
        .into_iter()
        .find(|(written, _)| text.starts_with(written))
        // A version alone means at least that version.
        .unwrap_or(("", CompareOp::GreaterOrEqual));
    let mut numbers = text[written.len()..]
        .trim()
        .split('.')
        .map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next().unwrap_or(Ok(0)).ok()?;
    let patch = numbers.next().unwrap_or(Ok(0)).ok()?;
    numbers.next().is_none().then_some(VersionBound {
        op,
        version: (major, minor, patch),
    })
}

/// Defines a word with a fixed meaning.
macro_rules! words {
    ($type:ty, $name:literal, $what:literal, [$($word:literal => $value:expr),* $(,)?]) => {
        impl ScalarValue for $type {
            const WHAT: &'static str = $what;
            fn parse(text: &str) -> Result<Self, Wrong> {
                match text.trim() {
                    $($word => Ok($value),)*
                    other => Err(Wrong::new(
                        "",
                        crate::scenario::examples::other_form($what, other)
                            .or_else(|| {
                                let word = crate::scenario::examples::other_word($what, other)?;
                                Some(format!("did you mean `{word}`?"))
                            })
                            .or_else(|| suggest::did_you_mean(other, [$($word),*]))
                            .unwrap_or_default(),
                    )),
                }
            }
        }
        schema!($type, $name, {
            "if": { "type": "string", "pattern": r"^\$.+" },
            "then": {},
            "else": { "enum": [$($word),*] },
        });
    };
}

pub(super) use words;

/// The state of a link: up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkUp(pub(crate) bool);

/// A way of accepting connections that is written as a single word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptWord {
    Epoll,
    Never,
    Select,
    Poll,
    UntilEmfile,
}

words!(ServerClose, "ServerClose", "the side that closes", [
    "first" => Self::First,
    "after-client" => Self::AfterClient,
    "never" => Self::Never,
]);
words!(ClientClose, "ClientClose", "a way of closing", [
    "client" => Self::Client,
    "server" => Self::Server,
    "reset" => Self::Reset,
    "hold" => Self::Hold,
]);
words!(StopHow, "StopHow", "a way of stopping", [
    "fin" => Self::Fin,
    "reset" => Self::Reset,
    "vanish" => Self::Vanish,
]);
words!(PortChoice, "PortChoice", "a choice of the local port", [
    "kernel" => Self::Kernel,
    "sequential" => Self::Sequential,
    "bind" => Self::Bind,
]);
words!(Emulation, "Emulation", "something that the lab can emulate", [
    "net.ipv4.tcp_tw_recycle" => Self::TcpTwRecycle,
]);
words!(ImpairedBy, "ImpairedBy", "`wire` or `netem`", [
    "wire" => Self::Wire,
    "netem" => Self::Netem,
]);
words!(LinkUp, "LinkUp", "a state of a link", ["up" => Self(true), "down" => Self(false)]);
words!(AcceptWord, "AcceptWord", "a way of accepting", [
    "epoll" => Self::Epoll,
    "never" => Self::Never,
    "select" => Self::Select,
    "poll" => Self::Poll,
    "until-emfile" => Self::UntilEmfile,
]);

impl ScalarValue for IpVersion {
    const WHAT: &'static str = "`4` or `6`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.trim() {
            "4" => Ok(Self::V4),
            "6" => Ok(Self::V6),
            _ => Err(Wrong {
                label: "not a version of IP".to_owned(),
                help: if text.contains('.') || text.contains(':') {
                    "addresses are assigned in the order of the file; `nslab run --plan` prints them".to_owned()
                } else {
                    "write `ip: 6` for IPv6; IPv4 is the default".to_owned()
                },
            }),
        }
    }
}
schema!(IpVersion, "IpVersion", { "enum": [4, 6, "4", "6"] });

impl ScalarValue for Truth {
    const WHAT: &'static str = "`true`, `false` or `partly`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.trim() {
            "true" => Ok(Self::True),
            "false" => Ok(Self::False),
            "partly" => Ok(Self::Partly),
            other => Err(Wrong {
                label: String::new(),
                help: match other.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" | "1" | "correct" | "right" => "write `true`",
                    "no" | "off" | "false" | "0" | "wrong" => "write `false`",
                    _ => "if it is true under some conditions only, write `partly`",
                }
                .to_owned(),
            }),
        }
    }
}
schema!(Truth, "Truth", { "enum": [true, false, "true", "false", "partly"] });

//! A scenario as written: the keys of the format, in the order and with the words of the file.
//!
//! Each mapping is one `document!`: its type, its decoder and its JSON Schema come from the same list of
//! keys, and editors show the documentation of its fields. `resolve` gives the document its meaning.

mod client;
mod command;
mod exchange;
mod exercise;
mod fault;
mod firewall;
mod learn;
mod moment;
mod nat;
mod quantities;
mod reply;
mod server;
mod socket_options;
mod step;
mod topology;
mod values;
mod words;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

pub(crate) use client::{
    BulkDoc, ClientDoc, ConnectDoc, ConnectionPoolDoc, FloodDoc, HoldDoc, LOADS, LoopDoc,
    QueriesDoc, RampDoc, RequestsDoc,
};
pub(crate) use command::{CommandDoc, TextWithReferences};
pub(crate) use exchange::{ExchangeStepDoc, ExchangeStepForm};
pub(crate) use exercise::{ExerciseDoc, ExerciseFormDoc, ExercisesDoc, VariantExercises};
pub(crate) use fault::{FaultDoc, FlagWord, InjectDoc, SegmentSelection};
pub(crate) use firewall::{FirewallRuleDoc, RuleMatchDoc};
pub(crate) use learn::{
    ChoiceDoc, FixDoc, LearnDoc, LessonStepDoc, LessonStepFormDoc, PacketsDoc, PredictDoc, WhyDoc,
};
pub(crate) use moment::MomentDoc;
pub(crate) use nat::{DnatDoc, NatDoc, PortsWord, SnatDoc};
pub(crate) use reply::{ReplyContent, ReplyDoc};
pub(crate) use server::{AcceptDoc, ForwardDoc, ServerDoc};
pub(crate) use socket_options::{OPTIONS, OptionForm, OptionsDoc};
pub(crate) use step::{NatStepDoc, StartDoc, StepDoc, StopDoc, StopFormDoc};
pub(crate) use topology::{ConntrackDoc, LinkDoc, NodeDoc, RouteDoc};
pub(crate) use values::{
    AcceptWord, Bandwidth, Bytes, Count, EventRate, KernelBounds, ListensOn, ScalarValue, Share,
    Switch, SysctlValue, Text, Timespan, Wrong,
};
pub(crate) use words::ViaWord;

use super::decode::{Entries, FromNode, List, OneOrMany, document};
use super::model::Truth;
use super::node::{Node, NodeKind, Scalar};
use super::problem::Collector;
use super::span::{self, Spanned};
use super::topology::{Baseline, IpVersion};

document! {
    /// A scenario of nslab: a network of namespaces, the load on it, and the expected outcome.
    #[expect(
    dead_code,
    reason = "keys of the whole file are read before the runs are; here they are checked and described"
    )]
    Document, "the scenario" {
        /// The name on the command line and in reports. The default is the file's name.
        "name" => name: Option<Spanned<Text>>,
        /// One line for readers. The default is the name.
        "title" => title: Option<Text>,
        /// The statement under test, in the words of the field.
        "claim" => claim: Option<Text>,
        /// `true`, `false` or `partly`: the truth of the claim when the expectations hold. A scenario that
        /// shows that its claim is false passes, and reports say `false` beside the claim.
        "truth" => truth: Option<Truth>,
        /// References for the claim: man pages, RFCs, posts.
        "source" => source: Option<OneOrMany<Text>>,
        /// Markdown: the course of events, its cause, and the counters that show it.
        "lesson" => lesson: Option<Text>,
        /// Words to select by. A suite without file arguments leaves out scenarios tagged `slow`.
        "tags" => tags: Option<OneOrMany<Text>>,
        /// Sysctls whose effect the scenario shows, for `nslab advise`, which runs the first variant with
        /// and without a line that sets one of them. If another variant shows the effect, write a mapping:
        /// `{ variant: [keys] }`. A key may be a mapping with `key` and what follows from its value.
        "exercises" => exercises: Option<ExercisesDoc>,
        /// The settings that nodes start with: `pinned` (the default), the same on every machine; or `kernel`, the
        /// kernel's own defaults.
        "baseline" => baseline: Option<Baseline>,
        /// `4` (the default) or `6`.
        "ip" => ip: Option<Spanned<IpVersion>>,
        /// The network namespaces, by name; up to 1000.
        "nodes" => nodes: Entries<NodeDoc>,
        /// Links between nodes; up to 2000.
        "links" => links: Option<List<LinkDoc>>,
        /// Shared links by name, each with its nodes: `lan: [a, b, c]`. They are bridges of the kernel.
        "segments" => segments: Option<Entries<List<Spanned<Text>>>>,
        /// Built-in servers, by name.
        "servers" => servers: Option<Entries<ServerDoc>>,
        /// Built-in clients, by name.
        "clients" => clients: Option<Entries<ClientDoc>>,
        /// Real programs, by name.
        "commands" => commands: Option<Entries<CommandDoc>>,
        /// Faults of single segments, by name.
        "faults" => faults: Option<Entries<FaultDoc>>,
        /// Actions at given times.
        "steps" => steps: Option<List<StepDoc>>,
        /// Conditions on the kernel and the machine. If one is not met, the run is not applicable.
        "requires" => requires: Option<RequiresDoc>,
        /// Files and folders that the commands need besides their programs: scripts, plugins, data. A guest gets
        /// them under the same absolute paths, with everything in them; on this host they must exist.
        "brings" => brings: Option<OneOrMany<Spanned<Text>>>,
        /// Settings of the whole kernel. They need a lab that owns the kernel; otherwise the
        /// run is not applicable.
        "kernel" => kernel: Option<KernelDoc>,
        /// Parameters with their default values, used as `$name` or `"${name}"`, set with `--set name=value`.
        "params" => params: Option<Entries<Text>>,
        /// Values of parameters; each combination is a case of its own.
        "matrix" => matrix: Option<Entries<OneOrMany<Text>>>,
        /// Named overlays on the document, each run in a fresh lab: mappings are merged, lists and single
        /// values are replaced, and `~` removes. The scenario's own expectations hold for every variant;
        /// a variant's are added.
        "variants" => variants: Option<Entries<VariantDoc>>,
        /// Comparisons between variants, judged once all have run:
        /// `reuse.load.established > default.load.established`.
        "compare" => compare: Option<OneOrMany<ExpectationDoc>>,
        /// A lesson on this scenario, for `nslab learn`: it asks for predictions before it shows what happened.
        "learn" => learn: Option<LearnDoc>,
        /// Bookmarks: moments that are worth a look, with notes. `nslab view` opens at the first one.
        "moments" => moments: Option<List<MomentDoc>>,
        /// Expectations: comparisons of quantities, one per line.
        "expect" => expect: Option<OneOrMany<ExpectationDoc>>,
        /// The run is killed after this long, set-up included. The default is one minute plus twice
        /// what the load needs.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Interval between samples of state, 10ms to 1h. The default is 100ms.
        "sample" => sample: Option<Spanned<Timespan>>,
        /// `true` keeps other runs of a suite from running at the same time, for close measurements of rates
        /// or latency. The default is `false`.
        "exclusive" => exclusive: Option<Switch>,
        /// Seed of everything random in the run. The default is 1.
        "seed" => seed: Option<Count>,
    }
}

document! {
    /// Conditions on the kernel and the machine.
    RequiresDoc, "`requires`" {
        /// Bounds on the kernel's version: `">= 4.12"`; separate several with commas.
        "kernel" => kernel: Option<OneOrMany<KernelBounds>>,
        /// Programs that must be on `PATH`.
        "programs" => programs: Option<OneOrMany<Text>>,
        /// Kernel modules, such as `tun` or `sch_fq`. A guest loads them before the clock starts. On this
        /// host, where nslab loads nothing, they must be built in or loaded already.
        "modules" => modules: Option<OneOrMany<Spanned<Text>>>,
        /// Number of processors that work at the same time, 1 to 1024. A guest in virtual time has one.
        "processors" => processors: Option<Spanned<Count>>,
    }
}

document! {
    /// Settings of the whole kernel.
    KernelDoc, "`kernel`" {
        /// Host-wide sysctls: key with dots, and value.
        "sysctls" => sysctls: Option<Entries<Spanned<SysctlValue>>>,
    }
}

/// An overlay. It is applied to the document's tree before the result is decoded, so nothing of
/// it is kept here.
#[derive(Debug, Clone)]
pub(crate) struct VariantDoc;

impl FromNode for VariantDoc {
    fn from_node(_: &Node, _: &mut Collector<'_>) -> Option<Self> {
        Some(Self)
    }
}

impl JsonSchema for VariantDoc {
    fn schema_name() -> Cow<'static, str> {
        "Variant".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // `schema` replaces this by the document with nothing required.
        json_schema!({ "type": ["object", "null"] })
    }
}

/// An expectation as text. The grammar reads it once the scenario's names are known.
#[derive(Debug, Clone)]
pub(crate) struct ExpectationDoc {
    pub(crate) scalar: Scalar,
    pub(crate) span: span::Span,
}

impl FromNode for ExpectationDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        match &node.kind {
            NodeKind::Scalar(scalar) => Some(Self {
                scalar: scalar.clone(),
                span: node.span,
            }),
            NodeKind::Broken => {
                cx.skip();
                None
            }
            _ => {
                cx.error(
                    node.span,
                    format!("an expectation must be one line of text, found {}", node.describe()),
                )
                .help(match as_lines(node) {
                    Some(lines) => format!("write {lines}"),
                    None => "write it like `web.accepted >= 1`, in quotes if YAML would read it differently".to_owned(),
                });
                None
            }
        }
    }
}

/// Returns the expectations that a mapping of quantities to values means: `users.failed: 0`.
fn as_lines(node: &Node) -> Option<String> {
    /// A longer list does not help.
    const FEW: usize = 3;
    let lines: Option<Vec<String>> = node
        .entries()
        .iter()
        .take(FEW)
        .map(|entry| {
            let NodeKind::Scalar(value) = &entry.value.kind else {
                return None;
            };
            let is_comparison = value.text.starts_with(['<', '>', '=', '!', '~']);
            let operator = if is_comparison { "" } else { "== " };
            Some(format!("`- {} {operator}{}`", entry.key.text, value.text))
        })
        .collect();
    lines
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join(", "))
}

impl JsonSchema for ExpectationDoc {
    fn schema_name() -> Cow<'static, str> {
        "Expectation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A comparison of quantities with an optional window: \
            `server.TcpExtListenDrops >= 1 within 2s`.",
            "type": ["string", "object"],
        })
    }
}

/// A quantity of the expectation language as text, with an optional moment.
#[derive(Debug, Clone)]
pub(crate) struct QuantityDoc(pub(crate) ExpectationDoc);

impl FromNode for QuantityDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        ExpectationDoc::from_node(node, cx).map(Self)
    }
}

impl JsonSchema for QuantityDoc {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A quantity of the expectation language: `burst.established`, `client.tcp.TIME_WAIT at 2s`.",
            "type": "string",
        })
    }
}

/// A part of the document that is read later.
#[derive(Debug, Clone)]
pub(crate) struct RawDoc(pub(crate) Node);

impl FromNode for RawDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            return Some(Self(node.clone()));
        }
        cx.error(
            node.span,
            format!("expected keys of a scenario, found {}", node.describe()),
        )
        .help("write it as a scenario: `servers: { web: { backlog: 8 } }`");
        None
    }
}

impl JsonSchema for RawDoc {
    fn schema_name() -> Cow<'static, str> {
        "Overlay".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "$ref": "#/$defs/Variant" })
    }
}

/// Returns every mapping with the keys that its decoder accepts.
#[cfg(test)]
pub(crate) fn mappings() -> Vec<(&'static str, &'static [&'static str])> {
    macro_rules! keys {
        ($($path:ident::$name:ident),* $(,)?) => {
            vec![$((stringify!($name), $path::$name::KEYS)),*]
        };
    }
    let mut mappings = keys![
        topology::NodeDoc,
        topology::LimitsDoc,
        topology::ConntrackDoc,
        nat::NatDoc,
        nat::MasqueradeDoc,
        nat::SnatDoc,
        nat::DnatDoc,
        firewall::FirewallRuleDoc,
        firewall::RuleMatchDoc,
        topology::LinkDoc,
        server::ServerDoc,
        reply::ReplyFormDoc,
        server::ForwardFormDoc,
        server::AcceptFormDoc,
        server::PoolDoc,
        client::ClientDoc,
        client::ConnectDoc,
        client::RampDoc,
        client::HoldDoc,
        client::LoopDoc,
        client::BulkDoc,
        client::RequestsDoc,
        client::ConnectionPoolDoc,
        exchange::ExchangeFormDoc,
        client::QueriesDoc,
        client::FloodDoc,
        command::CommandDoc,
        step::StepDoc,
        step::StopFormDoc,
        step::StartFormDoc,
        step::ConntrackStepDoc,
        step::NatStepDoc,
        step::LinkStepDoc,
        step::ImpairStepDoc,
        learn::LearnDoc,
        learn::LessonStepFormDoc,
        learn::PredictDoc,
        learn::PacketsDoc,
        learn::ChoiceDoc,
        learn::WhyDoc,
        learn::FixDoc,
        moment::MomentDoc,
        topology::RouteDoc,
        exercise::ExerciseFormDoc,
        exercise::TradeDoc,
        fault::FaultDoc,
        fault::SegmentDoc,
        fault::DelayDoc,
        fault::ReplayDoc,
        fault::InjectDoc,
    ];
    mappings.extend([
        ("Document", Document::KEYS),
        ("RequiresDoc", RequiresDoc::KEYS),
        ("KernelDoc", KernelDoc::KEYS),
    ]);
    mappings
}

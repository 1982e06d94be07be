//! A scenario as written: what the format's keys are, in the order and with the words of the file.
//!
//! Each mapping is one `document!`: its type, its decoder and its JSON Schema come from the same list of keys, and the
//! documentation of its fields is what editors show. Not here: what it means (`resolve`).

mod fault;
mod topology;
mod values;
mod workload;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

pub(crate) use fault::{FaultDoc, FlagWord, InjectDoc, Selection};
pub(crate) use topology::{DnatDoc, LinkDoc, NatDoc, NodeDoc};
pub(crate) use values::{
    AcceptWord, Bandwidth, Bytes, Count, EventRate, KernelBounds, ListensOn, Share, Switch,
    SysctlValue, Text, Timespan,
};
pub(crate) use workload::{
    AcceptDoc, BulkDoc, ClientDoc, CommandDoc, ConnectDoc, FloodDoc, HoldDoc, LoopDoc, RampDoc,
    ServerDoc, StepDoc, StopDoc, TextWithReferences,
};

use super::decode::{Entries, FromNode, List, OneOrMany, document};
use super::model::Truth;
use super::node::{Kind, Node, Scalar};
use super::problem::Collector;
use super::span::{self, Spanned};
use super::topology::IpVersion;

document! {
    /// A scenario of nslab: a network of namespaces, the load on it, and what should happen.
    #[expect(dead_code, reason = "what belongs to the whole file is read before the runs are; here it is checked and described")]
    Document, "the scenario" {
        /// What it is called on the command line and in reports. The default is the file's name.
        "name" => name: Option<Spanned<Text>>,
        /// One line for people. The default is the name.
        "title" => title: Option<Text>,
        /// The statement under test, in the words of the field.
        "claim" => claim: Option<Text>,
        /// Whether the claim is true where the expectations hold: `true`, `false` or `partly`. A scenario that shows that its
        /// claim is false passes, and reports say `false` beside it.
        "truth" => truth: Option<Truth>,
        /// Where the statement comes from: man pages, RFCs, posts.
        "source" => source: Option<OneOrMany<Text>>,
        /// Markdown: what happens, why, which counter shows it.
        "lesson" => lesson: Option<Text>,
        /// Words to select by; `slow` is left out of a run that names no file.
        "tags" => tags: Option<OneOrMany<Text>>,
        /// Sysctls whose effect the scenario shows, for `nslab advise`: it runs the first variant with and without a line that
        /// sets one of them. Where another variant shows it, a mapping: `{ variant: [keys] }`.
        "exercises" => exercises: Option<ExercisesDoc>,
        /// `4` (the default) or `6`.
        "ip" => ip: Option<Spanned<IpVersion>>,
        /// The network namespaces, by name; up to 1000.
        "nodes" => nodes: Entries<NodeDoc>,
        /// Links between nodes; up to 2000.
        "links" => links: Option<List<LinkDoc>>,
        /// Built-in servers, by name.
        "servers" => servers: Option<Entries<ServerDoc>>,
        /// Built-in clients, by name.
        "clients" => clients: Option<Entries<ClientDoc>>,
        /// Real programs, by name.
        "commands" => commands: Option<Entries<CommandDoc>>,
        /// What happens to single segments, by name.
        "faults" => faults: Option<Entries<FaultDoc>>,
        /// What happens at a given time.
        "steps" => steps: Option<List<StepDoc>>,
        /// What must be there for the question to make sense; else the run is not applicable.
        "requires" => requires: Option<RequiresDoc>,
        /// What is set for the whole kernel: only where the lab owns it, else the run is not applicable.
        "kernel" => kernel: Option<KernelDoc>,
        /// Parameters with their default values, used as `$name` or `"${name}"`, set with `--set name=value`.
        "params" => params: Option<Entries<Text>>,
        /// Values of parameters; each makes a case of its own.
        "matrix" => matrix: Option<Entries<OneOrMany<Text>>>,
        /// Named overlays on the document, each run from a fresh lab: mappings are merged, lists and single values are
        /// replaced, `~` removes. The scenario's own expectations hold for every variant; a variant's are added.
        "variants" => variants: Option<Entries<VariantDoc>>,
        /// Comparisons between variants, judged once all have run: `reuse.load.established > default.load.established`.
        "compare" => compare: Option<OneOrMany<ExpectationDoc>>,
        /// What should happen: comparisons of quantities, one a line.
        "expect" => expect: Option<OneOrMany<ExpectationDoc>>,
        /// The run is killed after this long, set-up included. The default is one minute and twice what the load needs.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// How often state is sampled, 10ms to 1h. The default is 100ms.
        "sample" => sample: Option<Spanned<Timespan>>,
        /// No other run of a suite goes beside it: for what measures rates or latency closely. The default is `false`.
        "exclusive" => exclusive: Option<Switch>,
        /// Seeds everything random in the run. The default is 1.
        "seed" => seed: Option<Count>,
    }
}

document! {
    /// What kernel and machine must have.
    RequiresDoc, "`requires`" {
        /// Bounds on the kernel's version: `">= 4.12"`, several with commas between.
        "kernel" => kernel: Option<OneOrMany<KernelBounds>>,
        /// Programs that must be found on `PATH`.
        "programs" => programs: Option<OneOrMany<Text>>,
    }
}

document! {
    /// What is set for the whole kernel.
    KernelDoc, "`kernel`" {
        /// Host-wide settings: key with dots, and value.
        "sysctls" => sysctls: Option<Entries<Spanned<SysctlValue>>>,
    }
}

/// Keys that the scenario exercises, by variant.
#[derive(Debug, Clone)]
pub(crate) struct ExercisesDoc(pub(crate) Vec<VariantExercises>);

/// Keys that one variant exercises; the first of the file where none is named.
#[derive(Debug, Clone)]
pub(crate) struct VariantExercises {
    pub(crate) variant: Option<Spanned<String>>,
    pub(crate) keys: Vec<Spanned<Text>>,
}

impl FromNode for ExercisesDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if let Kind::Mapping(_) = node.kind {
            let by_variant = Entries::<OneOrMany<Spanned<Text>>>::from_node(node, cx)?;
            let each = by_variant.0.into_iter().filter_map(|(variant, keys)| {
                Some(VariantExercises {
                    variant: Some(variant),
                    keys: keys?.0,
                })
            });
            return Some(Self(each.collect()));
        }
        let keys = OneOrMany::<Spanned<Text>>::from_node(node, cx)?.0;
        Some(Self(vec![VariantExercises {
            variant: None,
            keys,
        }]))
    }
}

impl JsonSchema for ExercisesDoc {
    fn schema_name() -> Cow<'static, str> {
        "Exercises".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys = json_schema!({ "type": ["string", "array"], "items": { "type": "string" } });
        json_schema!({
            "description": "Keys of sysctls, or by variant: `{ variant: [keys] }`.",
            "type": ["string", "array", "object"],
            "items": { "type": "string" },
            "additionalProperties": keys,
        })
    }
}

/// An overlay, kept as a tree: it is laid over the document's tree before that is decoded.
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
        // `schema` replaces it by the document with nothing required.
        json_schema!({ "type": ["object", "null"] })
    }
}

/// One expectation, as text: the grammar reads it once the scenario's names are known.
#[derive(Debug, Clone)]
pub(crate) struct ExpectationDoc {
    pub(crate) scalar: Scalar,
    pub(crate) span: span::Span,
}

impl FromNode for ExpectationDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) => Some(Self {
                scalar: scalar.clone(),
                span: node.span,
            }),
            Kind::Broken => {
                cx.skip();
                None
            }
            _ => {
                cx.error(
                    node.span,
                    format!("an expectation is one line of text, this is {}", node.describe()),
                )
                .help("write it like `web.accepted >= 1`, in quotes where YAML would read it otherwise");
                None
            }
        }
    }
}

impl JsonSchema for ExpectationDoc {
    fn schema_name() -> Cow<'static, str> {
        "Expectation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A comparison of quantities with an optional window: `server.TcpExtListenDrops >= 1 within 2s`.",
            "type": ["string", "object"],
        })
    }
}

/// Every mapping with the keys that its decoder knows.
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
        topology::NatDoc,
        topology::MasqueradeDoc,
        topology::SnatDoc,
        topology::DnatDoc,
        topology::LinkDoc,
        workload::ServerDoc,
        workload::AcceptFormDoc,
        workload::PoolDoc,
        workload::ClientDoc,
        workload::ConnectDoc,
        workload::RampDoc,
        workload::HoldDoc,
        workload::LoopDoc,
        workload::BulkDoc,
        workload::FloodDoc,
        workload::CommandDoc,
        workload::StepDoc,
        workload::StopFormDoc,
        workload::LinkStepDoc,
        workload::ImpairStepDoc,
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

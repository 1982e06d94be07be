//! `exercises:` as written: the sysctls whose effect a scenario shows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Count, Text};
use crate::scenario::decode::{Entries, FromNode, OneOrMany, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;

/// Keys that the scenario exercises, by variant.
#[derive(Debug, Clone)]
pub(crate) struct ExercisesDoc(pub(crate) Vec<VariantExercises>);

/// Keys that one variant exercises; without a name, the first variant of the file.
#[derive(Debug, Clone)]
pub(crate) struct VariantExercises {
    pub(crate) variant: Option<Spanned<String>>,
    pub(crate) keys: Vec<ExerciseDoc>,
}

/// A key that is exercised.
#[derive(Debug, Clone)]
pub(crate) enum ExerciseDoc {
    /// The key alone, or with a bound: `net.ipv4.tcp_fin_timeout <= 35`.
    Key(Spanned<Text>),
    Form(Box<ExerciseFormDoc>),
}

document! {
    /// A key that is exercised, with what follows from its value.
    ExerciseFormDoc, "an exercise" {
        /// The key, with dots.
        "key" => key: Spanned<Text>,
        /// The largest value that shows the effect; with `size`, the largest limit that the lab can reach. For a larger
        /// one the answer is *not reached*.
        "at-most" => at_most: Option<Count>,
        /// Parameters that follow the values under trial, as expressions: `{ attempts: 1.6 * limit }`. `value` is
        /// that of the line, `reference` that of the other side, `limit` the smaller of the two; a range of ports
        /// counts as its number of ports, and of several numbers the last counts.
        "size" => size: Option<Entries<Spanned<Text>>>,
        /// The load that larger limits would need, as in `${attempts} connections in TIME_WAIT`.
        "needs" => needs: Option<Spanned<Text>>,
        /// The condition in which the effect shows, as in `at ${attempts} connections in TIME_WAIT`.
        "condition" => condition: Option<Spanned<Text>>,
        /// The gainers from a lower and from a higher value, if every value is a compromise.
        "trade" => trade: Option<TradeDoc>,
        /// Values of one parameter at which `nslab advise --curves` measures the effect too, as expressions:
        /// `{ held: [limit / 2, 0.9 * limit, 2 * limit] }`.
        "curve" => curve: Option<Entries<Spanned<OneOrMany<Text>>>>,
        /// The parameter of the curve in words that follow its value, as in `connections in TIME_WAIT`.
        "along" => along: Option<Text>,
    }
}

document! {
    /// A compromise: who gains from a lower value, and who from a higher one.
    TradeDoc, "`trade`" {
        /// The gainers from a lower value, as in `programs whose peer is gone`.
        "lower" => lower: Text,
        /// The gainers from a higher value.
        "higher" => higher: Text,
    }
}

impl FromNode for ExercisesDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if let NodeKind::Mapping(_) = node.kind {
            // A single exercise in its long form is a mapping as well, but not one of variants.
            if node.get("key").is_none() {
                let by_variant = Entries::<OneOrMany<ExerciseDoc>>::from_node(node, cx)?;
                let each = by_variant.0.into_iter().filter_map(|(variant, keys)| {
                    Some(VariantExercises {
                        variant: Some(variant),
                        keys: keys?.0,
                    })
                });
                return Some(Self(each.collect()));
            }
        }
        let keys = OneOrMany::<ExerciseDoc>::from_node(node, cx)?.0;
        Some(Self(vec![VariantExercises {
            variant: None,
            keys,
        }]))
    }
}

impl FromNode for ExerciseDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if let NodeKind::Mapping(_) = node.kind {
            return ExerciseFormDoc::from_node(node, cx)
                .map(Box::new)
                .map(Self::Form);
        }
        Spanned::<Text>::from_node(node, cx).map(Self::Key)
    }
}

impl JsonSchema for ExercisesDoc {
    fn schema_name() -> Cow<'static, str> {
        "Exercises".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let form = generator.subschema_for::<ExerciseFormDoc>();
        let one = json_schema!({ "anyOf": [{ "type": "string" }, form] });
        let many = json_schema!({ "anyOf": [one, { "type": "array", "items": one }] });
        json_schema!({
            "description": "Sysctls whose effect the scenario shows, perhaps by variant: `{ variant: [keys] }`.",
            "anyOf": [many, { "type": "object", "additionalProperties": many }],
        })
    }
}

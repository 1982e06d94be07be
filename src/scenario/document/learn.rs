//! `learn:` as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Count, Text, Timespan};
use super::{ExpectationDoc, QuantityDoc, RawDoc};
use crate::scenario::decode::{Entries, Framed, FromNode, List, OneOrMany, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;

/// Keys of a step that each define its kind; a step has exactly one of them.
pub(crate) const LESSON_STEPS: [&str; 6] = ["say", "predict", "why", "run", "reveal", "fix"];

document! {
    /// A lesson: it asks for predictions, runs, and shows the measurement over the prediction.
    LearnDoc, "`learn`" {
        /// Skills that a student has afterwards, one sentence each.
        "goals" => goals: Option<OneOrMany<Text>>,
        /// A picture in letters, shown before the first word.
        "picture" => picture: Option<Text>,
        /// Its place in the course, for the list of lessons.
        "number" => number: Option<Count>,
        /// The minutes that a student needs.
        "minutes" => minutes: Option<Count>,
        /// Parameters with the values that a page offers: `{ backlog: [1, 4, 16] }`. Each combination is run.
        "knobs" => knobs: Option<Entries<Spanned<OneOrMany<Text>>>>,
        /// Parameters with the values that students get, each student different ones. The default is `knobs`.
        "vary" => vary: Option<Entries<Spanned<OneOrMany<Text>>>>,
        /// The steps, in order.
        "steps" => steps: List<LessonStepDoc>,
    }
}

document! {
    /// A step: `say`, `predict`, `why`, `run`, `reveal` or `fix`.
    LessonStepFormDoc, "a step of a lesson" {
        /// Text to read (Markdown).
        "say" => say: Option<Text>,
        /// A question that the next run answers.
        "predict" => predict: Option<PredictDoc>,
        /// A question that is not graded: the student compares a sentence with the author's.
        "why" => why: Option<WhyDoc>,
        /// The variant to run, or a list of them. In a scenario without variants write the step as `- run`.
        "run" => run: Option<OneOrMany<Spanned<Text>>>,
        /// Shown after the run, below the measurements: the explanation (Markdown).
        "reveal" => reveal: Option<Text>,
        /// Values to change so that expectations hold.
        "fix" => fix: Option<FixDoc>,
    }
}

/// A step of a lesson, or the word `run`.
#[derive(Debug, Clone)]
pub(crate) enum LessonStepDoc {
    Run,
    Form(Box<LessonStepFormDoc>),
}

impl FromNode for LessonStepDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        match &node.kind {
            NodeKind::Scalar(scalar) if scalar.text == "run" => return Some(Self::Run),
            NodeKind::Scalar(_) => {
                cx.error(node.span, "a step of a lesson must be a mapping or `run`")
                    .help("text to read is `say: ...`");
                return None;
            }
            NodeKind::Null | NodeKind::List(_) | NodeKind::Broken | NodeKind::Mapping(_) => {}
        }
        let form = LessonStepFormDoc::from_node(node, cx)?;
        let present = LESSON_STEPS.iter().filter(|key| {
            let value = node.get(key);
            value.is_some_and(|value| !matches!(value.kind, NodeKind::Null))
        });
        if form.complete() && present.count() != 1 {
            cx.error(
                form.head(),
                "a step must have exactly one of `say`, `predict`, `why`, `run`, `reveal` and `fix`",
            )
            .help("begin each step with `- `; `run: NAME` names a variant, and `- run` runs a scenario without any");
            return None;
        }
        Some(Self::Form(Box::new(form)))
    }
}

impl JsonSchema for LessonStepDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "LessonStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let form = generator.subschema_for::<LessonStepFormDoc>();
        json_schema!({ "anyOf": [{ "const": "run" }, form] })
    }
}

document! {
    /// A question that the next run answers: `number`, `choice`, `curve`, `rises`, `blanks`, `packets` or `since`.
    PredictDoc, "`predict`" {
        /// Its name in answers and results. The default is its position: `p1`, `p2`.
        "name" => name: Option<Spanned<Text>>,
        /// The question (Markdown).
        "ask" => ask: Text,
        /// The number to predict: a quantity of the expectation language, with an optional `at 2s`.
        "number" => number: Option<QuantityDoc>,
        /// Statements, of which the run makes exactly one true.
        "choice" => choice: Option<List<ChoiceDoc>>,
        /// A quantity whose values at several moments are predicted.
        "curve" => curve: Option<QuantityDoc>,
        /// The moments of `curve`.
        "at" => at: Option<OneOrMany<Spanned<Timespan>>>,
        /// Counters of which the student picks those that rise.
        "rises" => rises: Option<OneOrMany<QuantityDoc>>,
        /// The drawing of a connection's packets and states, in letters. `(1)` stands for the blank `1`.
        "ladder" => ladder: Option<Text>,
        /// The statements for each blank of `ladder`, of which the run makes exactly one true.
        "blanks" => blanks: Option<Entries<List<ChoiceDoc>>>,
        /// A connection whose packets are drawn from the run, with parts that the student fills in.
        "packets" => packets: Option<PacketsDoc>,
        /// A statement. The student says on which of the kernels of the lesson it is false first.
        "since" => since: Option<ExpectationDoc>,
        /// Largest difference that still counts as right: `10%`, `2`, `100ms`. The default is 0 for a count and
        /// 10% for anything else.
        "tolerance" => tolerance: Option<Spanned<Text>>,
        /// Hints, given one by one.
        "hints" => hints: Option<OneOrMany<Text>>,
    }
}

document! {
    /// A recorded ladder with blanks.
    PacketsDoc, "`packets`" {
        /// The client or command whose connection is drawn: `load`, or `load:3` for its third one.
        "of" => of: Spanned<Text>,
        /// The parts that are not shown, each with the name of its blank: `packet 4` (its kind), `sender of 4`,
        /// `client after 4` and `server after last` (the states).
        "hide" => hide: Entries<Spanned<Text>>,
    }
}

document! {
    /// A statement to choose.
    ChoiceDoc, "a choice" {
        /// The statement.
        "text" => text: Text,
        /// An expectation; the statement is true if it holds.
        "when" => when: ExpectationDoc,
        /// Shown after the run to a student who chose it.
        "note" => note: Option<Text>,
    }
}

document! {
    /// A question that is not graded.
    WhyDoc, "`why`" {
        /// The question (Markdown).
        "ask" => ask: Text,
        /// Hints, given one by one.
        "hints" => hints: Option<OneOrMany<Text>>,
        /// The author's answer, shown after the run.
        "answer" => answer: Option<Text>,
    }
}

document! {
    /// Values to change so that expectations hold.
    FixDoc, "`fix`" {
        /// The task (Markdown).
        "ask" => ask: Text,
        /// The variant that is changed. The default is the first, if the scenario has variants.
        "variant" => variant: Option<Spanned<Text>>,
        /// The values that may be changed, as an overlay on the document.
        "start" => start: RawDoc,
        /// Conditions that must hold.
        "expect" => expect: OneOrMany<ExpectationDoc>,
        /// Hints, given one by one.
        "hints" => hints: Option<OneOrMany<Text>>,
        /// Values that solve it, as an overlay on the document. Students do not see them.
        "solution" => solution: Option<RawDoc>,
    }
}

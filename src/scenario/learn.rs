//! Reads `learn:` once the runs of the file are known.

mod choices;
mod packets;

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};

use super::bounds::MAX_NAME;
use super::cases::Cases;
use super::decode::{Entries, Framed, FromNode, OneOrMany};
use super::document::{
    ExpectationDoc, FixDoc, LearnDoc, LessonStepDoc, LessonStepFormDoc, PredictDoc, QuantityDoc,
    Text, WhyDoc,
};
use super::expectation::{Fault, NameScope, Subjects, measurement};
use super::expr::{Expectation, Tolerance};
use super::fix;
use super::lesson::{
    FixStep, Knob, Lesson, LessonStep, Measurement, Prediction, PredictionForm, RisingCounter,
    WhyStep,
};
use super::node::{Node, NodeKind};
use super::params;
use super::problem::{Collector, quoted};
use super::resolve::{expectations, report_fault};
use super::span::{Span, Spanned};
use super::suggest;

/// Values of one parameter, for as many students.
const MAX_VALUES: usize = 1000;

/// The names that a lesson may refer to.
pub(crate) struct LessonScope<'a> {
    pub(crate) cases: &'a Cases,
    /// The nodes and actors of each variant.
    pub(crate) subjects: &'a IndexMap<String, Subjects>,
    /// The nodes and actors of a scenario without variants.
    pub(crate) alone: &'a Subjects,
}

/// Resolves the lesson of a document, if it has one.
pub(crate) fn lesson(
    root: &Node,
    scope: &LessonScope<'_>,
    cx: &mut Collector<'_>,
) -> Option<Lesson> {
    let mut node = root.get("learn")?.clone();
    if matches!(node.kind, NodeKind::Null) {
        return None;
    }
    if let Some(matrix) = root
        .get("matrix")
        .filter(|_| !scope.cases.axis_names().is_empty())
    {
        cx.error_between(
            node.head,
            "a lesson cannot have a matrix",
            matrix.head,
            "the matrix",
        )
        .help("use `knobs` of the lesson, or variants");
        return None;
    }
    let known = scope.cases.common_params(cx);
    params::fill_node(&mut node, &known, cx);
    let document = LearnDoc::from_node(&node, cx)?;
    let mut reader = LessonReader {
        scope,
        cx,
        names: IndexSet::new(),
    };
    let knobs = reader.knobs(document.knobs.as_ref(), &known);
    let vary = match &document.vary {
        Some(vary) => reader.knobs(Some(vary), &known),
        None => knobs.clone(),
    };
    let steps = reader.steps(&document);
    Some(Lesson {
        goals: all_texts(document.goals.as_ref()),
        picture: document.picture.as_ref().map(|picture| picture.0.clone()),
        number: document.number.map(|number| number.0),
        minutes: document.minutes.map(|minutes| minutes.0),
        knobs,
        vary,
        steps,
    })
}

fn all_texts(list: Option<&OneOrMany<Text>>) -> Vec<String> {
    let texts = list.iter().flat_map(|list| &list.0);
    texts.map(|text| text.0.clone()).collect()
}

struct LessonReader<'s, 'a, 'c, 't> {
    scope: &'s LessonScope<'a>,
    cx: &'c mut Collector<'t>,
    /// The names of the predictions so far.
    names: IndexSet<String>,
}

impl LessonReader<'_, '_, '_, '_> {
    fn knobs(
        &mut self,
        written: Option<&Entries<Spanned<OneOrMany<Text>>>>,
        known: &BTreeMap<String, String>,
    ) -> Vec<Knob> {
        let mut knobs = Vec::new();
        for (name, values) in written.iter().flat_map(|entries| &entries.0) {
            if !known.contains_key(&name.value) {
                let message = format!(
                    "{} is not a parameter of this scenario",
                    quoted(&name.value)
                );
                let names = known.keys().map(String::as_str);
                let help = suggest::did_you_mean(&name.value, names)
                    .unwrap_or_else(|| "declare it: `params: { NAME: VALUE }`".to_owned());
                self.cx.error(name.span, message).help(help);
                continue;
            }
            let Some(written) = values else { continue };
            let values: Vec<String> = written.value.0.iter().flat_map(expanded).collect();
            if values.is_empty() || values.len() > MAX_VALUES {
                let message = format!("{} has {} values", quoted(&name.value), values.len());
                self.cx.error(written.span, message).help(format!(
                    "list 1 to {MAX_VALUES} values, or a range like `3..12`"
                ));
                continue;
            }
            knobs.push(Knob {
                param: name.value.clone(),
                values,
            });
        }
        knobs
    }

    fn steps(&mut self, document: &LearnDoc) -> Vec<LessonStep> {
        let written: Vec<&LessonStepDoc> = document.steps.0.iter().flatten().collect();
        if written.is_empty() && document.complete() {
            self.cx
                .error(document.head(), "a lesson needs steps")
                .help("write `steps: [{ predict: ... }, run, { reveal: ... }]`");
        }
        let runs: Vec<Option<Vec<Option<String>>>> =
            written.iter().map(|step| self.run(step)).collect();
        let mut steps = Vec::new();
        for (index, step) in written.iter().enumerate() {
            if let Some(variants) = &runs[index] {
                steps.push(LessonStep::Run(variants.clone()));
                continue;
            }
            let LessonStepDoc::Form(form) = step else {
                continue;
            };
            let next = runs[index..].iter().flatten().next().map(Vec::as_slice);
            if let Some(step) = self.step(form, next, &mut steps) {
                steps.push(step);
            }
        }
        steps
    }

    /// Returns the variants of a run step.
    fn run(&mut self, step: &LessonStepDoc) -> Option<Vec<Option<String>>> {
        let first = self.scope.subjects.keys().next().cloned();
        let named = match step {
            LessonStepDoc::Run => return Some(vec![first]),
            LessonStepDoc::Form(form) => form.run.as_ref()?,
        };
        let mut variants = Vec::new();
        for name in &named.0 {
            // An unknown name stands for the first variant, so that one mistake is reported once.
            variants.push(match self.variant(name) {
                true => Some(name.value.0.clone()),
                false => first.clone(),
            });
        }
        Some(variants)
    }

    fn variant(&mut self, name: &Spanned<Text>) -> bool {
        let known = self.scope.subjects.keys().map(String::as_str);
        if self.scope.subjects.contains_key(&name.value.0) {
            return true;
        }
        let help = suggest::did_you_mean(&name.value.0, known)
            .unwrap_or_else(|| "the scenario has no variants; write `- run`".to_owned());
        let message = format!(
            "{} is not a variant of this scenario",
            quoted(&name.value.0)
        );
        self.cx.error(name.span, message).help(help);
        false
    }

    fn step(
        &mut self,
        form: &LessonStepFormDoc,
        next_run: Option<&[Option<String>]>,
        before: &mut [LessonStep],
    ) -> Option<LessonStep> {
        if let Some(text) = &form.say {
            return Some(LessonStep::Say(text.0.clone()));
        }
        if let Some(why) = &form.why {
            return Some(self.why(why));
        }
        if let Some(text) = &form.reveal {
            if !before.iter().any(|step| matches!(step, LessonStep::Run(_))) {
                self.cx
                    .error(form.head(), "nothing has run before this `reveal`")
                    .help("put a `run` step before it");
            }
            return Some(LessonStep::Reveal(text.0.clone()));
        }
        if let Some(fix) = &form.fix {
            return self.fix(fix, form.head());
        }
        let predict = form.predict.as_ref()?;
        let Some(variants) = next_run else {
            self.cx
                .error(form.head(), "no run answers this prediction")
                .help("put a `run` step after it");
            return None;
        };
        let scope = self.names_of(variants);
        let prediction = self.prediction(predict, &scope)?;
        Some(LessonStep::Predict(Box::new(prediction)))
    }

    /// Returns the names that a question about some variants may use: of several, each by its variant.
    fn names_of(&self, variants: &[Option<String>]) -> NameScope {
        let of = |name: &str| self.scope.subjects.get(name).cloned().unwrap_or_default();
        match variants {
            [Some(only)] => NameScope::Run {
                subjects: Box::new(of(only)),
                variants: self.scope.subjects.keys().cloned().collect(),
            },
            [] | [None] => NameScope::Run {
                subjects: Box::new(self.scope.alone.clone()),
                variants: Vec::new(),
            },
            several => {
                let names = several.iter().flatten();
                NameScope::Compare(names.map(|name| (name.clone(), of(name))).collect())
            }
        }
    }

    fn prediction(&mut self, written: &PredictDoc, scope: &NameScope) -> Option<Prediction> {
        if let (Some(_), None) = (&written.ladder, &written.blanks) {
            self.cx
                .error(written.head(), "`ladder` needs `blanks`")
                .help("for a drawing without blanks, use `ask: |`");
            return None;
        }
        let forms = [
            written.number.is_some(),
            written.choice.is_some(),
            written.curve.is_some(),
            written.rises.is_some(),
            written.blanks.is_some(),
            written.packets.is_some(),
            written.since.is_some(),
        ];
        if forms.iter().filter(|form| **form).count() != 1 {
            if written.complete() {
                self.cx
                    .error(
                        written.head(),
                        "`predict` must have exactly one of `number`, `choice`, `curve`, `rises`, `blanks`, \
                         `packets` and `since`",
                    )
                    .help("write `number: web.accepted`");
            }
            return None;
        }
        let tolerance = written.tolerance.as_ref();
        let form = if let Some(number) = &written.number {
            let (quantity, tolerance) = self.measurement(number, tolerance, scope)?;
            PredictionForm::Number {
                quantity,
                tolerance,
            }
        } else if let Some(curve) = &written.curve {
            let (quantity, tolerance) = self.measurement(curve, tolerance, scope)?;
            let at: Vec<_> = written
                .at
                .iter()
                .flat_map(|at| &at.0)
                .map(|at| at.value.0)
                .collect();
            if at.len() < 2 || !at.is_sorted_by(|a, b| a < b) || quantity.at.is_some() {
                self.cx
                    .error(curve.0.span, "`curve` needs at least two moments, in order")
                    .help("write `at: [1s, 2s, 3s]` beside `curve`");
                return None;
            }
            PredictionForm::Curve {
                quantity,
                at,
                tolerance,
            }
        } else if let Some(rises) = &written.rises {
            PredictionForm::Rises(self.rises(&rises.0, scope)?)
        } else if let Some(blanks) = &written.blanks {
            self.blanks(written, blanks, scope)?
        } else if let Some(packets) = &written.packets {
            PredictionForm::Packets(self.packets(packets, scope)?)
        } else if let Some(since) = &written.since {
            let when = self
                .expectations(std::slice::from_ref(since), scope)
                .pop()?;
            PredictionForm::Since {
                when,
                kernels: Vec::new(),
            }
        } else {
            let list = written.choice.as_ref()?;
            PredictionForm::Choice(self.choices(list, written.head(), scope)?)
        };
        Some(Prediction {
            name: self.name(written)?,
            ask: written.ask.0.clone(),
            form,
            hints: all_texts(written.hints.as_ref()),
        })
    }

    /// Returns the name of a prediction, or its position.
    fn name(&mut self, written: &PredictDoc) -> Option<String> {
        let Some(name) = &written.name else {
            let name = format!("p{}", self.names.len() + 1);
            self.names.insert(name.clone());
            return Some(name);
        };
        let text = name.value.0.clone();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(is_word) {
            let message = format!("{} is not a name for a prediction", quoted(&text));
            self.cx
                .error(name.span, message)
                .help("use letters, digits, `-` and `_`");
            return None;
        }
        if !self.names.insert(text.clone()) {
            let message = format!("two predictions are called {}", quoted(&text));
            self.cx.error(name.span, message);
            return None;
        }
        Some(text)
    }

    fn measurement(
        &mut self,
        written: &QuantityDoc,
        tolerance: Option<&Spanned<Text>>,
        scope: &NameScope,
    ) -> Option<(Measurement, Tolerance)> {
        let scalar = &written.0.scalar;
        let text = tolerance.map(|tolerance| tolerance.value.0.as_str());
        match measurement(&scalar.text, text, scope) {
            Err(faults) => {
                self.report(&written.0, faults);
                None
            }
            Ok(typed) => {
                let tolerance = match typed.tolerance {
                    Ok(tolerance) => tolerance,
                    Err(fault) => {
                        let span = tolerance.map_or(written.0.span, |written| written.span);
                        self.cx.error(span, fault.message).maybe_help(fault.help);
                        return None;
                    }
                };
                let measurement = Measurement {
                    text: scalar.text.trim().to_owned(),
                    unit: typed.expr.unit(),
                    expr: typed.expr,
                    at: typed.at,
                };
                Some((measurement, tolerance))
            }
        }
    }

    fn rises(&mut self, written: &[QuantityDoc], scope: &NameScope) -> Option<Vec<RisingCounter>> {
        let mut counters = Vec::new();
        for counter in written {
            let (measurement, _) = self.measurement(counter, None, scope)?;
            counters.push(RisingCounter {
                text: measurement.text,
                expr: measurement.expr,
            });
        }
        Some(counters)
    }

    fn why(&mut self, written: &WhyDoc) -> LessonStep {
        LessonStep::Why(WhyStep {
            ask: written.ask.0.clone(),
            hints: all_texts(written.hints.as_ref()),
            answer: written.answer.as_ref().map(|answer| answer.0.clone()),
        })
    }

    fn fix(&mut self, written: &FixDoc, head: Span) -> Option<LessonStep> {
        let variant = match &written.variant {
            Some(name) if !self.variant(name) => return None,
            Some(name) => Some(name.value.0.clone()),
            None => self.scope.subjects.keys().next().cloned(),
        };
        let scope = self.names_of(std::slice::from_ref(&variant));
        let expect = self.expectations(&written.expect.0, &scope);
        let start = fix::values(&written.start.0, self.cx);
        if start.is_empty() {
            self.cx
                .error(head, "`start` of a fix has no values")
                .help("write the values that may be changed: `start: { servers: { web: { backlog: 8 } } }`");
        }
        let solution = written.solution.as_ref().map(|solution| {
            fix::check_paths(&solution.0, &start, self.cx);
            fix::values(&solution.0, self.cx)
        });
        for overlay in [Some(&written.start), written.solution.as_ref()]
            .into_iter()
            .flatten()
        {
            fix::check(self.scope.cases, variant.as_deref(), &overlay.0, self.cx);
        }
        Some(LessonStep::Fix(FixStep {
            ask: written.ask.0.clone(),
            variant,
            expect,
            start,
            hints: all_texts(written.hints.as_ref()),
            solution: solution.unwrap_or_default(),
        }))
    }

    fn expectations(&mut self, list: &[ExpectationDoc], scope: &NameScope) -> Vec<Expectation> {
        expectations(list, scope, self.cx)
    }

    fn report(&mut self, written: &ExpectationDoc, faults: Vec<Fault>) {
        for fault in faults {
            report_fault(written, fault, self.cx);
        }
    }
}

/// Returns the values that a text stands for: itself, or the whole numbers of a range like `3..12`.
fn expanded(text: &Text) -> Vec<String> {
    let range = text.0.split_once("..").and_then(|(low, high)| {
        let (low, high): (u64, u64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low <= high).then_some(low..=high)
    });
    match range {
        // One more than allowed is enough to report it.
        Some(range) => range
            .take(MAX_VALUES + 1)
            .map(|number| number.to_string())
            .collect(),
        None => vec![text.0.clone()],
    }
}

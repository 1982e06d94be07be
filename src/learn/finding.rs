//! The answer to a question, read from the record of its run.

use super::guess::{lesson_value, moment};
use crate::expect::Answers;
use crate::record::Outcome;
use crate::scenario::expr::Expectation;
use crate::scenario::lesson::{ChoiceOption, Prediction, PredictionForm};
use crate::units::Unit;

/// The behaviour of the kernel, in the form of the question.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The number that was measured.
    Number(f64),
    /// The position of the statement that is true, from 0.
    Choice(usize),
    /// The value at each moment of the question.
    Curve(Vec<f64>),
    /// For each counter, whether it rose.
    Rises(Vec<bool>),
    /// For each blank of a ladder, the position of the statement that is true, from 0.
    Blanks(Vec<usize>),
}

/// Answers a question from the records of its runs.
///
/// # Errors
/// The reason why the records do not answer it.
pub fn find_answer(prediction: &Prediction, answers: &Answers<'_>) -> Result<Finding, String> {
    match &prediction.form {
        PredictionForm::Number { quantity, .. } => answers
            .value(&quantity.expr, quantity.at)
            .map(Finding::Number),
        PredictionForm::Curve { quantity, at, .. } => at
            .iter()
            .map(|at| answers.value(&quantity.expr, Some(*at)))
            .collect::<Result<_, _>>()
            .map(Finding::Curve),
        PredictionForm::Rises(counters) => counters
            .iter()
            .map(|counter| answers.value(&counter.expr, None).map(|value| value > 0.0))
            .collect::<Result<_, _>>()
            .map(Finding::Rises),
        PredictionForm::Choice(options) => only_true(options, answers).map(Finding::Choice),
        PredictionForm::Blanks { blanks, .. } => blanks
            .iter()
            .map(|blank| {
                only_true(&blank.options, answers)
                    .map_err(|reason| format!("({}): {reason}", blank.name))
            })
            .collect::<Result<_, _>>()
            .map(Finding::Blanks),
        PredictionForm::Packets(_) => Err("no packets were recorded".to_owned()),
        // One kernel: it is false there, or true.
        PredictionForm::Since { when, .. } => {
            statement(when, answers).map(|holds| Finding::Choice(usize::from(holds)))
        }
    }
}

/// Decides a statement.
pub(super) fn statement(when: &Expectation, answers: &Answers<'_>) -> Result<bool, String> {
    let verdict = answers.verdict(when);
    match verdict.outcome {
        Outcome::Passed => Ok(true),
        Outcome::Failed => Ok(false),
        outcome => Err(verdict.reason.unwrap_or_else(|| outcome.to_string())),
    }
}

/// Returns what the statements of a question read from the records, each quantity once: `load.established = 40`.
pub(super) fn measured(prediction: &Prediction, answers: &Answers<'_>) -> Vec<String> {
    let options = prediction.form.options();
    let mut statements: Vec<&Expectation> = options.iter().map(|option| &option.when).collect();
    if let PredictionForm::Since { when, .. } = &prediction.form {
        statements.push(when);
    }
    let mut found = Vec::new();
    for when in statements {
        for seen in answers.verdict(when).observed {
            // In the prefixes of the question.
            let value = match seen.number {
                Some(number) if seen.value.ends_with("B/s") => {
                    lesson_value(number, Unit::BytesPerSecond)
                }
                Some(_) | None => seen.value,
            };
            let text = format!("{} = {value}", seen.quantity);
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

/// Puts a finding into words, one per part.
pub fn finding_words(prediction: &Prediction, finding: &Finding) -> Vec<String> {
    let unit = match &prediction.form {
        PredictionForm::Number { quantity, .. } | PredictionForm::Curve { quantity, .. } => {
            quantity.unit
        }
        PredictionForm::Choice(_)
        | PredictionForm::Rises(_)
        | PredictionForm::Blanks { .. }
        | PredictionForm::Packets(_)
        | PredictionForm::Since { .. } => Unit::Count,
    };
    match (finding, &prediction.form) {
        (Finding::Number(value), _) => vec![lesson_value(*value, unit)],
        (Finding::Curve(values), PredictionForm::Curve { at, .. }) => at
            .iter()
            .zip(values)
            .map(|(at, value)| format!("{}: {}", moment(*at), lesson_value(*value, unit)))
            .collect(),
        (Finding::Choice(index), form) => {
            form.statements().get(*index).cloned().into_iter().collect()
        }
        (Finding::Rises(rose), PredictionForm::Rises(counters)) => counters
            .iter()
            .zip(rose)
            .map(|(counter, rose)| {
                let did = if *rose { "rises" } else { "does not rise" };
                format!("{} {did}", counter.text)
            })
            .collect(),
        (Finding::Blanks(truths), form) => form
            .blanks()
            .iter()
            .zip(truths)
            .filter_map(|(blank, truth)| {
                let text = blank.options.get(*truth)?;
                Some(format!("({}) {text}", blank.name))
            })
            .collect(),
        (Finding::Curve(_) | Finding::Rises(_), _) => Vec::new(),
    }
}

/// Returns the position of the only statement that is true.
fn only_true(options: &[ChoiceOption], answers: &Answers<'_>) -> Result<usize, String> {
    let verdicts: Vec<_> = options
        .iter()
        .map(|option| answers.verdict(&option.when))
        .collect();
    let is_true = |index: &usize| verdicts[*index].outcome == Outcome::Passed;
    let holding: Vec<usize> = (0..verdicts.len()).filter(is_true).collect();
    match holding.as_slice() {
        [only] => Ok(*only),
        [] => {
            let undecided = verdicts
                .iter()
                .find(|verdict| verdict.outcome != Outcome::Failed);
            let why = undecided.and_then(|verdict| verdict.reason.clone());
            Err(why.unwrap_or_else(|| "none of the statements is true of this run".to_owned()))
        }
        several => Err(format!(
            "{} of the statements are true of this run",
            several.len()
        )),
    }
}

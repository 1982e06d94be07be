//! The answer to a question, read from the record of its run.

use crate::expect::Answers;
use crate::record::Outcome;
use crate::scenario::lesson::{ChoiceOption, Prediction, PredictionForm};

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

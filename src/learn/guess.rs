//! A student's prediction: as typed, and as kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scenario::lesson::{BlankChoices, Prediction, PredictionForm};
use crate::units::{self, Dimension, Unit, show};

/// A prediction as the student made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guess {
    /// A number in the unit of the question.
    Number(f64),
    /// The position of the chosen statement, from 0.
    Choice(usize),
    /// A number for each moment of the question.
    Curve(Vec<f64>),
    /// The positions of the counters that rise, from 0.
    Rises(Vec<usize>),
    /// For each blank, the position of the chosen statement, from 0.
    Blanks(Vec<usize>),
}

/// The reason why a text is not an answer to the question.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}; {help}")]
pub struct GuessError {
    message: String,
    help: String,
}

impl GuessError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

impl Guess {
    /// Reads what the student typed.
    ///
    /// # Errors
    /// Says what is wrong, and what to type.
    pub fn parse(text: &str, prediction: &Prediction) -> Result<Self, GuessError> {
        let text = text.trim();
        let help = || format!("type {}", example(prediction));
        match &prediction.form {
            PredictionForm::Number { quantity, .. } => {
                number(text, quantity.unit).map(Self::Number)
            }
            PredictionForm::Choice(_) | PredictionForm::Since { .. } => {
                letter(text, prediction.form.statements().len())
                    .map(Self::Choice)
                    .ok_or_else(|| {
                        GuessError::new(format!("`{text}` is not one of the letters"), help())
                    })
            }
            PredictionForm::Curve { quantity, at, .. } => {
                let parts = words(text);
                if parts.len() != at.len() {
                    let message = format!("found {} of {} numbers", parts.len(), at.len());
                    return Err(GuessError::new(message, help()));
                }
                let values = parts.iter().map(|part| number(part, quantity.unit));
                values.collect::<Result<_, _>>().map(Self::Curve)
            }
            PredictionForm::Rises(counters) => {
                if matches!(text, "none" | "-") {
                    return Ok(Self::Rises(Vec::new()));
                }
                let mut picked = Vec::new();
                for word in words(text) {
                    let found = letter(word, counters.len()).ok_or_else(|| {
                        GuessError::new(format!("`{word}` is not one of the letters"), help())
                    })?;
                    if !picked.contains(&found) {
                        picked.push(found);
                    }
                }
                picked.sort_unstable();
                if picked.is_empty() {
                    return Err(GuessError::new("nothing is picked", help()));
                }
                Ok(Self::Rises(picked))
            }
            PredictionForm::Blanks { .. } | PredictionForm::Packets(_) => {
                let blanks = prediction.form.blanks();
                let parts = words(text);
                if parts.len() != blanks.len() {
                    let message = format!("found {} of {} letters", parts.len(), blanks.len());
                    return Err(GuessError::new(message, help()));
                }
                let chosen = parts.iter().zip(&blanks).map(|(word, blank)| {
                    letter(word, blank.options.len()).ok_or_else(|| {
                        let message =
                            format!("`{word}` is not one of the letters for ({})", blank.name);
                        GuessError::new(message, help())
                    })
                });
                chosen.collect::<Result<_, _>>().map(Self::Blanks)
            }
        }
    }

    /// Returns true if the guess has the form that the question asks for. A file may contain anything.
    pub fn fits(&self, prediction: &Prediction) -> bool {
        match (self, &prediction.form) {
            (Self::Number(value), PredictionForm::Number { .. }) => value.is_finite(),
            (Self::Choice(index), PredictionForm::Choice(_) | PredictionForm::Since { .. }) => {
                *index < prediction.form.statements().len()
            }
            (Self::Curve(values), PredictionForm::Curve { at, .. }) => {
                values.len() == at.len() && values.iter().all(|value| value.is_finite())
            }
            (Self::Rises(picked), PredictionForm::Rises(counters)) => {
                picked.iter().all(|index| *index < counters.len())
            }
            (Self::Blanks(chosen), PredictionForm::Blanks { .. } | PredictionForm::Packets(_)) => {
                let blanks = prediction.form.blanks();
                let fits =
                    |(index, blank): (&usize, &BlankChoices<'_>)| *index < blank.options.len();
                chosen.len() == blanks.len() && chosen.iter().zip(&blanks).all(fits)
            }
            (
                Self::Number(_)
                | Self::Choice(_)
                | Self::Curve(_)
                | Self::Rises(_)
                | Self::Blanks(_),
                PredictionForm::Number { .. }
                | PredictionForm::Choice(_)
                | PredictionForm::Curve { .. }
                | PredictionForm::Rises(_)
                | PredictionForm::Blanks { .. }
                | PredictionForm::Packets(_)
                | PredictionForm::Since { .. },
            ) => false,
        }
    }
}

/// Describes what to type as an answer.
pub fn example(prediction: &Prediction) -> String {
    match &prediction.form {
        PredictionForm::Number { quantity, .. } => one_number(quantity.unit).to_owned(),
        PredictionForm::Choice(_) | PredictionForm::Since { .. } => {
            let count = prediction.form.statements().len();
            format!("a letter from a to {}", letter_of(count))
        }
        PredictionForm::Curve { quantity, at, .. } => {
            let moments: Vec<String> = at.iter().map(|at| moment(*at)).collect();
            format!(
                "{} numbers, one for each of {} ({})",
                at.len(),
                moments.join(", "),
                one_number(quantity.unit)
            )
        }
        PredictionForm::Rises(counters) => format!(
            "the letters of those that rise, from a to {}, or `none`",
            letter_of(counters.len())
        ),
        PredictionForm::Blanks { .. } | PredictionForm::Packets(_) => {
            let blanks = prediction.form.blanks();
            let names: Vec<String> = blanks
                .iter()
                .map(|blank| format!("({})", blank.name))
                .collect();
            format!("one letter for each of {}", names.join(", "))
        }
    }
}

fn one_number(unit: Unit) -> &'static str {
    match unit {
        Unit::Count | Unit::Text | Unit::TcpState => "a number",
        Unit::Seconds => "a time like 1.5s or 200ms",
        Unit::Bytes => "a number of bytes like 64KiB",
        Unit::PerSecond => "a rate like 20/s",
        Unit::BytesPerSecond => "a rate like 5MB/s or 40Mbit/s",
    }
}

/// Writes a value of a question. Rates of data have decimal prefixes, as the rates of links do: a student who types
/// `5MB/s` reads 5MB/s.
pub(super) fn lesson_value(value: f64, unit: Unit) -> String {
    if unit != Unit::BytesPerSecond {
        return show::written(value, unit);
    }
    let prefixes = [(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")];
    let fitting = prefixes.into_iter().find(|(size, _)| value.abs() >= *size);
    let (size, name) = fitting.unwrap_or((1.0, "B/s"));
    format!("{}{name}", show::rounded(value / size, Unit::Count))
}

pub(super) fn moment(at: Duration) -> String {
    show::written(at.as_secs_f64(), Unit::Seconds)
}

/// Returns the letter of the last of so many.
fn letter_of(count: usize) -> char {
    let offset = u8::try_from(count.saturating_sub(1)).unwrap_or(25).min(25);
    char::from(b'a' + offset)
}

fn letter(text: &str, count: usize) -> Option<usize> {
    let mut letters = text.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return None;
    };
    let index = (letter.to_ascii_lowercase() as usize).checked_sub('a' as usize)?;
    (index < count).then_some(index)
}

fn words(text: &str) -> Vec<&str> {
    let separator = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';');
    text.split(separator)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Reads a number. Without a unit, it has the base unit of the question.
fn number(text: &str, unit: Unit) -> Result<f64, GuessError> {
    let help = format!("type {}", one_number(unit));
    let quantity = units::parse_quantity(&text.replace(' ', ""))
        .map_err(|error| GuessError::new(format!("`{text}`: {error}"), help.clone()))?;
    match quantity.in_unit() {
        Some((value, found)) if found == unit || quantity.dimension == Dimension::Plain => {
            Ok(value)
        }
        Some(_) | None => {
            let message = format!("`{text}` is {}", quantity.dimension.describe());
            Err(GuessError::new(message, help))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario;

    /// Returns a prediction of a form, as a scenario file writes it.
    fn asking(form: &str) -> Prediction {
        let text = format!(
            "nodes: {{ client: {{}}, server: {{}} }}\nlinks: [ {{ between: [client, server] }} ]\n\
             servers: {{ web: {{ node: server, port: 80 }} }}\n\
             clients: {{ load: {{ node: client, to: web, connect: {{ rate: 1/s, for: 2s }} }} }}\n\
             learn:\n  steps:\n    - predict: {{ name: it, ask: What?, {form} }}\n    - run\n    - reveal: So.\n"
        );
        let parsed = scenario::parse("a.yaml", &text, &BTreeMap::new());
        let parsed = parsed.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let lesson = parsed.learn.unwrap();
        lesson.predictions()[0].2.clone()
    }

    fn forms() -> [(Prediction, Guess, &'static str); 6] {
        let load = "load.established";
        [
            (
                asking(&format!("number: {load}")),
                Guess::Number(40.0),
                "40",
            ),
            (
                asking("number: first(load.established)"),
                Guess::Number(0.2),
                "200 ms",
            ),
            (
                asking(&format!(
                    "choice: [ {{ text: A, when: {load} == 2 }}, {{ text: B, when: {load} != 2 }} ]"
                )),
                Guess::Choice(1),
                "B",
            ),
            (
                asking(&format!("curve: {load}, at: [1s, 2s]")),
                Guess::Curve(vec![1.0, 2.0]),
                "1, 2",
            ),
            (
                asking(&format!("rises: [ {load}, load.failed, load.attempted ]")),
                Guess::Rises(vec![0, 2]),
                "c a c",
            ),
            (
                asking(&format!(
                    "ladder: (1) --> (2), blanks: {{ \
                     1: [ {{ text: SYN, when: {load} == 2 }}, {{ text: RST, when: {load} != 2 }} ], \
                     2: [ {{ text: A, when: {load} > 2 }}, {{ text: B, when: {load} <= 2 }} ] }}"
                )),
                Guess::Blanks(vec![0, 1]),
                "a b",
            ),
        ]
    }

    #[test]
    fn every_form_is_read_and_fits_only_its_own_question() {
        let forms = forms();
        for (index, (prediction, guess, typed)) in forms.iter().enumerate() {
            assert_eq!(
                Guess::parse(typed, prediction).as_ref(),
                Ok(guess),
                "{typed}"
            );
            for (other, (question, _, _)) in forms.iter().enumerate() {
                let same = index == other || (index < 2 && other < 2);
                assert_eq!(guess.fits(question), same, "{guess:?} for {}", question.ask);
            }
        }
    }

    #[test]
    fn a_wrong_answer_says_what_to_type() {
        for ((prediction, _, _), typed) in forms()
            .iter()
            .zip(["many", "5 bytes", "c", "1", "z", "a c"])
        {
            let error = Guess::parse(typed, prediction).unwrap_err().to_string();
            assert!(error.contains("type "), "{typed}: {error}");
        }
        for (prediction, _, _) in forms() {
            assert!(Guess::parse("", &prediction).is_err());
        }
    }
}

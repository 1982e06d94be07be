//! The gap between a guess and a finding, in words.

use super::finding::Finding;
use super::guess::{Guess, lesson_value, moment};
use crate::scenario::expr::Tolerance;
use crate::scenario::lesson::{BlankChoices, Prediction, PredictionForm};
use crate::units::{Unit, show};

/// The comparison of a guess with what the kernel did.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The parts of the answer that are right; an answer of one part has 0 or 1.
    pub right: usize,
    /// The parts of the answer.
    pub of: usize,
    /// One line per sentence.
    pub lines: Vec<String>,
}

impl Gap {
    /// Returns true if every part is right.
    pub fn is_right(&self) -> bool {
        self.right == self.of
    }
}

/// Compares a guess, or none, with the finding.
pub fn gap(prediction: &Prediction, guess: Option<&Guess>, finding: &Finding) -> Gap {
    match (&prediction.form, finding) {
        (
            PredictionForm::Number {
                quantity,
                tolerance,
            },
            Finding::Number(measured),
        ) => {
            let guess = match guess {
                Some(Guess::Number(value)) => Some(*value),
                Some(_) | None => None,
            };
            of_number(guess, *measured, *tolerance, quantity.unit)
        }
        (PredictionForm::Choice(_) | PredictionForm::Since { .. }, Finding::Choice(index)) => {
            let statements = prediction.form.statements();
            let options = prediction.form.options();
            let text = |index: usize| statements.get(index).map_or("", String::as_str);
            let truth = text(*index);
            match guess {
                Some(Guess::Choice(chosen)) if chosen == index => {
                    one(true, vec![format!("Right: {truth}")])
                }
                Some(Guess::Choice(chosen)) => {
                    let mut lines = vec![
                        format!("You chose: {}", text(*chosen)),
                        format!("What happened: {truth}"),
                    ];
                    lines.extend(options.get(*chosen).and_then(|option| option.note.clone()));
                    one(false, lines)
                }
                Some(_) | None => one(false, vec![format!("What happened: {truth}")]),
            }
        }
        (
            PredictionForm::Curve {
                quantity,
                at,
                tolerance,
            },
            Finding::Curve(measured),
        ) => {
            let guesses = match guess {
                Some(Guess::Curve(values)) => values.as_slice(),
                Some(_) | None => &[],
            };
            let right = compare_curve(guesses, measured, *tolerance);
            let mut lines = vec![format!("{:>10} {:>12} {:>12}", "time", "you", "kernel")];
            for (index, (at, value)) in at.iter().zip(measured).enumerate() {
                let guess = guesses.get(index);
                let shown =
                    guess.map_or("-".to_owned(), |guess| lesson_value(*guess, quantity.unit));
                let mark = if right.get(index) == Some(&true) {
                    "right"
                } else {
                    ""
                };
                lines.push(
                    format!(
                        "{:>10} {shown:>12} {:>12}  {mark}",
                        moment(*at),
                        lesson_value(*value, quantity.unit)
                    )
                    .trim_end()
                    .to_owned(),
                );
            }
            let count = right.iter().filter(|right| **right).count();
            lines.push(format!("{count} of {} points are right.", measured.len()));
            Gap {
                right: count,
                of: measured.len(),
                lines,
            }
        }
        (PredictionForm::Rises(counters), Finding::Rises(rose)) => {
            let picked = match guess {
                Some(Guess::Rises(picked)) => Some(picked),
                Some(_) | None => None,
            };
            let mut lines = Vec::new();
            let mut right = 0;
            for (index, (counter, rose)) in counters.iter().zip(rose).enumerate() {
                let did = if *rose { "rises" } else { "does not rise" };
                let picked = picked.map(|picked| picked.contains(&index));
                right += usize::from(picked == Some(*rose));
                let name = &counter.text;
                lines.push(match picked {
                    Some(yours) if yours == *rose => format!("Right: {name} {did}."),
                    Some(true) => format!("You said that {name} rises; it does not."),
                    Some(false) => format!("You said that {name} does not rise; it does."),
                    None => format!("{name} {did}."),
                });
            }
            Gap {
                right,
                of: counters.len(),
                lines,
            }
        }
        (PredictionForm::Blanks { .. } | PredictionForm::Packets(_), Finding::Blanks(truths)) => {
            let chosen = match guess {
                Some(Guess::Blanks(chosen)) => chosen.as_slice(),
                Some(_) | None => &[],
            };
            of_blanks(&prediction.form.blanks(), chosen, truths)
        }
        (
            PredictionForm::Number { .. }
            | PredictionForm::Choice(_)
            | PredictionForm::Curve { .. }
            | PredictionForm::Rises(_)
            | PredictionForm::Blanks { .. }
            | PredictionForm::Packets(_)
            | PredictionForm::Since { .. },
            Finding::Number(_)
            | Finding::Choice(_)
            | Finding::Curve(_)
            | Finding::Rises(_)
            | Finding::Blanks(_),
        ) => one(
            false,
            vec!["the run does not answer this question".to_owned()],
        ),
    }
}

fn of_blanks(blanks: &[BlankChoices<'_>], chosen: &[usize], truths: &[usize]) -> Gap {
    let mut right = 0;
    let mut lines = Vec::new();
    for (index, (blank, truth)) in blanks.iter().zip(truths).enumerate() {
        let text = |index: &usize| blank.options.get(*index).copied().unwrap_or_default();
        let name = &blank.name;
        match chosen.get(index) {
            Some(yours) if yours == truth => {
                right += 1;
                lines.push(format!("({name}) right: {}.", text(truth)));
            }
            Some(yours) => {
                lines.push(format!(
                    "({name}) you chose {}; it is {}.",
                    text(yours),
                    text(truth)
                ));
                let note = blank.notes.get(*yours).copied().flatten();
                lines.extend(note.map(str::to_owned));
            }
            None => lines.push(format!("({name}) is {}.", text(truth))),
        }
    }
    Gap {
        right,
        of: blanks.len(),
        lines,
    }
}

/// Returns for each measured value whether the guess is right.
fn compare_curve(guesses: &[f64], measured: &[f64], tolerance: Tolerance) -> Vec<bool> {
    let is_right = |(index, value): (usize, &f64)| {
        guesses
            .get(index)
            .is_some_and(|guess| is_close(*guess, *value, tolerance))
    };
    measured.iter().enumerate().map(is_right).collect()
}

fn one(right: bool, lines: Vec<String>) -> Gap {
    Gap {
        right: usize::from(right),
        of: 1,
        lines,
    }
}

/// Returns true if a guess differs from the measured value by no more than the tolerance. A rounding error is ignored.
fn is_close(guess: f64, measured: f64, tolerance: Tolerance) -> bool {
    const ROUNDING: f64 = 1e-9;
    let most = match tolerance {
        Tolerance::Relative(share) => share * measured.abs(),
        Tolerance::Absolute(most) => most,
    };
    (guess - measured).abs() <= most + ROUNDING * measured.abs()
}

fn of_number(guess: Option<f64>, measured: f64, tolerance: Tolerance, unit: Unit) -> Gap {
    let shown = lesson_value(measured, unit);
    let Some(guess) = guess else {
        return one(false, vec![format!("The kernel says {shown}.")]);
    };
    let yours = lesson_value(guess, unit);
    if is_close(guess, measured, tolerance) {
        let line = if yours == shown {
            format!("Right: {shown}.")
        } else {
            format!("Right: you said {yours}, the kernel says {shown}. That is close enough.")
        };
        return one(true, vec![line]);
    }
    let (more, less) = match unit {
        Unit::Count | Unit::Text | Unit::TcpState => ("too many", "too few"),
        Unit::Seconds => ("too long", "too short"),
        Unit::Bytes | Unit::PerSecond | Unit::BytesPerSecond => ("too much", "too little"),
    };
    let difference = lesson_value((guess - measured).abs(), unit);
    let side = if guess > measured { more } else { less };
    let ratio = if measured == 0.0 || guess <= 0.0 || measured < 0.0 {
        None
    } else {
        Some((guess / measured).max(measured / guess))
    };
    let times = match ratio {
        Some(ratio) if ratio >= 2.0 => {
            format!(", a factor of {}", show::rounded(ratio, Unit::Count))
        }
        Some(_) | None => String::new(),
    };
    one(
        false,
        vec![format!(
            "You said {yours}, the kernel says {shown}: {difference} {side}{times}."
        )],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(guess: f64, measured: f64, tolerance: Tolerance, unit: Unit) -> String {
        of_number(Some(guess), measured, tolerance, unit)
            .lines
            .join(" ")
    }

    #[test]
    fn the_gap_has_a_size_a_direction_and_a_factor() {
        let exact = Tolerance::Absolute(0.0);
        assert_eq!(
            words(40.0, 9.0, exact, Unit::Count),
            "You said 40, the kernel says 9: 31 too many, a factor of 4.44."
        );
        assert_eq!(
            words(8.0, 9.0, exact, Unit::Count),
            "You said 8, the kernel says 9: 1 too few."
        );
        assert_eq!(words(9.0, 9.0, exact, Unit::Count), "Right: 9.");
        assert_eq!(
            words(1.0, 0.0, exact, Unit::Count),
            "You said 1, the kernel says 0: 1 too many."
        );
    }

    #[test]
    fn a_tolerance_is_a_share_of_what_was_measured() {
        let tenth = Tolerance::Relative(0.1);
        assert!(of_number(Some(1.1), 1.0, tenth, Unit::Seconds).is_right());
        assert!(!of_number(Some(1.2), 1.0, tenth, Unit::Seconds).is_right());
        assert_eq!(
            words(1.05, 1.0, tenth, Unit::Seconds),
            "Right: you said 1.05s, the kernel says 1s. That is close enough."
        );
    }

    #[test]
    fn each_blank_is_judged_by_itself() {
        let text = "\
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 1/s, for: 2s } } }
learn:
  steps:
    - predict:
        ask: Fill in.
        ladder: (1) then (2)
        blanks:
          1: [ { text: SYN, when: load.established == 2 }, { text: RST, when: load.established != 2 } ]
          2: [ { text: ACK, when: load.failed == 0 }, { text: FIN, when: load.failed > 0, note: Too early. } ]
    - run
    - reveal: So.
";
        let parsed = crate::scenario::parse("a.yaml", text, &Default::default());
        let lesson = parsed.unwrap().learn.unwrap();
        let prediction = lesson.predictions()[0].2;
        let truth = Finding::Blanks(vec![0, 0]);
        let judged = gap(prediction, Some(&Guess::Blanks(vec![0, 1])), &truth);
        assert_eq!((judged.right, judged.of), (1, 2));
        let lines = [
            "(1) right: SYN.",
            "(2) you chose FIN; it is ACK.",
            "Too early.",
        ];
        assert_eq!(judged.lines, lines);
        assert_eq!(gap(prediction, None, &truth).right, 0);
        assert!(gap(prediction, Some(&Guess::Blanks(vec![0, 0])), &truth).is_right());
        let shown = crate::scenario::without_spoilers(text);
        assert!(!shown.contains("Too early"), "{shown}");
        for (wrong, problem) in [
            ("ladder: (1) then (3)", "the ladder has no blank `2`"),
            ("hints: none", "`blanks` needs the `ladder`"),
        ] {
            let text = text.replace("ladder: (1) then (2)", wrong);
            let problems = crate::scenario::parse("a.yaml", &text, &Default::default());
            let problems = problems.unwrap_err().render(false);
            assert!(problems.contains(problem), "{problems}");
        }
    }
}

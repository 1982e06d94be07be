//! A picture of a class's predictions for its teacher: for each question, the guesses beside what the kernel did.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::grade::{Grade, GradeRow};
use super::sheet;

/// The guesses are drawn from a sixteenth of the measured value to sixteen times of it.
const OCTAVES: f64 = 4.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 70.0;

/// The marks of the scale: powers of two of the measured value.
const SCALE: [(f64, &str); 5] = [
    (-4.0, "1/16"),
    (-2.0, "1/4"),
    (0.0, "the kernel"),
    (2.0, "4 times"),
    (4.0, "16 times"),
];

/// Renders the picture. It has no names, so that it can be shown to the class.
pub fn class_picture(grade: &Grade) -> String {
    let mut questions: BTreeMap<(&str, &str), Vec<&GradeRow>> = BTreeMap::new();
    let mut order: Vec<(&str, &str)> = Vec::new();
    for row in &grade.rows {
        let key = (row.lesson.as_str(), row.question.as_str());
        if !order.contains(&key) {
            order.push(key);
        }
        questions.entry(key).or_default().push(row);
    }
    sheet(
        "Predictions of the class",
        html! {
            h1 { "Predictions of the class" }
            @for key in &order {
                @let rows = questions.get(key).map(Vec::as_slice).unwrap_or_default();
                div class="question" {
                    p class="number" { (key.0) ": " (key.1) }
                    (counts(rows))
                    (strip(rows))
                }
            }
        },
    )
}

fn counts(rows: &[&GradeRow]) -> Markup {
    let right = rows.iter().filter(|row| row.right == Some(row.of)).count();
    let partly = rows
        .iter()
        .filter(|row| row.right.is_some_and(|right| right > 0 && right < row.of))
        .count();
    let undecided = rows.iter().filter(|row| row.right.is_none()).count();
    let wrong = rows.len() - right - partly - undecided;
    let mut words = vec![format!("{right} right")];
    for (count, word) in [
        (partly, "partly right"),
        (wrong, "wrong or no answer"),
        (undecided, "undecided"),
    ] {
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    html! { p { (words.join(", ")) "." } }
}

/// Draws numbers by their ratio to what was measured, because students have different numbers.
fn strip(rows: &[&GradeRow]) -> Markup {
    let ratios: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.numbers)
        .filter(|(_, measured)| *measured > 0.0)
        .map(|(guess, measured)| {
            (guess / measured)
                .max(f64::MIN_POSITIVE)
                .log2()
                .clamp(-OCTAVES, OCTAVES)
        })
        .collect();
    if ratios.is_empty() {
        return html! {};
    }
    let x = |octave: f64| 20.0 + (octave + OCTAVES) / (2.0 * OCTAVES) * (WIDTH - 40.0);
    let mut stacked: BTreeMap<i64, usize> = BTreeMap::new();
    let dots: Vec<(f64, f64)> = ratios
        .iter()
        .map(|octave| {
            // Dots that would cover each other are stacked.
            #[expect(clippy::cast_possible_truncation, reason = "a few pixels")]
            let column = (x(*octave) / 9.0).round() as i64;
            let below = stacked.entry(column).or_default();
            *below += 1;
            (x(*octave), 44.0 - 8.0 * (*below as f64 - 1.0))
        })
        .collect();
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
            aria-label="guesses by their ratio to the measured value" {
            path class="axis" d={ "M20 50H" (WIDTH - 20.0) } {}
            path class="kernel" d={ "M" (x(0.0)) " 4V54" } {}
            @for (octave, label) in SCALE {
                text x=(x(octave)) y="66" text-anchor="middle" { (label) }
            }
            @for (x, y) in &dots { circle class="dot" cx=(x) cy=(y) r="4" {} }
        }
    }
}

//! The names of the scenario that a student meets in questions and conditions, each explained.

use std::collections::BTreeSet;

use super::course::LessonFile;
use crate::scenario::lesson::{LessonStep, PredictionForm};

/// Returns the programs that the lesson's questions and conditions name, each with its explanation.
pub fn actors(lesson: &LessonFile) -> Vec<(String, String)> {
    let named = named(lesson);
    let mut found: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, explanation: String| {
        if named.contains(name) && !found.iter().any(|(known, _)| known == name) {
            found.push((name.to_owned(), explanation));
        }
    };
    for run in &lesson.file.scenario.runs {
        for client in &run.workload.clients {
            let name = client.name.to_string();
            add(
                &name,
                format!("a client program on the machine {}", client.node),
            );
        }
        for server in &run.workload.servers {
            let (node, port) = (&server.node, server.port);
            let name = server.name.to_string();
            add(
                &name,
                format!("a server program on the machine {node}, port {port}"),
            );
        }
    }
    found
}

/// Returns every word of the quantities, conditions and values that the lesson shows.
fn named(lesson: &LessonFile) -> BTreeSet<&str> {
    let mut texts: Vec<&str> = Vec::new();
    let mut words: BTreeSet<&str> = BTreeSet::new();
    for step in &lesson.lesson.steps {
        match step {
            LessonStep::Predict(prediction) => match &prediction.form {
                PredictionForm::Number { quantity, .. }
                | PredictionForm::Curve { quantity, .. } => {
                    texts.push(&quantity.text);
                }
                PredictionForm::Rises(counters) => {
                    texts.extend(counters.iter().map(|counter| counter.text.as_str()));
                }
                PredictionForm::Choice(_)
                | PredictionForm::Blanks { .. }
                | PredictionForm::Packets(_)
                | PredictionForm::Since { .. } => {}
            },
            LessonStep::Fix(fix) => {
                texts.extend(
                    fix.expect
                        .iter()
                        .map(|expectation| expectation.text.as_str()),
                );
                words.extend(
                    fix.start
                        .iter()
                        .flat_map(|value| &value.path)
                        .map(String::as_str),
                );
            }
            LessonStep::Say(_)
            | LessonStep::Why(_)
            | LessonStep::Run(_)
            | LessonStep::Reveal(_) => {}
        }
    }
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let pieces = texts
        .iter()
        .flat_map(|text| text.split(move |l| !letter(l)));
    words.extend(pieces);
    words
}

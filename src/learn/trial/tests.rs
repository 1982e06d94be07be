//! Tests of lessons on several kernels, with made-up results instead of runs.

use super::*;
use crate::fixtures::TimelineBuilder;
use crate::learn::{Guess, find, gap};
use crate::record::RunVerdict;

/// Results of the run that `since` of the lesson how-it-ends is about, with so many retries of the SYN.
fn results(lesson: &LessonFile, retries: i64) -> LessonResults {
    let mut runs = lesson.file.scenario.runs.iter();
    let spec = runs
        .find(|run| run.id.variant.as_deref() == Some("not-there"))
        .cloned()
        .unwrap();
    let timeline = TimelineBuilder::new()
        .counter("client.TcpExtTCPSynRetrans", &[(0, 0), (1100, retries)])
        .finished_at(2800);
    let verdict = RunVerdict {
        outcome: Outcome::Passed,
        reason: None,
        verdicts: Vec::new(),
    };
    let run = RunResult::new(spec, timeline, verdict, std::time::Duration::ZERO);
    LessonResults {
        runs: vec![(Some("not-there".to_owned()), run)],
        ..LessonResults::default()
    }
}

fn question<'l>(lesson: &'l LessonFile, name: &str) -> &'l Prediction {
    let all = lesson.lesson.predictions().into_iter();
    all.map(|(_, _, prediction)| prediction)
        .find(|prediction| prediction.name == name)
        .unwrap()
}

/// Returns the lesson for some kernels, and the results with so many retries on each.
fn on(retries: &[i64]) -> (LessonFile, LessonResults) {
    let names: Vec<String> = (1..=retries.len())
        .map(|number| format!("6.{number}"))
        .collect();
    let lesson = find("how-it-ends", &Default::default()).unwrap();
    let lesson = lesson.on_kernels(names.clone());
    let (newest, older) = retries.split_last().unwrap();
    let older = names.into_iter().zip(older);
    let mut all = results(&lesson, *newest);
    all.older = older
        .map(|(name, retries)| (name, results(&lesson, *retries)))
        .collect();
    (lesson, all)
}

#[test]
fn a_statement_became_false_on_the_first_kernel_where_it_does_not_hold() {
    for (retries, first, words) in [
        (&[2][..], 0, "It is false on 6.1."),
        (&[1], 1, "It is true on 6.1."),
        (&[2, 2], 0, "It is already false on 6.1."),
        (&[1, 2], 1, "It is true on 6.1, and false on 6.2."),
        (&[1, 1, 2], 2, "It is true on 6.2, and false on 6.3."),
        (&[1, 1], 2, "It is still true on 6.2."),
    ] {
        let (lesson, results) = on(retries);
        let since = question(&lesson, "since");
        let finding = results.answer(since).unwrap();
        assert_eq!(finding, Finding::Choice(first), "{retries:?}");
        assert_eq!(finding_words(since, &finding), [words]);
        assert!(gap(since, Some(&Guess::Choice(first)), &finding).is_right());
        assert!(!Guess::Choice(retries.len() + 1).fits(since));
    }
}

#[test]
fn a_statement_that_becomes_true_again_is_not_decided() {
    let (lesson, results) = on(&[2, 1]);
    let reason = results.answer(question(&lesson, "since")).unwrap_err();
    assert!(reason.contains("true on a newer one"), "{reason}");
}

#[test]
fn each_kernel_is_shown_with_its_own_answer() {
    let (lesson, results) = on(&[1, 2]);
    let shown = |name: &str| -> Vec<(String, String)> {
        let answers = results.by_kernel(question(&lesson, name), &lesson.kernels);
        answers
            .into_iter()
            .map(|answer| (answer.kernel, answer.text))
            .collect()
    };
    let pair = |kernel: &str, text: &str| (kernel.to_owned(), text.to_owned());
    assert_eq!(shown("retries"), [pair("6.1", "1"), pair("6.2", "2")]);
    assert_eq!(
        shown("since"),
        [
            pair("6.1", "true (client.TcpExtTCPSynRetrans = 1)"),
            pair("6.2", "false (client.TcpExtTCPSynRetrans = 2)"),
        ]
    );
    let (lesson, results) = on(&[2]);
    let one = results.by_kernel(question(&lesson, "retries"), &lesson.kernels);
    assert!(one.is_empty(), "one kernel needs no table");
}

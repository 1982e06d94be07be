//! Checks every shipped lesson as a student receives it.

use super::*;
use crate::learn::shipped_lessons;
use crate::scenario::lesson::LessonStep;

fn without_runs() -> GridRuns {
    GridRuns {
        own: Default::default(),
        cells: Vec::new(),
    }
}

#[test]
fn no_file_of_a_student_shows_an_explanation_in_plain_text() {
    let lessons = shipped_lessons();
    assert_eq!(lessons.len(), 10);
    let mut secrets = 0;
    for lesson in lessons {
        let files = [
            page(&lesson, &without_runs(), None),
            handout(&lesson, None),
            lesson.file.text.clone(),
        ];
        for step in &lesson.lesson.steps {
            let texts: Vec<&str> = match step {
                LessonStep::Reveal(text) => vec![text],
                LessonStep::Why(why) => why.answer.iter().map(String::as_str).collect(),
                LessonStep::Predict(prediction) => {
                    let options = prediction.form.options().into_iter();
                    options
                        .filter_map(|option| option.note.as_deref())
                        .collect()
                }
                _ => Vec::new(),
            };
            // The first words have no Markdown in any of the lessons.
            for text in texts {
                let words: Vec<&str> = text.split_whitespace().take(5).collect();
                let start = words.join(" ");
                secrets += 1;
                for file in &files {
                    assert!(!file.contains(&start), "{}: {start}", lesson.name());
                }
            }
        }
    }
    assert!(secrets > 40, "{secrets}");
}

#[test]
fn a_page_loads_nothing_and_stays_small() {
    for (index, lesson) in shipped_lessons().into_iter().enumerate() {
        // One code word is enough: deriving its key takes seconds without optimisation.
        let code = (index == 0).then_some("word");
        let page = page(&lesson, &without_runs(), code);
        assert!(page.len() < 200_000);
        assert!(
            !page.contains("src=") && !page.contains("href="),
            "{}",
            lesson.name()
        );
        assert_eq!(
            page.contains("\"key\":\""),
            code.is_none(),
            "a page with a code word has no key"
        );
    }
}

#[test]
fn every_student_gets_valid_numbers() {
    for lesson in shipped_lessons() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 1..=30 {
            let student = lesson.with_seed(seed);
            let student = student.unwrap_or_else(|problems| panic!("{seed}: {problems}"));
            seen.insert(student.file.set.clone());
        }
        let values: usize = lesson
            .lesson
            .vary
            .iter()
            .map(|knob| knob.values.len())
            .product();
        assert_eq!(seen.len(), values.min(30), "{}", lesson.name());
    }
}

#[test]
fn hidden_parts_leave_the_lines_and_the_meaning_of_a_scenario() {
    for lesson in shipped_lessons() {
        let (full, shown) = (lesson.full_text(), &lesson.file.text);
        assert_eq!(
            full.lines().count(),
            shown.lines().count(),
            "{}",
            lesson.name()
        );
        let again = crate::scenario::parse("a.yaml", shown, &Default::default());
        let again = again.unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(again.runs.len(), lesson.file.scenario.runs.len());
    }
}

//! Every setting of a lesson's knobs, each run once.

use std::collections::BTreeMap;

use super::course::LessonFile;
use super::numbers::Numbers;
use super::trial::{AllRuns, TrialSetup, run_lessons};
use crate::scenario::Problems;
use crate::scenario::lesson::Lesson;
use crate::suite::SuiteEvent;

/// The most settings of one page. A page must stay small, and somebody waits for the runs.
pub const MOST_CELLS: usize = 120;

/// One setting of the knobs, with its runs.
#[derive(Debug)]
pub struct GridCell {
    /// The values of the knobs.
    pub numbers: Numbers,
    /// The lesson with these values.
    pub lesson: LessonFile,
    /// The runs of its variants.
    pub runs: AllRuns,
}

/// The runs of a page: those of the lesson with the student's numbers, and those of the grid.
#[derive(Debug)]
pub struct GridRuns {
    /// The runs of the lesson itself.
    pub own: AllRuns,
    /// Every setting of the knobs.
    pub cells: Vec<GridCell>,
}

/// Returns every combination of the knobs' values.
pub fn combinations(lesson: &Lesson) -> Vec<Numbers> {
    let mut all = vec![BTreeMap::new()];
    for knob in &lesson.knobs {
        let longer = all.iter().flat_map(|numbers: &Numbers| {
            knob.values.iter().map(move |value| {
                let mut longer = numbers.clone();
                longer.insert(knob.param.clone(), value.clone());
                longer
            })
        });
        all = longer.collect();
    }
    if lesson.knobs.is_empty() {
        Vec::new()
    } else {
        all
    }
}

/// Runs the lesson and every setting of its knobs. Returns `None` if it was interrupted.
///
/// # Errors
/// Returns the problems of a setting for which the scenario is invalid.
pub async fn run_grid(
    lesson: &LessonFile,
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Result<Option<GridRuns>, Box<Problems>> {
    let mut lessons = vec![lesson.clone()];
    let combinations = combinations(&lesson.lesson);
    for numbers in &combinations {
        // The grid is run on the newest kernel alone.
        lessons.push(lesson.with_numbers(numbers)?.on_kernels(Vec::new()));
    }
    let Some(mut runs) = run_lessons(&lessons, setup, emit).await else {
        return Ok(None);
    };
    let cells = runs.split_off(1);
    let Some(own) = runs.pop() else {
        return Ok(None);
    };
    let cells = combinations
        .into_iter()
        .zip(lessons.into_iter().skip(1))
        .zip(cells);
    Ok(Some(GridRuns {
        own,
        cells: cells
            .map(|((numbers, lesson), runs)| GridCell {
                numbers,
                lesson,
                runs,
            })
            .collect(),
    }))
}

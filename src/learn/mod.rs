//! Lessons that ask before they show: predictions, the runs that answer them, and the gap between both.
//!
//! A lesson is the `learn:` of a scenario. It contains no answers: `finding` reads them from the record of a run, so
//! the kernel decides. `gap` compares a guess with a finding. Not here: prompts (`cli`).

mod actors;
mod check;
mod course;
mod finding;
mod gap;
mod grade;
mod grid;
mod guess;
mod numbers;
pub mod page;
mod progress;
mod recorded;
mod scorecard;
mod seal;
mod trial;

pub use actors::actors;
pub use check::{AuthorCheck, check_lesson};
pub use course::{CourseError, LessonFile, find, shipped_lessons};
pub use finding::{Finding, find_answer, finding_words};
pub use gap::{Gap, gap};
pub use grade::{AnswerSheet, Grade, GradeRow, SheetError, grade, read_sheets};
pub use grid::{GridCell, GridRuns, MOST_CELLS, combinations, run_grid};
pub use guess::{Guess, GuessError, example};
pub use numbers::{Numbers, numbers_for};
pub use progress::{AllProgress, LessonProgress, ProgressError, ProgressFile};
pub use scorecard::{csv, junit};
pub use trial::{
    AllRuns, KernelAnswer, LessonResults, OlderKernel, TrialSetup, run_fix, run_lessons,
    run_variants,
};

//! Lessons that ask before they show: predictions, the runs that answer them, and the gap between both.
//!
//! A lesson is the `learn:` of a scenario. It contains no answers: `finding` reads them from the record of a run, so
//! the kernel decides. `gap` compares a guess with a finding. Not here: prompts (`cli`).

mod course;
mod finding;
mod gap;
mod guess;
mod numbers;
mod progress;
mod trial;

pub use course::{CourseError, LessonFile, find, shipped_lessons};
pub use finding::{Finding, find_answer};
pub use gap::{Gap, compare_curve, gap};
pub use guess::{Guess, GuessError, example};
pub use numbers::{Numbers, numbers_for};
pub use progress::{AllProgress, LessonProgress, ProgressError, ProgressFile};
pub use trial::{LessonResults, TrialSetup, run_fix, run_variants};

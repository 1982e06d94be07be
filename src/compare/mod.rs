//! One run of a scenario with several sets of settings: what is different, how certain that is, and whether it is better.
//!
//! The way: [`Question`] makes a run for each set ([`Side`]), [`run`](fn@run) runs them in turn, round by round, and
//! [`Comparison`] makes an [`Effect`] of each metric and one [`Conclusion`] of them all. All but `run` is pure. Not here: how it
//! looks (`report::compare`).

mod comparison;
mod effect;
mod metric;
mod noise;
mod records;
mod setting;
mod side;
mod student;
mod trial;

pub use comparison::{Comparison, Conclusion, FEWEST_RUNS};
pub use effect::{Effect, EffectKind, Sample};
pub use metric::{Better, Rank};
pub use records::{
    DiffError, EnvironmentChange, LoadChange, MetricChange, MetricValue, Pair, RunDiff, SuiteDiff,
    SysctlChange, VerdictChange,
};
pub use setting::{SetOption, SettingError};
pub use side::{Question, QuestionError, Side};
pub use trial::{Effort, Trial, Tried, run, run_together};

//! Compares one run of a scenario under several sets of settings, or two recordings of it.
//!
//! [`Question`] makes a run for each set ([`Side`]), [`run`](fn@run) runs them in turn, round by round, and
//! [`Comparison`] makes an [`Effect`] of each metric and one [`Conclusion`] of them all. [`SuiteDiff`] compares single
//! recordings. Everything except `run` is pure. Rendering is the job of `report::compare` and `report::diff`.

mod all_failed;
mod bisection;
mod comparison;
mod effect;
mod metric;
mod noise;
mod records;
mod setting;
mod side;
mod student;
mod trial;
mod usable;

pub(crate) use all_failed::without_work;
pub use bisection::{BisectFinding, Bisection};
pub use comparison::{Comparison, Conclusion, FEWEST_RUNS};
pub use effect::{Effect, EffectKind, Sample};
pub use metric::{Better, Rank};
pub use records::{
    DiffError, EnvironmentChange, LoadChange, MetricChange, MetricValue, Pair, RunDiff, SuiteDiff,
    SysctlChange, VerdictChange,
};
pub use setting::{SetOption, SettingError};
pub use side::{Question, QuestionError, Side};
pub(crate) use trial::undisturbed;
pub use trial::{SideRuns, Trial, TrialOptions, run, run_together};

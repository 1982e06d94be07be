//! What a sysctl file would do on this kernel: each line looked up, tried, and run with and without.
//!
//! The way: [`merge`](fn@merge) reads files as sysctl(8) does, [`KeyFacts`] holds what this kernel says of each key (asked by
//! `lab::inquiry`), [`plan`](fn@plan) finds the scenarios that show a line's effect, [`run`](fn@run) runs them by `compare`, and
//! [`Advice`] is what there is to say. All but `run` is pure. Nothing is said of a line that was not looked up or observed.

mod advice;
mod assess;
mod facts;
mod history;
mod merge;
mod name;
mod plan;
mod running;
mod text;
mod trial;

pub use advice::{Advice, Experiment, LineAdvice, Ruling};
pub use assess::{assess, assigned};
pub use facts::{KeyFacts, Whose, to_try};
pub use history::{Fate, Past, past};
pub use merge::{Entry, LinePlace, Meaning, Source, merge};
pub use name::{Name, NameError};
pub use plan::{Assigned, Planned, TooShort, exercised, plan, too_short};
pub use running::running;
pub use text::{Line, LineError, Said, read};
pub use trial::{Bounds, Progress, Ran, Ready, ReadyError, run};

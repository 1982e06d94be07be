//! Intent: what should happen. Pure: no files, no clocks, no environment, no kernel.
//!
//! From text to runs: [`parse`](fn@parse) reads YAML into a tree that keeps every position (`yaml`, `node`).
//! It finds the runs that the tree describes, and overlays each variant on it (`cases`, `overlay`, `params`).
//! It reads each run's tree into a document, as written (`decode`, `document`), and resolves the document
//! into a run (`resolve`, `expectation`, `addressing`). Every stage collects problems, so that all problems
//! of a file are reported at once ([`Problems`]).

pub mod exercise;
pub mod expr;
pub mod fault;
pub mod firewall;
pub mod lesson;
pub mod misspelt;
mod model;
pub mod topology;
pub mod workload;

mod addressing;
mod bounds;
mod brackets;
mod cases;
mod decode;
mod difference;
mod document;
mod examples;
mod expectation;
mod fix;
mod forms;
mod learn;
mod moment;
mod nat;
pub(crate) mod network_text;
mod network_words;
mod node;
mod other_keys;
mod overlay;
mod params;
mod parse;
mod place;
pub(crate) mod port_range;
mod problem;
mod resolve;
mod scale;
#[cfg(feature = "program")]
mod schema;
#[cfg(feature = "program")]
mod schema_settings;
mod span;
mod spoilers;
mod suggest;
mod yaml;
mod yaml_advice;
mod yaml_text;

/// Returns the names of all socket options that servers and clients can set.
#[cfg(test)]
pub(crate) fn option_names() -> impl Iterator<Item = &'static str> {
    document::OPTIONS.iter().map(|(name, _)| *name)
}

pub(crate) use bounds::MAX_BYTES as MAX_FILE_BYTES;
pub use difference::{Difference, differences};
pub use exercise::{CurveRule, Exercise, TradeOff, TriedValues};
pub use fix::{fix_file, fix_values, fixed_run};
pub use model::{Requires, RunId, RunSpec, Scenario, Truth, VersionBound};
pub use moment::Moment;
pub use parse::parse;
pub(crate) use parse::parse_beside_code;
pub use place::Place;
pub use problem::{OtherPlace, Problem, Problems};
pub(crate) use resolve::sysctl::wrong_setting;
pub use scale::{ScaledScenario, scale};
#[cfg(feature = "program")]
pub use schema::schema;
pub use spoilers::without_spoilers;
pub(crate) use suggest::nearest;

//! Intent: what should happen. Pure: no files, no clocks, no environment, no kernel.
//!
//! A file's way: [`parse`](fn@parse) reads YAML into a tree that keeps every place (`yaml`, `node`), finds the runs that
//! the tree describes and lays each variant over it (`cases`, `overlay`, `params`), reads each run's tree into a
//! document as written (`decode`, `document`), and resolves that into a run as meant (`resolve`, `expectation`,
//! `addressing`). On every stage problems are collected, so that all of a file's are told at once ([`Problems`]).

pub mod expr;
pub mod fault;
pub mod model;
pub mod topology;
pub mod workload;

mod addressing;
mod bounds;
mod cases;
mod decode;
mod difference;
mod document;
mod expectation;
mod node;
mod overlay;
mod params;
mod parse;
mod place;
mod problem;
mod resolve;
mod schema;
mod span;
mod suggest;
mod yaml;

pub use difference::{Difference, differences};
pub use model::{Exercise, Requires, RunId, RunSpec, Scenario, Truth, VersionBound};
pub use parse::parse;
pub use place::Place;
pub use problem::{OtherPlace, Problem, Problems};
pub use schema::schema;
pub(crate) use suggest::nearest;

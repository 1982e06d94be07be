//! A reproducible network-namespace test lab.
//!
//! > A **scenario** says what should happen. A **lab** is where it happens. A **record** is what happened.
//!
//! Everything else is a verb between these nouns: [`lab`] builds, [`traffic`] drives, [`probe`] watches,
//! [`expect`] judges, [`report`] presents. The two ends are plain data and need no privileges; only the
//! middle touches the kernel.
//!
//! * [`scenario`]: the intent, from YAML text to resolved runs; it does no I/O.
//! * [`record`]: the evidence, from events to a timeline; it does not depend on `scenario`.
//! * [`sys`]: Linux without opinions; all `unsafe`, all netlink, all `/proc` paths.
//! * [`lab`], [`traffic`], [`probe`]: the namespaces, the actors in them, and the observers.
//! * [`expect`]: a function of a scenario's expectations and a record.
//! * `metrics`: the registry of everything that can be measured.
//! * [`ladder`]: the packets of one connection, from a capture, with the likely reason for each loss.
//! * [`run`]: one scenario, once, from an empty machine to everything observed.
//! * [`backend`]: the place where that process runs. [`suite`]: many runs, and recorded runs read again.
//! * [`compare`]: one run with several sets of settings, to find the best, and the certainty of the result.
//! * [`advise`]: the effect of a sysctl file on this machine, line by line: looked up, tried, and run by `compare`.
//! * [`learn`]: lessons that ask for a prediction before they show what happened.
//! * [`report`]: a function of results. [`cli`]: the only module that prints or exits.
//! * [`testbed`]: all of this for other projects' tests: a lab within a `#[test]`, with or without root.
//!
//! Imports point one way; `tests/rootless/architecture.rs` holds the code to the table. Only what the user
//! asked for gets a name on disk, no thread changes its namespace after it starts, and only
//! `record::RunClock` gives a run's time.
//!
//! The feature `program` (on by default) has everything from `backend` up. Without it, the library is what a testbed
//! needs, with far fewer dependencies.
//!
//! Start with [`run::run`], [`scenario::RunSpec`], [`record::Event`], [`lab::plan()`], [`sys::NetNs`].

#![cfg_attr(
    not(feature = "program"),
    expect(
        dead_code,
        unused_imports,
        unused_variables,
        reason = "some of it is only used by the program"
    )
)]

/// The crate itself has the names of `schemars` that are used without it.
#[cfg(not(feature = "program"))]
extern crate self as schemars;
#[cfg(not(feature = "program"))]
pub(crate) use no_schema::{JsonSchema, Schema, SchemaGenerator, json_schema};

#[cfg(feature = "program")]
pub mod advise;
#[cfg(feature = "program")]
pub mod backend;
#[cfg(feature = "program")]
pub mod bench;
pub mod causes;
#[cfg(feature = "program")]
pub mod cli;
#[cfg(feature = "program")]
pub mod compare;
pub mod expect;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
#[cfg(all(feature = "program", any(test, feature = "fixtures")))]
pub mod fuzzing;
pub(crate) mod input_file;
pub mod lab;
#[cfg(feature = "program")]
pub mod ladder;
#[cfg(feature = "program")]
pub mod learn;
pub(crate) mod metrics;
pub mod names;
#[cfg(not(feature = "program"))]
mod no_schema;
pub mod probe;
pub(crate) mod random;
pub mod record;
#[cfg(feature = "program")]
pub mod report;
pub mod run;
pub mod scenario;
#[cfg(feature = "program")]
pub mod suite;
pub mod sys;
pub mod sysctls;
pub mod tcp;
pub mod testbed;
pub mod traffic;
pub mod units;
pub(crate) mod unnamed_file;
#[cfg(feature = "program")]
pub(crate) mod user_folders;

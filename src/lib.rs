//! A reproducible network-namespace test lab.
//!
//! > A **scenario** says what should happen. A **lab** is where it happens. A **record** is what happened.
//!
//! Everything else is a verb between these nouns: [`lab`] builds, [`traffic`] drives, [`probe`] watches, [`expect`] judges,
//! [`report`] tells. The two ends are plain data and need no privileges; only the middle touches the kernel.
//!
//! * [`scenario`]: intent, from YAML text to resolved runs; does no I/O.
//! * [`record`]: evidence, from events to a timeline; knows no scenario.
//! * [`sys`]: Linux without opinions; all `unsafe`, all netlink, all `/proc` paths.
//! * [`lab`], [`traffic`], [`probe`]: namespaces, who acts in them, who watches.
//! * [`expect`]: a function of a scenario's expectations and a record. [`ladder`]: the packets of one connection, from a
//!   capture, with the likely reason for each loss.
//! * [`run`]: one scenario, once; the story from an empty machine to everything observed.
//! * [`backend`]: where that process runs. [`suite`]: many runs, and records read again.
//! * [`compare`]: one run with several sets of settings; which is better, and how certain that is.
//! * [`advise`]: what a sysctl file would do here, line by line; looked up, tried, and run by `compare`.
//! * [`report`]: a function of results. [`cli`]: the only place that prints or exits.
//! * [`testbed`]: all of this for other people's tests: a lab within a `#[test]`, with or without root.
//!
//! Arrows point one way; `tests/rootless/architecture.rs` holds the code to the table. Nothing is named on disk but what the
//! user asked for, no thread changes namespace after it starts, and only `record::RunClock` gives a run's time.
//!
//! Where to start: [`run::run`], [`scenario::RunSpec`], [`record::Event`], [`lab::plan()`], [`sys::NetNs`].

pub mod advise;
pub mod backend;
pub mod causes;
pub mod cli;
pub mod compare;
pub mod expect;
pub mod lab;
pub mod ladder;
pub mod names;
pub mod probe;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod suite;
pub mod sys;
pub mod sysctls;
pub mod testbed;
pub mod traffic;
pub mod units;

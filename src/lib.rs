//! A reproducible network-namespace test lab.
//!
//! > A **scenario** says what should happen. A **lab** is where it happens. A **record** is what happened.
//!
//! Everything else is a verb between these nouns: [`lab`] builds, [`traffic`] drives, [`probe`] watches,
//! [`expect`] judges, [`report`] tells.

pub mod backend;
pub mod cli;
pub mod expect;
pub mod lab;
pub mod names;
pub mod probe;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod suite;
pub mod sys;
pub mod traffic;
pub mod units;

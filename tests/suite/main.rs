//! Tests of suites of scripted runs: scheduling, timeouts, retries, records and shards, without a kernel.
//!
//! When called as `worker`, this program plays the worker of a run, as the run's parameters say.

#![expect(clippy::unwrap_used, reason = "a test that cannot look fails")]

mod again;
mod budget;
mod ending;
mod kept;
mod shards;
mod worker;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return worker::main();
    }
    let trials: Vec<Trial> = [
        again::trials(),
        budget::trials(),
        ending::trials(),
        kept::trials(),
        shards::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

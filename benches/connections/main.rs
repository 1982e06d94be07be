//! Measures connections per second and their cost for the client, next to `ab`, `wrk` and `oha`:
//! `cargo bench --bench connections`.
//!
//! All take turns in one run, in one lab, against the same nginx (Debian: `apt install nginx-light`; without
//! it, the built-in server). Clients have one processor and the server has another. Processor time is that of
//! the whole process, including its start, as the kernel counts it (getrusage(2)). Most of it is the kernel's.
//! Work that the kernel does for the server in the client's context, while it delivers a packet, is part of it,
//! for all alike. `neper` and `tcpkali` are not in Debian and not measured.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../support/bench.rs"]
mod bench;
mod contestants;
#[path = "../support/figures.rs"]
mod figures;
mod floods;
mod floor;
#[path = "../support/live_lab.rs"]
mod live_lab;
mod loops;
#[path = "../support/memory.rs"]
mod memory;
mod peers;
#[path = "../support/processor.rs"]
mod processor;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/series.rs"]
mod series;
#[path = "../support/table.rs"]
mod table;

use std::process::ExitCode;

use bench::{bench, option};
use contestants::Contestants;

fn main() -> ExitCode {
    // The lab runs actors of a bounded node in a process of their own, which is this program again.
    if std::env::args().nth(1).as_deref() == Some("agent") {
        return nslab::cli::main();
    }
    bench("Connections", || {
        let rounds = option("--rounds", 9);
        let requests = option("--requests", 40_000);
        let contestants = Contestants::start(requests)?;
        loops::measure(&contestants, rounds, requests)?;
        floods::measure(&contestants, rounds, requests)
    })
}

//! Connections a second and what each costs the client, beside `ab`, `wrk` and `oha`: `cargo bench --bench connections`.
//!
//! All take turns in one run, in one lab, against the same nginx (Debian: `apt install nginx-light`; the built-in server where it is
//! not installed). Clients have one processor and the server has another. Processor time is that of the whole process, its start
//! included, as the kernel counts it (getrusage(2)). Most of it is the kernel's; what the kernel does for the server in the client's
//! place, while it delivers a packet, is part of it, for all alike. `neper` and `tcpkali` are not in Debian and not measured here.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../support/bench.rs"]
mod bench;
mod cast;
#[path = "../support/figures.rs"]
mod figures;
mod floods;
mod loops;
#[path = "../support/memory.rs"]
mod memory;
mod peers;
#[path = "../support/processor.rs"]
mod processor;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/stage.rs"]
mod stage;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/told.rs"]
mod told;

use std::process::ExitCode;

use bench::{bench, option};
use cast::Cast;

fn main() -> ExitCode {
    // The lab runs actors of a bounded node in a process of their own: this program again.
    if std::env::args().nth(1).as_deref() == Some("agent") {
        return nslab::cli::main();
    }
    bench("Connections", || {
        let rounds = option("--rounds", 9);
        let requests = option("--requests", 40_000);
        let cast = Cast::gather(requests)?;
        loops::measure(&cast, rounds)?;
        floods::measure(&cast, rounds, requests)
    })
}

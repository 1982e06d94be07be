//! Holds many connections in one process: `cargo bench --bench hold`, or `-- --pairs 1000000` with 8 GB to spare.
//!
//! ```text
//! client ---- server     both ends of each connection are in this process, whatever its limit of descriptors
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/kernel_memory.rs"]
mod kernel_memory;
#[path = "support/live_lab.rs"]
mod live_lab;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/script.rs"]
mod script;
#[path = "support/series.rs"]
mod series;
#[path = "support/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nslab::record::RunClock;

use bench::{Measured, bench, option};
use live_lab::{LEAD, LiveLab};

const SCENARIO: &str = "
nodes:
  client: { sysctls: { net.ipv4.ip_local_port_range: 1024 65535 } }
  server: { sysctls: { net.core.somaxconn: 65535 } }
links:
  - between: [client, server]
servers:
  web: { node: server, port: 80, backlog: 65535 }
clients:
  load: { node: client, to: web, sources: SOURCES, connect: { rate: RATE/s, count: PAIRS, timeout: 30s, close: hold } }
";

/// Connections from one address: fewer than half of its ports, so that the kernel's search for a free one stays short.
const A_SOURCE: u64 = 25_000;
/// The interval at which the number of connections is checked.
const LOOK: Duration = Duration::from_millis(2);
/// The targets are for a million pairs; a smaller number has a proportional target.
const TARGET_PAIRS: f64 = 1_000_000.0;
const TARGET_SECONDS: f64 = 45.0;
const TARGET_BYTES: f64 = 8.5 * 1024.0;

fn main() -> ExitCode {
    bench("Held connections", || {
        let pairs = option("--pairs", 100_000);
        let rate = option("--rate", 50_000);
        hold(pairs, rate)
    })
}

fn hold(pairs: u64, rate: u64) -> Measured {
    let scenario = SCENARIO
        .replace("SOURCES", &pairs.div_ceil(A_SOURCE).to_string())
        .replace("PAIRS", &pairs.to_string())
        .replace("RATE", &rate.to_string());
    let live_lab = LiveLab::build(&scenario)?;
    let before = kernel_memory::slab()?;
    let clock = RunClock::starting_in(LEAD);
    let running = live_lab.start(&["web", "load"], clock)?;
    while !running.has_ended() {
        std::thread::sleep(LOOK);
    }
    let took = clock.now().as_secs_f64();
    let memory = (kernel_memory::slab()? - before) / pairs as f64;
    let closing = Instant::now();
    let record = running.stop()?;
    let closed = closing.elapsed();
    let timeline = record.timeline()?;
    let load = timeline.loads.first().ok_or("no load was reported")?;
    let (established, failed) = (
        series::last(&timeline, "load.established"),
        series::last(&timeline, "load.failed"),
    );
    let target = TARGET_SECONDS * pairs as f64 / TARGET_PAIRS;
    println!("{pairs} pairs asked for at {rate}/s.\n");
    table::print(
        &["what", "target", "measured", ""],
        &[
            table::figure(
                "time",
                Some((&format!("<= {target:.1} s"), took <= target)),
                format!("{took:.2} s"),
            ),
            table::figure(
                "kernel memory a pair",
                Some(("<= 8.5 KiB", memory <= TARGET_BYTES)),
                format!("{:.2} KiB", memory / 1024.0),
            ),
            table::figure(
                "established",
                Some(("all", established == pairs as f64)),
                format!("{established:.0}, {failed:.0} failed"),
            ),
            table::figure(
                "established a second",
                None,
                format!("{:.0}", established / took),
            ),
            table::figure(
                "client processor a connection",
                None,
                format!("{:.1} us", load.cpu as f64 / 1e3 / pairs as f64),
            ),
            table::figure(
                "closing all",
                None,
                format!("{:.2} s", closed.as_secs_f64()),
            ),
        ],
    );
    Ok(())
}

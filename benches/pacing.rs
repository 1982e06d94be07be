//! Measures how exactly connections start on schedule, on an idle and on a busy machine: `cargo bench --bench pacing`.
//!
//! Each measurement is a whole run, probes included, of one client that connects and resets at a rate. The
//! floor is a thread that does nothing at the same rate: it sleeps until each absolute moment
//! (clock_nanosleep(2), with `SCHED_FIFO` like the client if that is permitted), so it shows what this machine
//! can give any program at the moment.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/script.rs"]
mod script;
#[path = "support/series.rs"]
mod series;
#[path = "support/table.rs"]
mod table;
#[path = "support/whole.rs"]
mod whole;

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use nslab::sys::sched;

use bench::{Measured, bench, option};
use figures::{Figures, quantile};

const SCENARIO: &str = "
nodes:
  client: {}
  server: {}
links:
  - between: [client, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
clients:
  load: { node: client, to: web, connect: { rate: RATE/s, for: 3s, timeout: 1s, close: reset } }
";

const RATES: [u32; 4] = [100, 1_000, 5_000, 20_000];
/// The duration of the floor at each rate.
const FLOOR: Duration = Duration::from_secs(1);
/// A busy program ends by itself after this time, whatever happens to the benchmark.
const LONGEST_SPIN: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("spin") {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_SPIN {
            std::hint::spin_loop();
        }
        return ExitCode::SUCCESS;
    }
    bench("Pacing", || {
        let mut figures = Figures::default();
        let rounds = option("--rounds", 5);
        for _ in 0..rounds {
            for machine in MACHINES {
                for rate in RATES {
                    let busy = Busy::start(machine == BUSY)?;
                    measure(&mut figures, machine, rate)?;
                    drop(busy);
                }
            }
        }
        let seconds = option("--seconds", 60);
        minute(&mut figures, seconds)?;
        show(&figures, rounds, seconds);
        Ok(())
    })
}

const QUIET: &str = "as it is";
const BUSY: &str = "busy";
const MACHINES: [&str; 2] = [QUIET, BUSY];

fn measure(figures: &mut Figures, machine: &str, rate: u32) -> Measured {
    let mut add = |what: &str, value: f64| figures.add(&key(machine, rate, what), value);
    let floor = std::thread::spawn(move || floor(rate));
    let floor = floor.join().map_err(|_| "the floor's thread panicked")??;
    add("floor p50", quantile(&floor, 0.5));
    add("floor p99", quantile(&floor, 0.99));
    let timeline = whole::run(&SCENARIO.replace("RATE", &rate.to_string()))?;
    let load = timeline.loads.first().ok_or("no load was reported")?;
    add("achieved", load.achieved_rate / load.offered_rate);
    add("p50", load.late_p50 as f64 / 1e3);
    add("p99", load.late_p99 as f64 / 1e3);
    add("max", load.late_max as f64 / 1e3);
    add("not started", (load.scheduled - load.started) as f64);
    add("failed", series::last(&timeline, "load.failed"));
    Ok(())
}

/// Measures one long run on the machine as it is.
fn minute(figures: &mut Figures, seconds: u64) -> Measured {
    let scenario = SCENARIO.replace("RATE", "1000");
    let timeline = whole::run(&scenario.replace("for: 3s", &format!("for: {seconds}s")))?;
    let load = timeline.loads.first().ok_or("no load was reported")?;
    figures.add(MINUTE, load.late_max as f64 / 1e3);
    Ok(())
}

const MINUTE: &str = "the worst of a long run";

fn key(machine: &str, rate: u32, what: &str) -> String {
    format!("{machine} {rate} {what}")
}

fn show(figures: &Figures, rounds: u64, seconds: u64) {
    println!(
        "Lateness in us; medians of {rounds} rounds; \"busy\": a program that only spins beside it on each processor.\n"
    );
    let mut rows = Vec::new();
    for machine in MACHINES {
        for rate in RATES {
            let median = |what: &str| figures.median(&key(machine, rate, what));
            rows.push(vec![
                machine.to_owned(),
                format!("{rate}/s"),
                format!("{:.4}", median("achieved")),
                format!(
                    "{:.0} / {:.0} / {:.0}",
                    median("p50"),
                    median("p99"),
                    median("max")
                ),
                format!("{:.0} / {:.0}", median("floor p50"), median("floor p99")),
                figures
                    .ratio(&key(machine, rate, "p99"), &key(machine, rate, "floor p99"))
                    .to_string(),
                format!("{:.0}", median("not started") + median("failed")),
            ]);
        }
    }
    table::print(
        &[
            "machine",
            "rate",
            "achieved / offered",
            "late p50 / p99 / max",
            "floor p50 / p99",
            "p99 to the floor's",
            "not made",
        ],
        &rows,
    );
    println!();
    let all = MACHINES
        .iter()
        .flat_map(|machine| RATES.map(|rate| (machine, rate)));
    let off = |(machine, rate): (&&str, u32)| {
        (figures.median(&key(machine, rate, "achieved")) - 1.0).abs()
    };
    let worst = all.map(off).fold(0.0, f64::max);
    let mut rows = vec![table::figure(
        "achieved rate, the worst of all",
        Some(("within 0.1 %", worst <= 0.001)),
        format!("{:.3} % off", worst * 100.0),
    )];
    for rate in [5_000, 20_000] {
        for machine in MACHINES {
            let p99 = figures.median(&key(machine, rate, "p99"));
            let what = format!("p99 at {rate}/s, {machine}");
            rows.push(table::figure(
                &what,
                Some(("<= 100 us", p99 <= 100.0)),
                format!("{p99:.0} us"),
            ));
        }
    }
    let worst = figures.median(MINUTE);
    let what = format!("the worst of {seconds} s at 1,000/s");
    rows.push(table::figure(
        &what,
        Some(("<= 2000 us", worst <= 2_000.0)),
        format!("{worst:.0} us"),
    ));
    table::print(&["what", "target", "measured", ""], &rows);
}

/// Returns the delays, in microseconds, with which a thread wakes that does nothing else.
fn floor(rate: u32) -> nix::Result<Vec<f64>> {
    let _ordinary_where_not_permitted = sched::run_before_others();
    let clock = ClockId::CLOCK_MONOTONIC;
    let now = || clock_gettime(clock).map(Duration::from);
    let begun = now()?;
    let count = (f64::from(rate) * FLOOR.as_secs_f64()) as u32;
    let mut late = Vec::with_capacity(count as usize);
    for index in 0..count {
        let moment = begun + Duration::from_secs(1) * index / rate;
        clock_nanosleep(
            clock,
            ClockNanosleepFlags::TIMER_ABSTIME,
            &TimeSpec::from(moment),
        )?;
        late.push(now()?.saturating_sub(moment).as_secs_f64() * 1e6);
    }
    Ok(late)
}

/// Programs that spin, one per processor. They are killed on drop.
struct Busy(Vec<Child>);

impl Busy {
    fn start(wanted: bool) -> Measured<Self> {
        let processors = std::thread::available_parallelism()?.get();
        let mut busy = Self(Vec::new());
        for _ in 0..if wanted { processors } else { 0 } {
            let mut spin = Command::new(std::env::current_exe()?);
            busy.0.push(spin.arg("spin").stdin(Stdio::null()).spawn()?);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ended_already = child.kill();
            let _reaped = child.wait();
        }
    }
}

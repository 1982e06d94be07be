//! Measures the cost of a connection while local ports are used up, to the last one: `cargo bench --bench ports`.
//!
//! ```text
//! client ---- server     the client closes first, so each port is taken for the minute of TIME_WAIT
//! ```
//!
//! The cost is the processor time of the client's thread (`/proc/self/task/N/schedstat`), read every 10 ms and
//! divided by the attempts that had started by then. All 64,512 unprivileged ports are taken in turn (`port:
//! sequential`). For contrast, the kernel chooses from a smaller range.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/live_lab.rs"]
mod live_lab;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/script.rs"]
mod script;
#[path = "support/series.rs"]
mod series;
#[path = "support/settle.rs"]
mod settle;
#[path = "support/table.rs"]
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nslab::record::{Offset, RunClock, Timeline};

use bench::{Measured, bench, option};
use figures::Figures;
use live_lab::{LEAD, LiveLab};

const SCENARIO: &str = r#"
nodes:
  client:
    sysctls:
      net.ipv4.ip_local_port_range: FIRST LAST
      net.ipv4.tcp_tw_reuse: 0
      # A stray RST does not end TIME_WAIT before its time.
      net.ipv4.tcp_rfc1337: 1
  server: {}
links:
  - between: [client, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
clients:
  load: { node: client, to: web, port: CHOICE, connect: { rate: RATE/s, count: COUNT, timeout: 5s, close: client } }
"#;

/// The interval at which the client's processor time is read.
const LOOK: Duration = Duration::from_millis(10);
/// More attempts than there are ports.
const BEYOND: u32 = 500;

struct Case {
    name: &'static str,
    choice: &'static str,
    first: u16,
    last: u16,
    rate: u32,
}

const CASES: [Case; 3] = [
    Case {
        name: "in turn, 5,000/s",
        choice: "sequential",
        first: 1024,
        last: 65_535,
        rate: 5_000,
    },
    Case {
        name: IN_TURN,
        choice: "sequential",
        first: 1024,
        last: 65_535,
        rate: 20_000,
    },
    Case {
        name: "by the kernel, 2,000/s",
        choice: "kernel",
        first: 20_000,
        last: 28_191,
        rate: 2_000,
    },
];
const IN_TURN: &str = "in turn, 20,000/s";

impl Case {
    fn ports(&self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

fn main() -> ExitCode {
    bench("Ports used up", || {
        let mut figures = Figures::default();
        let rounds = option("--rounds", 3);
        let before = settle::namespaces();
        for _ in 0..rounds {
            for case in &CASES {
                measure(&mut figures, case)?;
                settle::until(before);
            }
        }
        show(&figures, rounds);
        Ok(())
    })
}

fn measure(figures: &mut Figures, case: &Case) -> Measured {
    let scenario = SCENARIO
        .replace("FIRST", &case.first.to_string())
        .replace("LAST", &case.last.to_string())
        .replace("CHOICE", case.choice)
        .replace("RATE", &case.rate.to_string())
        .replace("COUNT", &(case.ports() + BEYOND).to_string());
    let live_lab = LiveLab::build(&scenario)?;
    let clock = RunClock::starting_in(LEAD);
    let running = live_lab.start(&["web", "load"], clock)?;
    let mut spent = Vec::new();
    let mut thread = None;
    while !running.has_ended() {
        if thread.is_none() {
            thread = thread_named("client")?;
        }
        if let Some(cost) = thread.as_deref().and_then(processor_time) {
            spent.push((clock.now(), cost));
        }
        std::thread::sleep(LOOK);
    }
    let timeline = running.stop()?.timeline()?;
    let load = timeline.loads.first().ok_or("no load was reported")?;
    let mut add = |what: &str, value: f64| figures.add(&format!("{} {what}", case.name), value);
    let tenth = f64::from(case.ports()) / 10.0;
    add("first", cost_of(&timeline, &spent, 0.0, tenth));
    add(
        "last",
        cost_of(&timeline, &spent, 9.0 * tenth, 10.0 * tenth),
    );
    add("late p99", load.late_p99 as f64 / 1e3);
    add("achieved", load.achieved_rate / load.offered_rate);
    add("established", series::last(&timeline, "load.established"));
    let refused = series::last(&timeline, "load.errors.EADDRNOTAVAIL");
    add("refused", refused);
    add("other", series::last(&timeline, "load.failed") - refused);
    Ok(())
}

/// Returns the processor time per attempt, in microseconds, between two counts of attempts.
fn cost_of(timeline: &Timeline, spent: &[(Offset, f64)], from: f64, to: f64) -> f64 {
    let series = timeline.series("load.attempted");
    let changes = series.map_or(&[][..], |series| &series.changes);
    let starts: Vec<(f64, f64)> = changes
        .iter()
        .map(|(t, count)| (*count as f64, t.as_secs_f64()))
        .collect();
    let costs: Vec<(f64, f64)> = spent
        .iter()
        .map(|(t, cost)| (t.as_secs_f64(), *cost))
        .collect();
    let cost_at = |count| between(&costs, between(&starts, count));
    (cost_at(to) - cost_at(from)) / (to - from) * 1e6
}

/// Returns the value at `x` of the line through points in ascending order.
fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at < x);
    let (Some(left), Some(right)) = (points.get(after.saturating_sub(1)), points.get(after)) else {
        return points.last().map_or(f64::NAN, |(_, value)| *value);
    };
    if right.0 == left.0 {
        return right.1;
    }
    left.1 + (right.1 - left.1) * (x - left.0) / (right.0 - left.0)
}

/// Returns the folder of the thread with this name (proc_pid_task(5)).
fn thread_named(name: &str) -> std::io::Result<Option<PathBuf>> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let folder = task?.path();
        let comm = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        if comm.trim_end() == name {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Returns how many seconds a thread has run: the first number of `schedstat` (Linux
/// `Documentation/scheduler/sched-stats.rst`).
fn processor_time(thread: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn show(figures: &Figures, rounds: u64) {
    println!("Processor time of the client for a connect, us; medians of {rounds} rounds.\n");
    let mut rows = Vec::new();
    for case in &CASES {
        let median = |what: &str| figures.median(&format!("{} {what}", case.name));
        let name = |what: &str| format!("{} {what}", case.name);
        rows.push(vec![
            case.name.to_owned(),
            case.ports().to_string(),
            format!("{:.1}", median("first")),
            format!("{:.1}", median("last")),
            figures.ratio(&name("last"), &name("first")).to_string(),
            format!("{:.4}", median("achieved")),
            format!("{:.0}", median("late p99")),
            format!("{:.0} + {:.0}", median("established"), median("refused")),
            format!("{:.0}", median("other")),
        ]);
    }
    table::print(
        &[
            "ports",
            "there are",
            "first tenth",
            "last tenth",
            "last / first",
            "achieved / offered",
            "late p99, us",
            "established + EADDRNOTAVAIL",
            "other errors",
        ],
        &rows,
    );
    println!();
    let name = |what: &str| format!("{IN_TURN} {what}");
    let flat = figures.ratio(&name("last"), &name("first"));
    let kept = figures.median(&name("achieved"));
    let (established, refused) = (
        figures.median(&name("established")),
        figures.median(&name("refused")),
    );
    let exact = established == 64_512.0 && refused == f64::from(BEYOND);
    let is_flat = (0.9..=1.1).contains(&flat.median);
    table::print(
        &["what, 20,000/s", "target", "measured", ""],
        &[
            table::figure(
                "cost, last tenth to first",
                Some(("within 10 %", is_flat)),
                flat.to_string(),
            ),
            table::figure(
                "rate kept to the last port",
                Some(("within 0.1 %", (kept - 1.0).abs() <= 0.001)),
                format!("{kept:.4}"),
            ),
            table::figure(
                "fails exactly at N + 1",
                Some(("64512 + 500", exact)),
                format!("{established:.0} + {refused:.0}"),
            ),
        ],
    );
}

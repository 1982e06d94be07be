//! Checks that 100,000 events per second reach a record while a paced client keeps its pace: `cargo bench
//! --bench record`, or `-- --events 300000` for another rate.
//!
//! Events go all the way that they go in `nslab run`. A run in a process of its own writes them, with one more
//! thread than usual at a steady rate; the suite reads, parses, gathers and writes them to the record while the
//! run is going on.
//!
//! ```text
//! worker: client ---- server, writer --> recorder --> pipe --> suite: timeline, record file
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/series.rs"]
mod series;
#[path = "support/table.rs"]
mod table;
#[path = "support/worker.rs"]
mod worker;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nslab::backend::{Backend, HostBackend};
use nslab::record::{Event, Offset, Privileges, Record, Recorder, SeriesKind, Timeline};
use nslab::run::{self, CancelToken};
use nslab::scenario;
use nslab::suite::{self, Options, Records, ScenarioFile};
use nslab::units::Unit;
use tokio::sync::watch;

use bench::{Measured, bench, option};
use figures::Figures;

const SCENARIO: &str = "
name: record
title: Record
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

/// Rates of the client, per second.
const RATES: [u32; 2] = [1_000, 5_000];
/// The name of the events' series in the record.
const SERIES: &str = "written";
/// The interval at which the extra thread writes.
const TURN: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    if worker::is_asked_for() {
        return worker::end(work());
    }
    bench("Record", || {
        let rounds = option("--rounds", 5);
        let events = option("--events", 100_000);
        let mut figures = Figures::default();
        for _ in 0..rounds {
            for rate in RATES {
                for events in [0, events] {
                    measure(&mut figures, rate, events)?;
                }
            }
        }
        show(&figures, rounds, events);
        Ok(())
    })
}

/// A worker that writes more events than runs do.
fn work() -> Measured {
    let mut order = String::new();
    std::io::stdin().read_line(&mut order)?;
    let order = serde_json::from_str(&order)?;
    // Its name says how many events per second it writes.
    let program = std::env::args().next().unwrap_or_default();
    let rate: u64 = program.rsplit('/').next().unwrap_or_default().parse()?;
    let (recorder, written) = Recorder::start(std::io::stdout()).expect("a thread");
    let over = Arc::new(AtomicBool::new(false));
    let teller = std::thread::spawn({
        let (recorder, over) = (recorder.clone(), Arc::clone(&over));
        move || write_events(&recorder, rate, &over)
    });
    let ran = run::run(
        &order,
        Privileges::Root,
        None,
        &recorder,
        &CancelToken::default(),
    );
    over.store(true, Ordering::Relaxed);
    teller.join().map_err(|_| "the teller panicked")?;
    drop(recorder);
    written.wait()?;
    Ok(ran?)
}

fn write_events(recorder: &Recorder, rate: u64, over: &AtomicBool) {
    let series = recorder.series(SERIES, SeriesKind::Counter, Unit::Count);
    let begun = Instant::now();
    let mut written = 0;
    while rate > 0 && !over.load(Ordering::Relaxed) {
        let t = Offset::from_duration(begun.elapsed());
        let due = (t.as_secs_f64() * rate as f64) as i64;
        while written < due {
            written += 1;
            let v = vec![(series, written)];
            recorder.record(Event::Sample { t, v });
        }
        std::thread::sleep(TURN);
    }
}

fn measure(figures: &mut Figures, rate: u32, events: u64) -> Measured {
    let folder = tempfile::tempdir()?;
    let text = SCENARIO.replace("RATE", &rate.to_string());
    let set = BTreeMap::new();
    let parsed = scenario::parse("record.yaml", &text, &set);
    let file = ScenarioFile {
        label: "record.yaml".to_owned(),
        scenario: parsed.map_err(|problems| problems.render(false))?,
        text,
        set,
    };
    let program = folder.path().join(events.to_string());
    std::os::unix::fs::symlink(std::env::current_exe()?, &program)?;
    let options = Options {
        backend: Backend::Host(HostBackend::with_program(program)),
        records: Records::All(folder.path().to_owned()),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (_stop, stopped) = watch::channel(false);
    let begun = Instant::now();
    let result = runtime.block_on(suite::run_suite(
        vec![Arc::new(file)],
        &options,
        stopped,
        |_| {},
    ));
    let took = begun.elapsed();
    let run = &result.scenarios[0].runs[0];
    let load = run.timeline.loads.first();
    let load = load.ok_or_else(|| format!("no load was reported: {:?}", run.verdict))?;
    let path = run
        .record
        .as_ref()
        .map_err(Clone::clone)?
        .as_ref()
        .ok_or("no record")?;
    let kept = Record::read(path)?;
    if let Some(what) = difference(&kept.timeline, &run.timeline) {
        return Err(format!("the record is not what the run wrote: {what}").into());
    }
    let mut add = |what: &str, value: f64| figures.add(&key(rate, events, what), value);
    add("achieved", load.achieved_rate / load.offered_rate);
    add("p50", load.late_p50 as f64 / 1e3);
    add("p99", load.late_p99 as f64 / 1e3);
    add("max", load.late_max as f64 / 1e3);
    add("events", series::last(&kept.timeline, SERIES));
    let series = kept.timeline.series(SERIES);
    let changes = series.map_or(&[][..], |series| &series.changes);
    if let ([(first, _), ..], [.., (last, count)]) = (changes, changes) {
        add(
            "written per second",
            *count as f64 / (last.as_secs_f64() - first.as_secs_f64()),
        );
    }
    add(
        "behind",
        took.as_secs_f64() - kept.timeline.now.as_secs_f64(),
    );
    add("bytes", std::fs::metadata(path)?.len() as f64);
    Ok(())
}

/// Returns the first difference between two timelines.
fn difference(kept: &Timeline, written: &Timeline) -> Option<String> {
    if kept == written {
        return None;
    }
    let count = |timeline: &Timeline| timeline.all_series().count();
    if count(kept) != count(written) {
        return Some(format!(
            "{} series, {} written",
            count(kept),
            count(written)
        ));
    }
    let mut series = kept.all_series().zip(written.all_series());
    let other = series.find(|(kept, written)| kept != written);
    Some(other.map_or_else(
        || "all but series".to_owned(),
        |(kept, written)| {
            let (name, values) = (&kept.declaration.name, kept.changes.len());
            format!(
                "{name} has {values} values, {} written",
                written.changes.len()
            )
        },
    ))
}

fn key(rate: u32, events: u64, what: &str) -> String {
    format!("{rate} {events} {what}")
}

fn show(figures: &Figures, rounds: u64, most: u64) {
    println!("Lateness of the client in us; medians of {rounds} rounds.\n");
    let mut rows = Vec::new();
    for rate in RATES {
        for events in [0, most] {
            let median = |what: &str| figures.median(&key(rate, events, what));
            rows.push(vec![
                format!("{rate}/s"),
                format!("{events}/s"),
                format!("{:.4}", median("achieved")),
                format!(
                    "{:.0} / {:.0} / {:.0}",
                    median("p50"),
                    median("p99"),
                    median("max")
                ),
                figures
                    .ratio(&key(rate, events, "p99"), &key(rate, 0, "p99"))
                    .to_string(),
                format!("{:.0}", median("events")),
                format!("{:.1} MB", median("bytes") / 1e6),
                format!("{:.2} s", median("behind")),
            ]);
        }
    }
    let targets = RATES.into_iter().map(|rate| {
        let arrived = figures.median(&key(rate, most, "written per second"));
        let enough = arrived >= 0.99 * most as f64;
        table::figure(
            &format!("events a second in the record, client at {rate}/s"),
            Some((&format!(">= 99 % of {most}"), enough)),
            format!("{arrived:.0}"),
        )
    });
    table::print(
        &["what", "target", "measured", ""],
        &targets.collect::<Vec<_>>(),
    );
    println!();
    table::print(
        &[
            "client",
            "events beside",
            "achieved",
            "p50 / p99 / max",
            "p99 to without",
            "in the record",
            "file",
            "suite over after the clock",
        ],
        &rows,
    );
}

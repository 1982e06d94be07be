//! Measures the commands as people and scripts call them, from start to exit: one connection, a suite of runs, a page,
//! the report of a large record, and the difference of two: `cargo bench --bench command`.
//!
//! The floor of a run is the command that does nothing (`nslab --version`) and two bare namespaces in a process.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/table.rs"]
mod table;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use bench::{Measured, bench, option};
use figures::Figures;

const SCENARIO: &str = "
title: One connection
nodes: { client: {}, server: {} }
links: [{ between: [client, server] }]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { count: 1, rate: 100/s } } }
expect: [load.established == 1]
";
/// Scenarios of a page.
const PAGE: usize = 20;
/// The line of a record after which no sample can follow.
const AFTER_SAMPLES: &str = "{\"processor\":";

fn main() -> ExitCode {
    bench("Commands", || {
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        runs(place, option("--rounds", 31))?;
        println!();
        reports(place, option("--events", 1_000_000))
    })
}

/// A call of the program, with what it took.
struct Took {
    wall: Duration,
    processor: Duration,
}

fn nslab(arguments: &[&str]) -> Measured<Took> {
    call(env!("CARGO_BIN_EXE_nslab"), arguments)
}

/// Runs a program to its end. An exit code other than 0 is an error.
fn call(program: &str, arguments: &[&str]) -> Measured<Took> {
    let (begun, before) = (Instant::now(), processor::spent());
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let took = Took {
        wall: begun.elapsed(),
        processor: processor::spent().saturating_sub(before),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} {}: {said}", arguments.join(" ")).into());
    }
    Ok(took)
}

fn runs(place: &Path, rounds: u64) -> Measured {
    let (one, records) = (place.join("one.yaml"), place.join("records"));
    fs::write(&one, SCENARIO)?;
    let (one, records) = (text(&one), text(&records));
    let mut figures = Figures::default();
    for _ in 0..rounds {
        let mut add = |what: &str, took: Took| {
            figures.add(what, took.wall.as_secs_f64() * 1e3);
            figures.add(&processor_of(what), took.processor.as_secs_f64() * 1e3);
        };
        add(NOTHING, nslab(&["--version"])?);
        let two = ["--net", "unshare", "--net", "true"];
        add(BARE, call("unshare", &two)?);
        add(
            RUN,
            nslab(&["run", &one, "--no-progress", "--record", &records])?,
        );
    }
    println!("One connection, from command to exit; medians of {rounds} rounds.\n");
    let mut rows = Vec::new();
    for (what, target) in [(NOTHING, None), (BARE, None), (RUN, Some(40.0))] {
        let wall = figures.median(what);
        let text = target.map(|target| (format!("<= {target} ms"), wall <= target));
        let target = text.as_ref().map(|(text, met)| (text.as_str(), *met));
        let processor = figures.median(&processor_of(what));
        let measured = format!("{wall:.1} ms, processor {processor:.1} ms");
        rows.push(table::figure(what, target, measured));
    }
    let ratio = figures.ratio(RUN, BARE);
    rows.push(table::figure(
        "the run to the namespaces",
        None,
        ratio.to_string(),
    ));
    table::print(&["what", "target", "measured", ""], &rows);
    Ok(())
}

const NOTHING: &str = "`nslab --version`";
const BARE: &str = "`unshare --net unshare --net true`";
const RUN: &str = "`nslab run` of one connection";

fn processor_of(what: &str) -> String {
    format!("{what}, processor")
}

fn reports(place: &Path, events: u64) -> Measured {
    let suite = place.join("suite");
    fs::create_dir(&suite)?;
    for number in 0..PAGE {
        let title = format!("title: Scenario {number}");
        let text = SCENARIO.replace("title: One connection", &title);
        fs::write(suite.join(format!("s{number}.yaml")), text)?;
    }
    let (suite, of_suite) = (text(&suite), text(&place.join("of-suite")));
    let page = place.join("page.html");
    let html = format!("html={}", text(&page));
    let mut rows = Vec::new();
    let mut row = |what: &str, took: &Took, target: f64, more: (String, bool)| {
        let wall = took.wall.as_secs_f64();
        let met = wall <= target && more.1;
        let target = format!("<= {target} s");
        let target = Some((target.as_str(), met));
        let measured = format!("{wall:.2} s{}", more.0);
        rows.push(table::figure(what, target, measured));
    };
    nslab(&["run", &suite, "--no-progress", "--record", &of_suite])?;
    let took = nslab(&["report", &of_suite, "--report", &html])?;
    let size = fs::metadata(&page)?.len() as f64 / 1e6;
    let more = (format!(", {size:.2} MB (5 MB at most)"), size < 5.0);
    row("page of 20 scenarios", &took, 2.0, more);

    let small = fs::read_to_string(place.join("records/one.nslab.jsonl"))?;
    for (folder, seed) in [("a", 0), ("b", 1)] {
        let folder = place.join(folder);
        fs::create_dir(&folder)?;
        fs::write(folder.join("one.nslab.jsonl"), grown(&small, events, seed)?)?;
    }
    let (a, b) = (text(&place.join("a")), text(&place.join("b")));
    let took = nslab(&["report", &a, "--report", &html])?;
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0;
    let more = (format!(", {memory:.0} MB (300 MB at most)"), memory < 300.0);
    let what = format!("report of a record with {events} events");
    row(&what, &took, 3.0, more);
    let took = nslab(&["diff", &a, &b])?;
    row("`diff` of two of them", &took, 5.0, (String::new(), true));
    table::print(&["what", "target", "measured", ""], &rows);
    Ok(())
}

/// Returns a record with this many more samples of one more series, all within its run.
fn grown(record: &str, events: u64, seed: u64) -> Measured<String> {
    let mut grown = String::with_capacity(record.len() + usize::try_from(events)? * 50);
    for line in record.lines() {
        if line.starts_with(AFTER_SAMPLES) {
            let declared = r#"{"series":{"id":9999,"name":"client.TcpInSegs9","kind":"counter","unit":"count"}}"#;
            writeln!(grown, "{declared}")?;
            for number in 0..events {
                let (t, value) = (1_000_000 + number, number * 3 + seed);
                writeln!(grown, r#"{{"sample":{{"t":{t},"v":[[9999,{value}]]}}}}"#)?;
            }
        }
        writeln!(grown, "{line}")?;
    }
    Ok(grown)
}

fn text(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}

//! Measures what a trace costs the connections that it follows: `cargo bench --bench trace`, or `-- --rounds 9`.
//!
//! The same load, with and without `--trace`, directly and through NAT, where connection tracking is followed too.
//! Needs root. In virtual time, the cost is the same every time: see docs/record.md.
//!
//! ```text
//! client ---- server        client ---- nat ---- server
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/table.rs"]
mod table;
#[path = "support/worker.rs"]
mod worker;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use nslab::backend::{Backend, HostBackend};
use nslab::record::{Privileges, Recorder};
use nslab::run::{self, CancelToken};
use nslab::scenario;
use nslab::suite::{self, Options, ScenarioFile};
use tokio::sync::watch;

use bench::{Measured, bench, option};
use figures::Figures;

const SCENARIO: &str = "
name: trace
title: Trace
nodes: NODES
links: LINKS
servers:
  web: { node: server, port: 80, backlog: 4096 }
clients:
  load: { node: client, to: web, connect: { rate: 500/s, for: 4s, timeout: 2s } }
";

/// Each lab with its nodes and links.
const LABS: [(&str, &str, &str); 2] = [
    (
        "direct",
        "{ client: {}, server: {} }",
        "[{ between: [client, server] }]",
    ),
    (
        "through NAT",
        "{ client: {}, nat: { nat: { masquerade: { toward: server } } }, server: {} }",
        "[{ between: [client, nat] }, { between: [nat, server] }]",
    ),
];

fn main() -> ExitCode {
    if worker::is_asked_for() {
        return worker::end(work());
    }
    bench("Trace", || {
        let rounds = option("--rounds", 5);
        let mut figures = Figures::default();
        for _ in 0..rounds {
            for lab in LABS {
                for trace in [false, true] {
                    measure(&mut figures, lab, trace)?;
                }
            }
        }
        show(&figures, rounds);
        Ok(())
    })
}

fn work() -> Measured {
    let mut order = String::new();
    std::io::stdin().read_line(&mut order)?;
    let order = serde_json::from_str(&order)?;
    let (recorder, written) = Recorder::start(std::io::stdout())?;
    let cancel = CancelToken::default();
    let ran = run::run(&order, Privileges::Root, None, &recorder, &cancel);
    drop(recorder);
    written.wait()?;
    Ok(ran?)
}

fn measure(
    figures: &mut Figures,
    (lab, nodes, links): (&str, &str, &str),
    trace: bool,
) -> Measured {
    let text = SCENARIO.replace("NODES", nodes).replace("LINKS", links);
    let set = BTreeMap::new();
    let parsed = scenario::parse("trace.yaml", &text, &set);
    let file = ScenarioFile {
        label: "trace.yaml".to_owned(),
        scenario: parsed.map_err(|problems| problems.render(false))?,
        text,
        set,
    };
    let options = Options {
        backend: Backend::Host(HostBackend::with_program(std::env::current_exe()?)),
        trace,
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (_stop, stopped) = watch::channel(false);
    let result = runtime.block_on(suite::run_suite(
        vec![Arc::new(file)],
        &options,
        stopped,
        |_| {},
    ));
    let run = &result.scenarios[0].runs[0];
    let load = run.timeline.loads.first();
    let load = load.ok_or_else(|| format!("no load was reported: {:?}", run.verdict))?;
    let timeline = &run.timeline;
    if trace && timeline.traced.is_empty() {
        return Err(format!("nothing was traced: {:?}", timeline.notes).into());
    }
    let (used, _) = timeline
        .used
        .ok_or("the run did not report its processor time")?;
    let each = |value: f64| value / load.started as f64;
    let mut add = |what: &str, value: f64| figures.add(&key(lab, trace, what), value);
    add("client", each(load.cpu as f64 / 1e3));
    add("whole", each(used as f64 / 1e3));
    add("events", each(timeline.traced.len() as f64));
    add("reports", each(timeline.tracked.len() as f64));
    Ok(())
}

fn key(lab: &str, trace: bool, what: &str) -> String {
    format!("{lab} {trace} {what}")
}

fn show(figures: &Figures, rounds: u64) {
    println!(
        "500 connections per second, processor time per connection in us; medians of {rounds} rounds. *Run* includes\n\
         the threads that read the trace and write the record.\n"
    );
    let targets = LABS.iter().map(|(lab, ..)| {
        let ratio = figures.ratio(&key(lab, true, "client"), &key(lab, false, "client"));
        table::figure(
            &format!("client's processor time, {lab}: traced to not traced"),
            Some(("<= 1.13", ratio.median <= 1.13)),
            ratio.to_string(),
        )
    });
    table::print(
        &["what", "target", "measured", ""],
        &targets.collect::<Vec<_>>(),
    );
    println!();
    let rows = LABS.iter().map(|(lab, ..)| {
        let pair = |what: &str| {
            let [without, with] = [false, true].map(|trace| figures.median(&key(lab, trace, what)));
            let ratio = figures.ratio(&key(lab, true, what), &key(lab, false, what));
            [format!("{without:.1} → {with:.1}"), ratio.to_string()]
        };
        let ([client, client_ratio], [whole, whole_ratio]) = (pair("client"), pair("whole"));
        let of_trace = |what: &str| format!("{:.1}", figures.median(&key(lab, true, what)));
        vec![
            (*lab).to_owned(),
            of_trace("events"),
            of_trace("reports"),
            client,
            client_ratio,
            whole,
            whole_ratio,
        ]
    });
    table::print(
        &[
            "lab",
            "events",
            "tracking reports",
            "client",
            "ratio",
            "run",
            "ratio",
        ],
        &rows.collect::<Vec<_>>(),
    );
}

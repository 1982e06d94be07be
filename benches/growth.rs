//! Measures how the cost grows with the size: of set-up with the nodes, of the engine with the rate and the number of
//! clients, of a listing with the sockets, of a suite with its runs: `cargo bench --bench growth`.
//!
//! The exponent is the slope of the line through all points with both axes logarithmic (least squares): 1 is in
//! proportion, 2 is the square, 0 does not grow.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/live_lab.rs"]
mod live_lab;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/script.rs"]
mod script;
#[path = "support/settle.rs"]
mod settle;
#[path = "support/table.rs"]
mod table;
#[path = "support/whole.rs"]
mod whole;

use std::fmt::Write;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nslab::lab::{Lab, LabScope};
use nslab::record::RunClock;
use nslab::sys::sock_diag::{SockDiag, TcpStates};

use bench::{Measured, bench, option};
use figures::Figures;
use live_lab::{LEAD, LiveLab};

/// Measurements of a point; the median counts.
const ROUNDS: usize = 5;
/// The widest bar of a curve, in characters.
const WIDEST: f64 = 40.0;
/// Connections from one address: fewer than half of its ports.
const A_SOURCE: u64 = 25_000;
/// The interval at which the end of a load is checked.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    bench("Growth", || {
        set_up(option("--nodes", 1_000))?;
        rates()?;
        clients(option("--clients", 300))?;
        sockets(option("--sockets", 100_000))?;
        runs(option("--runs", 100))
    })
}

/// The values of a curve, by size.
#[derive(Default)]
struct Curve {
    sizes: Vec<u64>,
    figures: Figures,
}

impl Curve {
    /// Measures a point several times.
    fn add(&mut self, size: u64, mut measure: impl FnMut() -> Measured<f64>) -> Measured {
        self.sizes.push(size);
        for _ in 0..ROUNDS {
            self.figures.add(&size.to_string(), measure()?);
        }
        Ok(())
    }

    /// Prints the curve, and its exponent beside the largest that is expected.
    fn show(&self, title: &str, size: &str, value: &str, expected: f64) {
        println!("### {title}\n");
        let points = self.points();
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let rows: Vec<Vec<String>> = points
            .iter()
            .map(|(size, value)| {
                let bar = (value / most * WIDEST).round().max(1.0);
                vec![
                    size.to_string(),
                    format!("{value:.3}"),
                    "#".repeat(bar as usize),
                ]
            })
            .collect();
        table::print(&[size, value, ""], &rows);
        println!();
        let exponent = exponent(&points);
        let growth = match (self.sizes.first(), self.sizes.last()) {
            (Some(first), Some(last)) => self.figures.ratio(&last.to_string(), &first.to_string()),
            _ => return,
        };
        let target = format!("<= {expected}");
        table::print(
            &["what", "target", "measured", ""],
            &[
                table::figure(
                    "exponent",
                    Some((&target, exponent <= expected)),
                    format!("{exponent:.2}"),
                ),
                table::figure("the largest to the smallest", None, growth.to_string()),
            ],
        );
        println!();
    }

    fn points(&self) -> Vec<(u64, f64)> {
        let median = |size: &u64| (*size, self.figures.median(&size.to_string()));
        self.sizes.iter().map(median).collect()
    }
}

/// Returns the sizes up to a limit, three in each power of ten.
fn sizes(from: u64, to: u64) -> Vec<u64> {
    let steps = (0..).flat_map(|power: u32| [1, 3].map(|step| step * 10_u64.pow(power)));
    let within = steps.skip_while(|size| *size < from);
    within.take_while(|size| *size <= to).collect()
}

fn exponent(points: &[(u64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .map(|(size, value)| ((*size as f64).ln(), value.ln()))
        .collect();
    let count = logs.len() as f64;
    let (x, y) = (
        logs.iter().map(|(x, _)| x).sum::<f64>() / count,
        logs.iter().map(|(_, y)| y).sum::<f64>() / count,
    );
    let both: f64 = logs.iter().map(|(a, b)| (a - x) * (b - y)).sum();
    both / logs.iter().map(|(a, _)| (a - x).powi(2)).sum::<f64>()
}

/// A star: one node in the middle, linked with all others.
fn set_up(most: u64) -> Measured {
    let before = settle::namespaces().map(|count| count + 5);
    let mut curve = Curve::default();
    for nodes in sizes(3, most) {
        let (mut text, mut links) = ("nodes:\n  hub: {}\n".to_owned(), "links:\n".to_owned());
        for leaf in 1..nodes {
            writeln!(text, "  n{leaf}: {{}}")?;
            writeln!(links, "  - between: [hub, n{leaf}]")?;
        }
        let spec = script::spec(&(text + &links))?;
        curve.add(nodes, || {
            settle::until(before);
            let begun = Instant::now();
            let (lab, ..) = Lab::build(&spec, LabScope::default())?;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            lab.shutdown();
            Ok(took)
        })?;
    }
    curve.show("Set-up of a star", "nodes", "ms", 1.1);
    Ok(())
}

fn rates() -> Measured {
    let mut curve = Curve::default();
    for rate in [300, 1_000, 3_000, 10_000, 20_000] {
        let scenario = format!(
            "
nodes: {{ client: {{}}, server: {{}} }}
links: [{{ between: [client, server] }}]
servers: {{ web: {{ node: server, port: 80, backlog: 4096 }} }}
clients: {{ load: {{ node: client, to: web, connect: {{ rate: {rate}/s, for: 1s, timeout: 1s, close: reset }} }} }}
"
        );
        curve.add(rate, || client_cost(&scenario))?;
    }
    let title = "A connection, by the rate of its client";
    curve.show(
        title,
        "connections/s",
        "client's processor time for each, us",
        0.1,
    );
    Ok(())
}

/// Clients of one node, with 1,000 connections a second in all.
fn clients(most: u64) -> Measured {
    let mut curve = Curve::default();
    for count in sizes(1, most) {
        let rate = 1_000.0 / count as f64;
        let mut scenario = "
nodes: { client: {}, server: {} }
links: [{ between: [client, server] }]
servers: { web: { node: server, port: 80, backlog: 4096 } }
clients:
"
        .to_owned();
        for number in 0..count {
            writeln!(
                scenario,
                "  c{number}: {{ node: client, to: web, \
                 connect: {{ rate: {rate:.3}/s, for: 2s, timeout: 1s, close: reset }} }}"
            )?;
        }
        curve.add(count, || client_cost(&scenario))?;
    }
    let title = "A connection, by the number of clients (1,000/s in all)";
    curve.show(
        title,
        "clients",
        "clients' processor time for each, us",
        0.2,
    );
    Ok(())
}

/// Returns the processor time of the clients for a connection, in microseconds.
fn client_cost(scenario: &str) -> Measured<f64> {
    let timeline = whole::run(scenario)?;
    let loads = &timeline.loads;
    let spent: u64 = loads.iter().map(|load| load.cpu).sum();
    let made: u64 = loads.iter().map(|load| load.started).sum();
    if made == 0 {
        return Err("no connection was started".into());
    }
    Ok(spent as f64 / 1e3 / made as f64)
}

/// Listing of sockets in ESTABLISHED.
fn sockets(most: u64) -> Measured {
    let mut curve = Curve::default();
    for count in sizes(1_000, most) {
        let scenario = format!(
            "
nodes:
  client: {{ sysctls: {{ net.ipv4.ip_local_port_range: 1024 65535 }} }}
  server: {{ sysctls: {{ net.core.somaxconn: 65535 }} }}
links: [{{ between: [client, server] }}]
servers: {{ web: {{ node: server, port: 80, backlog: 65535 }} }}
clients:
  load:
    node: client
    to: web
    sources: {}
    connect: {{ rate: 20000/s, count: {count}, timeout: 30s, close: hold }}
",
            count.div_ceil(A_SOURCE)
        );
        let live_lab = LiveLab::build(&scenario)?;
        let running = live_lab.start(&["web", "load"], RunClock::starting_in(LEAD))?;
        while !running.has_ended() {
            std::thread::sleep(LOOK);
        }
        let node = live_lab
            .lab
            .node(&"client".into())
            .ok_or("the lab has no node `client`")?;
        let netns = node.netns.clone();
        curve.add(count, || {
            let list = || {
                let begun = Instant::now();
                SockDiag::open()?.count(TcpStates::all(), false)?;
                Ok::<_, nslab::sys::netlink::NetlinkError>(begun.elapsed())
            };
            Ok(netns.run(list)??.as_secs_f64() * 1e3)
        })?;
        running.stop()?;
    }
    curve.show("Listing sockets", "sockets", "ms", 1.1);
    Ok(())
}

/// Suites of scenarios with one connection each.
fn runs(most: u64) -> Measured {
    let mut curve = Curve::default();
    for count in sizes(1, most) {
        let folder = tempfile::tempdir()?;
        for number in 0..count {
            let text = format!(
                "
title: Scenario {number}
nodes: {{ client: {{}}, server: {{}} }}
links: [{{ between: [client, server] }}]
servers: {{ web: {{ node: server, port: 80 }} }}
clients: {{ load: {{ node: client, to: web, connect: {{ count: 1, rate: 100/s }} }} }}
expect: [load.established == 1]
"
            );
            fs::write(folder.path().join(format!("s{number}.yaml")), text)?;
        }
        curve.add(count, || {
            let before = processor::spent();
            let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
                .args(["run", "--no-progress", "--no-record"])
                .arg(folder.path())
                .stdin(Stdio::null())
                .output()?;
            let took = processor::spent().saturating_sub(before).as_secs_f64();
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stdout).into());
            }
            Ok(took)
        })?;
    }
    let title = "A suite of runs with one connection each";
    curve.show(title, "runs", "s of processor time", 1.0);
    Ok(())
}

//! A large suite stays a page that opens at once.

use std::time::{Duration, Instant};

use nslab::record::{Outcome, SeriesKind};
use nslab::report::html::{self, Ladders, Views};
use nslab::scenario::expr::{CompareOp, SeriesFunction, Window};
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::{ScenarioResult, SuiteResult};
use nslab::units::Unit;

use crate::html_page::world::*;

/// Maximum size of such a page in bytes.
const HEAVIEST: usize = 5_000_000;

/// Scenarios of 75 s on ten nodes, with expectations on every node, sampled every 100 ms.
pub fn large_suite(scenarios: usize) -> SuiteResult {
    suite((0..scenarios).map(large_scenario).collect())
}

fn large_scenario(index: usize) -> ScenarioResult {
    let names: Vec<String> = (0..10).map(|node| format!("node{node}")).collect();
    let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
    let links: Vec<(&str, &str)> = nodes.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let end = 75 * SECOND;
    let mut tape = Tape::on_a_machine(&[]);
    let mut judgements = Vec::new();
    let wave = |t: f64, seed: f64, height: f64| {
        (height * (1.5 + (t * seed).sin() + (t * 37.0 * seed).cos() * 0.3)) as i64
    };
    for (node, name) in nodes.iter().enumerate() {
        let seed = 0.1 + (node + index) as f64 * 0.07;
        for (place, state) in [
            "ESTABLISHED",
            "SYN_SENT",
            "TIME_WAIT",
            "FIN_WAIT2",
            "CLOSE_WAIT",
        ]
        .iter()
        .enumerate()
        {
            let height = 10_f64.powi(place as i32 % 3 + 2);
            tape.series(
                &format!("{name}.tcp.{state}"),
                SeriesKind::Gauge,
                100 * MS,
                end,
                |t| wave(t, seed, height),
            );
        }
        for counter in ["TcpExtListenDrops", "TcpRetransSegs"] {
            tape.series(
                &format!("{name}.{counter}"),
                SeriesKind::Counter,
                100 * MS,
                end,
                |t| (t * 900.0 * seed) as i64,
            );
        }
        for (text, claim) in [
            (
                format!("{name}.tcp.TIME_WAIT <= 99999"),
                compare(
                    of(&format!("{name}.tcp.TIME_WAIT")),
                    CompareOp::LessOrEqual,
                    99_999.0,
                ),
            ),
            (
                format!("{name}.TcpExtListenDrops > 5"),
                compare(
                    of(&format!("{name}.TcpExtListenDrops")),
                    CompareOp::Greater,
                    5.0,
                ),
            ),
            (
                format!("rate({name}.TcpRetransSegs) > 1/s"),
                compare(
                    function(
                        SeriesFunction::Rate,
                        &format!("{name}.TcpRetransSegs"),
                        Unit::Count,
                    ),
                    CompareOp::Greater,
                    1.0,
                ),
            ),
        ] {
            judgements.push(judged(
                7,
                &text,
                claim,
                Window::During(Duration::from_secs(60), Duration::from_secs(70)),
                Outcome::Passed,
                &[("x", "1")],
            ));
        }
    }
    tape.series("load.attempted", SeriesKind::Counter, 2 * MS, end, |t| {
        (t * 500.0) as i64
    });
    tape.series("load.established", SeriesKind::Counter, 2 * MS, end, |t| {
        (t * 480.0) as i64
    });
    judgements.push(judged(
        9,
        "load.established > 5",
        compare(of("load.established"), CompareOp::Greater, 5.0),
        Window::End,
        Outcome::Passed,
        &[("load.established", "36000")],
    ));
    let run = run(
        "large",
        None,
        topology(&nodes, &links),
        Workload {
            servers: vec![server("web", "node9", Accept::Epoll)],
            clients: vec![client("load", "node0", 500.0, 37_500)],
            ..Workload::default()
        },
        tape.finished(end),
        judgements,
    );
    let text = "# a line of a scenario\n".repeat(60);
    scenario(
        "large",
        "A large scenario",
        "It is large.",
        "large.yaml",
        &text,
        "A lesson.\n",
        vec![run],
    )
}

#[test]
fn twenty_scenarios_of_75_seconds_with_10_nodes_weigh_less_than_5_mb() {
    let result = large_suite(20);
    let before = Instant::now();
    let page = html::render(&result, &Ladders::default(), &Views::default());
    let took = before.elapsed();
    let charts = page.matches("<figure class=\"chart\"").count();
    println!(
        "{charts} charts, {} bytes, rendered in {took:?}",
        page.len()
    );
    std::fs::write(
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("large.html"),
        &page,
    )
    .unwrap();
    assert!(charts >= 20 * 31, "{charts}");
    assert!(page.len() < HEAVIEST, "{} bytes", page.len());
}

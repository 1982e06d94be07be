//! A result like that of `queues/accept-queue-overflow.yaml`: one variant passed, the worker of the other died.

use std::time::Duration;

use nslab::record::{Event, Offset, Outcome, SeriesKind, Timeline};
use nslab::scenario::expr::{Claim, CompareOp, SeriesFunction, Window};
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::ScenarioResult;
use nslab::units::Unit;

use super::{built, lesson, line_of};
use crate::html_page::world::*;

const QUEUE: &str = include_str!("../../../../scenarios/queues/accept-queue-overflow.yaml");

pub fn queue() -> ScenarioResult {
    let topology = topology(&["client", "server"], &[("client", "server")]);
    let workload = Workload {
        servers: vec![server("web", "server", Accept::Never)],
        clients: vec![client("burst", "client", 20.0, 20)],
        ..Workload::default()
    };
    let mut tape = Tape::on_a_machine(&[]);
    tape.built(built());
    let end = 2 * SECOND;
    let counter = SeriesKind::Counter;
    let started = |t: f64| ((t * 20.0) as i64 + 1).min(20);
    tape.series("burst.attempted", counter, 10 * MS, end, started);
    tape.series("burst.established", counter, 10 * MS, end, |t| {
        started(t).min(9)
    });
    tape.series(
        "server.TcpExtListenOverflows",
        counter,
        100 * MS,
        end,
        |t| (started(t) - 9).max(0) * 2,
    );
    let latency = tape.declare("burst.latency", SeriesKind::Distribution, Unit::Seconds);
    for second in 0..4_u64 {
        tape.events.timeline.add(Event::Histogram {
            t: Offset((second + 1) * SECOND / 2),
            series: latency,
            v: vec![(40_000 + second * 9_000, 8), (210_000, 1)],
        });
    }
    let expect = |name: &str, op, value: f64, observed: &str, window| {
        judged(
            line_of(QUEUE, "expect:", name),
            &format!("{name} {op} {value}"),
            compare(of(name), op, value),
            window,
            Outcome::Passed,
            &[(name, observed)],
        )
    };
    let latency = Claim::Compare {
        left: function(SeriesFunction::P99, "burst.latency", Unit::Seconds),
        op: CompareOp::Less,
        right: number(0.001, Unit::Seconds),
        tolerance: None,
    };
    let passed = run(
        "accept-queue-overflow",
        Some("never-accepts"),
        topology.clone(),
        workload.clone(),
        tape.finished(end),
        vec![
            expect("burst.established", CompareOp::Equal, 9.0, "9", Window::End),
            expect(
                "server.TcpExtListenOverflows",
                CompareOp::GreaterOrEqual,
                1.0,
                "22",
                Window::Within(Duration::from_secs(2)),
            ),
            judged(
                line_of(QUEUE, "expect:", "burst.errors"),
                "p99(burst.latency) < 1ms",
                latency,
                Window::End,
                Outcome::Passed,
                &[("p99(burst.latency)", "210µs")],
            ),
        ],
    );
    let mut errored = run(
        "accept-queue-overflow",
        Some("accepts"),
        topology,
        workload,
        Timeline::default(),
        Vec::new(),
    );
    errored.verdict.outcome = Outcome::Errored;
    errored.verdict.reason = Some("the worker died (signal 9) before it sent any event".to_owned());
    errored.last_words = vec!["cannot build the lab: cannot create a namespace".to_owned()];
    scenario(
        "accept-queue-overflow",
        "A listener that never accepts fills its queue",
        "The queue holds min(backlog, somaxconn) + 1 connections; what comes after waits for a SYN retry and gives up.",
        "scenarios/queues/accept-queue-overflow.yaml",
        QUEUE,
        &lesson(QUEUE),
        vec![passed, errored],
    )
}

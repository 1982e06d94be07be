//! A result like that of `timewait/tw-recycle-nat.yaml`: one variant emulated, one not applicable.

use std::time::Duration;

use nslab::record::{Event, Offset, Outcome, SeriesKind, Timeline};
use nslab::scenario::expr::{Claim, CompareOp, Window};
use nslab::scenario::topology::{Emulation, NatSpec};
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::ScenarioResult;
use nslab::units::Unit;

use super::{built, lesson, line_of};
use crate::html_page::world::*;

const RECYCLE: &str = include_str!("../../../../scenarios/timewait/tw-recycle-nat.yaml");

pub fn recycle() -> ScenarioResult {
    let mut topology = topology(
        &["a", "b", "nat", "server"],
        &[("a", "nat"), ("b", "nat"), ("nat", "server")],
    );
    topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth2")];
    topology.nodes["server"].emulate = vec![Emulation::TcpTwRecycle];
    topology.nodes["server"].sysctls = vec![sysctl("net.ipv4.tcp_tw_recycle", "1")];
    let workload = Workload {
        servers: vec![server("web", "server", Accept::Epoll)],
        clients: vec![
            client("from-a", "a", 10.0, 30),
            client("from-b", "b", 10.0, 30),
        ],
        ..Workload::default()
    };
    let mut tape = Tape::on_a_machine(&[]);
    let mut built = built();
    built.emulated.insert(
        "server".to_owned(),
        vec!["net.ipv4.tcp_tw_recycle=1 as Linux 4.9 had it: the lab's wire drops SYNs with old timestamps, \
              and ends TIME_WAIT after 3.5 RTO".to_owned()],
    );
    tape.built(built);
    let end = 4 * SECOND;
    let counter = SeriesKind::Counter;
    let started = |t: f64| ((t * 10.0) as i64 + 1).min(30);
    tape.series("from-a.attempted", counter, 10 * MS, end, started);
    tape.series("from-a.established", counter, 10 * MS, end, started);
    tape.series("from-b.attempted", counter, 10 * MS, end, started);
    tape.series("from-b.errors.ETIMEDOUT", counter, 10 * MS, end, |t| {
        if t < 0.9 { 0 } else { started(t - 0.9) }
    });
    tape.series_as(
        "server.tcp.TIME_WAIT",
        SeriesKind::Gauge,
        50 * MS,
        end,
        true,
        |t| (((t * 10.0) as i64) % 8).min(7),
    );
    tape.series_as(
        "server.TcpExtPAWSPassive",
        counter,
        100 * MS,
        end,
        true,
        started,
    );
    tape.load("from-a", 30, 10.0);
    tape.load("from-b", 30, 10.0);
    tape.events.timeline.add(Event::Note {
        t: Some(Offset(1_200 * MS)),
        text: "The wire dropped its first SYN from 10.0.2.1.".to_owned(),
    });
    let expect = |name: &str, op, value: f64, observed: &str| {
        let mut judged = judged(
            line_of(RECYCLE, "  on:", name),
            &format!("{name} {op} {value}"),
            compare(of(name), op, value),
            Window::End,
            Outcome::Passed,
            &[(name, observed)],
        );
        judged.1.emulated = true;
        judged
    };
    let on = run(
        "tw-recycle-nat",
        Some("on"),
        topology.clone(),
        workload.clone(),
        tape.finished(end),
        vec![
            expect(
                "server.TcpExtPAWSPassive",
                CompareOp::GreaterOrEqual,
                29.0,
                "30",
            ),
            expect("server.tcp.TIME_WAIT", CompareOp::LessOrEqual, 10.0, "3"),
            judged(
                line_of(RECYCLE, "  on:", "from-a.errors"),
                "from-a.established >= 29",
                compare(of("from-a.established"), CompareOp::GreaterOrEqual, 29.0),
                Window::Within(Duration::from_secs(3)),
                Outcome::Passed,
                &[("from-a.established", "30")],
            ),
            judged(
                line_of(RECYCLE, "  on:", "from-a.errors"),
                "from-b.errors.ETIMEDOUT in 29..30",
                Claim::In {
                    value: of("from-b.errors.ETIMEDOUT"),
                    low: number(29.0, Unit::Count),
                    high: number(30.0, Unit::Count),
                },
                Window::End,
                Outcome::Passed,
                &[("from-b.errors.ETIMEDOUT", "30")],
            ),
        ],
    );
    let mut today = run(
        "tw-recycle-nat",
        Some("today"),
        topology,
        workload,
        Timeline::default(),
        Vec::new(),
    );
    today.verdict.outcome = Outcome::NotApplicable;
    today.verdict.reason = Some("needs Linux >= 4.12; this is 4.9.337".to_owned());
    scenario(
        "tw-recycle-nat",
        "tcp_tw_recycle=1 starves one of two hosts behind one NAT address",
        "net.ipv4.tcp_tw_recycle=1 breaks clients behind one NAT address.",
        "scenarios/timewait/tw-recycle-nat.yaml",
        RECYCLE,
        &lesson(RECYCLE),
        vec![on, today],
    )
}

//! A result like that of `conntrack/table-full.yaml`, with an expectation that does not hold.

use nslab::record::{ConntrackRoom, Offset, Outcome, SeriesKind};
use nslab::scenario::expr::{Claim, CompareOp, SeriesFunction, Window};
use nslab::scenario::topology::NatSpec;
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::ScenarioResult;
use nslab::units::Unit;

use super::{built, lesson, line_of};
use crate::html_page::world::*;

const TABLE: &str = include_str!("../../../../scenarios/conntrack/table-full.yaml");

pub fn table_full() -> ScenarioResult {
    let mut topology = topology(
        &["client", "nat", "server"],
        &[("client", "nat"), ("nat", "server")],
    );
    topology.nodes["nat"].conntrack_room = Some(200);
    topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth1")];
    let mut tape = Tape::on_a_machine(&[]);
    let mut built = built();
    built.fill_took = 470 * MS;
    built.conntrack_room.insert(
        "nat".to_owned(),
        ConntrackRoom {
            room: 200,
            max: 262_144,
            filled: 261_944,
        },
    );
    tape.built(built);
    let end = 5 * SECOND;
    let counter = SeriesKind::Counter;
    let started = |t: f64| ((t * 100.0) as i64).min(300);
    tape.series("load.attempted", counter, 10 * MS, end, started);
    tape.series("load.established", counter, 10 * MS, end, |t| {
        started(t).min(200)
    });
    for name in ["load.failed", "load.errors.ETIMEDOUT"] {
        tape.series(name, counter, 10 * MS, end, |t| {
            (started(t - 2.0) - 200).clamp(0, 100)
        });
    }
    tape.series(
        "client.tcp.SYN_SENT",
        SeriesKind::Gauge,
        100 * MS,
        end,
        |t| ((started(t) - 200).max(0) - (started(t - 2.0) - 200).max(0)).max(0),
    );
    tape.series(
        "client.tcp.TIME_WAIT",
        SeriesKind::Gauge,
        100 * MS,
        end,
        |t| started(t).min(200),
    );
    tape.series(
        "nat.conntrack.entries",
        SeriesKind::Gauge,
        10 * MS,
        end,
        |t| 261_944 + started(t).min(200),
    );
    tape.series("nat.conntrack.max", SeriesKind::Gauge, end, end, |_| {
        262_144
    });
    tape.series("nat.conntrack.drop", counter, 100 * MS, end, |t| {
        (started(t) - 200).max(0) + (started(t - 1.0) - 200).max(0)
    });
    tape.series("nat.conntrack.early_drop", counter, 100 * MS, end, |_| 0);
    let log = tape.declare("kernel.log", SeriesKind::Text, Unit::Text);
    tape.line(
        log,
        2_100 * MS,
        "nf_conntrack: nf_conntrack: table full in netns 4026532712, dropping packet",
    );
    tape.line(log, 4_000 * MS, "something else");
    tape.load("load", 300, 100.0);
    let line = |text: &str| line_of(TABLE, "  full:", text);
    let is = |text: &str, name: &str, op, value: f64, observed: &str, outcome| {
        judged(
            line(name),
            text,
            compare(of(name), op, value),
            Window::End,
            outcome,
            &[(name, observed)],
        )
    };
    let matches = Claim::Matches {
        metric: metric("kernel.log", Unit::Text),
        regex: "nf_conntrack: table full".to_owned(),
        negated: false,
    };
    let mut failed = is(
        "load.established == 300",
        "load.established",
        CompareOp::Equal,
        300.0,
        "200",
        Outcome::Failed,
    );
    failed.1.decided_at = Some(Offset(end));
    failed.1.reason = Some("200 is not 300".to_owned());
    let syn_sent = compare(
        function(SeriesFunction::Max, "client.tcp.SYN_SENT", Unit::Count),
        CompareOp::GreaterOrEqual,
        50.0,
    );
    let judged = vec![
        failed,
        is(
            "load.errors.ETIMEDOUT == 100",
            "load.errors.ETIMEDOUT",
            CompareOp::Equal,
            100.0,
            "100",
            Outcome::Passed,
        ),
        is(
            "load.errors.ECONNREFUSED == 0",
            "load.errors.ECONNREFUSED",
            CompareOp::Equal,
            0.0,
            "0",
            Outcome::Passed,
        ),
        judged(
            line("max(client"),
            "max(client.tcp.SYN_SENT) >= 50",
            syn_sent,
            Window::End,
            Outcome::Passed,
            &[("max(client.tcp.SYN_SENT)", "100")],
        ),
        is(
            "nat.conntrack.drop >= 100",
            "nat.conntrack.drop",
            CompareOp::GreaterOrEqual,
            100.0,
            "200",
            Outcome::Passed,
        ),
        is(
            "nat.conntrack.early_drop == 0",
            "nat.conntrack.early_drop",
            CompareOp::Equal,
            0.0,
            "0",
            Outcome::Passed,
        ),
        is(
            "nat.conntrack.entries <= 262144 always",
            "nat.conntrack.drop",
            CompareOp::LessOrEqual,
            262_144.0,
            "262,144",
            Outcome::Passed,
        ),
        judged(
            line("kernel.log"),
            "kernel.log ~ /nf_conntrack: table full/",
            matches,
            Window::End,
            Outcome::Passed,
            &[(
                "kernel.log",
                "nf_conntrack: nf_conntrack: table full in netns 4026532712, dropping packet",
            )],
        ),
    ];
    let mut judged = judged;
    judged[6].0.claim = compare(
        of("nat.conntrack.entries"),
        CompareOp::LessOrEqual,
        262_144.0,
    );
    judged[6].0.window = Window::Always;
    let full = run(
        "table-full",
        Some("full"),
        topology,
        Workload {
            servers: vec![server("web", "server", Accept::Epoll)],
            clients: vec![client("load", "client", 100.0, 300)],
            ..Workload::default()
        },
        tape.finished(end),
        judged,
    );
    scenario(
        "table-full",
        "A full conntrack table drops new connections in silence",
        "At nf_conntrack_max clients stall, packets are dropped, and the kernel says \"table full\".",
        "scenarios/conntrack/table-full.yaml",
        TABLE,
        &lesson(TABLE),
        vec![full],
    )
}

//! Judges stored runs. `tests/data/records/*.jsonl` are the events of runs, written by hand from numbers of
//! real ones; each snapshot is the verdict on one of them. Needs no kernel and no privileges.

use nslab::fixtures;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use nslab::expect;
use nslab::record::{RunVerdict, Timeline};
use nslab::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expectation, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use nslab::scenario::{Place, RunSpec};
use nslab::units::Unit;

fn record(name: &str) -> Timeline {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/records/{name}.jsonl"));
    let file = std::fs::File::open(path).expect("a stored record");
    Timeline::read(BufReader::new(file)).expect("a readable record")
}

fn judged(name: &str, expect: Vec<Expectation>) -> RunVerdict {
    // Lines as in a file whose expectations begin on line 20.
    let numbered = (20..).zip(expect).map(|(line, expectation)| Expectation {
        place: Place { line, column: 5 },
        ..expectation
    });
    let spec = RunSpec {
        expect: numbered.collect(),
        ..fixtures::run_spec(name)
    };
    expect::judge(&spec, &record(name))
}

fn expectation(text: &str, claim: Claim, window: Window) -> Expectation {
    Expectation {
        text: text.to_owned(),
        place: Place::default(),
        claim,
        window,
    }
}

fn metric_of(series: &str, unit: Unit) -> MetricRef {
    MetricRef {
        variant: None,
        series: series.into(),
        unit,
    }
}

fn metric(series: &str) -> Expr {
    Expr::Metric(metric_of(series, Unit::Count))
}

fn function(function: SeriesFunction, series: &str, unit: Unit) -> Expr {
    Expr::Series {
        function,
        metric: metric_of(series, unit),
    }
}

fn number(value: f64, unit: Unit) -> Expr {
    Expr::Number { value, unit }
}

fn compare(left: Expr, op: CompareOp, right: Expr) -> Claim {
    Claim::Compare {
        left,
        op,
        right,
        tolerance: None,
    }
}

fn about(left: Expr, right: Expr, share: f64) -> Claim {
    Claim::Compare {
        left,
        op: CompareOp::Equal,
        right,
        tolerance: Some(Tolerance::Relative(share)),
    }
}

/// Builds `series op value window` for counts.
fn count(series: &str, op: CompareOp, value: f64, window: Window) -> Expectation {
    let shown = match window {
        Window::End => String::new(),
        Window::At(t) => format!(" at {t:?}"),
        Window::Within(t) => format!(" within {t:?}"),
        Window::During(from, to) => format!(" during {from:?}..{to:?}"),
        Window::Always => " always".to_owned(),
        Window::Never => " never".to_owned(),
    };
    expectation(
        &format!("{series} {op} {value}{shown}"),
        compare(metric(series), op, number(value, Unit::Count)),
        window,
    )
}

fn matches(series: &str, regex: &str, negated: bool) -> Expectation {
    let op = if negated { "!~" } else { "~" };
    expectation(
        &format!("{series} {op} /{regex}/"),
        Claim::Matches {
            metric: metric_of(series, Unit::Text),
            regex: regex.to_owned(),
            negated,
        },
        Window::End,
    )
}

fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value)
}

fn port_exhaustion() -> Vec<Expectation> {
    use CompareOp::Equal;
    use SeriesFunction::{First, Rate};
    vec![
        expectation(
            "first(load.errors.EADDRNOTAVAIL) == 10s ± 2%",
            about(
                function(First, "load.errors.EADDRNOTAVAIL", Unit::Count),
                number(10.0, Unit::Seconds),
                0.02,
            ),
            Window::End,
        ),
        count("load.established", Equal, 1000.0, Window::End),
        count(
            "client.tcp.TIME_WAIT",
            Equal,
            1000.0,
            Window::During(seconds(11.0), seconds(14.5)),
        ),
        expectation(
            "rate(load.attempted) == 100/s ± 2%",
            about(
                function(Rate, "load.attempted", Unit::Count),
                number(100.0, Unit::PerSecond),
                0.02,
            ),
            Window::End,
        ),
        expectation(
            "load.attempted - load.established == load.errors.EADDRNOTAVAIL",
            compare(
                Expr::Binary {
                    op: ArithmeticOp::Subtract,
                    left: Box::new(metric("load.attempted")),
                    right: Box::new(metric("load.established")),
                },
                Equal,
                metric("load.errors.EADDRNOTAVAIL"),
            ),
            Window::End,
        ),
        count(
            "client.TcpExtTCPTimeWaitOverflow",
            Equal,
            0.0,
            Window::Always,
        ),
    ]
}

#[test]
fn accept_queue_overflow_passes() {
    use CompareOp::{Equal, GreaterOrEqual};
    insta::assert_json_snapshot!(judged(
        "accept-queue-overflow",
        vec![
            count("burst.established", Equal, 9.0, Window::End),
            count(
                "server.TcpExtListenOverflows",
                GreaterOrEqual,
                1.0,
                Window::Within(seconds(2.0)),
            ),
            count("server.TcpExtListenOverflows", Equal, 22.0, Window::End),
            count("burst.errors.ETIMEDOUT", Equal, 11.0, Window::End),
            count("burst.errors.ECONNREFUSED", Equal, 0.0, Window::End),
            expectation(
                "p99(burst.latency) < 1ms",
                compare(
                    function(SeriesFunction::P99, "burst.latency", Unit::Seconds),
                    CompareOp::Less,
                    number(0.001, Unit::Seconds),
                ),
                Window::End,
            ),
        ],
    ));
}

#[test]
fn port_exhaustion_passes() {
    insta::assert_json_snapshot!(judged("port-exhaustion", port_exhaustion()));
}

#[test]
fn wrong_expectations_of_a_full_table_fail_with_the_observed_values() {
    use CompareOp::{Equal, GreaterOrEqual, Less};
    insta::assert_json_snapshot!(judged(
        "table-full",
        vec![
            count("load.established", Equal, 200.0, Window::End),
            count("load.errors.ETIMEDOUT", Equal, 0.0, Window::Always),
            count(
                "load.errors.ETIMEDOUT",
                GreaterOrEqual,
                1.0,
                Window::Within(seconds(2.0)),
            ),
            count(
                "nat.conntrack.entries",
                Less,
                262_100.0,
                Window::During(seconds(0.2), seconds(2.0)),
            ),
            count("nat.conntrack.drop", GreaterOrEqual, 10.0, Window::Never),
            matches("kernel.log", "table full", true),
            matches("ab.stdout", "Complete requests: +200", false),
            count("ab.exit", Equal, 0.0, Window::End),
            expectation(
                "first(load.errors.ECONNREFUSED) in 1s..2s",
                Claim::In {
                    value: function(
                        SeriesFunction::First,
                        "load.errors.ECONNREFUSED",
                        Unit::Count,
                    ),
                    low: number(1.0, Unit::Seconds),
                    high: number(2.0, Unit::Seconds),
                },
                Window::End,
            ),
            count("load.established", Equal, 100.0, Window::End),
        ],
    ));
}

#[test]
fn a_load_that_was_not_achieved_is_inconclusive() {
    insta::assert_json_snapshot!(judged("load-not-achieved", port_exhaustion()));
}

#[test]
fn an_emulated_run_says_so_everywhere() {
    use CompareOp::Equal;
    insta::assert_json_snapshot!(judged(
        "tw-recycle-emulated",
        vec![
            count("old.established", Equal, 30.0, Window::End),
            count("young.established", Equal, 0.0, Window::End),
            count("server.TcpExtPAWSPassive", Equal, 30.0, Window::End),
            count("server.tcp.TIME_WAIT", Equal, 0.0, Window::At(seconds(4.0))),
        ],
    ));
}

#[test]
fn a_run_on_a_kernel_without_its_requirements_is_not_applicable() {
    let expect = vec![count(
        "old.established",
        CompareOp::Equal,
        30.0,
        Window::End,
    )];
    insta::assert_json_snapshot!(judged("not-applicable", expect));
}

#[test]
fn a_run_that_could_not_begin_is_errored() {
    let expect = vec![count(
        "load.established",
        CompareOp::Equal,
        9.0,
        Window::End,
    )];
    insta::assert_json_snapshot!(judged("errored", expect));
}

#[test]
fn a_run_whose_worker_was_killed_is_errored_with_its_observations() {
    let mut expect = port_exhaustion();
    expect.push(count(
        "load.established",
        CompareOp::GreaterOrEqual,
        300.0,
        Window::Within(seconds(5.0)),
    ));
    insta::assert_json_snapshot!(judged("worker-killed", expect));
}

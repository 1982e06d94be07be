//! Values of quantities, and comparisons between them.

use super::build::*;
use crate::record::{Outcome, Timeline};
use crate::scenario::expr::CompareOp::*;
use crate::scenario::expr::{ArithmeticOp, Claim, Expr, SeriesFunction, Tolerance, Window};
use crate::units::Unit;

fn holds(claim: Claim, timeline: &Timeline) -> bool {
    match judge_one(claim, Window::End, timeline).outcome {
        Outcome::Passed => true,
        Outcome::Failed => false,
        other => panic!("{other}"),
    }
}

fn nothing() -> Timeline {
    TimelineBuilder::new().finished_at(1000)
}

/// Returns the value of a quantity at the end of the run.
fn observed(quantity: Expr, timeline: &Timeline) -> String {
    let verdict = judge_one(
        compared(quantity, Equal, count(-1.0)),
        Window::End,
        timeline,
    );
    assert_eq!(verdict.outcome, Outcome::Failed, "{verdict:?}");
    verdict.observed[0].value.clone()
}

#[test]
fn declared_series_without_a_sample_are_zero() {
    let run = TimelineBuilder::new()
        .counter("load.failed", &[])
        .gauge("a.tcp.LISTEN", &[]);
    let run = run.finished_at(1000);
    assert!(holds(
        compared(metric("load.failed"), Equal, count(0.0)),
        &run
    ));
    assert!(holds(
        compared(metric("a.tcp.LISTEN"), Equal, count(0.0)),
        &run
    ));
}

#[test]
fn an_error_that_was_not_recorded_never_happened() {
    let errors = metric("load.errors.EADDRNOTAVAIL");
    assert!(holds(compared(errors, Equal, count(0.0)), &nothing()));
    let first = function(SeriesFunction::First, "web.errors.EMFILE");
    assert_eq!(observed(first, &nothing()), "never");
}

#[test]
fn a_counter_that_this_kernel_lacks_is_not_applicable() {
    let verdict = judge_one(
        compared(metric("server.TcpExtPAWSPassive"), Equal, count(0.0)),
        Window::End,
        &nothing(),
    );
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert!(why(&verdict).starts_with("this kernel has no counter TcpExtPAWSPassive"));

    let statistic = metric("nat.conntrack.clash_resolve");
    let verdict = judge_one(
        compared(statistic, Equal, count(0.0)),
        Window::End,
        &nothing(),
    );
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert!(why(&verdict).starts_with("this kernel has no conntrack statistic clash_resolve"));

    let field = metric("load.tcp_info.snd_wnd.max");
    let verdict = judge_one(compared(field, Equal, count(0.0)), Window::End, &nothing());
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert!(why(&verdict).starts_with("this kernel's tcp_info has no snd_wnd"));
}

#[test]
fn missing_series_of_an_actor_are_an_error() {
    let claim = compared(metric("load.established"), Equal, count(0.0));
    let verdict = judge_one(claim, Window::End, &nothing());
    assert_eq!(verdict.outcome, Outcome::Errored);
    assert_eq!(why(&verdict), "the record has no series `load.established`");
}

#[test]
fn a_command_that_has_not_ended_has_no_exit_status() {
    let running = TimelineBuilder::new()
        .gauge("ab.exit", &[])
        .finished_at(9000);
    for run in [&nothing(), &running] {
        for op in [Equal, NotEqual] {
            let verdict = judge_one(
                compared(metric("ab.exit"), op, count(0.0)),
                Window::End,
                run,
            );
            assert_eq!(verdict.outcome, Outcome::Failed);
            assert_eq!(seen(&verdict), [("ab.exit", "still running")]);
            assert!(why(&verdict).starts_with("`ab.exit` has no value (still running)"));
        }
    }
    let ended = TimelineBuilder::new()
        .gauge("ab.exit", &[(3000, 0)])
        .finished_at(9000);
    let succeeded = || compared(metric("ab.exit"), Equal, count(0.0));
    assert!(holds(succeeded(), &ended));
    assert_eq!(
        judge_one(succeeded(), within(5000), &ended).decided_at,
        Some(ms(3000))
    );
    assert_eq!(
        judge_one(succeeded(), at(2000), &ended).outcome,
        Outcome::Failed
    );
}

#[test]
fn functions_at_the_end_cover_the_whole_run() {
    // 0 for 1 s, 10 for 1 s, 4 for 2 s.
    let run = TimelineBuilder::new()
        .gauge("q", &[(1000, 10), (2000, 4)])
        .finished_at(4000);
    assert_eq!(observed(function(SeriesFunction::Max, "q"), &run), "10");
    assert_eq!(observed(function(SeriesFunction::Min, "q"), &run), "0");
    assert_eq!(observed(function(SeriesFunction::Mean, "q"), &run), "4.5");
    assert_eq!(observed(function(SeriesFunction::Last, "q"), &run), "4");
    assert_eq!(observed(function(SeriesFunction::First, "q"), &run), "1s");
}

#[test]
fn first_is_the_time_at_which_it_first_was_above_zero() {
    let run = TimelineBuilder::new()
        .counter(
            "load.errors.EADDRNOTAVAIL",
            &[(0, 0), (18_003, 4), (19_000, 90)],
        )
        .finished_at(20_000);
    let first = || {
        function_of(
            SeriesFunction::First,
            "load.errors.EADDRNOTAVAIL",
            Unit::Count,
        )
    };
    assert_eq!(observed(first(), &run), "18.003s");
    let seconds = |value| number(value, Unit::Seconds);
    assert!(holds(compared(first(), Equal, seconds(18.003)), &run));
    let two_percent = Tolerance::Relative(0.02);
    assert!(holds(about(first(), seconds(18.2), two_percent), &run));
}

#[test]
fn comparisons_with_something_that_never_happened_do_not_hold() {
    let run = TimelineBuilder::new()
        .counter("load.failed", &[])
        .finished_at(1000);
    let first = || function(SeriesFunction::First, "load.failed");
    for op in [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual] {
        let verdict = judge_one(
            compared(first(), op, number(1.0, Unit::Seconds)),
            Window::End,
            &run,
        );
        assert_eq!(verdict.outcome, Outcome::Failed);
        assert_eq!(seen(&verdict), [("first(load.failed)", "never")]);
    }
    let never = compared(first(), Less, number(9.0, Unit::Seconds));
    assert_eq!(
        judge_one(never, Window::Never, &run).outcome,
        Outcome::Passed
    );
}

/// 500 attempts a second from 2 s to 12 s, of which the first 3000 are established; the run watches until 70 s.
fn load_for_ten_seconds() -> Timeline {
    let attempts: Vec<(u64, i64)> = (1..=100).map(|i| (2000 + i * 100, i as i64 * 50)).collect();
    let established: Vec<(u64, i64)> = attempts[..60].to_vec();
    TimelineBuilder::new()
        .counter("load.attempted", &attempts)
        .counter("load.established", &established)
        .counter("server.TcpExtListenDrops", &[(5000, 495)])
        .finished_at(70_000)
}

#[test]
fn the_rate_of_a_client_is_over_the_time_in_which_it_offered_load() {
    let run = load_for_ten_seconds();
    let rate = |name| observed(function(SeriesFunction::Rate, name), &run);
    assert_eq!(rate("load.attempted"), "500/s");
    // 3000 less the 50 of the first change, over 9.9 s: that nothing was established after 6 s counts.
    assert_eq!(rate("load.established"), "298/s");
    assert_eq!(rate("server.TcpExtListenDrops"), "50/s");
}

#[test]
fn a_rate_during_a_window_is_over_the_window() {
    let run = load_for_ten_seconds();
    let rate = |value| {
        compared(
            function(SeriesFunction::Rate, "load.established"),
            Equal,
            number(value, Unit::PerSecond),
        )
    };
    assert_eq!(
        judge_one(rate(500.0), during(3000, 5000), &run).outcome,
        Outcome::Passed
    );
    assert_eq!(
        judge_one(rate(250.0), during(7000, 9000), &run).outcome,
        Outcome::Passed
    );
    let failed = judge_one(rate(1.0), during(20_000, 30_000), &run);
    assert_eq!(seen(&failed), [("rate(load.established)", "0/s")]);
}

#[test]
fn a_rate_behind_a_command_is_over_the_time_that_it_ran() {
    let run = TimelineBuilder::new()
        .counter("web.accepted", &[(1000, 100), (4000, 400)])
        .gauge("ab.exit", &[(4000, 0)])
        .finished_at(60_000);
    let rate = function(SeriesFunction::Rate, "web.accepted");
    assert_eq!(observed(rate, &run), "100/s");
}

#[test]
fn the_rate_of_a_transfer_is_over_the_time_up_to_its_last_byte() {
    let run = TimelineBuilder::new()
        .counter("load.attempted", &[(0, 0), (1000, 1)])
        .counter("load.bytes", &[(2000, 4096), (5000, 8192)])
        .finished_at(60_000);
    let rate = function_of(SeriesFunction::Rate, "load.bytes", Unit::Bytes);
    let claim = compared(rate, Equal, number(-1.0, Unit::BytesPerSecond));
    let verdict = judge_one(claim, Window::End, &run);
    assert_eq!(seen(&verdict), [("rate(load.bytes)", "2 KiB/s")]);
}

#[test]
fn a_load_that_came_in_one_change_has_the_rate_of_the_time_up_to_the_end() {
    let run = TimelineBuilder::new()
        .counter("load.attempted", &[(500, 20)])
        .finished_at(2000);
    let rate = function(SeriesFunction::Rate, "load.attempted");
    assert_eq!(observed(rate, &run), "10/s");
}

#[test]
fn distributions_are_merged_over_the_window() {
    let run = TimelineBuilder::new()
        .latency(
            "load.latency",
            &[
                (1000, &[(1, 98), (9, 1)]),
                (2000, &[(1000, 1)]),
                (3000, &[]),
            ],
        )
        .finished_at(3000);
    let of = |f| function_of(f, "load.latency", Unit::Seconds);
    let value = |f| observed(of(f), &run);
    assert_eq!(value(SeriesFunction::P50), "1ms");
    assert_eq!(value(SeriesFunction::P95), "1ms");
    assert_eq!(value(SeriesFunction::P99), "9ms");
    assert_eq!(value(SeriesFunction::P999), "1s");
    assert_eq!(value(SeriesFunction::Max), "1s");
    assert_eq!(value(SeriesFunction::Min), "1ms");
    assert_eq!(value(SeriesFunction::Mean), "11.07ms");
    assert_eq!(value(SeriesFunction::Last), "1s");
    assert_eq!(value(SeriesFunction::First), "1s");
    let bare = Expr::Metric(metric_ref("load.latency", Unit::Seconds));
    assert_eq!(observed(bare, &run), "11.07ms");

    let max = |value| compared(of(SeriesFunction::Max), Equal, number(value, Unit::Seconds));
    assert_eq!(
        judge_one(max(0.009), at(1999), &run).outcome,
        Outcome::Passed
    );
    // A span that ends where the window begins is not of the window.
    let first = judge_one(max(1.0), during(1000, 2000), &run);
    assert_eq!(first.outcome, Outcome::Passed);
    let min = compared(of(SeriesFunction::Min), Equal, number(1.0, Unit::Seconds));
    assert_eq!(
        judge_one(min, during(1000, 2000), &run).outcome,
        Outcome::Passed
    );
}

#[test]
fn a_distribution_without_measurements_has_no_value() {
    let run = TimelineBuilder::new()
        .latency("load.latency", &[])
        .finished_at(1000);
    let p99 = function_of(SeriesFunction::P99, "load.latency", Unit::Seconds);
    let verdict = judge_one(
        compared(p99, Less, number(1.0, Unit::Seconds)),
        Window::End,
        &run,
    );
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(seen(&verdict), [("p99(load.latency)", "nothing measured")]);
}

#[test]
fn nanoseconds_are_read_as_seconds_and_bytes_as_bytes() {
    let run = TimelineBuilder::new()
        .gauge_of("load.slept", Unit::Seconds, &[(10, 10_300_000_000)])
        .gauge_of("client.memory.tcp", Unit::Bytes, &[(10, 1536)])
        .finished_at(1000);
    let slept = Expr::Metric(metric_ref("load.slept", Unit::Seconds));
    assert!(holds(
        compared(slept, Equal, number(10.3, Unit::Seconds)),
        &run
    ));
    let memory = Expr::Metric(metric_ref("client.memory.tcp", Unit::Bytes));
    assert_eq!(observed(memory, &run), "1.5 KiB");
}

#[test]
fn whole_numbers_compare_exactly_and_fractions_with_rounding() {
    let run = nothing();
    let is = |a, op, b| holds(compared(a, op, b), &run);
    assert!(!is(count(1e15), Equal, count(1e15 + 1.0)));
    assert!(is(count(1e15), Less, count(1e15 + 1.0)));
    let thirds = || calculated(count(0.1), ArithmeticOp::Multiply, count(3.0));
    assert!(is(thirds(), Equal, count(0.3)));
    assert!(is(thirds(), LessOrEqual, count(0.3)));
    assert!(!is(thirds(), Greater, count(0.3)));
    assert!(!is(count(0.3), Equal, count(0.300_001)));
}

#[test]
fn tolerances_count_from_the_right_side_and_include_their_ends() {
    let run = nothing();
    let is = |left, right, tolerance| holds(about(count(left), count(right), tolerance), &run);
    assert!(is(1020.0, 1000.0, Tolerance::Relative(0.02)));
    assert!(is(980.0, 1000.0, Tolerance::Relative(0.02)));
    assert!(!is(1021.0, 1000.0, Tolerance::Relative(0.02)));
    assert!(!is(979.0, 1000.0, Tolerance::Relative(0.02)));
    assert!(is(-102.0, -100.0, Tolerance::Relative(0.02)));
    assert!(is(105.0, 100.0, Tolerance::Absolute(5.0)));
    assert!(!is(105.1, 100.0, Tolerance::Absolute(5.0)));

    let far = about(count(10.0), count(20.0), Tolerance::Relative(0.02));
    let verdict = judge_one(far, Window::End, &run);
    assert!(why(&verdict).starts_with("10 == 20 ± 2% does not hold"));
    let unlike = Claim::Compare {
        left: count(1030.0),
        op: NotEqual,
        right: count(1000.0),
        tolerance: Some(Tolerance::Relative(0.02)),
    };
    assert!(holds(unlike, &run));
}

#[test]
fn in_includes_both_ends() {
    let run = nothing();
    let within = |value| Claim::In {
        value: number(value, Unit::Seconds),
        low: number(9.5, Unit::Seconds),
        high: number(10.5, Unit::Seconds),
    };
    assert!(holds(within(9.5), &run));
    assert!(holds(within(10.5), &run));
    assert!(!holds(within(9.49), &run));
    let verdict = judge_one(within(10.500_01), Window::End, &run);
    assert_eq!(
        why(&verdict),
        "10.50001s in 9.5s..10.5s does not hold at the end of the run (1.000s)"
    );
}

#[test]
fn arithmetic_uses_observed_values() {
    let run = TimelineBuilder::new()
        .counter("a", &[(10, 7)])
        .counter("b", &[(10, 2)])
        .finished_at(1000);
    let is = |op, value| {
        let claim = compared(
            calculated(metric("a"), op, metric("b")),
            Equal,
            count(value),
        );
        holds(claim, &run)
    };
    assert!(is(ArithmeticOp::Add, 9.0));
    assert!(is(ArithmeticOp::Subtract, 5.0));
    assert!(is(ArithmeticOp::Multiply, 14.0));
    assert!(is(ArithmeticOp::Divide, 3.5));
    let negative = Expr::Negate(Box::new(metric("a")));
    assert!(holds(compared(negative, Equal, count(-7.0)), &run));

    let doubled = calculated(count(2.0), ArithmeticOp::Multiply, metric("b"));
    let verdict = judge_one(compared(metric("a"), Less, doubled), Window::End, &run);
    assert_eq!(seen(&verdict), [("a", "7"), ("b", "2")]);
    assert_eq!(
        why(&verdict),
        "7 < 4 does not hold at the end of the run (1.000s)"
    );
}

#[test]
fn nothing_is_equal_to_a_division_by_zero() {
    let divided = || calculated(count(1.0), ArithmeticOp::Divide, count(0.0));
    for op in [Equal, NotEqual] {
        assert!(!holds(compared(divided(), op, divided()), &nothing()));
    }
    let verdict = judge_one(
        compared(divided(), Less, count(1.0)),
        Window::End,
        &nothing(),
    );
    assert_eq!(
        why(&verdict),
        "a side has no value (divided by zero) at the end of the run (1.000s)"
    );
}

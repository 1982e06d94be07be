//! Comparisons of sets, made from stored records of real runs, some of them changed. Needs no privileges.

use std::path::Path;

use nslab::compare::{Comparison, Conclusion, EffectKind};
use nslab::record::{Event, Offset, Outcome, RunEnd, SeriesDeclaration, SeriesId, SeriesKind};
use nslab::suite::RunResult;
use nslab::suite::replay::{StoredRun, replay};
use nslab::units::Unit;

const THRESHOLD: f64 = 0.02;

/// Returns the result of a stored run.
fn stored(name: &str) -> RunResult {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records/runs");
    let record = StoredRun::read(&folder.join(name)).unwrap();
    let replayed = replay(&[record]);
    replayed.result.scenarios[0].runs[0].clone()
}

fn without_reuse() -> RunResult {
    stored("exhaustion-default.nslab.jsonl.gz")
}

fn with_reuse() -> RunResult {
    stored("exhaustion-reuse.nslab.jsonl.gz")
}

/// Returns runs with one more series, which ends with these values.
fn with(name: &str, kind: SeriesKind, values: &[i64]) -> Vec<RunResult> {
    let each = values.iter().map(|value| {
        let mut run = without_reuse();
        let id = SeriesId(9999);
        run.timeline.add(Event::Series(SeriesDeclaration {
            id,
            name: name.into(),
            kind,
            unit: Unit::Count,
            emulated: false,
        }));
        let t = run.timeline.now;
        run.timeline.add(Event::Sample {
            t,
            v: vec![(id, *value)],
        });
        run
    });
    each.collect()
}

fn kind(comparison: &Comparison, metric: &str) -> EffectKind {
    let effect = comparison.effects.iter().find(|each| each.metric == metric);
    effect.unwrap_or_else(|| panic!("no {metric}")).kind
}

#[test]
fn more_connections_help_and_fewer_hurt() {
    let (default, reuse) = (vec![without_reuse(); 3], vec![with_reuse(); 3]);
    let helps = Comparison::of(&default, &reuse, THRESHOLD);
    assert_eq!(helps.answer, Conclusion::Helps);
    assert!(helps.is_certain(), "counts that never varied decide");
    assert_eq!(kind(&helps, "load.established"), EffectKind::Better);
    assert_eq!(kind(&helps, "load.failed"), EffectKind::Better);
    assert_eq!(kind(&helps, "client.tcp.TIME_WAIT"), EffectKind::Changed);
    let established = helps.decisive()[0];
    assert_eq!((established.a.mean, established.b.mean), (1000.0, 1800.0));
    assert_eq!(
        Comparison::of(&reuse, &default, THRESHOLD).answer,
        Conclusion::Hurts
    );
}

#[test]
fn the_same_runs_have_no_effect_on_each_other() {
    let same = Comparison::of(
        &vec![without_reuse(); 3],
        &vec![without_reuse(); 4],
        THRESHOLD,
    );
    assert_eq!(same.answer, Conclusion::NoEffect);
    assert!(
        same.effects
            .iter()
            .all(|effect| effect.kind == EffectKind::Same)
    );
}

#[test]
fn values_that_vary_more_than_they_differ_are_too_noisy() {
    let a = with("load.completed", SeriesKind::Counter, &[1000, 1200, 800]);
    let b = with("load.completed", SeriesKind::Counter, &[1100, 900, 1300]);
    let noisy = Comparison::of(&a, &b, THRESHOLD);
    assert_eq!(noisy.answer, Conclusion::TooNoisy);
    assert!(!noisy.is_certain());
    assert_eq!(noisy.decisive()[0].metric, "load.completed");
    // The same figures, when a difference matters only from 50 % on.
    let same = Comparison::of(&a, &b, 1.0);
    assert_eq!(same.answer, Conclusion::NoEffect);
    assert!(!same.is_certain(), "what varies may vary more");
}

#[test]
fn a_counter_of_the_kernel_alone_is_a_change_that_neither_helps_nor_hurts() {
    let drops = |value| with("server.TcpExtListenDrops", SeriesKind::Counter, &[value; 3]);
    for (before, after) in [(0, 500), (500, 0)] {
        let changes = Comparison::of(&drops(before), &drops(after), THRESHOLD);
        assert_eq!(changes.answer, Conclusion::Changes);
        assert_eq!(changes.decisive()[0].metric, "server.TcpExtListenDrops");
    }
    let helps = Comparison::of(&drops(500), &vec![with_reuse(); 3], THRESHOLD);
    assert_eq!(helps.answer, Conclusion::Helps);
    assert!(
        helps
            .decisive()
            .iter()
            .all(|effect| effect.metric != "server.TcpExtListenDrops")
    );
}

#[test]
fn a_latency_decides_only_if_the_runs_were_alone() {
    let slower = |milliseconds: u64, alone: bool| {
        let mut run = without_reuse();
        run.spec.exclusive = alone;
        let series = run.timeline.series("load.latency").unwrap();
        run.timeline.add(Event::Histogram {
            t: run.timeline.now,
            series: series.declaration.id,
            v: vec![(milliseconds * 1_000_000, 1_000_000)],
        });
        vec![run; 3]
    };
    let compare = |alone| Comparison::of(&slower(90, alone), &slower(20, alone), THRESHOLD);
    let beside = compare(false);
    assert_eq!(beside.answer, Conclusion::Changes);
    assert_eq!(kind(&beside, "p99(load.latency)"), EffectKind::Changed);
    assert!(beside.decisive()[0].metric.ends_with("(load.latency)"));
    let alone = compare(true);
    assert_eq!(alone.answer, Conclusion::Helps);
    assert_eq!(kind(&alone, "p99(load.latency)"), EffectKind::Better);
}

#[test]
fn a_few_failures_among_many_attempts_do_not_matter() {
    let drops = |value| with("server.TcpExtListenDrops", SeriesKind::Counter, &[value; 3]);
    // 1,800 attempts: 2 % are 36.
    assert_eq!(
        Comparison::of(&drops(0), &drops(36), THRESHOLD).answer,
        Conclusion::NoEffect
    );
    assert_eq!(
        Comparison::of(&drops(0), &drops(37), THRESHOLD).answer,
        Conclusion::Changes
    );
}

#[test]
fn states_are_neither_better_nor_worse() {
    // The scenario names `client.tcp.TIME_WAIT` and does not name `client.tcp.LISTEN`.
    let named = |value| with("client.tcp.TIME_WAIT", SeriesKind::Gauge, &[value; 3]);
    assert_eq!(
        Comparison::of(&named(1000), &named(100), THRESHOLD).answer,
        Conclusion::Changes
    );
    let other = |value| with("client.tcp.LISTEN", SeriesKind::Gauge, &[value; 3]);
    assert_eq!(
        Comparison::of(&other(1000), &other(100), THRESHOLD).answer,
        Conclusion::NoEffect
    );
}

#[test]
fn a_setting_that_this_kernel_lacks_is_not_applicable_with_its_reason() {
    let lacks = |mut run: RunResult| {
        run.timeline.end = Some(RunEnd::NotApplicable("no such key".to_owned()));
        run.verdict.outcome = Outcome::NotApplicable;
        run.verdict.reason = Some("no such key".to_owned());
        run
    };
    let b = vec![lacks(with_reuse()); 3];
    let comparison = Comparison::of(&vec![without_reuse(); 3], &b, THRESHOLD);
    assert_eq!(comparison.answer, Conclusion::NotApplicable);
    assert_eq!(comparison.reason.as_deref(), Some("no such key"));
}

#[test]
fn settings_that_prevent_the_lab_are_not_applicable_and_other_errors_are_errors() {
    let errored = |built: bool| {
        let mut run = with_reuse();
        run.timeline.end = Some(RunEnd::Errored("refused".to_owned()));
        run.verdict.outcome = Outcome::Errored;
        run.verdict.reason = Some("refused".to_owned());
        if !built {
            run.timeline.built = None;
        }
        vec![run; 3]
    };
    let healthy = vec![without_reuse(); 3];
    let answer = |a: &[RunResult], b: &[RunResult]| Comparison::of(a, b, THRESHOLD).answer;
    assert_eq!(answer(&healthy, &errored(false)), Conclusion::NotApplicable);
    assert_eq!(answer(&healthy, &errored(true)), Conclusion::Errored);
    assert_eq!(answer(&errored(false), &healthy), Conclusion::Errored);
}

#[test]
fn runs_whose_load_was_not_offered_do_not_count() {
    let late = |mut run: RunResult| {
        run.timeline.loads[0].late_p99 = 10_000_000_000;
        run
    };
    let good = vec![without_reuse(); 3];
    let mut mixed = vec![with_reuse(); 3];
    mixed.push(late(without_reuse()));
    assert_eq!(
        Comparison::of(&good, &mixed, THRESHOLD).answer,
        Conclusion::Helps
    );
    mixed.remove(0);
    let few = Comparison::of(&good, &mixed, THRESHOLD);
    assert_eq!(few.answer, Conclusion::TooNoisy);
    assert!(few.reason.unwrap().contains("1 of 6 runs cannot be judged"));
}

#[test]
fn more_resets_hurt_even_if_as_many_attempts_fail() {
    let errors = |name: &str, values: [i64; 2]| {
        let run = |value| with(name, SeriesKind::Counter, &[value; 3]);
        (run(values[0]), run(values[1]))
    };
    let (before, after) = errors("load.errors.ECONNRESET", [0, 70]);
    let resets = Comparison::of(&before, &after, THRESHOLD);
    assert_eq!(resets.answer, Conclusion::Hurts);
    assert_eq!(kind(&resets, "load.errors.ECONNRESET"), EffectKind::Worse);
}

#[test]
fn a_speed_that_may_have_doubled_is_never_no_effect() {
    let speed = |values: &[i64]| with("load.throughput", SeriesKind::Gauge, values);
    let a = speed(&[20_000_000, 34_000_000, 48_000_000]);
    let b = speed(&[30_000_000, 68_000_000, 105_000_000]);
    let unclear = Comparison::of(&a, &b, THRESHOLD);
    assert_eq!(unclear.answer, Conclusion::TooNoisy);
    assert_eq!(unclear.decisive()[0].metric, "load.throughput");
}

#[test]
fn a_later_failure_is_neither_better_nor_worse() {
    let at = |seconds: u64| {
        let mut run = with("load.errors.ETIMEDOUT", SeriesKind::Counter, &[0]).remove(0);
        let id = SeriesId(9999);
        run.timeline.add(Event::Sample {
            t: Offset(run.timeline.now.0 + seconds * 1_000_000_000),
            v: vec![(id, 1)],
        });
        vec![run; 3]
    };
    let later = Comparison::of(&at(1), &at(9), THRESHOLD);
    let time = "first(load.errors.ETIMEDOUT)";
    assert_eq!(kind(&later, time), EffectKind::Changed);
    assert!(!matches!(
        later.answer,
        Conclusion::Helps | Conclusion::Hurts | Conclusion::Trade
    ));
}

/// Runs of a scenario whose program must end with 0, with the code that it ended with.
fn with_program(code: i64) -> Vec<RunResult> {
    let text = "
nodes: { client: {} }
commands: { tool: { node: client, run: [\"true\"] } }
expect: [tool.exit == 0]
";
    let scenario = nslab::scenario::parse("a.yaml", text, &Default::default()).unwrap();
    let mut runs = with("tool.exit", SeriesKind::Gauge, &[code; 3]);
    for run in &mut runs {
        let spec = &scenario.runs[0];
        run.spec.workload.commands = spec.workload.commands.clone();
        run.spec.expect = spec.expect.clone();
        run.verdict = nslab::expect::judge(&run.spec, &run.timeline);
    }
    runs
}

#[test]
fn a_program_that_fails_on_both_sides_leaves_no_answer() {
    let answer = |a, b| Comparison::of(&with_program(a), &with_program(b), THRESHOLD).answer;
    assert_eq!(answer(2, 2), Conclusion::NotApplicable);
    assert_eq!(answer(0, 0), Conclusion::NoEffect);
    assert_eq!(answer(2, 0), Conclusion::Helps);
}

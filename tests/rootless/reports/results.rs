//! The results on which every format is tested.

use std::sync::Arc;
use std::time::Duration;

use nslab::record::{Event, Outcome, SeriesKind};
use nslab::suite::{CaseComparison, RunResult, ScenarioResult, SuiteResult};
use nslab::units::Unit;

use crate::reports::build::{
    emulate, expectation, file, finish, judged, latencies, load, numbers, run, text, verdict,
};

/// Control characters, markup of every format, wide characters, a line end.
pub(crate) const ODD: &str = "a\x1b[31mb\0, c: 100% <d> & \"e\" \\ `f` | ]]> # g 日本\r\nnext";

/// Returns one run of each outcome, emulated runs, comparisons, and odd characters everywhere.
pub(crate) fn every_outcome() -> SuiteResult {
    let scenarios = [table_full(), tw_recycle(), exhaustion(), odd(ODD)];
    SuiteResult {
        scenarios: scenarios.into_iter().map(Arc::new).collect(),
        took: Duration::from_millis(31_500),
        interrupted: true,
        not_run: Vec::new(),
    }
}

/// Returns a suite with one errored run, with this text wherever text can come from outside.
pub(crate) fn all_of(text: &str) -> SuiteResult {
    let mut suite = SuiteResult {
        scenarios: vec![Arc::new(odd(text))],
        ..SuiteResult::default()
    };
    suite.took = Duration::from_secs(1);
    suite
}

/// Returns a suite with one scenario that passed.
pub(crate) fn passed() -> SuiteResult {
    let mut scenario = table_full();
    scenario.runs.remove(0);
    SuiteResult {
        scenarios: vec![Arc::new(scenario)],
        took: Duration::from_secs(6),
        interrupted: false,
        not_run: Vec::new(),
    }
}

/// Returns a suite in which nothing ran.
pub(crate) fn nothing() -> SuiteResult {
    SuiteResult::default()
}

/// A failed run, a passed run, and a comparison that holds.
fn table_full() -> ScenarioResult {
    let compare = expectation(
        47,
        "roomy:load.established",
        "roomy.load.established == full.load.established + 300 - 200",
    );
    let file = file(
        "./scenarios/conntrack/table-full.yaml",
        "table-full",
        "A full conntrack table drops new connections in silence",
        vec![compare.clone()],
    );
    let observed = [
        ("roomy.load.established", "300"),
        ("full.load.established", "200"),
    ];
    let compared = verdict(&compare, Outcome::Passed, &observed);
    ScenarioResult {
        kernel: None,
        file,
        runs: vec![full(), roomy()],
        compare: vec![CaseComparison {
            case: Vec::new(),
            verdicts: vec![compared],
        }],
    }
}

fn full() -> RunResult {
    let established = expectation(31, "load.established", "load.established == 200");
    let refused = expectation(
        34,
        "load.errors.ECONNREFUSED",
        "load.errors.ECONNREFUSED == 0",
    );
    let waiting = expectation(
        36,
        "client.tcp.SYN_SENT",
        "max(client.tcp.SYN_SENT) >= 50 within 2s",
    );
    let mut failed = verdict(
        &established,
        Outcome::Failed,
        &[("load.established", "197")],
    );
    failed.reason = Some("197 is not 200 at the end of the run (5.000s)".to_owned());
    let verdicts = vec![
        failed,
        verdict(
            &refused,
            Outcome::Passed,
            &[("load.errors.ECONNREFUSED", "0")],
        ),
        verdict(
            &waiting,
            Outcome::Passed,
            &[("max(client.tcp.SYN_SENT)", "83")],
        ),
    ];
    let run = run(
        "table-full",
        Some("full"),
        &[],
        vec![established, refused, waiting],
    );
    let mut run = judged(run, Outcome::Failed, None, verdicts);
    numbers(
        &mut run,
        "load.established",
        SeriesKind::Counter,
        Unit::Count,
        &[(0, 0), (1, 99), (2, 197)],
    );
    numbers(
        &mut run,
        "load.errors.ETIMEDOUT",
        SeriesKind::Counter,
        Unit::Count,
        &[(4, 103)],
    );
    numbers(
        &mut run,
        "load.in-flight",
        SeriesKind::Gauge,
        Unit::Count,
        &[(1, 2), (3, 103), (5, 0)],
    );
    numbers(
        &mut run,
        "load.bytes",
        SeriesKind::Counter,
        Unit::Bytes,
        &[(1, 4096)],
    );
    let states: &[(u64, i64)] = &[(0, 0), (2, 3), (3, 83), (5, 0)];
    numbers(
        &mut run,
        "client.tcp.SYN_SENT",
        SeriesKind::Gauge,
        Unit::Count,
        states,
    );
    numbers(
        &mut run,
        "client.memory.tcp",
        SeriesKind::Gauge,
        Unit::Bytes,
        &[(0, 4096), (2, 81920)],
    );
    numbers(
        &mut run,
        "nat.conntrack.drop",
        SeriesKind::Counter,
        Unit::Count,
        &[(0, 0), (3, 103)],
    );
    numbers(
        &mut run,
        "server.TcpExtListenDrops",
        SeriesKind::Counter,
        Unit::Count,
        &[],
    );
    latencies(
        &mut run,
        "load.latency",
        1,
        &[(150_000, 60), (220_000, 38), (9_000_000, 1)],
    );
    latencies(&mut run, "load.latency", 2, &[(150_000, 98)]);
    text(
        &mut run,
        "kernel.log",
        3_000_000_500,
        "nf_conntrack: nf_conntrack: table full in netns 4026532, dropping packet",
    );
    load(&mut run, "load", 300, 100.02);
    run.timeline.add(Event::Note {
        t: None,
        text: "the kernel's log is shared with other namespaces".to_owned(),
    });
    finish(&mut run, 5);
    run
}

fn roomy() -> RunResult {
    let established = expectation(42, "load.established", "load.established == 300");
    let observed = verdict(
        &established,
        Outcome::Passed,
        &[("load.established", "300")],
    );
    let run = run("table-full", Some("roomy"), &[], vec![established]);
    let mut run = judged(run, Outcome::Passed, None, vec![observed]);
    numbers(
        &mut run,
        "load.established",
        SeriesKind::Counter,
        Unit::Count,
        &[(1, 100), (2, 200), (3, 300)],
    );
    load(&mut run, "load", 300, 100.0);
    finish(&mut run, 5);
    run
}

/// An emulated run, one that is not applicable, and a failed comparison of emulated values.
fn tw_recycle() -> ScenarioResult {
    let compare = expectation(
        73,
        "on:server.tcp.TIME_WAIT",
        "on.server.tcp.TIME_WAIT < off.server.tcp.TIME_WAIT / 2",
    );
    let file = file(
        "scenarios/timewait/tw-recycle-nat.yaml",
        "tw-recycle-nat",
        "tcp_tw_recycle=1 starves one of two hosts behind one NAT address",
        vec![compare.clone()],
    );
    let drops = expectation(
        58,
        "server.TcpExtPAWSPassive",
        "server.TcpExtPAWSPassive >= 29",
    );
    let on = verdict(
        &drops,
        Outcome::Passed,
        &[("server.TcpExtPAWSPassive", "30")],
    );
    let on = judged(
        run("tw-recycle-nat", Some("on"), &[], vec![drops.clone()]),
        Outcome::Passed,
        None,
        vec![on],
    );
    let mut on = on;
    emulate(&mut on);
    numbers(
        &mut on,
        "server.tcp.TIME_WAIT",
        SeriesKind::Gauge,
        Unit::Count,
        &[(0, 0), (1, 40), (3, 35)],
    );
    finish(&mut on, 4);
    let missing = "this kernel (4.9.337) is older than 4.12, which the scenario needs; run it in a virtual machine";
    let mut verdict_of_today = verdict(&drops, Outcome::NotApplicable, &[]);
    verdict_of_today.reason = Some(missing.to_owned());
    verdict_of_today.decided_at = None;
    let mut today = run("tw-recycle-nat", Some("today"), &[], vec![drops]);
    today.timeline.add(Event::NotApplicable {
        reason: missing.to_owned(),
    });
    let today = judged(
        today,
        Outcome::NotApplicable,
        Some(missing),
        vec![verdict_of_today],
    );
    let observed = [
        ("on.server.tcp.TIME_WAIT", "35"),
        ("off.server.tcp.TIME_WAIT", "60"),
    ];
    let mut compared = verdict(&compare, Outcome::Failed, &observed);
    compared.emulated = true;
    compared.reason = Some("35 is not less than 30 at the end of the run".to_owned());
    ScenarioResult {
        kernel: None,
        file,
        runs: vec![on, today],
        compare: vec![CaseComparison {
            case: Vec::new(),
            verdicts: vec![compared],
        }],
    }
}

/// An inconclusive run whose expectations seem to fail, a skipped one, and a matrix.
fn exhaustion() -> ScenarioResult {
    let file = file(
        "scenarios/ports/exhaustion.yaml",
        "exhaustion",
        "Ports run out",
        Vec::new(),
    );
    let first = expectation(
        40,
        "load.errors.EADDRNOTAVAIL",
        "first(load.errors.EADDRNOTAVAIL) in 9.8s..10.2s",
    );
    let seems = verdict(
        &first,
        Outcome::Failed,
        &[("first(load.errors.EADDRNOTAVAIL)", "never")],
    );
    let reason = "this machine could not generate the requested load: `load` started 212 of 300, \
        71.2/s instead of 100.0/s";
    let mut slow = judged(
        run(
            "exhaustion",
            None,
            &[("rate", "500/s")],
            vec![first.clone()],
        ),
        Outcome::Inconclusive,
        Some(reason),
        vec![seems],
    );
    load(&mut slow, "load", 212, 71.2);
    finish(&mut slow, 12);
    let skipped = run("exhaustion", None, &[("rate", "550/s")], vec![first]);
    let mut skipped = judged(skipped, Outcome::Skipped, None, Vec::new());
    skipped.took = Duration::ZERO;
    ScenarioResult {
        kernel: None,
        file,
        runs: vec![slow, skipped],
        compare: Vec::new(),
    }
}

/// An errored run, with odd characters wherever text can come from outside.
fn odd(words: &str) -> ScenarioResult {
    let file = file(
        "scenarios/odd, dir: 100%/ünï#code.v2.yaml",
        words,
        words,
        Vec::new(),
    );
    let claim = expectation(12, "ab.stdout", words);
    let mut unknown = verdict(&claim, Outcome::Errored, &[("ab.stdout", words)]);
    unknown.reason = Some(words.to_owned());
    let run = run(
        words,
        Some("va\"ri\\ant"),
        &[("ra|te", "1,000/s")],
        vec![claim],
    );
    let mut run = judged(
        run,
        Outcome::Errored,
        Some("the worker died: its record breaks off at 1.500s"),
        vec![unknown],
    );
    text(&mut run, "ab.stdout", 1_500_000_000, words);
    run.timeline.add(Event::Note {
        t: None,
        text: words.to_owned(),
    });
    run.last_words = vec![
        "thread 'main' panicked: \x1b[1m::error::\x1b[0m".to_owned(),
        words.to_owned(),
    ];
    ScenarioResult {
        kernel: None,
        file,
        runs: vec![run],
        compare: Vec::new(),
    }
}

//! Advice and comparisons as they are displayed. Needs no privileges: the observations are stored, or made here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nslab::advise::{
    Advice, Experiment, LineAdvice, Reference, ReferenceChoice, SysctlSource, ValueTrials, assess,
    merge, values_to_try,
};
use nslab::compare::{Comparison, Conclusion, Question, SideRuns, Trial};
use nslab::fixtures::TimelineBuilder;
use nslab::lab::sysctl_survey::{
    FoundSysctl, OrderedWrites, SysctlSurvey, WriteAttempt, WriteOutcome,
};
use nslab::record::Timeline;
use nslab::report;
use nslab::report::terminal::Style;
use nslab::suite::RunResult;
use nslab::suite::replay::{StoredRun, replay};

fn stored(name: &str) -> RunResult {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records/runs");
    let record = StoredRun::read(&folder.join(name)).unwrap();
    replay(&[record]).result.scenarios[0].runs[0].clone()
}

/// Three runs of each side, as they were stored.
fn trial() -> Trial {
    let question = Question {
        sides: vec![vec![], vec!["net.ipv4.tcp_tw_reuse=1".parse().unwrap()]],
        ..Question::default()
    };
    let text = include_str!("../../scenarios/ports/exhaustion.yaml");
    let sides = question.sides(&nslab::suite::ScenarioSource {
        label: "scenarios/ports/exhaustion.yaml".to_owned(),
        text: text.to_owned(),
    });
    let runs = [
        "exhaustion-default.nslab.jsonl.gz",
        "exhaustion-reuse.nslab.jsonl.gz",
    ];
    let tried: Vec<SideRuns> = sides
        .unwrap()
        .into_iter()
        .zip(runs)
        .map(|(side, name)| SideRuns {
            side,
            runs: vec![stored(name); 3],
        })
        .collect();
    let comparison = Comparison::of(&tried[0].runs, &tried[1].runs, 0.02);
    Trial {
        sides: tried,
        comparisons: vec![comparison],
        threshold: 0.02,
        took: Duration::from_millis(18_400),
        interrupted: false,
    }
}

/// A kernel with three settings per namespace and one for the whole kernel.
fn lines(text: &str) -> Vec<LineAdvice> {
    let found = |value: &str, writable| FoundSysctl {
        value: Some(value.to_owned()),
        writable,
    };
    let own = [
        ("net.ipv4.tcp_tw_reuse", "2"),
        ("net.ipv4.tcp_fin_timeout", "60"),
        ("net.core.somaxconn", "4096"),
    ];
    let fresh: BTreeMap<String, FoundSysctl> = own
        .map(|(key, value)| (key.to_owned(), found(value, true)))
        .into();
    let mut here = fresh.clone();
    here.insert("net.core.rmem_max".to_owned(), found("212992", true));
    here.insert("net.core.somaxconn".to_owned(), found("128", true));
    let survey = SysctlSurvey {
        here,
        fresh,
        ..SysctlSurvey::default()
    };
    let sources = [SysctlSource {
        label: "tuning.conf".to_owned(),
        text: text.to_owned(),
    }];
    let entries = merge(&sources, &[]);
    let reference = Reference::of(&ReferenceChoice::ThisHost, &survey);
    let to_try = values_to_try(&entries, &survey, false);
    let attempt = |value: &str, key: &str| WriteAttempt {
        before: reference.value(key).map(str::to_owned),
        after: Some(value.to_owned()),
        outcome: WriteOutcome::AsWritten,
        reset: None,
    };
    let writes = OrderedWrites {
        start: reference.values().clone(),
        attempts: to_try
            .iter()
            .map(|each| Some(attempt(&each.value, &each.key)))
            .collect(),
    };
    let trials = ValueTrials::of(&to_try, writes);
    assess(entries, &survey, &reference, &trials, |_| None)
}

fn advice(text: &str) -> Advice {
    Advice {
        sources: vec!["tuning.conf".to_owned()],
        reference: "this host as it is".to_owned(),
        kernel: None,
        lines: lines(text),
        together: Vec::new(),
        blame: Some(Vec::new()),
        took: Duration::from_millis(200),
        cut_short: None,
    }
}

/// The same with an experiment on its first line.
fn advice_that_ran() -> Advice {
    let trial = trial();
    let mut advice = advice(
        "net.ipv4.tcp_tw_reuse = 1\nnet.ipv4.tcp_fin_timeout = 60\nnet.core.somaxconn = 1024\n\
         net.core.rmem_max = 8388608\n\
         net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_sack\n",
    );
    let experiment = Experiment {
        scenario: "scenarios/ports/exhaustion.yaml".to_owned(),
        variant: Some("default".to_owned()),
        lines: vec![0],
        fixed: Vec::new(),
        conditions: vec!["net.ipv4.tcp_timestamps=1".to_owned()],
        beside: vec![1],
        condition: "at 100 connections/s".to_owned(),
        load: None,
        trade: None,
        declared: true,
        emulated: false,
        cached: false,
        comparison: trial.comparisons[0].clone(),
        curve: None,
        records: vec!["out/001-exhaustion/a.nslab.jsonl".into()],
    };
    advice.lines[0].experiments.push(experiment.clone());
    advice.lines[2]
        .not_run
        .push(("scenarios/queues/backlog.yaml".to_owned(), "--no-run"));
    advice.together.push(Experiment {
        lines: vec![0, 2],
        fixed: vec!["net.ipv4.ip_local_port_range".to_owned()],
        ..experiment
    });
    advice
}

#[test]
fn a_comparison_at_a_terminal() {
    insta::assert_snapshot!(report::compare::terminal(&trial(), Style::default()));
}

#[test]
fn a_comparison_in_markdown() {
    insta::assert_snapshot!(report::compare::markdown(&trial()));
}

#[test]
fn a_comparison_for_machines_has_every_metric_with_its_samples() {
    let json: serde_json::Value =
        serde_json::from_str(&report::compare::json(&trial()).unwrap()).unwrap();
    let comparison = &json["comparisons"][0];
    assert_eq!(comparison["answer"], "helps");
    let effects = comparison["effects"].as_array().unwrap();
    assert!(effects.len() > 20, "{}", effects.len());
    assert_eq!(effects[0]["metric"], "load.established");
    assert_eq!(effects[0]["a"]["mean"], 1000.0);
    assert_eq!(effects[0]["interval"], serde_json::json!([800.0, 800.0]));
}

#[test]
fn advice_at_a_terminal() {
    let advice = advice_that_ran();
    insta::assert_snapshot!(report::advice::terminal(&advice, Style::default()));
    assert!(advice.is_bad() && !advice.is_unclear());
}

#[test]
fn the_summary_of_advice_fits_a_screen() {
    let mut advice = advice_that_ran();
    let one = report::advice::summary(&advice, Style::default());
    insta::assert_snapshot!(one);
    let more = advice.lines.clone();
    for _ in 0..40 {
        advice.lines.extend(more.clone());
    }
    for text in [one, report::advice::summary(&advice, Style::default())] {
        assert!(text.lines().count() < 24, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
}

#[test]
fn the_file_to_use_instead_sets_what_is_kept_and_says_why() {
    let text = report::advice::shipped_file(&advice_that_ran());
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let kept: Vec<String> = nslab::advise::read(&text)
        .into_iter()
        .map(|line| line.text)
        .collect();
    let expected = [
        "net.ipv4.tcp_tw_reuse = 1",
        "net.ipv4.tcp_fin_timeout = 60",
        "net.core.somaxconn = 1024",
        "net.core.rmem_max = 8388608",
    ];
    assert_eq!(kept, expected);
}

/// A lower value is better for some and worse for others, whatever the scenario's own metrics say.
#[test]
fn a_difference_in_a_compromise_is_a_trade_that_names_both_sides() {
    let mut advice = advice_that_ran();
    let experiment = &mut advice.lines[0].experiments[0];
    experiment.trade = Some(("impatient programs".to_owned(), "slow paths".to_owned()));
    let line = &advice.lines[0];
    assert_eq!(line.ruling().as_str(), "trade");
    assert!(line.is_measured() && !line.is_bad());
    let shown = report::advice::terminal(&advice, Style::default());
    assert!(
        shown.contains("better for impatient programs; worse for slow paths"),
        "{shown}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&report::advice::json(&advice).unwrap()).unwrap();
    assert_eq!(json["lines"][0]["helps"], "impatient programs");
    assert_eq!(json["lines"][0]["costs"], "slow paths");
}

#[test]
fn a_limit_beyond_the_lab_is_not_reached_and_never_without_effect() {
    let mut advice = advice("net.core.somaxconn = 1024\n");
    advice.lines[0].too_short.push(nslab::advise::OutOfReach {
        scenario: "queue.yaml".to_owned(),
        at_most: 512,
        needs: Some("1,500 connections".to_owned()),
    });
    assert_eq!(advice.lines[0].ruling().as_str(), "not reached");
    let text = report::advice::terminal(&advice, Style::default());
    assert!(
        text.contains("not reached: would need 1,500 connections"),
        "{text}"
    );
}

/// One scenario ended and shows nothing; the time was over before another one, which may.
#[test]
fn a_line_whose_comparisons_did_not_all_end_is_never_without_effect() {
    let mut advice = advice_that_ran();
    let line = &mut advice.lines[0];
    line.experiments[0].comparison.answer = Conclusion::NoEffect;
    line.experiments[0].declared = true;
    assert_eq!(line.ruling().as_str(), "no effect");
    line.cut_short = true;
    assert_eq!(line.ruling().as_str(), "not run");
    assert!(!line.is_measured() && line.condition().is_none());
    line.experiments[0].comparison.answer = Conclusion::Hurts;
    assert_eq!(line.ruling().as_str(), "hurts", "what was seen was seen");
}

#[test]
fn several_lines_whose_comparisons_did_not_all_end_are_never_without_effect() {
    let mut advice = advice_that_ran();
    let mut together = advice.lines[0].experiments.remove(0);
    together.lines = vec![0, 1];
    together.comparison.answer = Conclusion::NoEffect;
    advice.together = vec![together];
    assert_eq!(advice.whole(), Some(Conclusion::NoEffect));
    advice.cut_short = Some("interrupted");
    assert_eq!(advice.whole(), None);
    assert!(advice.is_unclear());
}

/// The first side of a comparison whose last run ended in one way or another.
#[test]
fn a_side_with_a_run_that_was_ended_from_outside_is_not_complete() {
    let [side, _] = trial().sides.try_into().unwrap();
    let with = |end: fn(TimelineBuilder) -> Timeline| {
        let mut side = side.clone();
        side.runs[2].timeline = end(TimelineBuilder::new());
        [false, true].map(|interrupted| side.is_complete(3, interrupted))
    };
    assert_eq!(with(|line| line.finished_at(1000)), [true, true]);
    assert_eq!(with(|line| line.interrupted_at(1000)), [false, false]);
    // The end of the time may have been the reason.
    assert_eq!(with(|line| line.died_at(1000)), [true, false]);
    assert_eq!(with(|line| line.errored_at(1000, "no")), [true, false]);
    assert!(!side.is_complete(4, false), "a run is missing");
}

#[test]
fn advice_in_markdown() {
    insta::assert_snapshot!(report::advice::markdown(&advice_that_ran()));
}

#[test]
fn advice_for_machines_has_each_line_with_its_keys() {
    let text = report::advice::json(&advice_that_ran()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["bad"], true);
    let word = |line: usize| json["lines"][line]["ruling"].as_str().unwrap();
    let words: Vec<&str> = (0..6).map(word).collect();
    assert_eq!(
        words,
        [
            "helps",
            "already so",
            "not run",
            "host-wide",
            "cannot apply",
            "cannot apply"
        ]
    );
    assert_eq!(json["reference"], "this host as it is");
    let first = &json["lines"][0];
    let condition = "at 100 connections/s, with net.ipv4.tcp_timestamps=1";
    assert_eq!(
        (&first["measured"], &first["condition"]),
        (&true.into(), &condition.into())
    );
    assert_eq!(json["lines"][1]["condition"], serde_json::Value::Null);
    assert_eq!(json["whole"], "helps");
    assert_eq!(json["lines"][1]["measured"], false);
    assert_eq!(json["lines"][2]["keys"][0]["here"], "128");
    assert_eq!(json["lines"][0]["experiments"][0]["answer"], "helps");
}

/// A run with no difference, in a scenario that was not written for the key.
#[test]
fn no_change_in_a_scenario_about_something_else_is_not_no_effect() {
    let same = Trial {
        comparisons: vec![Comparison::of(
            &trial().sides[0].runs,
            &trial().sides[0].runs,
            0.02,
        )],
        ..trial()
    };
    let mut advice = advice_that_ran();
    let experiment = &mut advice.lines[0].experiments[0];
    experiment.comparison = same.comparisons[0].clone();
    assert_eq!(advice.lines[0].ruling().as_str(), "no effect");
    assert!(advice.lines[0].is_measured());
    advice.lines[0].experiments[0].declared = false;
    assert_eq!(advice.lines[0].ruling().as_str(), "not measured");
    assert!(!advice.lines[0].is_measured());
}

/// A file whose first line is worse in the scenario in which all lines are worse together.
fn advice_that_hurts() -> Advice {
    let [with, without] = [1, 0].map(|side| trial().sides[side].runs.clone());
    let worse = Comparison::of(&with, &without, 0.02);
    let mut advice = advice_that_ran();
    advice.lines.truncate(3);
    advice.lines[0].experiments[0].comparison = worse.clone();
    advice.together[0].comparison = worse;
    advice
}

#[test]
fn a_file_that_is_worse_by_allowed_lines_alone_is_not_bad() {
    let mut advice = advice_that_hurts();
    assert!(advice.is_bad());
    advice.lines[0].allowed = true;
    assert!(!advice.is_bad(), "the line to blame is allowed");
    advice.lines[0].experiments.clear();
    assert!(advice.is_bad(), "no line is known to be to blame");
    advice.blame = Some(vec![0]);
    assert!(
        !advice.is_bad(),
        "the line without which it is better is allowed"
    );
}

#[test]
fn a_file_that_is_worse_by_compromises_alone_is_a_compromise() {
    let mut advice = advice_that_hurts();
    let sides = Some(("impatient programs".to_owned(), "slow paths".to_owned()));
    advice.lines[0].experiments[0].trade = sides;
    assert_eq!(advice.whole().unwrap().as_str(), "trade");
    assert!(!advice.is_bad());
}

#[test]
fn a_condition_without_a_figure_is_followed_by_the_load() {
    let mut experiment = advice_that_ran().together.remove(0);
    experiment.conditions.clear();
    experiment.load = Some("at 50 connections/s".to_owned());
    assert_eq!(experiment.condition(), "at 100 connections/s");
    experiment.condition = "when a peer vanishes".to_owned();
    let text = "when a peer vanishes (measured at 50 connections/s)";
    assert_eq!(experiment.condition(), text);
}

#[test]
fn noise_in_a_scenario_about_something_else_says_nothing() {
    let mut advice = advice_that_ran();
    advice.lines.truncate(1);
    advice.together.clear();
    let experiment = &mut advice.lines[0].experiments[0];
    experiment.comparison = Comparison::of(&[], &[], 0.02);
    assert!(advice.is_unclear());
    advice.lines[0].experiments[0].declared = false;
    assert!(!advice.is_unclear());
    assert_eq!(advice.lines[0].ruling().as_str(), "not measured");
}

/// A file of forty lines, each with the results of two scenarios.
#[test]
fn the_json_of_a_large_file_stays_small() {
    let mut advice = advice_that_ran();
    let first = advice.lines[0].clone();
    advice.lines = vec![first; 40];
    for line in &mut advice.lines {
        let again = line.experiments[0].clone();
        line.experiments.push(again);
    }
    let text = report::advice::json(&advice).unwrap();
    assert!(text.len() < 200_000, "{}", text.len());
}

#[test]
fn text_of_a_file_is_shown_and_has_no_effect() {
    let evil = "<script>alert(1)</script> = \x1b[31m|x\nnet.core.somaxconn = <b>|`*\x1b]0;t\x07\n";
    let advice = advice(evil);
    let page = report::advice::html(&advice);
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    let markdown = report::advice::markdown(&advice);
    assert!(!markdown.contains("<b>"), "{markdown}");
    let rows = markdown.lines().filter(|line| line.contains("somaxconn ="));
    assert_eq!(
        rows.map(|row| row.replace("\\|", "").matches('|').count())
            .next(),
        Some(5)
    );
    for text in [
        page,
        markdown,
        report::advice::terminal(&advice, Style::default()),
    ] {
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
    }
}

#[test]
fn the_page_loads_nothing_and_links_its_records() {
    let page = report::advice::html(&advice_that_ran());
    assert!(
        page.contains(r#"href="./out/001-exhaustion/a.nslab.jsonl""#),
        "{page}"
    );
    assert!(
        page.contains("default-src 'none'") && !page.contains("src=") && !page.contains("http:"),
        "{page}"
    );
}

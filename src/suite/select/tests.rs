//! Tests of selections from three small scenarios.

use std::collections::BTreeSet;

use super::*;
use crate::scenario;

const PORTS: &str = "\
name: exhaustion
tags: [ports, flagship]
nodes: { a: {}, b: {} }
links: [{ between: [a, b] }]
servers: { web: { node: b, port: 80 } }
clients: { load: { node: a, to: web, connect: { rate: $rate, for: 1s } } }
params: { rate: 5/s }
matrix: { rate: [5/s, 9/s] }
variants: { default: {}, reuse: {} }
compare: [reuse.load.established >= default.load.established]
";

const SLOW: &str = "name: full\ntags: [ports, slow]\nnodes: { a: {} }\n";
const QUEUE: &str = "name: queue-full\ntags: queues\nnodes: { a: {} }\n";

fn file(label: &str, text: &str) -> Arc<ScenarioFile> {
    let scenario = scenario::parse(label, text, &Default::default());
    Arc::new(ScenarioFile {
        label: label.to_owned(),
        text: text.to_owned(),
        set: Default::default(),
        scenario: scenario.unwrap(),
    })
}

fn files() -> Vec<Arc<ScenarioFile>> {
    vec![
        file("lab/ports/exhaustion.yaml", PORTS),
        file("lab/ports/full.yaml", SLOW),
        file("lab/queues/queue.yaml", QUEUE),
    ]
}

fn names(selected: &Selected) -> Vec<String> {
    let runs = selected.files.iter().flat_map(|file| &file.scenario.runs);
    runs.map(|run| run.id.to_string()).collect()
}

fn select(selection: &Selection) -> Vec<String> {
    names(&selection.of(files()).unwrap())
}

fn filtered(text: &str) -> Vec<String> {
    select(&Selection {
        filter: Some(text.parse().unwrap()),
        ..Selection::default()
    })
}

fn unreadable(text: &str) -> String {
    text.parse::<Filter>().unwrap_err().to_string()
}

#[test]
fn a_filter_selects_what_it_describes() {
    let ports = [
        "exhaustion / default [rate=5/s]",
        "exhaustion / reuse [rate=5/s]",
        "exhaustion / default [rate=9/s]",
        "exhaustion / reuse [rate=9/s]",
    ];
    let queue = "queue-full";
    assert_eq!(filtered("tag(ports)"), ports);
    assert_eq!(filtered("not tag(ports)"), [queue]);
    assert_eq!(filtered("name(*full) and not tag(slow)"), [queue]);
    assert_eq!(
        filtered("name(~full)|tag(flagship)"),
        [&ports[..], &[queue]].concat()
    );
    assert_eq!(filtered("!(name(exhaustion)||none())"), [queue]);
    assert_eq!(filtered("variant(reuse) and case(rate=9/s)"), ports[3..]);
    assert_eq!(filtered("variant(/^re/) & case(~5)"), ports[1..2]);
    assert_eq!(filtered("file(queues/queue)"), [queue]);
    assert_eq!(filtered("file(lab/ports/*)"), ports);
    assert_eq!(filtered("not not all()").len(), 5);
    // `and` binds more tightly than `or`.
    assert_eq!(
        filtered("tag(queues) or tag(ports) and variant(none*)"),
        [queue]
    );
}

#[test]
fn slow_scenarios_are_excluded_unless_asked_for() {
    let all = Selection::default().of(files()).unwrap();
    assert_eq!(all.slow, ["lab/ports/full.yaml"]);
    assert!(!names(&all).contains(&"full".to_owned()));
    let tags = vec!["slow".to_owned()];
    assert_eq!(
        select(&Selection {
            tags,
            ..Selection::default()
        }),
        ["full"]
    );
    assert_eq!(filtered("tag(slow)"), ["full"]);
    let slow = true;
    assert_eq!(
        select(&Selection {
            slow,
            ..Selection::default()
        })
        .len(),
        6
    );
}

#[test]
fn an_error_in_a_filter_is_reported_with_its_position() {
    let message = unreadable("tag(ports) an name(x)");
    assert_eq!(
        message,
        "expected `and`, `or` or the end, found this\n  tag(ports) an name(x)\n             ^^"
    );
    for (text, message) in [
        ("", "the filter is empty"),
        ("tag(", "expected `)`, found the end"),
        ("tag", "expected `(` and a pattern, found the end"),
        ("tag()", "the pattern is missing"),
        ("tga(x)", "unknown predicate `tga`; available: `name(..)`"),
        ("all", "expected `()`, found the end"),
        (
            "tag(a) and",
            "expected a predicate like `tag(ports)`, found the end",
        ),
        ("(tag(a)", "expected `)`, found the end"),
        ("name(/(unclosed/)", "expected `)`"),
        ("name(/[/)", "unclosed character class"),
        ("notall()", "unknown predicate `notall`"),
    ] {
        let error = unreadable(text);
        assert!(error.starts_with(message), "{text}: {error}");
    }
    let deep = "(".repeat(10_000);
    assert!(unreadable(&deep).starts_with("more than 50 nested parentheses"));
    assert!(unreadable(&"x".repeat(20_000)).starts_with("a filter has at most"));
}

#[test]
fn names_that_match_nothing_are_reported_with_a_suggestion() {
    let message = |selection: Selection| selection.of(files()).unwrap_err()[0].to_string();
    let filter = |text: &str| Selection {
        filter: Some(text.parse().unwrap()),
        ..Selection::default()
    };
    let error = message(filter("tag(port)"));
    assert_eq!(
        error,
        "no scenario has the tag `port`\n  tag(port)\n      ^^^^\n  help: did you mean `ports`?"
    );
    assert!(message(filter("name(exhastion)")).contains("did you mean `exhaustion`?"));
    assert!(message(filter("file(ports/nothing)")).contains("no file is `ports/nothing`"));
    let tags = vec!["quues".to_owned()];
    let error = message(Selection {
        tags,
        ..Selection::default()
    });
    assert_eq!(
        error,
        "no tag `quues` in the scenarios given; did you mean `queues`?"
    );
    let variants = vec!["zzz".to_owned()];
    let error = message(Selection {
        variants,
        ..Selection::default()
    });
    assert_eq!(
        error,
        "no variant `zzz` in the scenarios given; available: default, reuse"
    );
    let error = message(filter("name(zzz*)"));
    assert!(
        error.starts_with("no runs match -E 'name(zzz*)'"),
        "{error}"
    );
}

#[test]
fn comparisons_remain_if_everything_they_compare_is_selected() {
    let compared = |text: &str| {
        let selection = Selection {
            filter: Some(text.parse().unwrap()),
            ..Selection::default()
        };
        selection.of(files()).unwrap().files[0]
            .scenario
            .compare
            .len()
    };
    assert_eq!(compared("case(rate=5/s)"), 1);
    assert_eq!(compared("variant(reuse)"), 0);
}

#[test]
fn shards_cover_every_run_once_and_share_an_identity() {
    let shard = |number| {
        let selection = Selection {
            shard: Some(Shard { number, of: 3 }),
            slow: true,
            ..Selection::default()
        };
        selection.of(files()).unwrap()
    };
    let shards = [1, 2, 3].map(shard);
    let each: Vec<String> = shards.iter().flat_map(names).collect();
    assert_eq!(each.len(), 6);
    assert_eq!(each.iter().collect::<BTreeSet<_>>().len(), 6);
    let recorded = shards.each_ref().map(|shard| shard.identity.recorded(1));
    assert_eq!(recorded[0].id, recorded[2].id);
    assert_eq!(
        (recorded[2].runs, recorded[2].shard, recorded[2].shards),
        (6, 3, 3)
    );
    let other = Selection::default().of(files()).unwrap();
    assert_ne!(other.identity.recorded(1).id, recorded[0].id);
}

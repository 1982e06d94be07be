//! Text from a scenario, a program or a kernel stays text on the page.

use std::sync::Arc;

use nslab::names::NodeName;
use nslab::record::Outcome;
use nslab::record::{Event, Offset, SeriesKind};
use nslab::report::html::{self, Ladders, Views};
use nslab::scenario::expr::{Claim, Window};
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::SuiteResult;
use nslab::units::Unit;

use crate::html_page::structure::values_of;
use crate::html_page::world::*;

const EVIL: &str = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;\"'";

/// A result in which everything that comes from outside is [`EVIL`].
pub fn evil() -> SuiteResult {
    let mut topology = topology(&["client", EVIL], &[("client", EVIL)]);
    topology.nodes[EVIL].sysctls = vec![sysctl(EVIL, EVIL)];
    let mut tape = Tape::on_a_machine(&[(EVIL, EVIL, EVIL)]);
    let name = format!("{EVIL}.tcp.{EVIL}");
    tape.series(&name, SeriesKind::Gauge, 100 * MS, 2 * SECOND, |t| {
        (t * 10.0) as i64
    });
    let errors = format!("client.errors.{EVIL}");
    tape.series(&errors, SeriesKind::Counter, 100 * MS, 2 * SECOND, |t| {
        (t * 10.0) as i64
    });
    let log = tape.declare(EVIL, SeriesKind::Text, Unit::Text);
    tape.line(log, SECOND, EVIL);
    tape.events.timeline.add(Event::Note {
        t: Some(Offset(SECOND)),
        text: EVIL.to_owned(),
    });
    tape.load(EVIL, 10, 1.0);
    let bound = |name: &str| compare(of(name), nslab::scenario::expr::CompareOp::Equal, 5.0);
    let matches = Claim::Matches {
        metric: metric(EVIL, Unit::Text),
        regex: "script".to_owned(),
        negated: false,
    };
    let evil = |claim| {
        judged(
            1,
            EVIL,
            claim,
            Window::Always,
            Outcome::Failed,
            &[(EVIL, EVIL)],
        )
    };
    let mut run = run(
        EVIL,
        Some(EVIL),
        topology,
        Workload {
            servers: vec![server(EVIL, EVIL, Accept::Epoll)],
            clients: vec![client(EVIL, "client", 1.0, 10)],
            ..Workload::default()
        },
        tape.finished(2 * SECOND),
        vec![evil(bound(&name)), evil(bound(&errors)), evil(matches)],
    );
    run.verdict.reason = Some(EVIL.to_owned());
    run.last_words = vec![EVIL.to_owned()];
    run.spec.id.case = vec![(EVIL.to_owned(), EVIL.to_owned())];
    run.spec.params.insert(EVIL.to_owned(), EVIL.to_owned());
    assert!(run.spec.topology.nodes.contains_key(&NodeName::new(EVIL)));
    let lesson = format!("{EVIL} and [a link](javascript:alert(1))\n\n{EVIL}\n");
    let mut scenario = scenario(EVIL, EVIL, EVIL, EVIL, EVIL, &lesson, vec![run]);
    let file = Arc::get_mut(&mut scenario.file).unwrap();
    file.scenario.source = vec![
        EVIL.to_owned(),
        "javascript:alert(1)".to_owned(),
        "https://example.org/\"><script>alert(1)</script>".to_owned(),
    ];
    file.scenario.tags = vec![EVIL.to_owned()];
    suite(vec![scenario])
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let page = html::render(&evil(), &Ladders::default(), &Views::default());
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;script&gt;alert("));
    // Every tag of the page is well-formed: quotes in it are balanced, so no value has left its attribute.
    let body = page.split("<main>").nth(1).unwrap();
    let body = body.split("</main>").next().unwrap();
    for tag in body.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        assert_eq!(inside.matches('"').count() % 2, 0, "<{inside}>");
        // The parts between quotes are values; the rest are names.
        let names: String = inside.split('"').step_by(2).collect();
        assert!(!names.contains("onerror"), "<{inside}>");
    }
}

#[test]
fn links_never_run_anything() {
    let page = html::render(&evil(), &Ladders::default(), &Views::default());
    for address in values_of(&page, "href=\"") {
        assert!(
            address.starts_with('#') || address.starts_with("https://"),
            "{address}"
        );
    }
}

//! Packets of connections on the page, drawn from the capture beside a stored record.

use std::path::Path;
use std::sync::Arc;

use nslab::ladder::ConnectionChoice;
use nslab::record::Capture;
use nslab::report::html::{self, Ladders, Views};
use nslab::suite::SuiteResult;
use nslab::suite::replay::{StoredRun, replay};

const RECORD: &str = "tests/data/records/captured/accept-queue-overflow-never-accepts.nslab.jsonl";
/// Maximum bytes that ladders may add to a page, including the markup around them.
const HEAVIEST: usize = 1_200_000;

/// Returns a run with a capture.
pub fn captured() -> SuiteResult {
    let record = StoredRun::read(Path::new(RECORD)).unwrap();
    replay(&[record]).result
}

/// Renders the page with the ladders that a reader asks for.
pub fn page(result: &SuiteResult, which: Option<&str>) -> String {
    let which: Option<ConnectionChoice> = which.map(|which| which.parse().unwrap());
    let open = |path: &Path| Capture::read(path).map_err(|error| error.to_string());
    html::render(
        result,
        &Ladders::draw(result, which.as_ref(), open),
        &Views::default(),
    )
}

#[test]
fn a_run_with_a_capture_shows_the_first_connection_that_failed() {
    let page = page(&captured(), None);
    assert_eq!(page.matches("<svg class=\"ladder\"").count(), 1);
    assert!(page.contains("burst, connection 10 of 20: never answered"));
    assert!(page.contains("accept queue full"), "the reason is shown");
    assert!(page.contains("<details class=\"ladder\" open>"));
}

#[test]
fn a_reader_may_ask_for_another_connection() {
    let result = captured();
    let first = page(&result, Some("burst:1"));
    assert!(first.contains("burst, connection 1 of 20: answered after"));
    assert!(
        first.contains("<details class=\"ladder\">"),
        "nothing happened to it"
    );
    let none = page(&result, Some("nobody"));
    assert!(none.contains(
        "No packets are shown: cannot find a client, proxy or command named `nobody`; available: burst"
    ));
}

#[test]
fn an_unreadable_capture_is_reported_on_the_page() {
    let result = captured();
    let ladders = Ladders::draw(&result, None, |_| Err("read it: it is torn".to_owned()));
    let page = html::render(&result, &ladders, &Views::default());
    assert!(page.contains("No packets are shown: cannot read it: it is torn"));
}

#[test]
fn ladders_do_not_make_a_page_heavy() {
    let mut result = captured();
    let mut scenario = (*result.scenarios[0]).clone();
    scenario.runs = vec![scenario.runs[0].clone(); 700];
    result.scenarios = vec![Arc::new(scenario)];
    let bare = html::render(&result, &Ladders::default(), &Views::default()).len();
    let page = page(&result, Some("burst:1"));
    let left_out = page
        .matches("Left out to keep this page small: burst, connection 1 of 20")
        .count();
    let drawn = page.matches("<svg class=\"ladder\"").count();
    assert_eq!(drawn + left_out, 700);
    assert!(drawn > 100 && left_out > 100, "{drawn} drawn");
    assert!(page.len() - bare < HEAVIEST, "{} bytes", page.len() - bare);
    assert!(page.contains(&format!(
        "Draw it with `nslab report {RECORD} --ladder burst:1`"
    )));
}

//! Reading a scenario never panics or takes long, whatever the file contains, and every problem can be rendered.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nslab::scenario::parse;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Every valid file of the tests.
static GOOD: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scenarios/good");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
});

/// Words that have a meaning somewhere in an expectation.
const EXPECTATION_WORDS: &[&str] = &[
    "client.tcp.LISTEN",
    "web.accepted",
    " ",
    "==",
    "<",
    "5",
    "5s",
    "/",
    "*",
    "(",
    ")",
    "max(",
    "-",
    "+",
    "±",
    "in",
    "..",
    "at",
    "during",
    "~",
    "/x/",
    "'",
    "kernel.log",
    "p99(",
    "load.latency",
    "%",
    "1/s",
    "µs",
];

/// Words that have a meaning somewhere in the format.
const WORDS: &[&str] = &[
    "",
    " ",
    "\n",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "<<: *a",
    "$rate",
    "${rate}",
    "${web.address}",
    "$$",
    "~",
    "null",
    "0",
    "-1",
    "1e309",
    "18446744073709551616",
    "0/s",
    "1/s",
    "99999d",
    "±",
    "+-",
    "..",
    "\u{0}",
    "\t",
    "\"",
    "'",
    "|\n",
    "!x ",
    "µ",
    "expect",
    "nodes",
    "client",
    "web.accepted",
    "during 1s..2s",
    "~ /(/",
    "(((",
    "5%",
    "---\n",
    "? ",
    "#",
    "\u{feff}",
    "\r\n",
];

fn check(text: &str) -> Result<(), TestCaseError> {
    let started = Instant::now();
    let set = BTreeMap::from([("rate".to_owned(), "5/s".to_owned())]);
    for set in [&BTreeMap::new(), &set] {
        match parse("fuzz.yaml", text, set) {
            Ok(scenario) => {
                prop_assert!(!scenario.runs.is_empty());
                for run in &scenario.runs {
                    let json = serde_json::to_string(run).unwrap();
                    prop_assert!(serde_json::from_str(&json).ok().as_ref() == Some(run));
                }
            }
            Err(problems) => {
                prop_assert!(!problems.problems.is_empty());
                let rendered = problems.render(false);
                prop_assert!(rendered.starts_with("error: "), "{}", rendered);
                for problem in &problems.problems {
                    prop_assert!(
                        text.get(problem.start..problem.start + problem.len)
                            .is_some(),
                        "{:?}",
                        problem
                    );
                }
            }
        }
    }
    // Generous for a debug build on a busy machine; anything quadratic takes minutes.
    prop_assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn arbitrary_text_is_read_or_refused(text in "\\PC{0,200}") {
        check(&text)?;
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn words_of_the_format_in_any_order_are_read_or_refused(words in prop::collection::vec(select(WORDS), 0..60)) {
        check(&words.concat())?;
    }

    #[test]
    fn an_expectation_of_any_text_is_read_or_refused(
        words in prop::collection::vec(select(EXPECTATION_WORDS), 0..20)
    ) {
        let line = words.concat().replace('\'', "''");
        check(&format!(
            "nodes: {{ client: }}\nservers: {{ web: {{ node: client, port: 1 }} }}\nexpect: [ '{line}' ]\n"
        ))?;
    }

    #[test]
    fn a_valid_file_with_mistakes_is_read_or_refused(
        file in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), 0_usize..20, select(WORDS)), 1..6),
    ) {
        let mut text: Vec<char> = file.get(&GOOD).chars().collect();
        for (at, removed, word) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, word.chars());
        }
        check(&text.into_iter().collect::<String>())?;
    }
}

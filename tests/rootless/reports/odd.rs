//! Every format stays valid with any text from outside.

use nslab::report::terminal::{self, Style};
use nslab::report::{csv, github, json, junit, tap};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use crate::reports::results::all_of;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_from_outside_breaks_a_format(text in outside()) {
        let suite = all_of(&text);
        let xml = junit::render(&suite).unwrap();
        roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        crate::reports::tap::read(&tap::render(&suite));
        let report: serde_json::Value = serde_json::from_str(&json::render(&suite).unwrap()).unwrap();
        prop_assert_eq!(report["scenarios"][0]["name"].as_str(), Some(text.as_str()));
        let table = csv::render(&suite).unwrap();
        let mut table = ::csv::Reader::from_reader(table.as_bytes());
        prop_assert!(table.records().all(|row| row.is_ok_and(|row| row.len() == 7)));
        let annotations = github::annotations(&suite);
        prop_assert!(annotations.split_terminator('\n').all(|line| line.starts_with("::") && !line.contains('\r')));
        let _ = github::summary(&suite);
    }

    #[test]
    fn no_text_from_outside_drives_or_overflows_the_terminal(text in outside(), width in 50_u16..150) {
        let suite = all_of(&text);
        let style = Style { width: Some(width), ..Style::default() };
        let shown = terminal::scenario(&suite.scenarios[0], style);
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{:?}", shown);
        for line in shown.lines().filter(|line| !line.contains(".yaml")) {
            prop_assert!(line.width() <= usize::from(width), "{}: {:?}", width, line);
        }
    }
}

/// Returns any characters, and some that have a meaning in the formats.
fn outside() -> impl Strategy<Value = String> {
    let own = proptest::sample::select(vec![
        "]]>",
        "-->",
        "\r\n",
        "\n",
        "\r",
        "\t",
        "\0",
        "\x1b[2J",
        "::error::",
        "# SKIP",
        "\\#",
        "...",
        "---",
        "ok 1",
        "1..3",
        "%0A",
        "</details>",
        "```",
        "\"",
        "\\",
        "&amp;",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "日本",
        "e\u{301}",
        "  ",
        ",",
    ]);
    let part = prop_oneof![own.prop_map(str::to_owned), "\\PC{0,12}", ".{0,6}"];
    let text = proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat());
    text.prop_filter("nothing has no name", |text| !text.trim().is_empty())
}

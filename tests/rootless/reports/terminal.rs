//! The terminal report.

use nslab::report::terminal::{self, Style};
use nslab::suite::SuiteResult;
use unicode_width::UnicodeWidthStr;

use crate::reports::results::{every_outcome, nothing, passed};

fn shown(result: &SuiteResult, style: Style) -> String {
    let scenarios = result
        .scenarios
        .iter()
        .map(|scenario| terminal::scenario(scenario, style));
    scenarios.collect::<String>() + &terminal::summary(result, style)
}

fn wide(width: u16) -> Style {
    Style {
        width: Some(width),
        ..Style::default()
    }
}

#[test]
fn a_log_shows_every_outcome() {
    insta::assert_snapshot!(shown(&every_outcome(), Style::default()));
}

#[test]
fn a_terminal_of_60_columns_shows_every_outcome() {
    insta::assert_snapshot!(shown(&every_outcome(), wide(60)));
}

#[test]
fn passed_runs_are_compact() {
    insta::assert_snapshot!(shown(&passed(), wide(80)));
}

#[test]
fn verbose_shows_sparklines_of_passed_runs() {
    insta::assert_snapshot!(shown(
        &passed(),
        Style {
            verbose: true,
            ..wide(100)
        }
    ));
}

#[test]
fn colour_only_adds_escape_sequences() {
    let colour = Style {
        colour: true,
        ..wide(72)
    };
    let painted = shown(&every_outcome(), colour);
    let bare = regex::Regex::new("\x1b\\[[0-9]+m")
        .unwrap()
        .replace_all(&painted, "");
    assert_eq!(bare, shown(&every_outcome(), wide(72)));
    assert_ne!(bare, painted);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [50, 60, 80, 100, 132] {
        for verbose in [false, true] {
            let text = shown(
                &every_outcome(),
                Style {
                    verbose,
                    ..wide(width)
                },
            );
            // Places and names of runs are not cut, so that they can be copied.
            let uncut =
                |line: &str| line.contains(".yaml") || line.trim_start().starts_with("load.");
            let wide: Vec<&str> = text
                .lines()
                .filter(|line| line.width() > usize::from(width) && !uncut(line))
                .collect();
            assert!(wide.is_empty(), "{width}: {wide:#?}");
        }
    }
}

#[test]
fn text_from_outside_never_controls_the_terminal() {
    let text = shown(&every_outcome(), Style::default());
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
}

#[test]
fn an_empty_suite_says_that_nothing_ran() {
    assert_eq!(
        terminal::summary(&nothing(), Style::default()),
        "SKIP 0 scenarios, 0 runs in 0.0 s: nothing ran\n"
    );
}

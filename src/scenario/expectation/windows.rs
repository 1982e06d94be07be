//! Reads the window of an expectation: the time at which it must be true.

use std::time::Duration;

use super::syntax::{Number, WindowSyntax};
use super::typing::Typing;
use crate::scenario::bounds::MAX_DURATION;
use crate::scenario::expr::Window;
use crate::units::{self, Dimension};

/// The form of a time.
const LIKE: &str = "write it like `5s` or `500ms`";

impl Typing<'_> {
    pub(super) fn window(&mut self, window: &WindowSyntax) -> Option<Window> {
        Some(match window {
            WindowSyntax::End => Window::End,
            WindowSyntax::At(at) => Window::At(self.time(at)?),
            WindowSyntax::Within(within) => Window::Within(self.time(within)?),
            WindowSyntax::During(from, to) => {
                let range = from.range.start..to.range.end;
                let (from, to) = (self.time(from), self.time(to));
                let (from, to) = (from?, to?);
                if from >= to {
                    self.fault(range, "the window ends before it begins").help =
                        Some("write the earlier moment first".to_owned());
                    return None;
                }
                Window::During(from, to)
            }
            WindowSyntax::Always => Window::Always,
            WindowSyntax::Never => Window::Never,
        })
    }

    pub(super) fn time(&mut self, number: &Number) -> Option<Duration> {
        let (message, help) = match &number.value {
            Ok(quantity) if quantity.dimension == Dimension::Time => {
                match Duration::try_from_secs_f64(quantity.value) {
                    Ok(time) if time <= MAX_DURATION => return Some(time),
                    _ => (
                        "not a moment of a run".to_owned(),
                        "use 0s to 30d".to_owned(),
                    ),
                }
            }
            Ok(quantity) => (
                format!("expected a time, found {}", quantity.dimension.describe()),
                match quantity.dimension {
                    Dimension::Plain => format!("write `{}s`", quantity.value),
                    Dimension::Share => {
                        format!(
                            "a tolerance follows the value: `± {}%`",
                            quantity.value * 100.0
                        )
                    }
                    _ => LIKE.to_owned(),
                },
            ),
            Err(error) => (
                error.to_string(),
                match units::meant(self.text.get(number.range.clone()).unwrap_or_default()).first()
                {
                    Some(meant) => format!("write `{meant}`"),
                    None => LIKE.to_owned(),
                },
            ),
        };
        self.fault(number.range.clone(), message).help = Some(help);
        None
    }
}

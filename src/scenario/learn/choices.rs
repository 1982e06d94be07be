//! Reads the statements to choose from: those of a question, and those of each blank of a ladder.

use super::LessonReader;
use crate::scenario::decode::{Entries, Framed, List};
use crate::scenario::document::{ChoiceDoc, PredictDoc};
use crate::scenario::expectation::NameScope;
use crate::scenario::lesson::{ChoiceOption, LadderBlank, PredictionForm};
use crate::scenario::problem::quoted;
use crate::scenario::resolve::expectations;
use crate::scenario::span::Span;

impl LessonReader<'_, '_, '_, '_> {
    /// Reads the blanks of a ladder: each must stand in the drawing, in parentheses.
    pub(super) fn blanks(
        &mut self,
        written: &PredictDoc,
        entries: &Entries<List<ChoiceDoc>>,
        scope: &NameScope,
    ) -> Option<PredictionForm> {
        let Some(ladder) = &written.ladder else {
            self.cx
                .error(
                    written.head(),
                    "`blanks` needs the `ladder` that they are in",
                )
                .help("draw the packets below `ladder: |`, with `(1)` for the blank `1`");
            return None;
        };
        let mut blanks = Vec::new();
        let mut complete = !entries.0.is_empty();
        if entries.0.is_empty() {
            self.cx.error(written.head(), "`blanks` is empty");
        }
        for (name, list) in &entries.0 {
            if !ladder.0.contains(&format!("({})", name.value)) {
                let message = format!("the ladder has no blank {}", quoted(&name.value));
                self.cx.error(name.span, message).help(format!(
                    "write `({})` in the ladder where it belongs",
                    name.value
                ));
                complete = false;
            }
            let options = list
                .as_ref()
                .and_then(|list| self.choices(list, name.span, scope));
            match options {
                Some(options) => blanks.push(LadderBlank {
                    name: name.value.clone(),
                    options,
                }),
                None => complete = false,
            }
        }
        complete.then(|| PredictionForm::Blanks {
            ladder: ladder.0.clone(),
            blanks,
        })
    }

    pub(super) fn choices(
        &mut self,
        list: &List<ChoiceDoc>,
        head: Span,
        scope: &NameScope,
    ) -> Option<Vec<ChoiceOption>> {
        let mut options = Vec::new();
        let mut complete = true;
        for choice in &list.0 {
            let Some(choice) = choice else {
                complete = false;
                continue;
            };
            let when = std::slice::from_ref(&choice.when);
            match expectations(when, scope, self.cx).pop() {
                Some(when) => options.push(ChoiceOption {
                    text: choice.text.0.clone(),
                    when,
                    note: choice.note.as_ref().map(|note| note.0.clone()),
                }),
                None => complete = false,
            }
        }
        if options.len() < 2 && complete {
            self.cx
                .error(head, "a choice needs at least two statements")
                .help("write `[{ text: ..., when: ... }, { text: ..., when: ... }]`");
            return None;
        }
        complete.then_some(options)
    }
}

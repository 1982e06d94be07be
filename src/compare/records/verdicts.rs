//! Compares the outcomes of expectations.

use super::Pair;
use crate::record::{Outcome, Verdict};

/// An expectation with a different outcome, or that only one side has.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VerdictChange {
    /// The text in the scenario file; that of the first side if only its numbers differ.
    pub text: String,
    /// The outcome, if it was judged.
    pub outcome: Pair<Option<Outcome>>,
    /// The observed values: `load.established = 9`.
    pub observed: Pair<String>,
    pub reason: Pair<Option<String>>,
}

/// Matches expectations by their text, and the rest by their place in the file, since a parameter changes the text.
/// Returns those with a different outcome, and the number of all expectations.
pub(super) fn changed(a: &[Verdict], b: &[Verdict]) -> (Vec<VerdictChange>, usize) {
    let mut left_b: Vec<&Verdict> = b.iter().collect();
    let mut partner: Vec<Option<&Verdict>> = vec![None; a.len()];
    let same_text: fn(&Verdict, &Verdict) -> bool = |a, b| a.text == b.text;
    let same_place: fn(&Verdict, &Verdict) -> bool =
        |a, b| (a.line, a.column) == (b.line, b.column);
    for same in [same_text, same_place] {
        for (verdict, partner) in a.iter().zip(&mut partner) {
            if partner.is_none()
                && let Some(at) = left_b.iter().position(|other| same(verdict, other))
            {
                *partner = Some(left_b.remove(at));
            }
        }
    }
    let of_a = a.iter().map(Some).zip(partner);
    let of_b = left_b.into_iter().map(|verdict| (None, Some(verdict)));
    let mut changes: Vec<VerdictChange> = of_a
        .chain(of_b)
        .map(|(a, b)| change(Pair { a, b }))
        .collect();
    let all = changes.len();
    changes.retain(|change| !change.outcome.is_same());
    (changes, all)
}

fn change(both: Pair<Option<&Verdict>>) -> VerdictChange {
    let text = both.a.or(both.b).map(|verdict| verdict.text.clone());
    let observed =
        |verdict: Option<&Verdict>| verdict.map(Verdict::observed_text).unwrap_or_default();
    VerdictChange {
        text: text.unwrap_or_default(),
        outcome: Pair {
            a: both.a.map(|verdict| verdict.outcome),
            b: both.b.map(|verdict| verdict.outcome),
        },
        observed: Pair {
            a: observed(both.a),
            b: observed(both.b),
        },
        reason: Pair {
            a: both.a.and_then(|verdict| verdict.reason.clone()),
            b: both.b.and_then(|verdict| verdict.reason.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str, line: u32, outcome: Outcome) -> Verdict {
        Verdict {
            text: text.to_owned(),
            line,
            column: 5,
            outcome,
            observed: Vec::new(),
            reason: None,
            decided_at: None,
            emulated: false,
        }
    }

    #[test]
    fn expectations_are_paired_by_text_and_then_by_place() {
        use Outcome::{Failed, Passed};
        let a = [
            verdict("x == 1", 3, Passed),
            verdict("y == 1", 4, Passed),
            verdict("z == 5", 5, Passed),
            verdict("gone", 6, Passed),
        ];
        let b = [
            verdict("y == 1", 3, Passed),
            verdict("x == 1", 4, Failed),
            verdict("z == 7", 5, Failed),
            verdict("new", 9, Passed),
        ];
        let (found, all) = changed(&a, &b);
        assert_eq!(all, 5);
        let found: Vec<_> = found
            .into_iter()
            .map(|change| (change.text, change.outcome.a, change.outcome.b))
            .collect();
        let expected = [
            ("x == 1", Some(Passed), Some(Failed)),
            ("z == 5", Some(Passed), Some(Failed)),
            ("gone", Some(Passed), None),
            ("new", None, Some(Passed)),
        ];
        assert_eq!(found, expected.map(|(text, a, b)| (text.to_owned(), a, b)));
        assert_eq!(changed(&a, &a), (Vec::new(), 4));
    }
}

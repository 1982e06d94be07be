//! Compares the truth table of a run with the committed one, docs/truth.md: the same claims with the same
//! answers. Observed values differ from run to run and are not compared; on another kernel, neither are the
//! answers.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "a run that finds something else than the table says is shown",
        differences_are_reported,
    )]
}

pub(crate) struct TruthTable {
    /// Major and minor version of the kernels, as in the heading: `Linux 6.18`.
    kernels: BTreeSet<String>,
    /// Claim and result, by scenario.
    rows: BTreeMap<String, (String, String)>,
}

impl TruthTable {
    pub(crate) fn committed() -> Self {
        Self::read(include_str!("../../docs/truth.md"))
    }

    pub(crate) fn read(text: &str) -> Self {
        Self {
            kernels: text
                .lines()
                .filter(|line| line.starts_with("Observed by "))
                .flat_map(|line| line.split("Linux ").skip(1))
                .map(|rest| rest.split('.').take(2).collect::<Vec<_>>().join("."))
                .collect(),
            rows: text.lines().filter_map(row).collect(),
        }
    }

    /// Checks that the answer to a scenario's claim agrees with the committed table, and otherwise returns what
    /// to do. A scenario that is not `applicable` here has no answer.
    pub(crate) fn agrees(
        &self,
        committed: &Self,
        name: &str,
        applicable: bool,
    ) -> Result<(), String> {
        let (found, said) = (self.rows.get(name), committed.rows.get(name));
        let disagree = || {
            format!(
                "docs/truth.md does not agree with this run about {name}:\n  it says: {said:?}\n  found:   {found:?}\n\
                 where the run is right, `ci/truth-table` writes it again: commit that"
            )
        };
        let (Some((claim, truth)), Some((said_claim, said_truth))) = (found, said) else {
            return Err(disagree());
        };
        let shown = applicable && self.kernels == committed.kernels;
        if claim == said_claim && (!shown || truth == said_truth) {
            Ok(())
        } else {
            Err(disagree())
        }
    }
}

/// Returns scenario, claim and result if the line is a row.
fn row(line: &str) -> Option<(String, (String, String))> {
    let mut cells = line.strip_prefix("| [")?.split(" | ");
    let name = cells.next()?.split("](").next()?;
    Some((
        name.to_owned(),
        (cells.next()?.to_owned(), cells.next()?.to_owned()),
    ))
}

fn differences_are_reported() -> Result<(), Failed> {
    let table = |kernel: &str, claim: &str, truth: &str| {
        TruthTable::read(&format!(
            "Observed by nslab 1 on Linux {kernel}-x (y).\n| [a](<b>) | {claim} | {truth} | a: Linux 1 |\n"
        ))
    };
    let committed = table("6.18.1", "Claim.", "**true**");
    for (found, applicable, agrees) in [
        (table("6.18.2", "Claim.", "**true**"), true, true),
        (table("6.18.2", "Claim.", "**false**"), true, false),
        (table("6.18.2", "Claim.", "not applicable"), false, true),
        (table("6.19.1", "Claim.", "**false**"), true, true),
        (table("6.19.1", "Other.", "**true**"), true, false),
        (TruthTable::read(""), true, false),
    ] {
        let shown = found.agrees(&committed, "a", applicable);
        if shown.is_ok() != agrees {
            return Err(format!("{:?} of {:?}", shown, found.rows).into());
        }
    }
    let missing = committed.agrees(&TruthTable::read(""), "a", true);
    match missing {
        Err(shown) if shown.contains("ci/truth-table") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

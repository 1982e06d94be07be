//! The truth table of a run against the committed one, docs/truth.md: the same claims, and the same said of them. What was observed
//! differs from run to run and is not compared; nor is, on another kernel, what is said.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "a run that finds something else than the table says is told",
        differences_are_told,
    )]
}

pub(crate) struct TruthTable {
    /// Major and minor version of the kernels, as the heading has them: `Linux 6.18`.
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

    /// Whether what was found of a scenario's claim is what the committed table says; if not, what to do. One that is not
    /// `applicable` here found nothing.
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
        let told = applicable && self.kernels == committed.kernels;
        if claim == said_claim && (!told || truth == said_truth) {
            Ok(())
        } else {
            Err(disagree())
        }
    }
}

/// Scenario, claim and result of a line that is a row.
fn row(line: &str) -> Option<(String, (String, String))> {
    let mut cells = line.strip_prefix("| [")?.split(" | ");
    let name = cells.next()?.split("](").next()?;
    Some((
        name.to_owned(),
        (cells.next()?.to_owned(), cells.next()?.to_owned()),
    ))
}

fn differences_are_told() -> Result<(), Failed> {
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
        let told = found.agrees(&committed, "a", applicable);
        if told.is_ok() != agrees {
            return Err(format!("{:?} of {:?}", told, found.rows).into());
        }
    }
    let missing = committed.agrees(&TruthTable::read(""), "a", true);
    match missing {
        Err(told) if told.contains("ci/truth-table") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

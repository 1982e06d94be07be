//! Reports names that match nothing: a typo must not silently select nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::Selection;
use super::filter::{Field, Filter, FilterError, Leaf, Term};
use crate::suite::result::ScenarioFile;

/// Maximum number of names to list if none is similar.
const LISTED: usize = 16;
/// The similarity of two names from which one counts as a typo of the other (`strsim::jaro_winkler`, 0 to 1).
const LIKE: f64 = 0.8;

/// The reason why a selection cannot be what the user meant.
#[derive(Debug, Error)]
pub enum SelectError {
    /// No scenario has this tag, or no run has this variant.
    #[error("no {kind} `{name}` in the scenarios given{}", hint(name, known))]
    Unknown {
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// A name in the filter matches nothing.
    #[error("{0}")]
    Filter(FilterError),
    /// No run is selected.
    #[error("no runs match {}; `nslab list` takes the same options and shows the runs that exist", by.join(", "))]
    Nothing {
        /// The options that exclude runs.
        by: Vec<String>,
    },
    /// The failed run had other parameters.
    #[error(
        "`{run}` did not pass with {}, but the parameters are different now: give the same --set again", set.join(" ")
    )]
    OtherParameters {
        run: String,
        /// The parameters of that run, as on the command line.
        set: Vec<String>,
    },
}

/// Returns `; did you mean ..?`, or a list of all names.
fn hint(name: &str, known: &[String]) -> String {
    let close = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > LIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match close {
        Some((_, close)) => format!("; did you mean `{close}`?"),
        None if known.is_empty() => "; there are none".to_owned(),
        None if known.len() <= LISTED => format!("; available: {}", known.join(", ")),
        None => String::new(),
    }
}

/// Returns an error for every name in the selection that matches nothing.
pub(super) fn unknown(selection: &Selection, files: &[Arc<ScenarioFile>]) -> Vec<SelectError> {
    let (tags, variants) = (known(files, Field::Tag), known(files, Field::Variant));
    let mut errors = Vec::new();
    for (kind, wanted, known) in [
        ("tag", &selection.tags, &tags),
        ("variant", &selection.variants, &variants),
    ] {
        for name in wanted.iter().filter(|name| !known.contains(*name)) {
            errors.push(SelectError::Unknown {
                kind,
                name: name.clone(),
                known: known.iter().cloned().collect(),
            });
        }
    }
    if let Some(filter) = &selection.filter {
        let mut leaves = Vec::new();
        gather(&filter.term, &mut leaves);
        let wrong = leaves
            .into_iter()
            .filter_map(|leaf| nowhere(filter, leaf, files));
        errors.extend(wrong.map(SelectError::Filter));
    }
    errors
}

/// Returns all values that the scenarios have in a field.
fn known(files: &[Arc<ScenarioFile>], field: Field) -> BTreeSet<String> {
    let of_file = |file: &Arc<ScenarioFile>| -> Vec<String> {
        let scenario = &file.scenario;
        let runs = scenario.runs.iter();
        match field {
            Field::Name => vec![scenario.name.clone()],
            Field::File => vec![file.label.clone()],
            Field::Tag => scenario.tags.clone(),
            Field::Variant => runs.filter_map(|run| run.id.variant.clone()).collect(),
            Field::Case => runs
                .flat_map(|run| &run.id.case)
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        }
    };
    files.iter().flat_map(of_file).collect()
}

fn gather<'a>(term: &'a Term, leaves: &mut Vec<&'a Leaf>) {
    match term {
        Term::All | Term::None => {}
        Term::Not(inner) => gather(inner, leaves),
        Term::And(parts) | Term::Or(parts) => parts.iter().for_each(|part| gather(part, leaves)),
        Term::Is(leaf) => leaves.push(leaf),
    }
}

/// Returns an error for an exact word that matches nothing. Globs and parts of names may well match nothing.
fn nowhere(filter: &Filter, leaf: &Leaf, files: &[Arc<ScenarioFile>]) -> Option<FilterError> {
    let name = leaf.pattern.exact()?;
    let (word, found) = match leaf.field {
        Field::Name => ("scenario is called", None),
        Field::File => (
            "file is",
            Some(files.iter().any(|file| super::is_file(leaf, file))),
        ),
        Field::Tag => ("scenario has the tag", None),
        Field::Variant => ("variant is called", None),
        Field::Case => ("case of a matrix is", None),
    };
    let known: Vec<String> = known(files, leaf.field).into_iter().collect();
    let found = found.unwrap_or_else(|| known.iter().any(|known| known == name));
    (!found).then(|| FilterError {
        text: filter.text.clone(),
        range: leaf.range.clone(),
        message: format!("no {word} `{name}`"),
        help: Some(hint(name, &known).trim_start_matches("; ").to_owned())
            .filter(|help| !help.is_empty()),
    })
}

//! Which parameters the command line had set when a run was recorded: those that its scenario does not explain.

use std::collections::BTreeMap;

use crate::scenario::{RunSpec, Scenario};

/// What `--set` must have been for a scenario with its own values to give this run.
pub(super) fn set_for(run: &RunSpec, own: &Scenario) -> BTreeMap<String, String> {
    let of_matrix = |name: &str| run.id.case.iter().any(|(key, _)| key == name);
    let same_variant = own
        .runs
        .iter()
        .find(|other| other.id.variant == run.id.variant);
    let explained = |name: &str, value: &String| {
        if of_matrix(name) {
            let mut cases = own.runs.iter().flat_map(|other| &other.id.case);
            cases.any(|(key, other)| key == name && other == value)
        } else {
            same_variant.is_none_or(|other| other.params.get(name) == Some(value))
        }
    };
    run.params
        .iter()
        .filter(|(name, value)| !explained(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
nodes: { a: {} }
params: { x: 1, y: 2 }
matrix: { z: [3, 4] }
variants: { plain: {}, other: { params: { y: 7 } } }
";

    fn parsed(set: &[(&str, &str)]) -> Scenario {
        let set = set
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        crate::scenario::parse("a.yaml", TEXT, &set.collect()).unwrap()
    }

    fn found(set: &[(&str, &str)]) -> Vec<Vec<(String, String)>> {
        let own = parsed(&[]);
        let runs = parsed(set).runs;
        runs.iter()
            .map(|run| set_for(run, &own).into_iter().collect())
            .collect()
    }

    #[test]
    fn nothing_was_set_where_the_scenario_explains_every_value() {
        assert!(found(&[]).iter().all(Vec::is_empty));
    }

    #[test]
    fn what_was_set_is_found_again_also_in_the_matrix() {
        let wanted = [
            ("x".to_owned(), "9".to_owned()),
            ("z".to_owned(), "5".to_owned()),
        ];
        assert!(
            found(&[("x", "9"), ("z", "5")])
                .iter()
                .all(|set| set[..] == wanted)
        );
        // What is set to the value that a variant has is explained by the variant.
        assert_eq!(found(&[("y", "7")])[0], [("y".to_owned(), "7".to_owned())]);
        assert_eq!(found(&[("y", "7")])[1], []);
    }
}

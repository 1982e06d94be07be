//! Which scenarios are run for which lines. Pure.
//!
//! A scenario says by `exercises:` which keys it shows the effect of, and in which variant. Where it does not, a key counts that some
//! of its variants set and others do not; the first that does not is the one to run. One side of the comparison is that variant
//! with the key as labs start with it (as a kernel has it by itself, where labs have another value on purpose), the other has the line's
//! value on every node.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Question, Setting};
use crate::scenario::{Exercise, Scenario};

/// A key with its value, as a line sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Which line, by its position.
    pub line: usize,
    /// With dots.
    pub key: String,
    /// As written.
    pub value: String,
    /// What the other side has, where that is not what labs start from.
    pub against: Option<String>,
}

impl Assigned {
    fn is_shown_by(&self, exercise: &Exercise) -> bool {
        self.key == exercise.key && !self.is_beyond(exercise)
    }

    /// Whether what the value does takes longer than the scenario lasts.
    fn is_beyond(&self, exercise: &Exercise) -> bool {
        let value = self.value.trim().parse::<u64>();
        let beyond = |bound: u64| value.is_ok_and(|value| value > bound);
        self.key == exercise.key && exercise.at_most.is_some_and(beyond)
    }
}

/// A scenario that shows what a key does, and ends before this line's value does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooShort {
    /// Which line, by its position.
    pub line: usize,
    /// Which scenario, by its position.
    pub scenario: usize,
    /// Up to which value it shows it.
    pub at_most: u64,
}

/// What scenarios would show if they lasted longer.
pub fn too_short(assigned: &[Assigned], scenarios: &[Scenario]) -> Vec<TooShort> {
    let mut all = Vec::new();
    for (scenario, each) in scenarios.iter().enumerate() {
        for exercise in exercised(each) {
            let beyond = assigned.iter().filter(|each| each.is_beyond(&exercise));
            all.extend(beyond.filter_map(|each| {
                Some(TooShort {
                    line: each.line,
                    scenario,
                    at_most: exercise.at_most?,
                })
            }));
        }
    }
    all
}

/// A comparison to be made.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The lines whose effect it shows; of several, together.
    pub lines: Vec<usize>,
    /// Which scenario, by its position.
    pub scenario: usize,
    /// What is compared.
    pub question: Question,
    /// Keys of other lines that the scenario sets itself, so that the lines' values are left out.
    pub fixed: Vec<String>,
}

/// The keys that a scenario shows the effect of.
pub fn exercised(scenario: &Scenario) -> Vec<Exercise> {
    if !scenario.exercises.is_empty() {
        return scenario.exercises.clone();
    }
    let variants: Vec<(&str, BTreeSet<&str>)> = scenario
        .runs
        .iter()
        .filter_map(|run| {
            let nodes = run.topology.nodes.values();
            let keys = nodes.flat_map(|node| node.sysctls.iter().map(|each| each.key.as_str()));
            Some((run.id.variant.as_deref()?, keys.collect()))
        })
        .collect();
    let keys: BTreeSet<&str> = variants
        .iter()
        .flat_map(|(_, keys)| keys.iter().copied())
        .collect();
    keys.into_iter()
        .filter_map(|key| {
            let (variant, _) = variants.iter().find(|(_, keys)| !keys.contains(key))?;
            Some(Exercise {
                key: key.to_owned(),
                variant: Some((*variant).to_owned()),
                at_most: None,
            })
        })
        .collect()
}

/// What to run for each line alone, then for all of them together, in the order of the scenarios.
pub fn plan(assigned: &[Assigned], scenarios: &[Scenario]) -> Vec<Planned> {
    let mut alone = Vec::new();
    let mut together = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let mut by_variant: BTreeMap<Option<String>, Vec<&Assigned>> = BTreeMap::new();
        for exercise in exercised(scenario) {
            for each in assigned.iter().filter(|each| each.is_shown_by(&exercise)) {
                let variant = exercise.variant.clone();
                by_variant.entry(variant).or_default().push(each);
            }
        }
        for (variant, shown) in by_variant {
            for each in &shown {
                alone.push(planned(
                    index,
                    variant.as_ref(),
                    &[each],
                    &[each],
                    Vec::new(),
                ));
            }
            let (fixed, with): (Vec<&Assigned>, Vec<&Assigned>) =
                assigned.iter().partition(|each| {
                    !shown.contains(each) && sets(scenario, variant.as_ref(), &each.key)
                });
            let lines: BTreeSet<usize> = with.iter().map(|each| each.line).collect();
            if lines.len() > 1 {
                let fixed = fixed.iter().map(|each| each.key.clone()).collect();
                together.push(planned(index, variant.as_ref(), &with, &shown, fixed));
            }
        }
    }
    alone.extend(together);
    alone
}

/// With these settings, against the keys of `shown` as a fresh namespace has them.
fn planned(
    scenario: usize,
    variant: Option<&String>,
    with: &[&Assigned],
    shown: &[&Assigned],
    fixed: Vec<String>,
) -> Planned {
    let setting = |key: &str, value: &str| Setting::Sysctl {
        node: None,
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let side = with.iter().map(|each| setting(&each.key, &each.value));
    let against = with
        .iter()
        .filter_map(|each| Some(setting(&each.key, each.against.as_ref()?)));
    let lines: BTreeSet<usize> = with.iter().map(|each| each.line).collect();
    Planned {
        lines: lines.into_iter().collect(),
        scenario,
        question: Question {
            variant: variant.cloned(),
            without: shown.iter().map(|each| each.key.clone()).collect(),
            sides: vec![against.collect(), side.collect()],
            ..Question::default()
        },
        fixed,
    }
}

fn sets(scenario: &Scenario, variant: Option<&String>, key: &str) -> bool {
    let mut runs = scenario.runs.iter();
    runs.any(|run| {
        let mut nodes = run.topology.nodes.values();
        run.id.variant.as_ref() == variant
            && nodes.any(|node| node.sysctls.iter().any(|each| each.key == key))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn scenario(exercises: &str, variants: &str) -> Scenario {
        let text = format!(
            "{exercises}\nnodes: {{ client: {{ sysctls: {{ net.ipv4.ip_local_port_range: 20000 20999 }} }}, server: {{}} }}\n\
             links: [ {{ between: [client, server] }} ]\n{variants}\n"
        );
        crate::scenario::parse("a.yaml", &text, &BTreeMap::new())
            .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
    }

    const REUSE: &str = "variants: { off: {}, on: { nodes: { client: { sysctls: { net.ipv4.tcp_tw_reuse: 1 } } } } }";

    fn assigned(pairs: &[(&str, &str)]) -> Vec<Assigned> {
        let each = pairs
            .iter()
            .enumerate()
            .map(|(line, (key, value))| Assigned {
                line,
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                against: None,
            });
        each.collect()
    }

    fn shown(planned: &Planned) -> String {
        let Question {
            variant,
            without,
            sides,
            ..
        } = &planned.question;
        let with: Vec<String> = sides[1].iter().map(ToString::to_string).collect();
        format!(
            "{:?} {} without {} with {} fixed {}",
            planned.lines,
            variant.as_deref().unwrap_or("-"),
            without.join(","),
            with.join(","),
            planned.fixed.join(",")
        )
    }

    #[test]
    fn a_key_that_only_some_variants_set_is_run_where_it_is_not_set() {
        let lines = assigned(&[("net.ipv4.tcp_tw_reuse", "1"), ("net.core.somaxconn", "5")]);
        let plan = plan(&lines, &[scenario("", REUSE)]);
        let shown: Vec<String> = plan.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "[0] off without net.ipv4.tcp_tw_reuse with net.ipv4.tcp_tw_reuse=1 fixed ",
                "[0, 1] off without net.ipv4.tcp_tw_reuse with net.ipv4.tcp_tw_reuse=1,net.core.somaxconn=5 fixed ",
            ]
        );
    }

    #[test]
    fn what_a_scenario_declares_holds_and_what_it_fixes_is_left_alone() {
        let lines = assigned(&[
            ("net.ipv4.tcp_fin_timeout", "15"),
            ("net.ipv4.tcp_tw_reuse", "1"),
            ("net.ipv4.ip_local_port_range", "1024 65000"),
        ]);
        let scenario = scenario("exercises: { on: [net.ipv4.tcp_fin_timeout] }", REUSE);
        let plan = plan(&lines, &[scenario]);
        let shown: Vec<String> = plan.iter().map(shown).collect();
        assert_eq!(
            shown,
            ["[0] on without net.ipv4.tcp_fin_timeout with net.ipv4.tcp_fin_timeout=15 fixed ",],
            "the others are fixed by the variant, so that nothing is left to be together with"
        );
    }

    #[test]
    fn what_comes_after_the_end_of_a_scenario_is_not_asked_there() {
        let scenario = scenario(
            "exercises: { off: [net.ipv4.tcp_fin_timeout <= 35, net.ipv4.tcp_tw_reuse] }",
            REUSE,
        );
        let lines = assigned(&[
            ("net.ipv4.tcp_fin_timeout", "36"),
            ("net.ipv4.tcp_fin_timeout", "35"),
            ("net.ipv4.tcp_tw_reuse", "99"),
        ]);
        let scenarios = [scenario];
        let alone: Vec<Vec<usize>> = plan(&lines, &scenarios)
            .into_iter()
            .map(|planned| planned.lines)
            .filter(|lines| lines.len() == 1)
            .collect();
        assert_eq!(alone, [[1], [2]]);
        let short = TooShort {
            line: 0,
            scenario: 0,
            at_most: 35,
        };
        assert_eq!(too_short(&lines, &scenarios), [short]);
    }

    #[test]
    fn a_key_that_no_scenario_shows_is_not_run() {
        let lines = assigned(&[("net.ipv4.ip_local_port_range", "1024 65000")]);
        assert!(
            plan(&lines, &[scenario("", REUSE)]).is_empty(),
            "all variants set it, for scale"
        );
        let named = "exercises: { nope: [net.ipv4.tcp_fin_timeout] }";
        let text = format!("{named}\nnodes: {{ a: {{}} }}\nvariants: {{ x: {{}} }}\n");
        let problems = crate::scenario::parse("a.yaml", &text, &BTreeMap::new()).unwrap_err();
        assert!(problems.render(false).contains("`nope` is no variant"));
    }
}

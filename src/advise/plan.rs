//! Chooses the scenarios to run for each line. Pure.
//!
//! `exercises:` in a scenario lists the keys whose effect it shows, and in which variant. Without it, a scenario
//! shows the effect of a key that some of its variants set and others do not; the first variant that does not
//! set it is run. One side of the comparison is that variant with the reference's value of the key on every
//! node; the other side has the value of the line. The modes of the user's host hold on both sides
//! ([`Condition`]).

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Condition;
use crate::compare::{Question, SetOption};
use crate::scenario::{Exercise, Scenario};

/// A key and the value that a line sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Position of the line.
    pub line: usize,
    /// The key, written with dots.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// The value of the other side, which is the reference's.
    pub against: String,
}

impl Assignment {
    fn is_shown_by(&self, exercise: &Exercise) -> bool {
        self.key == exercise.key && !self.is_beyond(exercise)
    }

    /// Returns true if the scenario ends before the value has an effect.
    fn is_beyond(&self, exercise: &Exercise) -> bool {
        let value = self.value.trim().parse::<u64>();
        let beyond = |bound: u64| value.is_ok_and(|value| value > bound);
        self.key == exercise.key && exercise.at_most.is_some_and(beyond)
    }
}

/// A scenario that shows the effect of a key, but ends before the value of a line has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooShort {
    /// Position of the line.
    pub line: usize,
    /// Position of the scenario.
    pub scenario: usize,
    /// The largest value whose effect it shows.
    pub at_most: u64,
}

/// Returns the scenarios that end too early for the value of a line.
pub fn too_short(assigned: &[Assignment], scenarios: &[Scenario]) -> Vec<TooShort> {
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

/// A comparison to make.
#[derive(Debug, Clone)]
pub struct PlannedComparison {
    /// Positions of the lines whose effect it shows together.
    pub lines: Vec<usize>,
    /// Position of the scenario.
    pub scenario: usize,
    /// The variant and the settings of both sides.
    pub question: Question,
    /// Keys of other lines that the scenario sets itself; the values of the lines are not used.
    pub fixed: Vec<String>,
    /// Settings of the user that hold on both sides.
    pub conditions: Vec<SetOption>,
    /// True if the scenario's `exercises` names the keys, and false if its variants suggest them.
    pub declared: bool,
}

/// Returns the keys whose effect a scenario shows.
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

/// Plans the comparisons of each line alone, then those of all lines together, in the order of the scenarios.
pub fn plan(
    assigned: &[Assignment],
    conditions: &[Condition],
    scenarios: &[Scenario],
) -> Vec<PlannedComparison> {
    let mut alone = Vec::new();
    let mut together = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let mut by_variant: BTreeMap<Option<String>, Vec<&Assignment>> = BTreeMap::new();
        for exercise in exercised(scenario) {
            for each in assigned.iter().filter(|each| each.is_shown_by(&exercise)) {
                let variant = exercise.variant.clone();
                by_variant.entry(variant).or_default().push(each);
            }
        }
        for (variant, shown) in by_variant {
            let place = Variant {
                index,
                scenario,
                variant: variant.as_ref(),
                conditions,
            };
            for each in &shown {
                alone.push(place.planned(&[each], &[each], Vec::new()));
            }
            let (fixed, with): (Vec<&Assignment>, Vec<&Assignment>) = assigned
                .iter()
                .partition(|each| !shown.contains(each) && place.sets(&each.key));
            let lines: BTreeSet<usize> = with.iter().map(|each| each.line).collect();
            if lines.len() > 1 {
                let fixed = fixed.iter().map(|each| each.key.clone()).collect();
                together.push(place.planned(&with, &shown, fixed));
            }
        }
    }
    alone.extend(together);
    alone
}

/// A variant in which settings are tried.
struct Variant<'a> {
    index: usize,
    scenario: &'a Scenario,
    variant: Option<&'a String>,
    conditions: &'a [Condition],
}

impl Variant<'_> {
    /// Plans a comparison of the settings `with` against the reference's values. The scenario's own values of
    /// the keys `shown` are not used.
    fn planned(
        &self,
        with: &[&Assignment],
        shown: &[&Assignment],
        fixed: Vec<String>,
    ) -> PlannedComparison {
        let of_users = self.conditions.iter().filter(|condition| {
            let tried = with.iter().any(|each| each.key == condition.key);
            !tried && condition.is_needed(self.values(&condition.key))
        });
        let conditions: Vec<SetOption> = of_users
            .map(|condition| setting(&condition.key, &condition.value))
            .collect();
        let side = |value: fn(&Assignment) -> &str| {
            let tried = with.iter().map(|each| setting(&each.key, value(each)));
            conditions.iter().cloned().chain(tried).collect()
        };
        let lines: BTreeSet<usize> = with.iter().map(|each| each.line).collect();
        let kept = |key: &String| {
            !self
                .conditions
                .iter()
                .any(|condition| condition.key == *key)
        };
        PlannedComparison {
            lines: lines.into_iter().collect(),
            scenario: self.index,
            question: Question {
                variant: self.variant.cloned(),
                without: shown.iter().map(|each| each.key.clone()).collect(),
                sides: vec![side(|each| &each.against), side(|each| &each.value)],
                ..Question::default()
            },
            fixed: fixed.into_iter().filter(kept).collect(),
            conditions,
            declared: !self.scenario.exercises.is_empty(),
        }
    }

    fn sets(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// The values that the variant's nodes give a key.
    fn values<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'b str> {
        let runs = self.scenario.runs.iter();
        let nodes = runs
            .filter(|run| run.id.variant.as_ref() == self.variant)
            .flat_map(|run| run.topology.nodes.values());
        nodes
            .flat_map(|node| &node.sysctls)
            .filter(move |sysctl| sysctl.key == key)
            .map(|sysctl| sysctl.value.as_str())
    }
}

fn setting(key: &str, value: &str) -> SetOption {
    SetOption::Sysctl {
        node: None,
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn scenario(exercises: &str, variants: &str) -> Scenario {
        let text = format!(
            "{exercises}\nnodes:\n\
             \x20 client: {{ sysctls: {{ net.ipv4.ip_local_port_range: 20000 20999 }} }}\n\
             \x20 server: {{}}\n\
             links: [ {{ between: [client, server] }} ]\n{variants}\n"
        );
        crate::scenario::parse("a.yaml", &text, &BTreeMap::new())
            .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
    }

    const REUSE: &str = "variants: { off: {}, on: { nodes: { client: { sysctls: { net.ipv4.tcp_tw_reuse: 1 } } } } }";

    fn assigned(pairs: &[(&str, &str)]) -> Vec<Assignment> {
        let each = pairs
            .iter()
            .enumerate()
            .map(|(line, (key, value))| Assignment {
                line,
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                against: "0".to_owned(),
            });
        each.collect()
    }

    fn shown(planned: &PlannedComparison) -> String {
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
    fn a_key_that_only_some_variants_set_is_run_in_a_variant_that_does_not() {
        let lines = assigned(&[("net.ipv4.tcp_tw_reuse", "1"), ("net.core.somaxconn", "5")]);
        let plan = plan(&lines, &[], &[scenario("", REUSE)]);
        let shown: Vec<String> = plan.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "[0] off without net.ipv4.tcp_tw_reuse with net.ipv4.tcp_tw_reuse=1 fixed ",
                "[0, 1] off without net.ipv4.tcp_tw_reuse \
                 with net.ipv4.tcp_tw_reuse=1,net.core.somaxconn=5 fixed ",
            ]
        );
    }

    #[test]
    fn declared_exercises_are_used_and_keys_of_the_scenario_are_kept() {
        let lines = assigned(&[
            ("net.ipv4.tcp_fin_timeout", "15"),
            ("net.ipv4.tcp_tw_reuse", "1"),
            ("net.ipv4.ip_local_port_range", "1024 65000"),
        ]);
        let scenario = scenario("exercises: { on: [net.ipv4.tcp_fin_timeout] }", REUSE);
        let plan = plan(&lines, &[], &[scenario]);
        let shown: Vec<String> = plan.iter().map(shown).collect();
        assert_eq!(
            shown,
            ["[0] on without net.ipv4.tcp_fin_timeout with net.ipv4.tcp_fin_timeout=15 fixed ",],
            "the variant sets the other keys, so there is nothing to combine with"
        );
    }

    #[test]
    fn a_value_that_takes_effect_after_the_end_of_a_scenario_is_not_run() {
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
        let alone: Vec<Vec<usize>> = plan(&lines, &[], &scenarios)
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
    fn modes_of_the_user_hold_on_both_sides() {
        let text = "
exercises: { small: [net.ipv4.tcp_max_syn_backlog], cookies: [net.ipv4.tcp_syncookies] }
nodes: { server: { sysctls: { net.ipv4.tcp_syncookies: 0, net.ipv4.tcp_max_syn_backlog: 64 } } }
variants: { small: {}, cookies: {} }
";
        let scenario = crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
        let condition = |key: &str, value: &str, unlike_labs| Condition {
            key: key.to_owned(),
            value: value.to_owned(),
            unlike_labs,
        };
        let conditions = [
            condition("net.ipv4.tcp_syncookies", "1", false),
            condition("net.ipv4.tcp_sack", "0", true),
            condition("net.ipv4.tcp_timestamps", "1", false),
        ];
        let lines = [
            ("net.ipv4.tcp_max_syn_backlog", "8192"),
            ("net.ipv4.tcp_syncookies", "2"),
        ];
        let plan = plan(&assigned(&lines), &conditions, &[scenario]);
        let sides = |planned: &PlannedComparison| -> Vec<String> {
            let side = |side: &Vec<SetOption>| {
                let shown: Vec<String> = side
                    .iter()
                    .map(|each| each.to_string().replace("net.ipv4.", ""))
                    .collect();
                shown.join(" ")
            };
            planned.question.sides.iter().map(side).collect()
        };
        let of = |lines: &[usize]| plan.iter().find(|planned| planned.lines == lines).unwrap();
        assert_eq!(
            sides(of(&[0])),
            [
                "tcp_syncookies=1 tcp_sack=0 tcp_max_syn_backlog=0",
                "tcp_syncookies=1 tcp_sack=0 tcp_max_syn_backlog=8192"
            ],
            "the scenario switches cookies off, the user has them; nothing is said of timestamps"
        );
        assert_eq!(
            sides(of(&[1])),
            ["tcp_sack=0 tcp_syncookies=0", "tcp_sack=0 tcp_syncookies=2"],
            "the key under trial is not a condition"
        );
    }

    #[test]
    fn a_key_that_no_scenario_shows_is_not_run() {
        let lines = assigned(&[("net.ipv4.ip_local_port_range", "1024 65000")]);
        assert!(
            plan(&lines, &[], &[scenario("", REUSE)]).is_empty(),
            "all variants set it"
        );
        let named = "exercises: { nope: [net.ipv4.tcp_fin_timeout] }";
        let text = format!("{named}\nnodes: {{ a: {{}} }}\nvariants: {{ x: {{}} }}\n");
        let problems = crate::scenario::parse("a.yaml", &text, &BTreeMap::new()).unwrap_err();
        assert!(problems.render(false).contains("`nope` is not a variant"));
    }
}

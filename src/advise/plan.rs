//! Chooses the scenarios to run for each line. Pure.
//!
//! `exercises:` in a scenario lists the keys whose effect it shows, and in which variant. Without it, a scenario
//! shows the effect of a key that some of its variants set and others do not; the first variant that does not
//! set it is run. One side of the comparison is that variant with the reference's values of the keys that it
//! shows, on every node; the other side has the value of the line for its key. The modes of the user's host hold on
//! both sides ([`Condition`]). A scenario with rules for its size is sized by the two values.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Condition;
use super::tried_value::tried;
use crate::compare::{Question, SetOption};
use crate::scenario::topology::{IpVersion, NodeSpec};
use crate::scenario::{Exercise, RunSpec, Scenario, TriedValues};
use crate::sysctls::{self, SettingScope};

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
    /// True if the kernel keeps the value and does nothing with it. Such a line is not tried alone, but the kernel may
    /// refuse others without it: `ipfrag_high_thresh` must not be below `ipfrag_low_thresh`.
    pub ignored: bool,
}

impl Assignment {
    /// Returns both values as numbers, if they are.
    fn tried(&self) -> Option<TriedValues> {
        tried(&self.key, &self.value, &self.against)
    }

    fn is_shown_by(&self, exercise: &Exercise) -> bool {
        self.key == exercise.key && !self.ignored && !self.is_beyond(exercise)
    }

    /// Returns true if the scenario ends before the value has an effect, or cannot reach the limit that it sets.
    fn is_beyond(&self, exercise: &Exercise) -> bool {
        let is_of_key = self.key == exercise.key && !self.ignored;
        let (Some(bound), true) = (exercise.at_most, is_of_key) else {
            return false;
        };
        match self.tried() {
            Some(tried) if !exercise.size.is_empty() => tried.limit() > bound as f64,
            Some(tried) => tried.value > bound as f64,
            None => false,
        }
    }
}

/// A scenario that shows the effect of a key, but ends before the value of a line has an effect, or cannot reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooShort {
    /// Position of the line.
    pub line: usize,
    /// Position of the scenario.
    pub scenario: usize,
    /// The largest value, or limit, whose effect it shows.
    pub at_most: u64,
    /// The load that would be needed, if the scenario is sized by the value.
    pub needs: Option<String>,
}

/// Returns the scenarios that end too early for the value of a line, or cannot reach it.
pub fn too_short(assigned: &[Assignment], scenarios: &[Scenario]) -> Vec<TooShort> {
    let mut all = Vec::new();
    for (scenario, each) in scenarios.iter().enumerate() {
        for exercise in exercised(each) {
            let beyond = assigned.iter().filter(|each| each.is_beyond(&exercise));
            all.extend(beyond.filter_map(|assignment| {
                Some(TooShort {
                    line: assignment.line,
                    scenario,
                    at_most: exercise.at_most?,
                    needs: needed(assignment, &exercise, each),
                })
            }));
        }
    }
    all
}

/// Returns the load that a sized scenario would need for a value.
fn needed(assignment: &Assignment, exercise: &Exercise, scenario: &Scenario) -> Option<String> {
    if exercise.size.is_empty() {
        return None;
    }
    let tried = assignment.tried()?;
    let mut params = params(scenario, exercise.variant.as_ref());
    params.extend(exercise.sized(tried, &params).ok()?);
    let needed = exercise.needed_at(tried, &params);
    Some(needed.unwrap_or_else(|| format!("a load above {:.0}", tried.limit())))
}

/// A comparison to make.
#[derive(Debug, Clone)]
pub struct PlannedComparison {
    /// Positions of the lines whose effect it shows together.
    pub lines: Vec<usize>,
    /// Positions of the lines among them whose effect the variant is known to show.
    pub shown: Vec<usize>,
    /// Position of the scenario.
    pub scenario: usize,
    /// The variant and the settings of both sides.
    pub question: Question,
    /// Keys of other lines for which the scenario needs other values; the values of the lines are not used.
    pub fixed: Vec<String>,
    /// Modes with the user's values, which hold on both sides: those that the scenario sets, and those that the
    /// reference has and labs do not.
    pub conditions: Vec<SetOption>,
    /// Positions of lines with other modes, which hold on both sides too.
    pub beside: Vec<usize>,
    /// True if the scenario's `exercises` names the keys, and false if its variants suggest them.
    pub declared: bool,
    /// The exercise that shows a single line.
    pub exercise: Option<Exercise>,
    /// Both values of a single line.
    pub tried: Option<TriedValues>,
    /// The gainers and the losers, if every value of the keys whose effect shows is a compromise.
    pub trade: Option<(String, String)>,
    /// The keys under trial, each with the position of its line.
    pub keys: Vec<(usize, String)>,
    /// The parameter and its value, if this is a point of a curve.
    pub point: Option<(String, String)>,
}

impl PlannedComparison {
    /// Returns the keys under trial that a line sets.
    pub fn keys_of(&self, line: usize) -> Vec<String> {
        let keys = self.keys.iter().filter(|(of, _)| *of == line);
        keys.map(|(_, key)| key.clone()).collect()
    }
}

/// Returns who gains and who loses by a value, if every value of its key is a compromise.
fn trade(exercise: &Exercise, tried: Option<TriedValues>) -> Option<(String, String)> {
    let trade = exercise.trade.as_ref()?;
    let tried = tried?;
    let (gains, loses) = if tried.value > tried.reference {
        (&trade.higher, &trade.lower)
    } else {
        (&trade.lower, &trade.higher)
    };
    Some((gains.clone(), loses.clone()))
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
            Some(Exercise::of(key, Some((*variant).to_owned())))
        })
        .collect()
}

/// Plans the comparisons of each line alone, then the points of their curves, then those of all lines together, in the
/// order of the scenarios. `stated` are parameters with the values that the user has.
pub fn plan(
    assigned: &[Assignment],
    conditions: &[Condition],
    scenarios: &[Scenario],
    stated: &BTreeMap<String, String>,
) -> Vec<PlannedComparison> {
    let mut alone = Vec::new();
    let mut curves = Vec::new();
    let mut together = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let mut by_variant: BTreeMap<Option<String>, Vec<(Exercise, &Assignment)>> =
            BTreeMap::new();
        for exercise in exercised(scenario) {
            for each in assigned.iter().filter(|each| each.is_shown_by(&exercise)) {
                let variant = exercise.variant.clone();
                let shown = by_variant.entry(variant).or_default();
                shown.push((exercise.clone(), each));
            }
        }
        for (variant, shown) in by_variant {
            let keys: Vec<&Assignment> = shown.iter().map(|(_, each)| *each).collect();
            let place = Variant {
                index,
                scenario,
                variant: variant.as_ref(),
                conditions,
                stated,
                shown: &keys,
            };
            for (exercise, each) in &shown {
                alone.push(place.alone(exercise, each));
                curves.extend(place.curve(exercise, each));
            }
            let (fixed, with): (Vec<&Assignment>, Vec<&Assignment>) = assigned
                .iter()
                .filter(|each| keys.contains(each) || place.has(&each.key))
                .partition(|each| {
                    let key = &each.key;
                    !keys.contains(each) && (place.sets(key) || place.cannot_do_with(key))
                });
            let used = with.iter().filter(|each| !each.ignored);
            let lines: BTreeSet<usize> = used.map(|each| each.line).collect();
            if lines.len() > 1 {
                let fixed = fixed.iter().filter(|each| !each.ignored);
                let fixed = fixed.map(|each| each.key.clone()).collect();
                together.push(place.together(&with, &shown, fixed));
            }
        }
    }
    alone.extend(curves);
    alone.extend(together);
    alone
}

/// Returns the parameters of a scenario's variant.
fn params(scenario: &Scenario, variant: Option<&String>) -> BTreeMap<String, String> {
    let mut runs = scenario.runs.iter();
    let run = runs.find(|run| run.id.variant.as_ref() == variant);
    run.map(|run| run.params.clone()).unwrap_or_default()
}

/// A variant in which settings are tried.
struct Variant<'a> {
    index: usize,
    scenario: &'a Scenario,
    variant: Option<&'a String>,
    conditions: &'a [Condition],
    stated: &'a BTreeMap<String, String>,
    /// The settings whose effect it shows. The scenario's own values of their keys are not used.
    shown: &'a [&'a Assignment],
}

impl Variant<'_> {
    /// Plans a comparison of one setting against the reference's value. The other settings that the variant shows have
    /// the reference's values, so that every line has the same other side. If the scenario has a bound for the value,
    /// which follows from its own values of the others, they keep those: with others, it may end too early.
    fn alone(&self, exercise: &Exercise, each: &Assignment) -> PlannedComparison {
        let is_bounded = exercise.at_most.is_some() && exercise.size.is_empty();
        let others = self.shown.iter().filter(|other| other.key != each.key);
        let beside: Vec<&Assignment> = others
            .filter(|other| !is_bounded || !self.sets(&other.key))
            .copied()
            .collect();
        let set = self.sized(exercise, each);
        let shown: Vec<&Assignment> = beside.iter().copied().chain([each]).collect();
        let own = Variant {
            shown: &shown,
            ..*self
        };
        PlannedComparison {
            exercise: Some(exercise.clone()),
            tried: each.tried(),
            trade: trade(exercise, each.tried()),
            ..own.planned(&[each], &beside, set, Vec::new())
        }
    }

    /// Plans the points of a curve: the comparison of one setting at several values of a parameter.
    fn curve(&self, exercise: &Exercise, each: &Assignment) -> Vec<PlannedComparison> {
        let (Some(rule), Some(tried)) = (&exercise.curve, each.tried()) else {
            return Vec::new();
        };
        let mut params = params(self.scenario, self.variant);
        let main = self.sized(exercise, each);
        params.extend(main.clone());
        let points = exercise.points_at(tried, &params).unwrap_or_default();
        let others = points
            .into_iter()
            .filter(|point| params.get(&rule.param) != Some(point));
        let planned = others.map(|point| {
            let mut stated = self.stated.clone();
            stated.insert(rule.param.clone(), point.clone());
            let at = Variant {
                stated: &stated,
                ..*self
            };
            PlannedComparison {
                point: Some((rule.param.clone(), point)),
                ..at.alone(exercise, each)
            }
        });
        planned.collect()
    }

    /// Plans a comparison of several settings against the reference's values.
    fn together(
        &self,
        with: &[&Assignment],
        shown: &[(Exercise, &Assignment)],
        fixed: Vec<String>,
    ) -> PlannedComparison {
        let mut set = BTreeMap::new();
        for (exercise, each) in shown {
            set.extend(self.sized(exercise, each));
        }
        let of_trade = shown.first().filter(|_| {
            let mut exercises = shown.iter().map(|(exercise, _)| exercise);
            exercises.all(|exercise| exercise.trade.is_some())
        });
        PlannedComparison {
            trade: of_trade.and_then(|(exercise, each)| trade(exercise, each.tried())),
            ..self.planned(with, &[], set, fixed)
        }
    }

    /// Returns the parameters that follow a value, and those that the user has stated.
    fn sized(&self, exercise: &Exercise, each: &Assignment) -> BTreeMap<String, String> {
        let mut params = params(self.scenario, self.variant);
        let stated = self.stated.iter();
        let stated = stated.filter(|(name, _)| params.contains_key(*name));
        let stated: BTreeMap<String, String> = stated
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        params.extend(stated.clone());
        // Rules that only follow from the parameters also hold for values that are words.
        let tried = each.tried().unwrap_or(TriedValues {
            value: 0.0,
            reference: 0.0,
        });
        let mut follows = exercise.clone();
        follows
            .size
            .retain(|rule| !stated.contains_key(&rule.param));
        let mut set = follows.sized(tried, &params).unwrap_or_default();
        set.extend(stated);
        set
    }

    fn planned(
        &self,
        with: &[&Assignment],
        beside: &[&Assignment],
        set: BTreeMap<String, String>,
        fixed: Vec<String>,
    ) -> PlannedComparison {
        let of_trial = |key: &str| with.iter().any(|each| each.key == key);
        let of_users = self.conditions.iter().filter(|condition| {
            let key = &condition.key;
            !of_trial(key) && self.has(key) && condition.is_needed(self.values(key))
        });
        let of_users: Vec<&Condition> = of_users.collect();
        let (named, of_lines): (Vec<&Condition>, Vec<&Condition>) = (self.conditions.iter())
            .filter(|mode| !of_trial(&mode.key))
            .filter(|mode| self.sets(&mode.key) || of_users.contains(mode))
            .partition(|mode| self.sets(&mode.key) || mode.line.is_none());
        let mut modes: Vec<SetOption> = (of_users.iter())
            .map(|condition| setting(&condition.key, &condition.value))
            .collect();
        modes.sort_by_key(ToString::to_string);
        let is_condition = |key: &str| self.conditions.iter().any(|condition| condition.key == key);
        let beside = beside.iter().filter(|each| !is_condition(&each.key));
        let mut all: Vec<(&Assignment, bool)> = beside.map(|each| (*each, false)).collect();
        all.extend(with.iter().map(|each| (*each, true)));
        // In the order of the file: the kernel may refuse a value until an earlier line has changed another. Every
        // comparison has the same order, so that several can share the runs of the first side.
        all.sort_by_key(|(each, _)| (each.line, &each.key));
        let side = |of_line: bool| -> Vec<SetOption> {
            let value = |(each, is_tried): &(&Assignment, bool)| match of_line && *is_tried {
                true => setting(&each.key, &each.value),
                false => setting(&each.key, &each.against),
            };
            modes.iter().cloned().chain(all.iter().map(value)).collect()
        };
        let used = with.iter().filter(|each| !each.ignored);
        let lines: BTreeSet<usize> = used.map(|each| each.line).collect();
        let shown = self.shown.iter().map(|each| each.line);
        let shown: BTreeSet<usize> = shown.filter(|line| lines.contains(line)).collect();
        PlannedComparison {
            lines: lines.into_iter().collect(),
            shown: shown.into_iter().collect(),
            scenario: self.index,
            question: Question {
                variant: self.variant.cloned(),
                set,
                without: self.shown.iter().map(|each| each.key.clone()).collect(),
                of_kernel: with
                    .iter()
                    .chain(self.shown)
                    .map(|each| each.key.clone())
                    .filter(|key| is_of_kernel(key))
                    .collect(),
                sides: vec![side(false), side(true)],
            },
            fixed: fixed.into_iter().filter(|key| !is_condition(key)).collect(),
            conditions: (named.iter())
                .map(|mode| setting(&mode.key, &mode.value))
                .collect(),
            beside: BTreeSet::from_iter(of_lines.iter().filter_map(|mode| mode.line))
                .into_iter()
                .collect(),
            declared: !self.scenario.exercises.is_empty(),
            exercise: None,
            tried: None,
            trade: None,
            keys: with
                .iter()
                .map(|each| (each.line, each.key.clone()))
                .collect(),
            point: None,
        }
    }

    /// Returns false for a setting of connection tracking in a lab that does not track: the kernel of a virtual machine
    /// does not have it there.
    fn has(&self, key: &str) -> bool {
        let mut nodes = self.runs().flat_map(|run| run.topology.nodes.values());
        let of_tracking = ["net.netfilter.nf_conntrack", "net.nf_conntrack"];
        !of_tracking.iter().any(|start| key.starts_with(start)) || nodes.any(NodeSpec::tracks)
    }

    /// Returns true for a key that switches IPv6 off in a lab with addresses of IPv6. Which value the line has does not
    /// matter: IPv6 is on there by default.
    fn cannot_do_with(&self, key: &str) -> bool {
        let has_ipv6 = self.runs().any(|run| run.topology.ip == IpVersion::V6);
        has_ipv6 && key.starts_with("net.ipv6.conf.") && key.ends_with(".disable_ipv6")
    }

    fn sets(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    fn runs(&self) -> impl Iterator<Item = &RunSpec> {
        let runs = self.scenario.runs.iter();
        runs.filter(|run| run.id.variant.as_ref() == self.variant)
    }

    /// The values that the variant's nodes give a key.
    fn values<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'b str> {
        let nodes = self.runs().flat_map(|run| run.topology.nodes.values());
        nodes
            .flat_map(|node| &node.sysctls)
            .filter(move |sysctl| sysctl.key == key)
            .map(|sysctl| sysctl.value.as_str())
    }
}

fn is_of_kernel(key: &str) -> bool {
    sysctls::find(key).is_some_and(|setting| setting.scope == SettingScope::Host)
}

fn setting(key: &str, value: &str) -> SetOption {
    SetOption::Sysctl {
        node: None,
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[cfg(test)]
mod tests;

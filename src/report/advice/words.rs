//! What is said of a line, in sentences that all formats share.

use crate::advise::{Advice, Experiment, KeyFacts, LineAdvice, LinePlace, Meaning, Ruling, Whose};
use crate::report::compare::sentence;

/// Keys of a pattern that are named before they are only counted.
const NAMED: usize = 3;
/// Sentences of a pattern's keys that are told before they are only counted.
const SAID: usize = 6;

/// Everything that is said of a line but its word, a sentence each.
pub(super) fn sentences(line: &LineAdvice) -> Vec<String> {
    let mut said = match &line.entry.meaning {
        Meaning::Wrong(error) => vec![error.to_string()],
        Meaning::Excludes => vec!["patterns leave this key out".to_owned()],
        Meaning::Overridden(by) => vec![overridden(&line.entry.place, by)],
        Meaning::Sets { name, value, .. } => {
            let mut said = Vec::new();
            if name.is_pattern() {
                said.push(matched(&line.facts));
            }
            if value.contains(['#', ';']) {
                said.push("sysctl knows no comment behind a value: it is part of it".to_owned());
            }
            said.extend(facts(line));
            said
        }
    };
    said.extend(line.experiments.iter().map(experiment));
    said.extend(not_run(&line.not_run));
    match line.ruling() {
        Ruling::NoScenario => {
            said.push("no scenario shows what it does: nothing is said of it".to_owned())
        }
        Ruling::NotShown => said.extend(line.too_short.iter().map(|(scenario, at_most)| {
            format!("{scenario} shows what values up to {at_most} do: what this one does takes longer than it lasts")
        })),
        Ruling::AlreadySo => said.push("this is what there is without it".to_owned()),
        _ => {}
    }
    said
}

/// Scenarios that were left out, by the reason: a sentence for each.
fn not_run(left_out: &[(String, &'static str)]) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for (scenario, why) in left_out {
        match by_reason.iter_mut().find(|(known, _)| known == why) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => by_reason.push((why, vec![scenario])),
        }
    }
    let sentence = |(why, scenarios): (&str, Vec<&str>)| {
        let shown = scenarios.join(", ");
        format!("not run ({why}), though it would show what the line does: {shown}")
    };
    by_reason.into_iter().map(sentence).collect()
}

fn overridden(place: &LinePlace, by: &LinePlace) -> String {
    if place.file == by.file {
        format!("line {} sets it again", by.line)
    } else {
        format!("{by} sets it again")
    }
}

fn matched(facts: &[KeyFacts]) -> String {
    if facts.is_empty() {
        return "no key of this kernel matches, that no other line sets".to_owned();
    }
    let named: Vec<&str> = facts
        .iter()
        .take(NAMED)
        .map(|key| key.key.as_str())
        .collect();
    let more = match facts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("matches {}{more}", named.join(", "))
}

/// What this kernel says of the keys: the first of those that say the same stands for them.
fn facts(line: &LineAdvice) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut more = 0;
    for key in &line.facts {
        for sentence in of_key(key, line.facts.len() > 1) {
            match said.contains(&sentence) {
                true => {}
                false if said.len() < SAID => said.push(sentence),
                false => more += 1,
            }
        }
    }
    if more > 0 {
        said.push(format!(
            "and {more} more sentences of this kind; the JSON report has each key"
        ));
    }
    said
}

fn of_key(key: &KeyFacts, of_many: bool) -> Vec<String> {
    if let Some(refusal) = key.refusal() {
        let whose = if of_many {
            format!("{}: ", key.key)
        } else {
            String::new()
        };
        return vec![format!("{whose}{refusal}")];
    }
    let mut said = Vec::new();
    if let Some(past) = &key.past {
        said.push(past.to_string());
    }
    let here = match &key.here {
        Some(here) => format!("; this host has {here}"),
        None => String::new(),
    };
    match (key.whose, &key.stand_in) {
        (Whose::Kernel, _) if key.key.starts_with("net.") => {
            said.push(format!(
                "it belongs to the whole kernel and was not tried{here}"
            ));
        }
        (Whose::Kernel, _) => {
            said.push(format!(
                "it is none of the network's and was not tried{here}"
            ));
        }
        (Whose::Namespace, None) => said.push(format!("each namespace has its own{}", values(key))),
        (Whose::Namespace, Some(tried)) => said.push(format!(
            "it belongs to an interface, which a fresh namespace does not have; tried as {tried}{}",
            values(key)
        )),
        (Whose::Nobody, _) => {}
    }
    said
}

/// Where it has which value, the same values together: `; 60 by default and on this host`.
fn values(key: &KeyFacts) -> String {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    let places = [
        ("by default", &key.fresh),
        ("in the lab's baseline", &key.baseline),
        ("on this host", &key.here),
    ];
    for (place, value) in places {
        let Some(value) = value else { continue };
        match values.iter_mut().find(|(known, _)| known == value) {
            Some((_, places)) => places.push(place),
            None => values.push((value, vec![place])),
        }
    }
    let shown = values.into_iter().map(|(value, places)| {
        let baseline_is_default = places.contains(&"by default");
        let told: Vec<&str> = places
            .into_iter()
            .filter(|place| !(baseline_is_default && place.contains("baseline")))
            .collect();
        let value = if value.is_empty() { "empty" } else { value };
        format!("{value} {}", told.join(" and "))
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!("; {}", shown.join(", "))
    }
}

/// `exhaustion.yaml, default: helps: load.established 1000 -> 1800 (+80 %)`.
pub(super) fn experiment(experiment: &Experiment) -> String {
    let variant = experiment
        .variant
        .as_ref()
        .map(|variant| format!(" ({variant})"))
        .unwrap_or_default();
    let fixed = if experiment.fixed.is_empty() {
        String::new()
    } else {
        format!(
            "; {} left as the scenario has it",
            experiment.fixed.join(", ")
        )
    };
    format!(
        "{}{variant}{}: {}{fixed}",
        experiment.scenario,
        if experiment.emulated {
            " (emulated)"
        } else {
            ""
        },
        sentence(&experiment.comparison)
    )
}

/// The folder of an experiment's records.
pub(super) fn records(experiment: &Experiment) -> Option<String> {
    let folder = experiment.records.first()?.parent()?;
    Some(folder.display().to_string())
}

/// The numbers of the lines of an experiment, as people count them: `2, 4-17`.
pub(super) fn lines(experiment: &Experiment, advice: &Advice) -> String {
    let entries = experiment
        .lines
        .iter()
        .filter_map(|index| advice.lines.get(*index));
    let mut spans: Vec<(&LinePlace, &LinePlace)> = Vec::new();
    for place in entries.map(|line| &line.entry.place) {
        match spans.last_mut() {
            Some((_, last)) if last.file == place.file && last.line + 1 == place.line => {
                *last = place
            }
            _ => spans.push((place, place)),
        }
    }
    let shown = spans.into_iter().map(|(first, last)| {
        let from = if advice.sources.len() > 1 {
            first.to_string()
        } else {
            first.line.to_string()
        };
        match last.line - first.line {
            0 => from,
            1 => format!("{from}, {}", last.line),
            _ => format!("{from}-{}", last.line),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// How many lines have which word: `2 cannot apply, 1 helps`.
pub(super) fn counts(advice: &Advice) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for line in &advice.lines {
        let word = line.ruling().as_str();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() {
        "no lines".to_owned()
    } else {
        parts.join(", ")
    }
}

//! The sentences about a line, which all formats share.

use crate::advise::{
    Advice, EffectCurve, Experiment, KeptPart, KeyFacts, KeyScope, LineAdvice, LineMeaning,
    LinePlace, OutOfReach, Ruling,
};
use crate::report::compare::{sentence, value};
use crate::report::terminal::spark;
use crate::sysctls::Fate;

/// Keys of a pattern that are listed; the others are counted.
const NAMED: usize = 3;
/// Sentences about the keys of a pattern that are shown; the others are counted.
const SHOWN: usize = 6;

/// Returns everything about a line except its ruling.
pub(super) fn sentences(line: &LineAdvice, advice: &Advice) -> Vec<String> {
    let ruling = line.ruling();
    if ruling == Ruling::OutOfScope {
        return Vec::new();
    }
    let mut said = match &line.entry.meaning {
        LineMeaning::Wrong(error) => vec![error.to_string()],
        LineMeaning::Excludes => vec!["excludes this key from patterns".to_owned()],
        LineMeaning::Overridden { by, .. } => {
            let malformed = line.entry.malformed().into_iter();
            malformed
                .chain([overridden(&line.entry.place, by, advice)])
                .collect()
        }
        LineMeaning::Sets { name, .. } => {
            let mut said = Vec::new();
            if name.is_pattern() {
                said.push(matched(&line.facts));
            }
            said.extend(facts(line, advice));
            said
        }
    };
    said.extend(line.trade().map(trade));
    for each in &line.experiments {
        said.push(experiment(each, advice));
        said.extend(each.curve.as_ref().map(curve));
    }
    said.extend(not_run(&line.not_run));
    match ruling {
        Ruling::NotShown | Ruling::NotReached => {
            said.extend(line.too_short.iter().map(out_of_reach));
        }
        Ruling::AlreadySo => said.push(already_so(line)),
        _ => {}
    }
    if may_be_unknown(ruling) && !line.is_measured() {
        said.extend(statements(&line.facts));
    }
    if line.allowed && ruling.is_bad() {
        said.push("allowed by --allow".to_owned());
    }
    said
}

/// Returns true if the key's purpose answers what no run did.
fn may_be_unknown(ruling: Ruling) -> bool {
    match ruling {
        Ruling::Did(_)
        | Ruling::HostWide
        | Ruling::Subject(_)
        | Ruling::NotMeasured
        | Ruling::NotTried
        | Ruling::NotRun
        | Ruling::NotReached
        | Ruling::Trade
        | Ruling::NotShown => true,
        Ruling::CannotApply
        | Ruling::Ignored
        | Ruling::Overridden
        | Ruling::Excludes
        | Ruling::MatchesNothing
        | Ruling::AlreadySo
        | Ruling::OutOfScope => false,
    }
}

/// Returns what the keys of a line are for, each sentence once.
fn statements(facts: &[KeyFacts]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for key in facts.iter().filter(|key| !key.ignored) {
        let sentence = match key.statement() {
            Some(setting) => format!("{} ({})", setting.says, setting.source),
            None if key.key.starts_with("net.") => {
                "no run shows its effect, and nslab has no documented statement about it".to_owned()
            }
            None => continue,
        };
        if said.len() < SHOWN && !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said
}

/// Returns who gains and who loses by a line.
pub(super) fn trade((gains, loses): (&str, &str)) -> String {
    format!("better for {gains}; worse for {loses}")
}

/// Returns the reason why a scenario does not show the effect of a value.
pub(super) fn out_of_reach(each: &OutOfReach) -> String {
    let OutOfReach {
        scenario,
        at_most,
        needs,
    } = each;
    match needs {
        Some(needs) => {
            format!("not reached: would need {needs}; {scenario} goes up to a limit of {at_most}")
        }
        None => format!(
            "{scenario} shows the effect of values up to {at_most}; it ends before this one has an effect"
        ),
    }
}

fn already_so(line: &LineAdvice) -> String {
    if line.facts.iter().any(KeyFacts::is_so_by_earlier_lines) {
        return "the lines before it have set it already".to_owned();
    }
    let place = line.facts.first().map_or("", |key| key.place.as_str());
    format!("this is the value {place}")
}

/// Returns a sentence for each reason why scenarios were not run.
fn not_run(left_out: &[(String, &'static str)]) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for (scenario, why) in left_out {
        match by_reason.iter_mut().find(|(known, _)| known == why) {
            Some((_, scenarios)) if scenarios.contains(&scenario.as_str()) => {}
            Some((_, scenarios)) => scenarios.push(scenario),
            None => by_reason.push((why, vec![scenario])),
        }
    }
    let sentence = |(why, scenarios): (&str, Vec<&str>)| {
        let shown = scenarios.join(", ");
        format!("not run ({why}), but would show the effect: {shown}")
    };
    by_reason.into_iter().map(sentence).collect()
}

fn overridden(place: &LinePlace, by: &LinePlace, advice: &Advice) -> String {
    let other = match place.file == by.file {
        true => format!("line {}", by.line),
        false => by.to_string(),
    };
    let mut lines = advice.lines.iter();
    let later = lines.find(|line| line.entry.place == *by && line.ruling() == Ruling::CannotApply);
    let effect = match later {
        Some(later) if (later.facts.iter()).all(|key| key.scope == KeyScope::Missing) => {
            "; this kernel has no such key"
        }
        Some(_) => {
            ", which cannot be applied: sysctl(8) then leaves the value of this line, and systemd-sysctl(8) writes \
             neither"
        }
        None => "",
    };
    format!("overridden by {other}{effect}")
}

fn matched(facts: &[KeyFacts]) -> String {
    if facts.is_empty() {
        return "matches no key of this kernel that is not set by another line".to_owned();
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

/// Returns sentences about the keys of a line, each only once.
fn facts(line: &LineAdvice, advice: &Advice) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut more = 0;
    for key in &line.facts {
        for sentence in of_key(key, line, advice) {
            match said.contains(&sentence) {
                true => {}
                false if said.len() < SHOWN => said.push(sentence),
                false => more += 1,
            }
        }
    }
    if more > 0 {
        said.push(format!(
            "and {more} more like these; the JSON report lists every key"
        ));
    }
    said
}

fn of_key(key: &KeyFacts, line: &LineAdvice, advice: &Advice) -> Vec<String> {
    let prefix = match line.facts.len() {
        0 | 1 => String::new(),
        _ => format!("{}: ", key.key),
    };
    if let Some(refusal) = key.refusal() {
        return vec![format!("{prefix}{refusal}")];
    }
    let mut said = Vec::new();
    if key.ignored
        && let Some(setting) = key.statement()
        && let Fate::Idle(since) = setting.fate
    {
        said.push(format!(
            "ignored since Linux {since}: {} ({})",
            setting.says, setting.source
        ));
    }
    match key.part() {
        Some(KeptPart::BeforeComment(kept)) => said.push(format!(
            "sysctl has no comments after a value: all of the text is written, and the kernel takes `{kept}`; \
             put the comment on a line of its own"
        )),
        Some(KeptPart::FirstNumbers(kept)) => {
            said.push(format!("sets the first numbers only; the value is then `{kept}`"));
        }
        None if let Some((word, value)) = key.octal() => said.push(format!(
            "the kernel reads `{word}` as an octal number, which is {value}"
        )),
        None if key.written.is_empty() => said.push("clears the key".to_owned()),
        None => {}
    }
    let by = key.reset_by.and_then(|by| advice.lines.get(by));
    if let (Some(by), Some(reset)) = (
        by,
        key.attempt.as_ref().and_then(|each| each.reset.as_ref()),
    ) {
        said.push(format!(
            "{prefix}set back to `{}` by `{}` in line {}",
            reset.to, by.entry.text, by.entry.place.line
        ));
    }
    said.extend(key.not_tried());
    let here = match &key.here {
        Some(here) => format!("; {here} on this host"),
        None => String::new(),
    };
    match (key.scope, &key.stand_in) {
        (KeyScope::Kernel, _) if !key.is_beyond_trial() => {
            said.push(format!("applies to the whole kernel{}", values(key)));
        }
        (KeyScope::Kernel, _) if key.key.starts_with("net.") => {
            said.push(format!(
                "applies to the whole kernel, so it was not tried{here}"
            ));
        }
        (KeyScope::Kernel, _) => {
            said.push(format!("not a network setting, so it was not tried{here}"));
        }
        (KeyScope::Namespace, None) => {
            said.push(format!("set per network namespace{}", values(key)))
        }
        (KeyScope::Namespace, Some(tried)) => said.push(format!(
            "the setting of an interface that a fresh namespace does not have; tried as {tried}{}",
            values(key)
        )),
        (KeyScope::Missing, _) => {}
    }
    said
}

/// Returns the values of a key, as in `; 60 by default and on this host`.
fn values(key: &KeyFacts) -> String {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    let places = [
        ("by default", &key.default),
        (key.place.as_str(), &key.reference),
        ("on this host", &key.here),
    ];
    for (place, value) in places {
        let Some(value) = value.as_deref() else {
            continue;
        };
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, places)) if places.contains(&place) => {}
            Some((_, places)) => places.push(place),
            None => values.push((value, vec![place])),
        }
    }
    let shown = values.into_iter().map(|(value, places)| {
        let value = if value.is_empty() { "empty" } else { value };
        format!("{value} {}", places.join(" and "))
    });
    let mut shown: Vec<String> = shown.collect();
    if key.default.is_none() {
        shown.push("the default is not known".to_owned());
    }
    format!("; {}", shown.join(", "))
}

/// Returns the result of an experiment, as in `exhaustion.yaml (default): load.established 1000 -> 1800
/// (+80 %)`.
pub(super) fn experiment(experiment: &Experiment, advice: &Advice) -> String {
    let variant = experiment
        .variant
        .as_ref()
        .map(|variant| format!(" ({variant})"))
        .unwrap_or_default();
    let fixed = if experiment.fixed.is_empty() {
        String::new()
    } else {
        format!(
            "; not with {}, for which the scenario needs other values",
            experiment.fixed.join(", ")
        )
    };
    let before = if experiment.cached {
        " (measured before)"
    } else {
        ""
    };
    let beside = match (&experiment.beside[..], lines(&experiment.beside, advice)) {
        ([], _) => String::new(),
        ([_], line) => format!(", with line {line} on both sides"),
        (_, lines) => format!(", with lines {lines} on both sides"),
    };
    format!(
        "{}{variant}{}{before}, {}{beside}: {}{fixed}",
        experiment.scenario,
        if experiment.emulated {
            " (emulated)"
        } else {
            ""
        },
        experiment.condition(),
        sentence(&experiment.comparison)
    )
}

/// Returns the answers along a parameter, with the figures of each point.
fn curve(curve: &EffectCurve) -> String {
    let points = curve.points.iter().map(|point| {
        let [without, with] = point.means.map(|mean| value(mean, curve.unit));
        format!("{}: {without} -> {with}", point.at)
    });
    let points: Vec<String> = points.collect();
    let side = |side: usize| curve.points.iter().map(|point| point.means[side]).collect();
    let [without, with] = spark::rows([side(0), side(1)]);
    format!(
        "{}; {} without {without} and with {with} ({}); values between these points were not measured",
        curve.range(),
        curve.metric,
        points.join(", ")
    )
}

/// Returns the folder with the records of an experiment.
pub(super) fn records(experiment: &Experiment) -> Option<String> {
    let folder = experiment.records.first()?.parent()?;
    Some(folder.display().to_string())
}

/// Returns the numbers of the lines at these positions, as in `2, 4-17`.
pub(super) fn lines(positions: &[usize], advice: &Advice) -> String {
    let entries = positions
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

/// Returns the name of the reference, with the kernel on which the effects were measured if it is another one.
pub(super) fn reference(advice: &Advice) -> String {
    match &advice.kernel {
        Some(kernel) => format!("{}; effects measured on {kernel}", advice.reference),
        None => advice.reference.clone(),
    }
}

/// Counts the lines by their ruling, as in `2 cannot apply, 1 helps`.
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

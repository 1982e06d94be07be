//! The steps before the first run: looks up every line on this kernel, and chooses the scenarios to run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use super::advice::{LineAdvice, OutOfReach};
use super::assess::{assess, assignments, exempt};
use super::condition_text;
use super::conditions::{Condition, conditions};
use super::curve::EffectCurve;
use super::examine::ExaminedKernel;
use super::facts::{ValueTrials, can_be_tried, values_to_try};
use super::merge::merge;
use super::plan::{PlannedComparison, plan, too_short};
use super::reference::{Reference, ReferenceChoice};
use super::running::running;
use super::{AdviceRequest, AdviseError, Settings};
use crate::compare::{Comparison, QuestionError, Side};
use crate::scenario::{self, Scenario};
use crate::suite::{self, ScenarioSource};

/// A comparison that is ready to run.
#[derive(Debug)]
pub(crate) struct PreparedComparison {
    /// The plan it follows.
    pub(crate) planned: PlannedComparison,
    /// The scenario with the settings of both sides.
    pub(crate) sides: Vec<Side>,
    /// The condition in which the result holds, in words.
    pub(crate) condition: String,
    /// The load and the path of the runs, if a client makes connections and the condition is another text.
    pub(crate) load: Option<String>,
}

/// A scenario cannot be run with the values of a line.
#[derive(Debug, Error)]
#[error("cannot run {scenario} with the value of the line")]
pub(crate) struct PreparedError {
    pub(crate) scenario: String,
    #[source]
    pub(crate) source: QuestionError,
}

impl PreparedComparison {
    /// Creates the sides of a planned comparison.
    ///
    /// # Errors
    /// If the scenario cannot be run with the settings of a side.
    pub(super) fn of(
        planned: PlannedComparison,
        sources: &[ScenarioSource],
    ) -> Result<Self, PreparedError> {
        let source = &sources[planned.scenario];
        let sides = planned
            .question
            .sides(source)
            .map_err(|error| PreparedError {
                scenario: source.label.clone(),
                source: error,
            })?;
        let condition = condition(&planned, &sides);
        let with_clients = sides
            .first()
            .filter(|side| !side.spec.workload.clients.is_empty());
        let load = with_clients.map(|side| condition_text::of_run(&side.spec));
        Ok(Self {
            planned,
            load: load.filter(|load| *load != condition),
            sides,
            condition,
        })
    }

    /// Begins the curve of a comparison with the value that its parameter has there.
    pub(super) fn begin_curve(&self, comparison: &Comparison) -> Option<EffectCurve> {
        let rule = self.planned.exercise.as_ref()?.curve.as_ref()?;
        let at = self.sides.first()?.spec.params.get(&rule.param)?;
        EffectCurve::of(rule, at, comparison)
    }

    /// Returns the label of the scenario.
    pub(crate) fn label(&self) -> &str {
        self.sides
            .first()
            .map_or("", |side| side.file.label.as_str())
    }

    /// Returns the keys and the scenario, as in `net.ipv4.tcp_tw_reuse in exhaustion / default`.
    pub(crate) fn title(&self) -> String {
        let keys = match &self.planned.keys[..] {
            [(_, key)] => key.clone(),
            keys => format!("{} settings together", keys.len()),
        };
        let scenario = self.sides.first().map(|side| side.spec.id.to_string());
        format!("{keys} in {}", scenario.unwrap_or_default())
    }
}

/// Returns the condition that the scenario states for the line, or else its load and path.
fn condition(planned: &PlannedComparison, sides: &[Side]) -> String {
    let Some(side) = sides.first() else {
        return String::new();
    };
    let params = &side.spec.params;
    let stated = planned.exercise.as_ref();
    let stated = stated.and_then(|exercise| exercise.condition_at(planned.tried, params));
    stated.unwrap_or_else(|| condition_text::of_run(&side.spec))
}

/// The lines as they were looked up on this kernel.
#[derive(Debug)]
pub(super) struct LookedUp {
    /// Names of the sources.
    pub(super) sources: Vec<String>,
    /// Name of the reference.
    pub(super) reference: String,
    pub(super) lines: Vec<LineAdvice>,
    /// The modes of the user's host.
    conditions: Vec<Condition>,
}

/// Looks up every line on the kernel that the advice is for, and tries their values one after the other.
pub(super) async fn look_up(request: &AdviceRequest) -> Result<LookedUp, AdviseError> {
    let kernel = ExaminedKernel::of(request).await?;
    let survey = &kernel.survey;
    let of_host;
    let (sources, choice) = match &request.settings {
        // Another kernel has no settings of this host.
        Settings::Files(sources)
            if kernel.is_guest() && request.reference == ReferenceChoice::ThisHost =>
        {
            (sources, &ReferenceChoice::Stock)
        }
        Settings::Files(sources) => (sources, &request.reference),
        // Compared with the host itself, every line would be so already.
        Settings::Running => {
            of_host = vec![running(survey)];
            (&of_host, &ReferenceChoice::Stock)
        }
    };
    let reference = Reference::of(choice, survey);
    let network = survey.fresh.keys().chain(survey.here.keys()).cloned();
    let known: BTreeSet<String> = network.chain(kernel.non_network_keys()).collect();
    let lines = merge(sources, &Vec::from_iter(known));
    let to_try = values_to_try(&lines, survey, kernel.is_guest());
    let written: Vec<(String, String)> = to_try
        .iter()
        .map(|each| (each.key.clone(), each.value.clone()))
        .collect();
    let writes = kernel
        .try_in_order(start(&reference, &kernel), written)
        .await?;
    let trials = ValueTrials::of(&to_try, writes);
    let mut lines = assess(lines, survey, &reference, &trials, |key| {
        kernel.find_non_network(key)
    });
    let facts = lines.iter_mut().flat_map(|line| &mut line.facts);
    for key in facts {
        key.without_module(|name| kernel.has_module(name, &request.reference));
        if kernel.is_guest() {
            key.here = None;
        }
    }
    exempt(&mut lines, &request.allow, request.only.as_deref());
    Ok(LookedUp {
        sources: sources.iter().map(|source| source.label.clone()).collect(),
        conditions: conditions(&lines, survey, &reference),
        reference: reference.name,
        lines,
    })
}

/// Returns the values with which the trial of the lines begins: those of the reference that may be set.
fn start(reference: &Reference, kernel: &ExaminedKernel) -> BTreeMap<String, String> {
    let own = |key: &str| can_be_tried(key, &kernel.survey, kernel.is_guest());
    let values = reference.values().iter().filter(|(key, _)| own(key));
    values
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Returns the comparisons to run. A scenario that would show the effect of a line but is not run is noted
/// at the line.
pub(super) fn comparisons(
    request: &AdviceRequest,
    looked_up: &mut LookedUp,
) -> Result<Vec<PreparedComparison>, AdviseError> {
    let LookedUp {
        lines, conditions, ..
    } = looked_up;
    let sources = &request.scenarios;
    let scenarios: Vec<Scenario> = sources
        .iter()
        .map(|source| scenario::parse(&source.label, &source.text, &Default::default()))
        .collect::<Result<_, _>>()
        .map_err(AdviseError::Scenario)?;
    let assigned = assignments(lines, request.kernel.is_some());
    for short in too_short(&assigned, &scenarios) {
        lines[short.line].too_short.push(OutOfReach {
            scenario: sources[short.scenario].label.clone(),
            at_most: short.at_most,
            needs: short.needs,
        });
    }
    let mut alone = Vec::new();
    let mut curves = Vec::new();
    let mut together = Vec::new();
    for planned in plan(&assigned, conditions, &scenarios, &request.stated) {
        let sized = !planned.question.set.is_empty();
        let line = match planned.lines[..] {
            [line] => Some(line),
            _ => None,
        };
        let label = &sources[planned.scenario].label;
        let mut leave_out = |why| {
            if let Some(line) = line {
                lines[line].not_run.push((label.clone(), why));
            }
        };
        if planned.point.is_some() {
            if request.curves && request.runs {
                // A point at which the scenario cannot be run is left out.
                curves.extend(PreparedComparison::of(planned, sources));
            }
            continue;
        }
        if let Some(reason) = reason_to_skip(request, &scenarios[planned.scenario]) {
            leave_out(reason);
            continue;
        }
        match PreparedComparison::of(planned, sources) {
            Ok(prepared) if line.is_some() => alone.push(prepared),
            Ok(prepared) => together.push(prepared),
            Err(_) if sized => leave_out("its load is not possible with these values"),
            Err(error) => return Err(error.into()),
        }
    }
    let mut chosen = if request.slow {
        alone
    } else {
        quickest(alone, lines)
    };
    let place =
        |each: &PreparedComparison| (each.planned.scenario, each.planned.question.variant.clone());
    // The runs without the file are the same there, or nearly so.
    let places: BTreeSet<_> = chosen.iter().map(place).collect();
    together.retain(|each| places.contains(&place(each)));
    let shown: Vec<_> = chosen
        .iter()
        .map(|each| (place(each), each.planned.keys.clone()))
        .collect();
    curves.retain(|each| shown.contains(&(place(each), each.planned.keys.clone())));
    let together = affordable(fewest(together), &chosen);
    chosen.extend(curves);
    chosen.extend(together);
    Ok(chosen)
}

/// Scenarios that are run for a line unless all are wanted.
const SCENARIOS_OF_A_LINE: usize = 2;

/// Chooses the quickest scenarios for each line: those that declare its key, or else those that may show it. The others
/// are noted at the line.
fn quickest(
    mut alone: Vec<PreparedComparison>,
    lines: &mut [LineAdvice],
) -> Vec<PreparedComparison> {
    alone.sort_by_key(|each| (!each.planned.declared, takes(each)));
    // If a scenario that declares the key ends too early for the value, one that does not says even less.
    alone.retain(|each| {
        let mut of = each.planned.lines.iter();
        each.planned.declared || of.all(|line| lines[*line].too_short.is_empty())
    });
    let mut chosen: Vec<PreparedComparison> = Vec::new();
    for each in alone {
        let same = chosen
            .iter()
            .filter(|other| other.planned.keys == each.planned.keys);
        let declared = same.clone().any(|other| other.planned.declared);
        if same.count() >= SCENARIOS_OF_A_LINE || (declared && !each.planned.declared) {
            for line in &each.planned.lines {
                let why = "other scenarios show the effect in less time; --slow runs all";
                lines[*line].not_run.push((each.label().to_owned(), why));
            }
        } else {
            chosen.push(each);
        }
    }
    chosen.sort_by_key(|each| (each.planned.scenario, each.planned.lines.clone()));
    chosen
}

/// Chooses the fewest scenarios for the whole file in which each line whose effect is measured is shown: first the one
/// that shows most lines. Scenarios that do not declare the keys come last.
fn fewest(mut together: Vec<PreparedComparison>) -> Vec<PreparedComparison> {
    let mut chosen = Vec::new();
    let mut covered: BTreeSet<usize> = BTreeSet::new();
    loop {
        let new = |each: &PreparedComparison| {
            let shown = each.planned.shown.iter();
            shown.filter(|line| !covered.contains(line)).count()
        };
        let most = (0..together.len()).max_by_key(|at| {
            let (each, new) = (&together[*at], new(&together[*at]));
            (new > 0 && each.planned.declared, new, Reverse(*at))
        });
        let Some(at) = most.filter(|at| new(&together[*at]) > 0) else {
            return chosen;
        };
        let next = together.remove(at);
        covered.extend(&next.planned.shown);
        chosen.push(next);
    }
}

/// Share of the time for the lines alone that may be spent on scenarios for the whole file that show a single line.
const OF_SINGLE_LINES: f64 = 0.1;

/// Chooses scenarios for the whole file: all that show several lines, and the quickest of those that show one line, as
/// far as there is time. The latter mostly repeat the answer for the line alone.
fn affordable(
    together: Vec<PreparedComparison>,
    alone: &[PreparedComparison],
) -> Vec<PreparedComparison> {
    let (mut chosen, mut single): (Vec<_>, Vec<_>) =
        (together.into_iter()).partition(|each| each.planned.shown.len() > 1);
    single.sort_by_key(takes);
    let mut left = alone
        .iter()
        .map(takes)
        .sum::<Duration>()
        .mul_f64(OF_SINGLE_LINES);
    for each in single {
        if chosen.is_empty() || takes(&each) <= left {
            left = left.saturating_sub(takes(&each));
            chosen.push(each);
        }
    }
    chosen
}

/// Returns the expected duration of the first side's run.
fn takes(each: &PreparedComparison) -> Duration {
    let side = each.sides.first();
    side.map(|side| suite::expected(&side.spec))
        .unwrap_or_default()
}

fn reason_to_skip(request: &AdviceRequest, scenario: &Scenario) -> Option<&'static str> {
    let has = |tag: &str| scenario.tags.iter().any(|each| each == tag);
    // Waiting takes hardly any time in virtual time.
    let waits = has("waiting") && !request.place.backend.is_in_real_time();
    let slow = has("slow") && !waits;
    if !request.runs {
        Some("--no-run")
    } else if slow && !request.slow {
        Some("slow; use --slow to run it")
    } else {
        None
    }
}

//! The steps before the first run: looks up every line on this kernel, and chooses the scenarios to run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use super::advice::LineAdvice;
use super::assess::{assess, assignments, exempt};
use super::conditions::{Condition, conditions};
use super::facts::{ValueTrials, values_to_try};
use super::merge::merge;
use super::plan::{PlannedComparison, plan, too_short};
use super::reference::{Reference, ReferenceChoice};
use super::running::running;
use super::{AdviceRequest, AdviseError, Settings};
use crate::compare::{QuestionError, Side};
use crate::lab::sysctl_survey::{self, SurveyError, SysctlSurvey};
use crate::scenario::{self, Scenario};
use crate::suite::ScenarioSource;

/// A comparison that is ready to run.
#[derive(Debug)]
pub(crate) struct PreparedComparison {
    /// The plan it follows.
    pub(crate) planned: PlannedComparison,
    /// The scenario with the settings of each side.
    pub(crate) sides: Vec<Side>,
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
    fn of(planned: PlannedComparison, sources: &[ScenarioSource]) -> Result<Self, PreparedError> {
        let source = &sources[planned.scenario];
        let sides = planned
            .question
            .sides(source)
            .map_err(|error| PreparedError {
                scenario: source.label.clone(),
                source: error,
            })?;
        Ok(Self { planned, sides })
    }

    /// Estimates the time for one run of each side. The default `timeout` of a run is a minute plus twice
    /// the time that it needs.
    pub(crate) fn round_takes(&self) -> Duration {
        /// The constant part of the default timeout.
        const MINUTE: Duration = Duration::from_secs(60);
        let of_run = |side: &Side| {
            let limit = side.spec.timeout;
            limit.checked_sub(MINUTE).map_or(limit, |twice| twice / 2)
        };
        self.sides.iter().map(of_run).sum()
    }

    /// Returns the settings and the scenario, as in `net.ipv4.tcp_tw_reuse=1 in exhaustion (default)`.
    pub(crate) fn title(&self) -> String {
        let settings = self.sides.iter().flat_map(|side| &side.settings);
        let settings: Vec<String> = settings.map(ToString::to_string).collect();
        let scenario = self.sides.first().map(|side| side.spec.id.to_string());
        format!(
            "{} in {}",
            settings.join(", "),
            scenario.unwrap_or_default()
        )
    }
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

/// Looks up every line on this kernel, and tries their values one after the other.
pub(super) fn look_up(request: &AdviceRequest) -> Result<LookedUp, SurveyError> {
    let survey = sysctl_survey::survey()?;
    let of_host;
    let (sources, choice) = match &request.settings {
        Settings::Files(sources) => (sources, &request.reference),
        // Compared with the host itself, every line would be so already.
        Settings::Running => {
            of_host = vec![running(&survey)];
            (&of_host, &ReferenceChoice::Stock)
        }
    };
    let reference = Reference::of(choice, &survey);
    let network = survey.fresh.keys().chain(survey.here.keys()).cloned();
    let known: BTreeSet<String> = network.chain(sysctl_survey::non_network_keys()).collect();
    let lines = merge(sources, &Vec::from_iter(known));
    let to_try = values_to_try(&lines, &survey);
    let written: Vec<(String, String)> = to_try
        .iter()
        .map(|each| (each.key.clone(), each.value.clone()))
        .collect();
    let writes = sysctl_survey::try_in_order(&start(&reference, &survey), &written)?;
    let trials = ValueTrials::of(&to_try, writes);
    let mut lines = assess(
        lines,
        &survey,
        &reference,
        &trials,
        sysctl_survey::find_non_network,
    );
    exempt(&mut lines, &request.allow, request.only.as_deref());
    Ok(LookedUp {
        sources: sources.iter().map(|source| source.label.clone()).collect(),
        conditions: conditions(&lines, &survey, &reference),
        reference: reference.name,
        lines,
    })
}

/// Returns the values with which the trial of the lines begins: those of the reference that namespaces may set.
fn start(reference: &Reference, survey: &SysctlSurvey) -> BTreeMap<String, String> {
    let own = |key: &str| survey.fresh.get(key).is_some_and(|found| found.writable);
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
    let assigned = assignments(lines);
    for short in too_short(&assigned, &scenarios) {
        let label = sources[short.scenario].label.clone();
        lines[short.line].too_short.push((label, short.at_most));
    }
    let mut prepared = Vec::new();
    for planned in plan(&assigned, conditions, &scenarios) {
        match reason_to_skip(request, &scenarios[planned.scenario]) {
            None => prepared.push(PreparedComparison::of(planned, sources)?),
            Some(reason) => {
                if let [line] = planned.lines[..] {
                    let label = sources[planned.scenario].label.clone();
                    lines[line].not_run.push((label, reason));
                }
            }
        }
    }
    Ok(prepared)
}

fn reason_to_skip(request: &AdviceRequest, scenario: &Scenario) -> Option<&'static str> {
    let slow = scenario.tags.iter().any(|tag| tag == "slow");
    if !request.runs {
        Some("--no-run")
    } else if slow && !request.slow {
        Some("slow; use --slow to run it")
    } else {
        None
    }
}

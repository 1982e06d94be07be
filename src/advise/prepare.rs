//! The steps before the first run: looks up every line on this kernel, and chooses the scenarios to run.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;

use super::advice::LineAdvice;
use super::assess::{assess, assignments};
use super::facts::values_to_try;
use super::merge::merge;
use super::plan::{PlannedComparison, plan, too_short};
use super::running::running;
use super::{AdviceRequest, AdviseError, Settings};
use crate::compare::{QuestionError, Side};
use crate::lab::sysctl_survey::{self, SurveyError};
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

/// Returns the names of the sources, and every line with what this kernel says about it.
pub(super) fn look_up(settings: &Settings) -> Result<(Vec<String>, Vec<LineAdvice>), SurveyError> {
    let survey = sysctl_survey::survey()?;
    let of_host;
    let sources = match settings {
        Settings::Files(sources) => sources,
        Settings::Running => {
            of_host = vec![running(&survey)];
            &of_host
        }
    };
    let network = survey.fresh.keys().chain(survey.here.keys()).cloned();
    let known: BTreeSet<String> = network.chain(sysctl_survey::non_network_keys()).collect();
    let lines = merge(sources, &Vec::from_iter(known));
    let to_try = values_to_try(&lines, &survey);
    let answers = sysctl_survey::try_values(&to_try)?;
    let kept = to_try
        .into_iter()
        .zip(answers)
        .filter_map(|(tried, answer)| Some((tried, answer?)))
        .collect();
    let lines = assess(lines, &survey, kept, sysctl_survey::find_non_network);
    let names = sources.iter().map(|source| source.label.clone()).collect();
    Ok((names, lines))
}

/// Returns the comparisons to run. A scenario that would show the effect of a line but is not run is noted
/// at the line.
pub(super) fn comparisons(
    request: &AdviceRequest,
    lines: &mut [LineAdvice],
) -> Result<Vec<PreparedComparison>, AdviseError> {
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
    for planned in plan(&assigned, &scenarios) {
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

//! The effect of a sysctl file on this kernel: each line is looked up, tried, and measured with and without.
//!
//! `advise` is the whole story. [`merge`](fn@merge) combines files as sysctl(8) does, [`KeyFacts`] holds what the
//! kernel says about each key (asked by `lab::sysctl_survey`), [`plan`](fn@plan) finds the scenarios that show the
//! effect of a line, `trial` runs them with `compare`, and [`Advice`] is the result. Nothing is said about a line
//! that was not looked up or observed.

mod advice;
mod assess;
mod blame;
mod cache;
mod condition_text;
mod conditions;
mod curve;
mod deadline;
mod estimate;
mod examine;
mod facts;
mod files;
mod grouping;
mod judge_value;
mod merge;
mod name;
mod plan;
mod prepare;
mod reference;
mod ruling;
mod running;
mod text;
mod trial;
mod tried_value;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;

use self::cache::ResultCache;
use self::deadline::Deadline;
use crate::lab::sysctl_survey::SurveyError;
use crate::scenario::Problems;
use crate::suite;
use crate::suite::Trust;

pub use advice::{Advice, Experiment, LineAdvice, OutOfReach};
pub(crate) use assess::SUBSYSTEMS;
pub use assess::{assess, assignments, exempt};
pub use conditions::{Condition, conditions};
pub use curve::{CurvePoint, EffectCurve};
pub use facts::{KeyFacts, KeyScope, ValueToTry, ValueTrials, values_to_try};
pub(crate) use files::{read_files, read_host};
pub use judge_value::KeptPart;
pub use merge::{LineMeaning, LinePlace, MergedLine, SysctlSource, merge};
pub use name::{Name, NameError};
pub use plan::{Assignment, PlannedComparison, TooShort, exercised, plan, too_short};
pub(crate) use prepare::PreparedError;
pub use reference::{Reference, ReferenceChoice, stock};
pub use ruling::Ruling;
pub use running::running;
pub use text::{LineError, Statement, SysctlLine, read};
pub(crate) use trial::AdviceProgress;

/// A request for advice.
#[derive(Debug)]
pub(crate) struct AdviceRequest {
    /// The settings to look at.
    pub(crate) settings: Settings,
    /// The state that each line is compared with.
    pub(crate) reference: ReferenceChoice,
    /// Keys and patterns of keys whose lines never make the advice bad.
    pub(crate) allow: Vec<Name>,
    /// The subsystem whose lines are ruled, as in `net`; all if absent.
    pub(crate) only: Option<String>,
    /// Scenarios that may show the effect of a line.
    pub(crate) scenarios: Vec<suite::ScenarioSource>,
    /// Parameters of scenarios with the values that the user has, such as `rtt`.
    pub(crate) stated: BTreeMap<String, String>,
    /// Runs scenarios; without it, lines are only looked up and tried.
    pub(crate) runs: bool,
    /// Also measures the effect at several points of the parameters on which it depends.
    pub(crate) curves: bool,
    /// Also runs scenarios tagged `slow`.
    pub(crate) slow: bool,
    /// The place where runs execute, and its kernel's name if it is not this one.
    pub(crate) place: suite::Options,
    pub(crate) kernel: Option<String>,
    /// Uses and keeps results of the user's cache.
    pub(crate) uses_cache: bool,
    /// Runs per side of a comparison.
    pub(crate) rounds: usize,
    /// Smallest relative difference that matters, 0.02 for 2 %.
    pub(crate) threshold: f64,
    /// The start of the command, from which `budget` counts.
    pub(crate) began: Instant,
    /// The measurements end after this time.
    pub(crate) budget: Option<Duration>,
    /// Most runs at once; `None` leaves it to the machine's capacity.
    pub(crate) slots: Option<usize>,
    /// Folder for the records of runs, if they are kept.
    pub(crate) records: Option<PathBuf>,
    /// The scenarios whose programs may run.
    pub(crate) trust: Trust,
}

/// The settings that a request is about.
#[derive(Debug)]
pub(crate) enum Settings {
    /// Files, in the order in which sysctl(8) reads them.
    Files(Vec<SysctlSource>),
    /// The settings of this host that differ from the kernel's own defaults, which are the reference then.
    Running,
}

/// Advice cannot be given.
#[derive(Debug, Error)]
pub(crate) enum AdviseError {
    /// The kernel's settings cannot be read or tried.
    #[error("cannot examine the settings of this kernel")]
    Inquiry(#[from] SurveyError),
    /// The kernel of a virtual machine does not answer.
    #[error("cannot examine the settings of {kernel}")]
    Kernel {
        kernel: String,
        #[source]
        source: Box<suite::InquiryError>,
    },
    /// A scenario file is invalid.
    #[error("a scenario is invalid")]
    Scenario(Problems),
    /// A scenario cannot be run with the values of a line.
    #[error(transparent)]
    Prepare(#[from] PreparedError),
}

/// Looks up and tries each line, runs the scenarios that show its effect, and returns the advice.
///
/// Call it while the process has one thread: the kernel is examined by forked processes.
///
/// # Errors
/// If the kernel cannot be examined, or a scenario is invalid.
pub(crate) async fn advise(
    request: &AdviceRequest,
    stop: watch::Receiver<bool>,
    mut on_progress: impl FnMut(AdviceProgress<'_>),
) -> Result<Advice, AdviseError> {
    let mut looked_up = prepare::look_up(request).await?;
    let prepared = prepare::comparisons(request, &mut looked_up)?;
    let cache = match request.uses_cache && !request.place.verify {
        true => ResultCache::of_user(&request.place.backend.kernel()),
        false => ResultCache::none(),
    };
    let effort = (request.rounds, request.threshold);
    let found = prepared
        .iter()
        .map(|each| cache.find(each, effort))
        .enumerate();
    let known: Vec<(usize, Experiment)> = found
        .filter_map(|(position, found)| Some((position, found?)))
        .collect();
    let is_known = |position: &usize| known.iter().any(|(of, _)| of == position);
    let positions: Vec<usize> = (0..prepared.len()).filter(|each| !is_known(each)).collect();
    let estimate = estimate::estimate(&prepared, &positions, request);
    on_progress(AdviceProgress::Planned {
        comparisons: positions.len(),
        known: known.len(),
        estimate,
    });
    let left = match request.budget {
        Some(budget) => budget.saturating_sub(request.began.elapsed()),
        None if request.place.backend.is_in_real_time() => estimate::bound(estimate),
        None => Duration::MAX,
    };
    let deadline = Deadline::new(left, stop);
    let mut results = trial::run(&prepared, &positions, request, &deadline, &mut on_progress).await;
    for (position, result) in &results.experiments {
        cache.keep(&prepared[*position], effort, result);
    }
    cache.evict();
    results.experiments.extend(known);
    results.experiments.sort_by_key(|(position, _)| *position);
    let blame = blame::blame(
        &prepared,
        &results.experiments,
        request,
        &deadline,
        |event| {
            on_progress(AdviceProgress::Suite(event));
        },
    )
    .await;
    let prepare::LookedUp {
        sources,
        reference,
        lines,
        ..
    } = looked_up;
    let advice = results.into_advice(
        sources,
        reference,
        lines,
        &prepared,
        request.began.elapsed(),
    );
    Ok(Advice {
        blame,
        kernel: request.kernel.clone(),
        ..advice
    })
}

//! What a claim is judged from: the timeline of one run, or those of several variants.
//!
//! Not here: what a quantity was (`metric`).

use std::collections::BTreeMap;

use crate::names::SeriesName;
use crate::record::{Offset, Outcome, RunEnd, Timeline};
use crate::scenario::expr::MetricRef;

/// The runs that a claim speaks of, by variant; a claim about one run names none.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    runs: BTreeMap<Option<&'a str>, &'a Timeline>,
}

/// Why a claim cannot be judged from this record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unjudgeable {
    /// Not applicable where the kernel lacks the quantity; errored where the record should have had it.
    pub(super) outcome: Outcome,
    /// For people.
    pub(super) reason: String,
}

impl Unjudgeable {
    /// The record should have had what is asked for.
    pub(super) fn errored(reason: String) -> Self {
        Self {
            outcome: Outcome::Errored,
            reason,
        }
    }

    /// This kernel or machine does not have what is asked for.
    pub(super) fn not_applicable(reason: String) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            reason,
        }
    }
}

impl<'a> Evidence<'a> {
    /// For an expectation of one run.
    pub(super) fn of_run(timeline: &'a Timeline) -> Self {
        Self {
            runs: BTreeMap::from([(None, timeline)]),
        }
    }

    /// For a comparison of variants: those that it names.
    pub(super) fn of_variants(timelines: BTreeMap<&'a str, &'a Timeline>) -> Self {
        Self {
            runs: timelines
                .into_iter()
                .map(|(name, timeline)| (Some(name), timeline))
                .collect(),
        }
    }

    /// The run that a quantity is of.
    ///
    /// # Errors
    /// Errored, where it names a variant that is not there.
    pub(super) fn timeline(&self, metric: &MetricRef) -> Result<&'a Timeline, Unjudgeable> {
        self.runs
            .get(&metric.variant.as_deref())
            .copied()
            .ok_or_else(|| {
                Unjudgeable::errored(match &metric.variant {
                    Some(variant) => format!("no variant `{variant}` is compared here"),
                    None => format!("`{}` names no variant", metric.series),
                })
            })
    }

    /// Whether any of the runs recorded a series. Probes record a counter that no expectation of their own run names only
    /// once it changes: where another variant has it, this kernel has it.
    pub(super) fn any_recorded(&self, series: &SeriesName) -> bool {
        self.runs
            .values()
            .any(|timeline| timeline.series(series.as_str()).is_some())
    }

    /// The latest moment of any of the runs.
    pub(super) fn end(&self) -> Offset {
        self.nows().max().unwrap_or_default()
    }

    /// The moment up to which all of the runs are known.
    pub(super) fn known_until(&self) -> Offset {
        self.nows().min().unwrap_or_default()
    }

    /// Where a run did not come to its end: what happened, and when.
    pub(super) fn cut_short(&self) -> Option<String> {
        self.runs.values().find_map(|timeline| {
            let now = timeline.now;
            match &timeline.end {
                Some(RunEnd::Finished { interrupted, .. }) => {
                    interrupted.then(|| format!("the run was interrupted at {now}"))
                }
                Some(RunEnd::NotApplicable(_) | RunEnd::Errored(_)) | None => {
                    Some(format!("the run broke off at {now}"))
                }
            }
        })
    }

    /// Whether anything was emulated in any of the runs: then every verdict on them says so.
    pub(super) fn emulated(&self) -> bool {
        self.runs.values().any(|timeline| timeline.emulated())
    }

    /// What the runs' notes say about a series: they name it.
    pub(super) fn note_on(&self, series: &SeriesName) -> Option<&'a str> {
        self.runs
            .values()
            .flat_map(|timeline| &timeline.notes)
            .find(|(_, text)| text.contains(series.as_str()))
            .map(|(_, text)| text.as_str())
    }

    fn nows(&self) -> impl Iterator<Item = Offset> {
        self.runs.values().map(|timeline| timeline.now)
    }
}

//! The records that a claim is judged by: the timeline of one run, or those of several variants.
//!
//! Not here: the values of quantities (`metric`).

use std::collections::BTreeMap;

use crate::names::SeriesName;
use crate::record::{Offset, Outcome, RunEnd, Timeline};
use crate::scenario::expr::MetricRef;

/// The runs that a claim is about, by variant. A claim about a single run names none.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    runs: BTreeMap<Option<&'a str>, &'a Timeline>,
}

/// The reason why a claim cannot be judged from this record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unjudgeable {
    /// Not applicable if the kernel lacks the quantity; errored if the record should have it.
    pub(super) outcome: Outcome,
    pub(super) reason: String,
}

impl Unjudgeable {
    /// The record should have the quantity.
    pub(super) fn errored(reason: String) -> Self {
        Self {
            outcome: Outcome::Errored,
            reason,
        }
    }

    /// This kernel or machine does not have the quantity.
    pub(super) fn not_applicable(reason: String) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            reason,
        }
    }
}

impl<'a> Evidence<'a> {
    pub(super) fn of_run(timeline: &'a Timeline) -> Self {
        Self {
            runs: BTreeMap::from([(None, timeline)]),
        }
    }

    /// Collects the variants that a comparison names.
    pub(super) fn of_variants(timelines: BTreeMap<&'a str, &'a Timeline>) -> Self {
        Self {
            runs: timelines
                .into_iter()
                .map(|(name, timeline)| (Some(name), timeline))
                .collect(),
        }
    }

    /// Returns the run that a quantity belongs to.
    ///
    /// # Errors
    /// Errored if it names a variant that is not among the runs.
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

    /// Returns true if any of the runs recorded a series. Unless an expectation of its own run names it, a
    /// counter is only recorded once it changes; if another variant has recorded it, this kernel has it.
    pub(super) fn any_recorded(&self, series: &SeriesName) -> bool {
        self.runs
            .values()
            .any(|timeline| timeline.series(series.as_str()).is_some())
    }

    /// Returns the end of the longest run.
    pub(super) fn end(&self) -> Offset {
        self.nows().max().unwrap_or_default()
    }

    /// Returns the moment up to which all of the runs are known.
    pub(super) fn known_until(&self) -> Offset {
        self.nows().min().unwrap_or_default()
    }

    /// Describes how and when a run ended early, if one did.
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

    /// Returns true if anything was emulated in any of the runs; every verdict on them then says so.
    pub(super) fn emulated(&self) -> bool {
        self.runs.values().any(|timeline| timeline.emulated())
    }

    /// Returns the reason why a text series of a run may lack lines.
    pub(super) fn gap_in(&self, series: &SeriesName) -> Option<&'a str> {
        let mut gaps = self
            .runs
            .values()
            .map(|timeline| timeline.gaps.get(series.as_str()));
        gaps.find_map(|gap| gap.map(String::as_str))
    }

    fn nows(&self) -> impl Iterator<Item = Offset> {
        self.runs.values().map(|timeline| timeline.now)
    }
}

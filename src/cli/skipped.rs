//! The runs of the catalogue that this machine would skip, for `nslab doctor`.

use std::collections::BTreeMap;

use super::output;
use crate::lab::abilities::{Ability, Availability, KERNEL_LOG};
use crate::metrics::kernel;
use crate::report::one_line;
use crate::run::{WorkOrder, missing_program, unmet_requirement};
use crate::scenario::{self, RunSpec};
use crate::suite;

/// Returns a text with the reasons, and the runs that each of them concerns; empty if nothing would be skipped.
pub(super) fn list(abilities: &[Ability]) -> String {
    let log = abilities.iter().find(|ability| ability.name == KERNEL_LOG);
    let no_log = log.and_then(|ability| match &ability.state {
        Availability::No { reason, .. } => Some(reason.clone()),
        Availability::Yes | Availability::Limited { .. } => None,
    });
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut all = 0;
    for run in runs() {
        all += 1;
        let id = run.id.to_string();
        let reads_log = run.watched.contains(&kernel::LOG.series("kernel"));
        let no_log = no_log.clone().filter(|_| reads_log);
        let commands = run.workload.commands.iter();
        let missing = missing_program(commands.filter_map(|command| command.run.first()));
        let unmet = unmet_requirement(&WorkOrder::new(run));
        if let Some(reason) = unmet.or(missing).or(no_log) {
            by_reason.entry(reason).or_default().push(id);
        }
    }
    let skipped: usize = by_reason.values().map(Vec::len).sum();
    if skipped == 0 {
        return format!("\nall {all} runs of the catalogue can be tried here\n");
    }
    let mut text = format!("\n{skipped} of {all} runs of the catalogue would be skipped here:\n");
    for (reason, ids) in by_reason {
        text += &output::indented(&one_line(&ids.join(", ")), 2);
        text += &output::indented(&one_line(&reason), 6);
    }
    text
}

fn runs() -> impl Iterator<Item = RunSpec> {
    let parsed = |source: suite::ScenarioSource| {
        scenario::parse(&source.label, &source.text, &BTreeMap::new()).ok()
    };
    let scenarios = suite::shipped().into_iter().filter_map(parsed);
    scenarios.flat_map(|scenario| scenario.runs)
}

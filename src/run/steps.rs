//! The steps of a scenario: actions at fixed times, such as taking a link down.

use std::mem;
use std::time::Duration;

use thiserror::Error;

use crate::lab::{ChangeError, Lab};
use crate::record::{Event, Offset, Recorder, RunClock, TakenStep};
use crate::scenario::RunSpec;
use crate::scenario::workload::{StepAction, StepSpec};
use crate::sys::sched;
use crate::traffic::{Traffic, TrafficError};

/// A step of a scenario failed.
#[derive(Debug, Error)]
#[error("cannot take the step at {at:?} (line {line})")]
pub struct RunStepError {
    at: Duration,
    line: u32,
    #[source]
    source: Box<StepFailure>,
}

/// The cause of a failed step.
#[derive(Debug, Error)]
pub(super) enum StepFailure {
    /// The lab could not be changed.
    #[error(transparent)]
    Lab(#[from] ChangeError),
    /// A server, client or command could not be stopped.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
}

/// The steps of a run that have not been taken yet, in order of time. While any are left, the thread that created this
/// runs before ordinary ones if that is permitted, so that a busy machine does not delay them.
#[derive(Debug)]
pub(crate) struct PendingSteps<'a> {
    left: &'a [StepSpec],
    has_priority: bool,
}

impl<'a> PendingSteps<'a> {
    pub(crate) fn new(spec: &'a RunSpec) -> Self {
        let mut pending = Self {
            left: &spec.workload.steps,
            has_priority: false,
        };
        pending.take_priority();
        pending
    }

    pub(crate) fn all_taken(&self) -> bool {
        self.left.is_empty()
    }

    /// Returns the time at which the next step is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.left.first().map(|step| step.at)
    }

    /// Takes every step that is due, and records when.
    pub(crate) fn take_due(
        &mut self,
        clock: RunClock,
        (lab, traffic): (&Lab, &mut Traffic),
        recorder: &Recorder,
    ) -> Result<(), RunStepError> {
        while let Some((step, later)) = self.left.split_first() {
            let t = clock.now();
            if t.as_duration() < step.at {
                break;
            }
            let line = step.place.line;
            if keeps_kernel_busy(&step.action) {
                self.give_up_priority();
            }
            take(step, lab, traffic).map_err(|source| RunStepError {
                at: step.at,
                line,
                source: Box::new(source),
            })?;
            recorder.record(Event::Step(TakenStep {
                t,
                took: clock.now().0 - t.0,
                due: Offset::from_duration(step.at),
                line,
            }));
            self.left = later;
            self.take_priority();
        }
        Ok(())
    }

    /// Takes priority while steps are left, and gives it up after the last one.
    fn take_priority(&mut self) {
        match self.all_taken() {
            true => self.give_up_priority(),
            false => self.has_priority = sched::run_before_others().is_ok(),
        }
    }

    fn give_up_priority(&mut self) {
        if mem::take(&mut self.has_priority) {
            let _cannot_fail = sched::run_with_others();
        }
    }
}

impl Drop for PendingSteps<'_> {
    fn drop(&mut self) {
        self.give_up_priority();
    }
}

/// Returns true for an action during which the kernel walks a table that may be large: others must not wait for that.
fn keeps_kernel_busy(action: &StepAction) -> bool {
    matches!(
        action,
        StepAction::FlushConntrack { .. } | StepAction::PowerOff { .. }
    )
}

fn take(step: &StepSpec, lab: &Lab, traffic: &mut Traffic) -> Result<(), StepFailure> {
    match &step.action {
        StepAction::LinkState { link, up } => lab.set_link(*link, *up)?,
        StepAction::LinkImpair { link, impairment } => lab.set_impairment(*link, impairment)?,
        StepAction::Sysctl { node, key, value } => lab.write_sysctl(node, key, value)?,
        StepAction::Vanish { node } => lab.vanish(node)?,
        StepAction::Stop { actor, how } => {
            let _was_running = traffic.stop(actor, *how)?;
        }
        StepAction::Start { actor } => traffic.start(actor)?,
        StepAction::PowerOff { node } => {
            lab.vanish(node)?;
            traffic.stop_all_on(node)?;
            lab.forget_connections(node)?;
        }
        StepAction::PowerOn { node } => {
            lab.power_on(node)?;
            traffic.start_all_on(node)?;
        }
        StepAction::FlushConntrack { node } => lab.flush_tracked(node)?,
        StepAction::Dnat { node, nat } => lab.set_dnat(node, nat)?,
    }
    Ok(())
}

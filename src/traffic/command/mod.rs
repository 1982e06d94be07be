//! Real programs on a node, with their output and exit code in the record.
//!
//! Series of a command `ab`: gauge `ab.exit`, once it has ended: its exit code, 128 + n where signal n killed it, 124 where its time was
//! up (as timeout(1) says it); `ab.stdout` and `ab.stderr`, line by line, up to 10,000 lines and 1 MiB each.
//!
//! The program is run as it is, without a shell, in a process group of its own, with nothing on its standard input and an environment of
//! `PATH`, `HOME`, `LANG=C` and what the scenario adds. It dies with the thread that started it. Shared memory that it leaves behind, and
//! the files that the scenario gives it, are in an IPC and a mount namespace of its own and go with it.
//!
//! One in the background is killed when the run ends, and its `exit` is told only where it ended before. One that serves is such a one,
//! started before the clock; until the clock starts, what it says has the time zero.

mod files;
mod lines;
mod program;
mod ready;
mod running;

pub(super) use program::Program;

use std::io;
use std::sync::{Arc, OnceLock};

use self::ready::ReadyCheck;
use self::running::RunningCommand;
use super::actor::ActorSignals;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId, SeriesKind};
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::CommandSpec;
use crate::sys::process::NofileLimit;
use crate::units::Unit;

/// Where a command's output goes.
#[derive(Debug)]
pub(super) struct CommandSeries {
    recorder: Recorder,
    clock: Arc<OnceLock<RunClock>>,
    exit: OnceLock<SeriesId>,
    exit_name: String,
    stdout: SeriesId,
    stderr: SeriesId,
}

impl CommandSeries {
    /// Declares the series.
    pub(super) fn declare(
        spec: &CommandSpec,
        recorder: &Recorder,
        clock: &Arc<OnceLock<RunClock>>,
    ) -> Self {
        let text = |name: &str| {
            let name = format!("{}.{name}", spec.name);
            recorder.series(name.as_str(), SeriesKind::Text, Unit::Text)
        };
        let series = Self {
            exit: OnceLock::new(),
            exit_name: format!("{}.exit", spec.name),
            stdout: text("stdout"),
            stderr: text("stderr"),
            recorder: recorder.clone(),
            clock: Arc::clone(clock),
        };
        if !spec.background {
            series.exit();
        }
        series
    }

    fn exit(&self) -> SeriesId {
        *self.exit.get_or_init(|| {
            let (kind, unit) = (SeriesKind::Gauge, Unit::Count);
            self.recorder.series(self.exit_name.as_str(), kind, unit)
        })
    }

    fn now(&self) -> Offset {
        self.clock.get().map_or(Offset::ZERO, RunClock::now)
    }

    fn note(&self, t: Offset, text: String) {
        self.recorder.record(Event::Note { t: Some(t), text });
    }

    fn ended(&self, t: Offset, code: i32) {
        self.recorder.record(Event::Sample {
            t,
            v: vec![(self.exit(), code.into())],
        });
    }
}

/// The whole life of a command on its thread: waits for its start, runs it, tells how it ended. One that serves is started at once, and
/// is ready once it listens.
pub(super) fn run(
    spec: &CommandSpec,
    program: &Program,
    nofile: NofileLimit,
    ip: IpVersion,
    series: &CommandSeries,
    signals: &ActorSignals,
) -> io::Result<()> {
    files::prepare(spec)?;
    let readiness = spec.ready.map(|port| ReadyCheck::open(port, ip));
    let readiness = readiness.transpose()?;
    if readiness.is_none() {
        signals.ready()();
        let Ok(clock) = signals.begin.recv() else {
            return Ok(());
        };
        let start = clock.instant(Offset::from_duration(spec.start));
        if signals.stop.wait_until(start) {
            return Ok(());
        }
    }
    let mut running = RunningCommand::start(spec, program, nofile, series)?;
    if let Some(readiness) = readiness {
        running.until_ready(readiness, &signals.stop)?;
        signals.ready()();
    }
    running.watch(&signals.stop)
}

#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod tests;

//! Real programs on a node, with their output and exit code in the record.
//!
//! A command `ab` has these series:
//!
//! * gauge `ab.exit`, recorded when it ends: its exit code, 128 + n if signal n killed it, 124 if it timed out (the
//!   code of timeout(1));
//! * text `ab.stdout` and `ab.stderr`, line by line, up to 10,000 lines and 1 MiB each.
//!
//! The program runs without a shell, in a process group of its own, with an empty standard input and an environment of
//! `PATH`, `HOME`, `LANG=C` and what the scenario adds. It is killed when the thread that started it ends, with
//! everything that it started. It cannot reach the host: see `sys::confine`.
//!
//! A background command is killed when the run ends, and its `exit` is recorded only if it ended before. A serving
//! command is a background command that starts before the clock does; until then its output has the time zero.

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
use crate::metrics::command;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId};
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::CommandSpec;
use crate::sys::confine::Confinement;
use crate::sys::process::NofileLimit;

/// The series of a command, and the recorder for them.
#[derive(Debug)]
pub(super) struct CommandSeries {
    recorder: Recorder,
    clock: Arc<OnceLock<RunClock>>,
    exit: OnceLock<SeriesId>,
    actor: String,
    stdout: SeriesId,
    stderr: SeriesId,
}

impl CommandSeries {
    pub(super) fn declare(
        spec: &CommandSpec,
        recorder: &Recorder,
        clock: &Arc<OnceLock<RunClock>>,
    ) -> Self {
        let actor = spec.name.as_str();
        let series = Self {
            exit: OnceLock::new(),
            actor: actor.to_owned(),
            stdout: recorder.metric(&command::STDOUT, actor),
            stderr: recorder.metric(&command::STDERR, actor),
            recorder: recorder.clone(),
            clock: Arc::clone(clock),
        };
        if !spec.background {
            series.exit();
        }
        series
    }

    fn exit(&self) -> SeriesId {
        let declare = || self.recorder.metric(&command::EXIT, &self.actor);
        *self.exit.get_or_init(declare)
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

/// Runs a command from start to end on its thread: waits for its start time, runs it, and records how it ended. A
/// serving command starts at once, and is ready once it listens.
pub(super) fn run(
    (spec, brings): (&CommandSpec, &[String]),
    program: &Program,
    nofile: NofileLimit,
    ip: IpVersion,
    series: &CommandSeries,
    signals: &ActorSignals,
) -> io::Result<()> {
    let confinement =
        Confinement::enter(&program.confinement(spec, brings)).map_err(cannot_confine)?;
    files::write(spec, confinement.user())?;
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
    let mut running = RunningCommand::start(spec, program, nofile, confinement, series)?;
    if let Some(readiness) = readiness {
        running.until_ready(readiness, &signals.stop)?;
        signals.ready()();
    }
    running.watch(&signals.stop)
}

fn cannot_confine(source: io::Error) -> io::Error {
    io::Error::new(
        source.kind(),
        format!("cannot put a boundary around the program: {source}"),
    )
}

#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod tests;

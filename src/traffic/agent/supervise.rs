//! The worker's side of an agent: starts it on a node, forwards its events, stops it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Sender};

use super::{ClockStart, Signal};
use crate::record::{Event, Offset, Recorder, SeriesId};
use crate::scenario::RunSpec;
use crate::scenario::workload::StopHow;
use crate::sys::process::{self, NofileLimit};
use crate::sys::timer;
use crate::traffic::actor::ActorSignals;

/// The arguments that make this program an agent. A test program has no such argument, so it runs a test that is one.
#[cfg(not(test))]
const ARGUMENTS: &[&str] = &[super::ARGUMENT];
#[cfg(test)]
const ARGUMENTS: &[&str] = &[
    "--exact",
    super::tests::ENTRY,
    "--ignored",
    "--nocapture",
    "--quiet",
];

/// Runs an agent with `order` under the limit `nofile`, from start to end, on a thread of its node.
pub(in crate::traffic) fn supervise(
    order: &RunSpec,
    nofile: u64,
    recorder: Recorder,
    signals: &ActorSignals,
    ended: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(ARGUMENTS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let bound = NofileLimit {
        soft: nofile,
        hard: nofile,
    };
    let mut child = process::spawn_bounded(&mut command, bound)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (ready, is_ready) = mpsc::channel();
    let listener = std::thread::Builder::new()
        .name("agent-events".to_owned())
        .spawn(move || listen(stdout, recorder, ready, ended))?;
    if let Some(mut stdin) = stdin {
        write_line(&mut stdin, order)?;
        // Without this message the agent has ended, and the listener has its error.
        if is_ready.recv().is_ok() {
            signals.ready()();
            if let Ok(clock) = signals.begin.recv() {
                let start = timer::monotonic(clock.instant(Offset::ZERO))?;
                let start = crate::units::as_nanos(start);
                // A broken pipe means that the agent has ended; the listener has its error.
                let _ended = write_line(&mut stdin, &ClockStart { start });
                signals.stop.wait();
                if signals.stop.resets() {
                    let _ended = write_line(&mut stdin, &StopHow::Reset);
                }
            }
        }
    }
    // The agent stops because its input is closed now.
    let panicked = |_| {
        Err(io::Error::other(
            "the thread that listens to an agent panicked",
        ))
    };
    let result = listener.join().unwrap_or_else(panicked);
    let status = child.wait()?;
    result?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("its process ended with {status}")))
    }
}

fn write_line(output: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    output.write_all(&line)
}

/// Forwards everything an agent writes, until it ends. `ended` is called when its actor ends. If
/// the agent dies first, it is dropped without a call.
fn listen(
    output: Option<ChildStdout>,
    recorder: Recorder,
    ready: Sender<()>,
    ended: impl FnOnce(),
) -> io::Result<()> {
    let (mut ready, mut ended) = (Some(ready), Some(ended));
    let mut translator = Translator {
        recorder,
        series: BTreeMap::new(),
    };
    let mut result = Ok(());
    for line in output
        .into_iter()
        .flat_map(|output| BufReader::new(output).lines())
    {
        let line = line?;
        match serde_json::from_str(&line) {
            Ok(Signal::Ready) => {
                let _no_waiter = ready.take().map(|ready| ready.send(()));
            }
            Ok(Signal::Ended) => {
                if let Some(ended) = ended.take() {
                    ended();
                }
            }
            Ok(Signal::Failed { errno: 0, text }) => result = Err(io::Error::other(text)),
            Ok(Signal::Failed { errno, .. }) => result = Err(io::Error::from_raw_os_error(errno)),
            // An agent of another version may write something else.
            Err(_) => {
                if let Ok(event) = serde_json::from_str(&line) {
                    translator.record(event);
                }
            }
        }
    }
    result
}

/// Maps an agent's series ids to those of this process.
struct Translator {
    recorder: Recorder,
    series: BTreeMap<SeriesId, SeriesId>,
}

impl Translator {
    fn record(&mut self, event: Event) {
        let translated = match event {
            Event::Series(declared) => {
                let here = self
                    .recorder
                    .series(declared.name, declared.kind, declared.unit);
                self.series.insert(declared.id, here);
                return;
            }
            Event::Sample { t, v } => Event::Sample {
                t,
                v: v.into_iter()
                    .filter_map(|(id, value)| Some((self.here(id)?, value)))
                    .collect(),
            },
            Event::Histogram { t, series, v } => match self.here(series) {
                Some(series) => Event::Histogram { t, series, v },
                None => return,
            },
            Event::Text { t, series, line } => match self.here(series) {
                Some(series) => Event::Text { t, series, line },
                None => return,
            },
            event @ (Event::Load(_)
            | Event::Connection(_)
            | Event::Note { .. }
            | Event::Gap { .. }
            | Event::Looked { .. }
            | Event::Processor { .. }) => event,
            // The state and the end of the run are not for an agent to report.
            Event::Environment(_)
            | Event::Built(_)
            | Event::NotApplicable { .. }
            | Event::Errored { .. }
            | Event::Used { .. }
            | Event::Traced(_)
            | Event::Tracked(_)
            | Event::Step(_)
            | Event::Held { .. }
            | Event::Finished { .. } => return,
        };
        self.recorder.record(translated);
    }

    fn here(&self, id: SeriesId) -> Option<SeriesId> {
        self.series.get(&id).copied()
    }
}

//! The protocol between a worker and the process that started it: a work order goes in, events come out, and the end of
//! the worker's standard input cancels its run.

use std::process::ExitStatus;

use thiserror::Error;
use tokio::io::AsyncRead;
use tokio::process::{Child, ChildStdin};
use tokio::time::Instant;

use super::bounded_lines::BoundedLines;
use super::hang::HangLimit;
use super::last_words::LastWords;
use crate::record::{Event, LONGEST_LINE, Offset};
use crate::sys::lifeline::kill_group;

/// An error in starting a worker or in reading its output.
#[derive(Debug, Error)]
pub(crate) enum ProtocolError {
    /// The process did not start.
    #[error("cannot start the worker, which is this program again (/proc/self/exe)")]
    Start(#[source] std::io::Error),
    /// The process started without its pipes.
    #[error("the worker process was started without its pipes")]
    NoPipe,
    /// The work order cannot be serialized.
    #[error("cannot write the work order")]
    Order(#[source] serde_json::Error),
    /// The worker's output or its exit status cannot be read.
    #[error("cannot read the worker's output")]
    Read(#[source] std::io::Error),
    /// A line of the worker's output is not an event.
    #[error("the worker wrote a line that is not an event: {line}")]
    NotAnEvent {
        line: String,
        #[source]
        source: serde_json::Error,
    },
}

/// A stream of events, one JSON object per line.
trait EventStream: AsyncRead + Unpin + Send + std::fmt::Debug {}

impl<T: AsyncRead + Unpin + Send + std::fmt::Debug> EventStream for T {}

/// Explains, from the exit status and the last words, why a worker ended too early.
pub(super) type ExplainEnd = fn(ExitStatus, &[String]) -> String;

/// A running worker: a process on this kernel, or a guest.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Closing it cancels the worker's run. Absent for a guest, which has no standard input.
    stdin: Option<ChildStdin>,
    events: BoundedLines<Box<dyn EventStream>>,
    last_words: LastWords,
    /// Present if the worker is a guest, whose exit status does not depend on its run.
    guest: Option<GuestProgress>,
    explain: ExplainEnd,
    hang_limit: HangLimit,
}

/// The progress of a guest: what is needed to write its last event when it is stopped from outside.
#[derive(Debug, Default)]
struct GuestProgress {
    asked_to_stop: bool,
    sent_last_event: bool,
    now: Offset,
}

/// The end of a worker.
#[derive(Debug)]
pub(crate) struct WorkerEnd {
    /// The reason if the worker ended too early or with an error.
    pub(crate) failure: Option<String>,
    pub(crate) last_words: Vec<String>,
    /// True if it kept running after its output had ended and had to be killed.
    pub(crate) killed: bool,
}

impl Worker {
    /// A process on this kernel.
    pub(super) fn process(
        mut child: Child,
        stdin: ChildStdin,
        hang_limit: HangLimit,
        explain: ExplainEnd,
    ) -> Result<Self, ProtocolError> {
        let stdout = child.stdout.take().ok_or(ProtocolError::NoPipe)?;
        let stderr = child.stderr.take().ok_or(ProtocolError::NoPipe)?;
        let mut last_words = LastWords::default();
        last_words.follow(stderr);
        let stdout: Box<dyn EventStream> = Box::new(stdout);
        Ok(Self {
            child,
            stdin: Some(stdin),
            events: BoundedLines::new(stdout, LONGEST_LINE),
            last_words,
            guest: None,
            explain,
            hang_limit,
        })
    }

    /// A guest, whose machine is a child process.
    pub(super) fn guest(
        child: Child,
        events: impl AsyncRead + Unpin + Send + std::fmt::Debug + 'static,
        last_words: LastWords,
        hang_limit: HangLimit,
        explain: ExplainEnd,
    ) -> Self {
        let events: Box<dyn EventStream> = Box::new(events);
        Self {
            child,
            stdin: None,
            events: BoundedLines::new(events, LONGEST_LINE),
            last_words,
            guest: Some(GuestProgress::default()),
            explain,
            hang_limit,
        }
    }

    /// Returns the number of the worker's process, or `None` once it has been waited for.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns the rule by which this worker counts as hung.
    pub(crate) fn hang_limit(&self) -> HangLimit {
        self.hang_limit
    }

    /// Returns the next event and its line, or `None` once the worker has closed its output. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<(Event, String)>, ProtocolError> {
        let Some(line) = self.events.next_line().await.map_err(ProtocolError::Read)? else {
            return Ok(self.last_event_of_stopped_guest());
        };
        match serde_json::from_str(&line) {
            Ok(event) => {
                if let Some(guest) = &mut self.guest {
                    guest.follow(&event);
                }
                Ok(Some((event, line)))
            }
            // The guest was stopped in the middle of a line.
            Err(_) if self.guest.as_ref().is_some_and(|guest| guest.asked_to_stop) => {
                Ok(self.last_event_of_stopped_guest())
            }
            Err(source) => Err(ProtocolError::NotAnEvent { line, source }),
        }
    }

    /// Makes up the last event of a guest that was stopped from outside and could not write it.
    fn last_event_of_stopped_guest(&mut self) -> Option<(Event, String)> {
        let guest = self
            .guest
            .as_mut()
            .filter(|guest| guest.asked_to_stop && !guest.sent_last_event)?;
        guest.sent_last_event = true;
        let event = Event::Finished {
            t: guest.now,
            interrupted: true,
        };
        let line = serde_json::to_string(&event).ok()?;
        Some((event, line))
    }

    /// Cancels the run, so that the worker finishes early and reports what it has. A guest cannot receive that, so it
    /// is killed.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stdin = None;
        if let Some(guest) = &mut self.guest {
            guest.asked_to_stop = true;
            self.kill();
        }
    }

    /// Kills the worker and everything in its process group; the kernel frees what they held.
    pub(crate) fn kill(&mut self) {
        if let Some(leader) = self.child.id() {
            kill_group(leader);
        }
        let _already_gone = self.child.start_kill();
    }

    /// Returns the last lines so far that the worker wrote to standard error.
    pub(super) fn last_words(&self) -> Vec<String> {
        self.last_words.so_far()
    }

    /// Waits for the end of the process, and kills it at the deadline.
    pub(crate) async fn wait(mut self, deadline: Instant) -> Result<WorkerEnd, ProtocolError> {
        self.stdin = None;
        let ended = tokio::time::timeout_at(deadline, self.child.wait()).await;
        let killed = ended.is_err();
        let status = match ended {
            Ok(status) => status,
            Err(_late) => {
                self.kill();
                self.child.wait().await
            }
        };
        let status = status.map_err(ProtocolError::Read)?;
        let last_words = self.last_words.finish().await;
        let ended_well = match self.guest {
            Some(guest) => guest.sent_last_event,
            None => status.success(),
        };
        Ok(WorkerEnd {
            failure: (!ended_well).then(|| (self.explain)(status, &last_words)),
            last_words,
            killed,
        })
    }
}

impl GuestProgress {
    fn follow(&mut self, event: &Event) {
        self.now = self.now.max(event.time().unwrap_or_default());
        self.sent_last_event |= event.is_last();
    }
}

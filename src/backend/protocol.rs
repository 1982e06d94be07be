//! What passes between a worker and whoever started it: an order in, events out, a closed input as the wish to end.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::vm::{VmError, console};
use crate::record::{Event, Offset};
use crate::sys::lifeline::kill_group;

/// Lines kept of what a worker says beside its events: enough for a panic with its place.
const LAST_WORDS: usize = 40;

/// What is added to a signal's number to make an exit code of it (`sh(1)`, `$?`).
const SIGNALLED: i32 = 128;

/// How long the end of a dead worker's standard error is waited for: someone else may hold it open.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);

/// After how long a line that does not end is taken as it is: the last of who gives up may not.
const UNFINISHED: Duration = Duration::from_millis(200);

/// Why a worker cannot be had or understood.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The process did not start.
    #[error("cannot start the worker, which is this program again (/proc/self/exe)")]
    Start(#[source] std::io::Error),
    /// It started without its pipes.
    #[error("the worker process has no pipe to it")]
    NoPipe,
    /// Its order cannot be written down.
    #[error("cannot write the order of the run")]
    Order(#[source] serde_json::Error),
    /// There is no guest.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// Its output cannot be read.
    #[error("cannot read what the worker tells")]
    Read(#[source] std::io::Error),
    /// It told something that is no event.
    #[error("the worker told something that is no event: {line}")]
    NoEvent {
        /// What it told.
        line: String,
        /// Why that is no event.
        #[source]
        source: serde_json::Error,
    },
}

/// Where events come from.
trait Events: AsyncRead + Unpin + Send + std::fmt::Debug {}

impl<T: AsyncRead + Unpin + Send + std::fmt::Debug> Events for T {}

/// A worker at work: a process, or a guest.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// Its end is the wish to end. A guest has none: nothing enters it.
    stdin: Option<ChildStdin>,
    events: Lines<BufReader<Box<dyn Events>>>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    listeners: Vec<JoinHandle<()>>,
    guest: Option<GuestEnd>,
}

/// What is to be told in a guest's place when it is ended before its time.
#[derive(Debug, Default)]
struct GuestEnd {
    asked: bool,
    told: bool,
    now: Offset,
}

/// How a worker ended.
#[derive(Debug)]
pub struct WorkerEnd {
    /// Its exit status.
    pub status: ExitStatus,
    /// The last lines of its standard error.
    pub last_words: Vec<String>,
    /// Whether it had to be killed because it went on after its output had ended.
    pub killed: bool,
}

impl WorkerEnd {
    /// How a worker on this kernel ended. A process above it passes on a signal as a shell does.
    pub fn cause(&self) -> String {
        let passed_on = self.status.code().map(|code| code - SIGNALLED);
        let signal = passed_on.filter(|signal| *signal > 0);
        let Some(signal) = self.status.signal().or(signal) else {
            return format!("the worker ended with {}", self.status);
        };
        let name = Signal::try_from(signal).map_or_else(|_| signal.to_string(), |s| s.to_string());
        let by_whom = match signal {
            libc::SIGKILL => {
                ": by someone, or by the kernel where memory had run out (dmesg tells)"
            }
            _ => "",
        };
        format!("the worker was killed by {name}{by_whom}")
    }

    /// Why a guest ended, as far as its console or its end says so.
    pub fn cause_in_guest(&self) -> String {
        console::cause(&self.last_words).unwrap_or_else(|| match self.status.code() {
            Some(0) => "its console does not say why".to_owned(),
            _ => format!("QEMU ended with {}", self.status),
        })
    }
}

impl Worker {
    pub(crate) fn new(mut child: Child, stdin: ChildStdin) -> Result<Self, WorkerError> {
        let stdout = child.stdout.take().ok_or(WorkerError::NoPipe)?;
        let stderr = child.stderr.take().ok_or(WorkerError::NoPipe)?;
        let last_words = Arc::default();
        let listener = tokio::spawn(listen(stderr, Arc::clone(&last_words)));
        let stdout: Box<dyn Events> = Box::new(stdout);
        Ok(Self {
            child,
            stdin: Some(stdin),
            events: BufReader::new(stdout).lines(),
            last_words,
            listeners: vec![listener],
            guest: None,
        })
    }

    /// A guest, which runs in this process.
    pub(super) fn guest(
        child: Child,
        events: impl AsyncRead + Unpin + Send + std::fmt::Debug + 'static,
        console: impl AsyncRead + Unpin + Send + 'static,
        stderr: impl AsyncRead + Unpin + Send + 'static,
    ) -> Self {
        let last_words = Arc::default();
        let listeners = vec![
            tokio::spawn(listen(console, Arc::clone(&last_words))),
            tokio::spawn(listen(stderr, Arc::clone(&last_words))),
        ];
        let events: Box<dyn Events> = Box::new(events);
        Self {
            child,
            stdin: None,
            events: BufReader::new(events).lines(),
            last_words,
            listeners,
            guest: Some(GuestEnd::default()),
        }
    }

    /// The next event with the line that told it; `None` once the worker has closed its output.
    /// May be dropped and called again (cancel safe).
    ///
    /// # Errors
    /// Where the output cannot be read or is no event.
    pub async fn next(&mut self) -> Result<Option<(Event, String)>, WorkerError> {
        let Some(line) = self.events.next_line().await.map_err(WorkerError::Read)? else {
            return Ok(self.end_in_its_place());
        };
        match serde_json::from_str(&line) {
            Ok(event) => {
                if let Some(guest) = &mut self.guest {
                    guest.follow(&event);
                }
                Ok(Some((event, line)))
            }
            // It was ended in the middle of a line.
            Err(_) if self.guest.as_ref().is_some_and(|guest| guest.asked) => {
                Ok(self.end_in_its_place())
            }
            Err(source) => Err(WorkerError::NoEvent { line, source }),
        }
    }

    /// A guest that was asked to end cannot tell that itself.
    fn end_in_its_place(&mut self) -> Option<(Event, String)> {
        let guest = self
            .guest
            .as_mut()
            .filter(|guest| guest.asked && !guest.told)?;
        guest.told = true;
        let event = Event::Finished {
            t: guest.now,
            interrupted: true,
        };
        let line = serde_json::to_string(&event).ok()?;
        Some((event, line))
    }

    /// Asks the worker to end with what it has learnt. A guest, which nothing can be asked, is ended.
    pub fn ask_to_end(&mut self) {
        self.stdin = None;
        if let Some(guest) = &mut self.guest {
            guest.asked = true;
            self.kill();
        }
    }

    /// Kills the worker and what it started in its process group; the kernel clears away what it held.
    pub fn kill(&mut self) {
        if let Some(leader) = self.child.id() {
            kill_group(leader);
        }
        let _gone_already = self.child.start_kill();
    }

    /// The last lines so far of what it says beside its events.
    pub(super) fn last_words(&self) -> Vec<String> {
        last_of(&self.last_words)
    }

    /// Waits for the end of the process, and kills it where it does not come by then.
    ///
    /// # Errors
    /// Those of waitpid(2).
    pub async fn wait(mut self, deadline: Instant) -> Result<WorkerEnd, WorkerError> {
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
        let status = status.map_err(WorkerError::Read)?;
        for mut listener in self.listeners {
            let _ended = tokio::time::timeout(LAST_WORDS_WAIT, &mut listener).await;
            listener.abort();
        }
        let last_words = last_of(&self.last_words);
        Ok(WorkerEnd {
            status,
            last_words,
            killed,
        })
    }
}

impl GuestEnd {
    fn follow(&mut self, event: &Event) {
        self.now = self.now.max(event.time().unwrap_or_default());
        self.told |= event.is_last();
    }
}

fn last_of(words: &Mutex<VecDeque<String>>) -> Vec<String> {
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    words.iter().cloned().collect()
}

async fn listen(stderr: impl AsyncRead + Unpin, last_words: Arc<Mutex<VecDeque<String>>>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        let read = stderr.read_until(b'\n', &mut line);
        // What was read when the time is over stays in the line.
        let read = tokio::time::timeout(UNFINISHED, read).await;
        let ended = matches!(read, Ok(Ok(0) | Err(_)));
        if !line.is_empty() {
            let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
            if words.len() == LAST_WORDS {
                words.pop_front();
            }
            let text = String::from_utf8_lossy(&line);
            words.push_back(text.trim_end_matches(['\r', '\n']).to_owned());
            line.clear();
        }
        if ended {
            break;
        }
    }
}

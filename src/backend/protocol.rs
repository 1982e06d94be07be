//! What passes between a worker and whoever started it: an order in, events out, a closed input as the wish to end.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::record::Event;
use crate::sys::lifeline::kill_group;

/// Lines kept of what a worker says beside its events: enough for a panic with its place.
const LAST_WORDS: usize = 40;

/// How long the end of a dead worker's standard error is waited for: someone else may hold it open.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);

/// Why a worker cannot be had or understood.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The process did not start.
    #[error("cannot start the worker process")]
    Start(#[source] std::io::Error),
    /// It started without its pipes.
    #[error("the worker process has no pipe to it")]
    NoPipe,
    /// Its order cannot be written down.
    #[error("cannot write the order of the run")]
    Order(#[source] serde_json::Error),
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

/// A worker at work.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Lines<BufReader<ChildStdout>>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    listener: JoinHandle<()>,
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

impl Worker {
    pub(crate) fn new(mut child: Child, stdin: ChildStdin) -> Result<Self, WorkerError> {
        let stdout = child.stdout.take().ok_or(WorkerError::NoPipe)?;
        let stderr = child.stderr.take().ok_or(WorkerError::NoPipe)?;
        let last_words = Arc::default();
        let listener = tokio::spawn(listen(stderr, Arc::clone(&last_words)));
        Ok(Self {
            child,
            stdin: Some(stdin),
            events: BufReader::new(stdout).lines(),
            last_words,
            listener,
        })
    }

    /// The next event with the line that told it; `None` once the worker has closed its output.
    /// May be dropped and called again (cancel safe).
    ///
    /// # Errors
    /// Where the output cannot be read or is no event.
    pub async fn next(&mut self) -> Result<Option<(Event, String)>, WorkerError> {
        let Some(line) = self.events.next_line().await.map_err(WorkerError::Read)? else {
            return Ok(None);
        };
        match serde_json::from_str(&line) {
            Ok(event) => Ok(Some((event, line))),
            Err(source) => Err(WorkerError::NoEvent { line, source }),
        }
    }

    /// Asks the worker to end with what it has learnt.
    pub fn ask_to_end(&mut self) {
        self.stdin = None;
    }

    /// Kills the worker and what it started in its process group; the kernel clears away what it held.
    pub fn kill(&mut self) {
        if let Some(leader) = self.child.id() {
            kill_group(leader);
        }
        let _gone_already = self.child.start_kill();
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
        let _ended = tokio::time::timeout(LAST_WORDS_WAIT, &mut self.listener).await;
        self.listener.abort();
        let last_words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        Ok(WorkerEnd {
            status,
            last_words,
            killed,
        })
    }
}

async fn listen(stderr: impl AsyncRead + Unpin, last_words: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS {
            words.pop_front();
        }
        words.push_back(line);
    }
}

//! The last lines of a worker's standard error or console, which explain why it died.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::task::JoinHandle;

/// Enough lines for a panic of a kernel: its reason comes before the call trace, which may have 60 lines.
const MAX_LINES: usize = 120;

/// The longest line in bytes. A longer one is split.
const LONGEST_LINE: u64 = 64 << 10;

/// The longest wait for the end of the stream once the worker is dead: another process may hold it open.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// After this time an unfinished line counts as a line: a dying program may not write the newline.
const UNFINISHED_LINE: Duration = Duration::from_millis(200);

/// The last lines of one or more streams, collected in the background.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl LastWords {
    /// Starts to read a stream. Lines of several streams are kept in the order in which they arrive.
    pub(super) fn follow(&mut self, stream: impl AsyncRead + Unpin + Send + 'static) {
        let reader = tokio::spawn(read(stream, Arc::clone(&self.lines)));
        self.readers.push(reader);
    }

    /// Returns the last lines so far.
    pub(super) fn so_far(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Waits for the end of the streams, but not forever, and returns their last lines.
    pub(super) async fn finish(mut self) -> Vec<String> {
        for reader in &mut self.readers {
            let _ended = tokio::time::timeout(END_TIMEOUT, &mut *reader).await;
            reader.abort();
        }
        self.so_far()
    }
}

async fn read(stream: impl AsyncRead + Unpin, lines: Arc<Mutex<VecDeque<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let mut bounded = (&mut stream).take(LONGEST_LINE);
        let read = bounded.read_until(b'\n', &mut line);
        // Bytes read before the timeout stay in the line.
        let read = tokio::time::timeout(UNFINISHED_LINE, read).await;
        let ended = matches!(read, Ok(Ok(0) | Err(_)));
        if !line.is_empty() {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == MAX_LINES {
                lines.pop_front();
            }
            let text = String::from_utf8_lossy(&line);
            lines.push_back(text.trim_end_matches(['\r', '\n']).to_owned());
            line.clear();
        }
        if ended {
            break;
        }
    }
}

//! One output shared by events and signals, whose lines never mix.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::Signal;

/// The agent's output, shared by the recorder's writer and the threads that send signals.
#[derive(Clone)]
pub(super) struct SharedOutput(Arc<Mutex<dyn Write + Send>>);

impl SharedOutput {
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(output)))
    }

    /// Returns a writer that passes on complete lines only.
    pub(super) fn whole_lines(&self) -> WholeLines {
        WholeLines {
            output: self.clone(),
            partial: Vec::new(),
        }
    }

    pub(super) fn signal(&self, signal: &Signal) -> io::Result<()> {
        let mut line = serde_json::to_vec(signal)?;
        line.push(b'\n');
        self.write(&line)
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(lines)?;
        output.flush()
    }
}

/// A writer that holds back an incomplete line.
pub(super) struct WholeLines {
    output: SharedOutput,
    partial: Vec<u8>,
}

impl Write for WholeLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend(bytes);
        if let Some(last) = self.partial.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.partial.split_off(last + 1);
            self.output.write(&self.partial)?;
            self.partial = rest;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

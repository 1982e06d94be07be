//! A record in memory.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use nslab::record::Timeline;

use super::bench::Measured;

#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// Returns the timeline of the events written so far.
    pub(crate) fn timeline(&self) -> Measured<Timeline> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Timeline::read(lines.as_slice())?)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! Lines of another process, none of them longer than expected: a guest, in which anything may run, writes them too.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Reads a stream line by line.
#[derive(Debug)]
pub(super) struct BoundedLines<R> {
    input: BufReader<R>,
    /// The part of the next line that has been read.
    line: Vec<u8>,
    longest: u64,
}

impl<R: AsyncRead + Unpin> BoundedLines<R> {
    pub(super) fn new(input: R, longest: u64) -> Self {
        Self {
            input: BufReader::new(input),
            line: Vec::new(),
            longest,
        }
    }

    /// Returns the next line without its end, or `None` at the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// The errors of the stream, and [`io::ErrorKind::InvalidData`] for a line that is too long or not UTF-8.
    pub(super) async fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let available = self.input.fill_buf().await?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            self.line.extend(&available[..end.unwrap_or(taken)]);
            self.input.consume(taken);
            if self.line.len() as u64 > self.longest {
                let text = format!("a line has more than {} bytes", self.longest);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if end.is_none() && taken > 0 {
                continue;
            }
            if end.is_none() && self.line.is_empty() {
                return Ok(None);
            }
            let line = String::from_utf8(std::mem::take(&mut self.line));
            return line
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_read_to_the_end_and_none_is_too_long() {
        let mut lines = BoundedLines::new(&b"one\n\nlast"[..], 4);
        for expected in [Some("one"), Some(""), Some("last"), None] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), expected);
        }
        let mut lines = BoundedLines::new(tokio::io::repeat(b'x'), 1 << 20);
        let error = lines.next_line().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "a line has more than 1048576 bytes");
    }
}

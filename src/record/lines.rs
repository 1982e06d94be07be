//! Reads lines from a stream that may end in the middle of one: its writer was killed, or its compressed file was cut.

use std::io::{self, BufRead};

/// A line of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StreamLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// Content without the line end.
    pub(super) bytes: Vec<u8>,
    /// True if the line end was present; only the last line can lack it.
    pub(super) whole: bool,
}

/// Reads a stream line by line.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    read: u64,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, read: 0 }
    }

    /// Returns the next line, or `None` at the end. A stream that reports its own truncation (`UnexpectedEof`, as a
    /// decompressor does) ends there.
    ///
    /// # Errors
    /// Any other error of the stream, with the number of the line being read.
    pub(super) fn next(&mut self) -> Result<Option<StreamLine>, (u64, io::Error)> {
        let number = self.read + 1;
        let mut bytes = Vec::new();
        match self.input.read_until(b'\n', &mut bytes) {
            Ok(_) => {}
            // The bytes read before the error are in the buffer.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err((number, error)),
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        self.read = number;
        let whole = bytes.last() == Some(&b'\n');
        if whole {
            bytes.pop();
        }
        Ok(Some(StreamLine {
            number,
            bytes,
            whole,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_the_last_may_lack_its_end() {
        let mut lines = LineReader::new(&b"one\n\nthr"[..]);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("no error") {
            all.push((
                line.number,
                String::from_utf8(line.bytes).expect("text"),
                line.whole,
            ));
        }
        let expected = [(1, "one", true), (2, "", true), (3, "thr", false)];
        assert_eq!(
            all,
            expected.map(|(number, text, whole)| (number, text.to_owned(), whole))
        );
    }
}

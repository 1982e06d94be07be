//! Reads lines from a stream that may end in the middle of one: its writer was killed, or its compressed file was cut.

use std::io::{self, BufRead, Read};

/// Maximum number of bytes of a line. The header of a run with 10,000 nodes has 20 MiB.
pub(crate) const LONGEST_LINE: u64 = 128 << 20;
/// Maximum number of bytes of all lines, decompressed. A compressed file may hold a thousand times its size.
const MOST_BYTES: u64 = 2 << 30;

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
    /// Bytes that may still follow.
    left: u64,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            read: 0,
            left: MOST_BYTES,
        }
    }

    /// Returns the next line, or `None` at the end. A stream that reports its own truncation (`UnexpectedEof`, as a
    /// decompressor does) ends there.
    ///
    /// # Errors
    /// Any other error of the stream, with the number of the line being read; [`io::ErrorKind::FileTooLarge`] if the
    /// line or the stream is too long.
    pub(super) fn next(&mut self) -> Result<Option<StreamLine>, (u64, io::Error)> {
        let number = self.read + 1;
        let mut bytes = Vec::new();
        let most = LONGEST_LINE.min(self.left);
        let mut bounded = self.input.by_ref().take(most + 1);
        match bounded.read_until(b'\n', &mut bytes) {
            Ok(_) => {}
            // The bytes read before the error are in the buffer.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err((number, error)),
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let length = bytes.len() as u64;
        if length > most {
            return Err((number, too_long(most)));
        }
        self.left -= length;
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

fn too_long(most: u64) -> io::Error {
    let text = match most {
        LONGEST_LINE => format!("it has more than {} MiB", LONGEST_LINE >> 20),
        _ => format!("all lines have more than {} GiB", MOST_BYTES >> 30),
    };
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_or_a_stream_without_end_is_refused() {
        let mut lines = LineReader::new(io::BufReader::new(io::repeat(b'x')));
        let (line, error) = lines.next().expect_err("an error");
        assert_eq!((line, error.kind()), (1, io::ErrorKind::FileTooLarge));
        let mut lines = LineReader::new(io::BufReader::new(&b"one\ntwo\n"[..]));
        lines.left = 6;
        assert!(lines.next().is_ok());
        let (line, error) = lines.next().expect_err("an error");
        assert_eq!((line, error.kind()), (2, io::ErrorKind::FileTooLarge));
    }

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

//! Reads a timeline back from the lines that a run wrote.

use std::io::{self, BufRead};

use super::lines::{LineReader, StreamLine};
use super::timeline::Timeline;

/// A line of a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream cannot be read.
    #[error("read line {line}")]
    Input {
        /// Line number, from 1.
        line: u64,
        /// The error of the stream.
        source: io::Error,
    },
    /// A complete line is not an event of this version.
    #[error("parse line {line}: it is not an event")]
    Corrupt {
        /// Line number, from 1.
        line: u64,
        /// The parser's error.
        source: serde_json::Error,
    },
}

impl Timeline {
    /// Reads events, one JSON line each, to the end of the stream. If the last line is incomplete it is left out and a
    /// note says so: the process was killed while it was writing.
    ///
    /// # Errors
    /// If the stream cannot be read, or a complete line is not an event. Both name the line.
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        let mut timeline = Self::default();
        let mut lines = LineReader::new(input);
        while let Some(line) = next_line(&mut lines)? {
            if let Some(event) = parse(&line)? {
                timeline.add(event);
            } else {
                timeline.note_cut(&line);
            }
        }
        Ok(timeline)
    }

    pub(super) fn note_cut(&mut self, line: &StreamLine) {
        let text = format!(
            "the record breaks off in the middle of line {}",
            line.number
        );
        self.notes.push((None, text));
    }
}

/// Reads the next line of a stream.
pub(super) fn next_line<R: BufRead>(
    lines: &mut LineReader<R>,
) -> Result<Option<StreamLine>, ReadError> {
    lines
        .next()
        .map_err(|(line, source)| ReadError::Input { line, source })
}

/// Parses a line; returns `None` if the line is incomplete.
pub(super) fn parse<T: serde::de::DeserializeOwned>(
    line: &StreamLine,
) -> Result<Option<T>, ReadError> {
    match serde_json::from_slice(&line.bytes) {
        Ok(said) => Ok(Some(said)),
        Err(_) if !line.whole => Ok(None),
        Err(source) => Err(ReadError::Corrupt {
            line: line.number,
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Offset, RunEnd};

    const RUN: &str = concat!(
        r#"{"series":{"id":0,"name":"load.established","kind":"counter","unit":"count"}}"#,
        "\n",
        r#"{"sample":{"t":2000000000,"v":[[0,9]]}}"#,
        "\n",
        r#"{"sample":{"t":1000000000,"v":[[0,4]]}}"#,
        "\n",
        r#"{"finished":{"t":3000000000}}"#,
        "\n",
    );

    #[test]
    fn a_stream_of_events_becomes_a_timeline() {
        let timeline = Timeline::read(RUN.as_bytes()).expect("a timeline");
        let series = timeline.series("load.established").expect("the series");
        // In order of time, not in the order of recording.
        assert_eq!(
            series.changes,
            [(Offset(1_000_000_000), 4), (Offset(2_000_000_000), 9)]
        );
        assert_eq!(
            timeline.end,
            Some(RunEnd::Finished {
                t: Offset(3_000_000_000),
                interrupted: false
            })
        );
        assert!(timeline.notes.is_empty());
    }

    #[test]
    fn a_stream_may_break_off_anywhere() {
        let whole = Timeline::read(RUN.as_bytes()).expect("a timeline");
        for end in 0..RUN.len() {
            let timeline = Timeline::read(&RUN.as_bytes()[..end]).expect("a timeline");
            let complete = end == RUN.len() - 1;
            assert_eq!(timeline.end.is_some(), complete, "cut at {end}");
            let at_a_line = end == 0 || RUN.as_bytes()[end - 1] == b'\n';
            let at_an_events_end = RUN.as_bytes()[end] == b'\n';
            assert_eq!(
                timeline.notes.is_empty(),
                at_a_line || at_an_events_end,
                "cut at {end}"
            );
            assert!(timeline.now <= whole.now);
        }
    }

    #[test]
    fn a_line_that_is_not_an_event_is_reported_with_its_number() {
        for broken in [
            "nonsense",
            "",
            r#"{"miracle":{}}"#,
            r#"{"sample":{"t":-1,"v":[]}}"#,
        ] {
            let text = RUN.replacen('\n', &format!("\n{broken}\n"), 1);
            let error = Timeline::read(text.as_bytes()).expect_err("an error");
            assert_eq!(
                error.to_string(),
                "parse line 2: it is not an event",
                "{broken}"
            );
        }
        let bytes = [RUN.as_bytes(), b"\xff\xfe\n"].concat();
        let error = Timeline::read(bytes.as_slice()).expect_err("an error");
        assert_eq!(error.to_string(), "parse line 5: it is not an event");
    }
}

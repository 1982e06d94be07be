//! Reads a timeline back from the lines that a run told.

use std::io::{self, BufRead};

use super::lines::{LineReader, StreamLine};
use super::timeline::Timeline;

/// Why lines are no timeline.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream itself.
    #[error("read line {line}")]
    Input {
        /// From 1.
        line: u64,
        /// What went wrong.
        source: io::Error,
    },
    /// A line with an end that is no event of this version.
    #[error("make sense of line {line}: it is no event")]
    Corrupt {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Timeline {
    /// Reads events, a JSON line each, to the end of the stream. A last line without an end that is no whole event is
    /// left out, and a note says so: the run's process was killed while it told it.
    ///
    /// # Errors
    /// Where the stream cannot be read, or another line is no event; with the number of the line.
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

/// The next line of a stream.
pub(super) fn next_line<R: BufRead>(
    lines: &mut LineReader<R>,
) -> Result<Option<StreamLine>, ReadError> {
    lines
        .next()
        .map_err(|(line, source)| ReadError::Input { line, source })
}

/// What a line says; `None` where it breaks off.
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
        // In the order of time, not of telling.
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
    fn a_line_that_is_no_event_is_told_by_its_number() {
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
                "make sense of line 2: it is no event",
                "{broken}"
            );
        }
        let bytes = [RUN.as_bytes(), b"\xff\xfe\n"].concat();
        let error = Timeline::read(bytes.as_slice()).expect_err("an error");
        assert_eq!(error.to_string(), "make sense of line 5: it is no event");
    }
}

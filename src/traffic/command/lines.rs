//! Records output line by line, up to a limit.

use std::collections::VecDeque;

use crate::record::{Event, Offset, Recorder, SeriesId};

/// Maximum bytes of a stream in the record. A page of `ab` is 2 KiB, so this is only reached by runaway output.
const MAX_BYTES: usize = 1024 * 1024;
/// Maximum lines of a stream in the record.
const MAX_LINES: usize = 10_000;
/// Number of last lines quoted when a program fails; few enough to fit on one line of an error.
const LAST: usize = 5;

/// A stream of text on its way into the record.
#[derive(Debug)]
pub(super) struct TextSeries {
    name: String,
    series: SeriesId,
    recorder: Recorder,
    partial: Vec<u8>,
    bytes: usize,
    lines: usize,
    cut: bool,
    last: VecDeque<String>,
}

impl TextSeries {
    pub(super) fn new(name: String, series: SeriesId, recorder: Recorder) -> Self {
        Self {
            name,
            series,
            recorder,
            partial: Vec::new(),
            bytes: 0,
            lines: 0,
            cut: false,
            last: VecDeque::new(),
        }
    }

    /// Takes the bytes written at time `t`, and records the lines they complete.
    pub(super) fn take(&mut self, written: &[u8], t: Offset) {
        if self.cut {
            return;
        }
        let within = written.len().min(MAX_BYTES - self.bytes);
        self.bytes += within;
        let mut rest = &written[..within];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.partial.extend(&rest[..end]);
            rest = &rest[end + 1..];
            if self.lines == MAX_LINES {
                return self.cut_off(t);
            }
            self.record(t);
        }
        self.partial.extend(rest);
        if within < written.len() {
            self.record(t);
            self.cut_off(t);
        }
    }

    /// Returns the last few lines, including an incomplete one.
    pub(super) fn last(&self) -> Vec<String> {
        let partial = String::from_utf8_lossy(&self.partial).into_owned();
        let partial = Some(partial).filter(|partial| !partial.is_empty());
        self.last.iter().cloned().chain(partial).collect()
    }

    /// Records a last line that has no line end.
    pub(super) fn end(&mut self, t: Offset) {
        if !self.cut && !self.partial.is_empty() {
            self.record(t);
        }
    }

    fn record(&mut self, t: Offset) {
        self.lines += 1;
        let line = std::mem::take(&mut self.partial);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last
            .push_back(String::from_utf8_lossy(line).into_owned());
        self.recorder.record(Event::Text {
            t,
            series: self.series,
            line: String::from_utf8_lossy(line).into_owned(),
        });
    }

    fn cut_off(&mut self, t: Offset) {
        self.cut = true;
        self.partial = Vec::new();
        self.recorder.record(Event::Gap {
            t: Some(t),
            of: self.name.clone(),
            text: format!(
                "`{}` is cut off after {} lines, {} bytes",
                self.name, self.lines, self.bytes
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SeriesKind, Timeline};
    use crate::traffic::tests::TestRecorder;
    use crate::units::Unit;

    fn written(pieces: &[&[u8]]) -> (Timeline, Vec<String>) {
        let listener = TestRecorder::start();
        let recorder = listener.recorder();
        let series = recorder.series("ab.stdout", SeriesKind::Text, Unit::Text);
        let mut lines = TextSeries::new("ab.stdout".to_owned(), series, recorder);
        for piece in pieces {
            lines.take(piece, Offset::ZERO);
        }
        lines.end(Offset::ZERO);
        drop(lines);
        let timeline = listener.timeline();
        let lines = timeline.series("ab.stdout").unwrap().lines.clone();
        (timeline, lines.into_iter().map(|(_, line)| line).collect())
    }

    #[test]
    fn lines_may_arrive_in_pieces_and_the_last_without_an_end() {
        let (_, lines) = written(&[b"one\r\ntw", b"o\n\nth", b"ree"]);
        assert_eq!(lines, ["one", "two", "", "three"]);
    }

    #[test]
    fn a_flood_of_lines_is_cut_off_with_a_note() {
        let (timeline, lines) = written(&[&b"y\n".repeat(MAX_LINES + 5), b"more\n"]);
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(timeline.notes.len(), 1);
    }

    #[test]
    fn a_flood_without_lines_is_cut_off_with_a_note() {
        let (timeline, lines) = written(&[&vec![b'y'; MAX_BYTES + 1], b"more\n"]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), MAX_BYTES);
        assert_eq!(timeline.notes.len(), 1);
    }
}

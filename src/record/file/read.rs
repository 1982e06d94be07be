//! Reads a record: plain or compressed, complete or truncated.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{
    HeaderLine, ProcessEnd, RECORD_VERSION, RecordError, RecordHeader, UnreadableRecord,
    VerdictLine,
};
use crate::input_file;
use crate::record::lines::{LineReader, StreamLine};
use crate::record::read::{self, ReadError};
use crate::record::{Event, Outcome, RunVerdict, Timeline};

/// The first bytes of a gzip stream (RFC 1952, 2.3.1: ID1, ID2).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A record as read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The header: the run, before it happened.
    pub header: RecordHeader,
    /// The events of the run.
    pub timeline: Timeline,
    /// The verdict; `None` if the record is truncated.
    pub verdict: Option<RunVerdict>,
    /// The end of the run's process; `None` if the record is truncated.
    pub process: Option<ProcessEnd>,
}

impl RecordHeader {
    /// Reads only the header of a record.
    ///
    /// # Errors
    /// The errors of [`Record::read`] that concern the header.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let first = || {
            let input = lines_of(input_file::open(path).map_err(UnreadableRecord::Open)?)?;
            let line =
                read::next_line(&mut LineReader::new(input))?.ok_or(UnreadableRecord::Empty)?;
            parse_header(&line)
        };
        first().map_err(|source| RecordError::Read {
            path: path.to_owned(),
            source,
        })
    }
}

impl Record {
    /// Reads only the header and the last line of a record: its outcome and how its process ended. Does not parse the
    /// lines between them.
    ///
    /// # Errors
    /// The errors of [`Record::read`] that concern these two lines; [`UnreadableRecord::Empty`] without a verdict.
    pub fn ends(path: &Path) -> Result<(RecordHeader, Outcome, ProcessEnd), RecordError> {
        let ends = || {
            let input = lines_of(input_file::open(path).map_err(UnreadableRecord::Open)?)?;
            let mut lines = LineReader::new(input);
            let first = read::next_line(&mut lines)?.ok_or(UnreadableRecord::Empty)?;
            let header = parse_header(&first)?;
            let mut last = None;
            while let Some(line) = read::next_line(&mut lines)? {
                last = Some(line);
            }
            match last.map(|line| parse_line(&line)).transpose()?.flatten() {
                Some(RecordLine::Verdict(line)) => {
                    let end = line.process.unwrap_or_default();
                    Ok((header, line.verdict.outcome, end))
                }
                Some(RecordLine::Event(_)) | None => Err(UnreadableRecord::Empty),
            }
        };
        ends().map_err(|source| RecordError::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads a record from a file.
    ///
    /// # Errors
    /// The errors of [`Record::parse`], and [`UnreadableRecord::Open`].
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        input_file::open(path)
            .map_err(UnreadableRecord::Open)
            .and_then(Self::parse)
            .map_err(|source| RecordError::Read {
                path: path.to_owned(),
                source,
            })
    }

    /// Reads a record from a stream. Gzip is recognised by its first bytes, whatever the file is called.
    ///
    /// A truncated record is read as far as it goes: its timeline has no end, or it has no verdict. A note reports
    /// a line that was cut.
    ///
    /// # Errors
    /// If the stream cannot be read, does not begin with a header, has a newer version, or has a line that is neither
    /// an event nor a verdict.
    pub fn parse(input: impl Read) -> Result<Self, UnreadableRecord> {
        Self::parse_lines(lines_of(input)?)
    }

    fn parse_lines(input: impl BufRead) -> Result<Self, UnreadableRecord> {
        let mut lines = LineReader::new(input);
        let first = read::next_line(&mut lines)?.ok_or(UnreadableRecord::Empty)?;
        let header = parse_header(&first)?;
        let mut timeline = Timeline::default();
        let mut closing = None;
        while let Some(line) = read::next_line(&mut lines)? {
            match parse_line(&line)? {
                _ if closing.is_some() => {
                    return Err(UnreadableRecord::AfterVerdict { line: line.number });
                }
                Some(RecordLine::Event(event)) => timeline.add(event),
                Some(RecordLine::Verdict(line)) => closing = Some(line),
                None => timeline.note_cut(&line),
            }
        }
        let (verdict, process) = closing.map_or((None, None), |closing| {
            (Some(closing.verdict), closing.process)
        });
        Ok(Self {
            header,
            timeline,
            verdict,
            process,
        })
    }
}

/// Returns the lines of a stream, decompressed if necessary.
fn lines_of<'a>(mut input: impl Read + 'a) -> Result<Box<dyn BufRead + 'a>, UnreadableRecord> {
    let mut start = Vec::new();
    input
        .by_ref()
        .take(GZIP.len() as u64)
        .read_to_end(&mut start)
        .map_err(UnreadableRecord::Open)?;
    let compressed = start == GZIP;
    let input = std::io::Cursor::new(start).chain(input);
    Ok(if compressed {
        Box::new(BufReader::new(MultiGzDecoder::new(input)))
    } else {
        Box::new(BufReader::new(input))
    })
}

/// The part of a header that every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
    nslab: String,
}

fn parse_header(line: &StreamLine) -> Result<RecordHeader, UnreadableRecord> {
    let HeaderLine::Header(Version { version, nslab }) =
        serde_json::from_slice(&line.bytes).map_err(UnreadableRecord::NotARecord)?;
    if version > RECORD_VERSION {
        return Err(UnreadableRecord::Newer { version, nslab });
    }
    let HeaderLine::Header(header) =
        serde_json::from_slice(&line.bytes).map_err(UnreadableRecord::NotARecord)?;
    Ok(header)
}

enum RecordLine {
    Event(Event),
    Verdict(VerdictLine<RunVerdict>),
}

fn parse_line(line: &StreamLine) -> Result<Option<RecordLine>, ReadError> {
    if line.bytes.starts_with(br#"{"verdict":"#) {
        Ok(read::parse(line)?.map(RecordLine::Verdict))
    } else {
        Ok(read::parse(line)?.map(RecordLine::Event))
    }
}

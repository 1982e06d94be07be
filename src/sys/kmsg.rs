//! The kernel's log, read record by record (`/dev/kmsg`, Linux
//! `Documentation/ABI/testing/dev-kmsg`). It is machine-wide.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Longest record, bytes: `PRINTKRB_RECORD_MAX`/`CONSOLE_EXT_LOG_MAX` are at most 8192 (Linux 3.5 to 6.18).
const RECORD_MAX: usize = 8192;

/// A reader of the log.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
    buffer: Vec<u8>,
}

/// The result of reading the log.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogRecord {
    /// The text of a record, without its prefix and the properties that follow.
    Line {
        /// The time of the record on the log's clock: since boot, close to `CLOCK_MONOTONIC`.
        at: Duration,
        text: String,
    },
    /// The kernel overwrote records before they were read.
    Lost,
}

impl Kmsg {
    /// Opens the log at the oldest record that the kernel still has.
    ///
    /// # Errors
    /// EPERM if `kernel.dmesg_restrict` is 1 and CAP_SYSLOG is missing; ENOENT in containers without the device.
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")?;
        Ok(Self {
            file,
            buffer: vec![0; RECORD_MAX],
        })
    }

    /// Skips all records so far (`SEEK_END`, `devkmsg_llseek()`, Linux `kernel/printk/printk.c`).
    ///
    /// # Errors
    /// The errors of lseek(2).
    pub fn skip_to_end(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// Returns the next record; `None` if there is none yet.
    ///
    /// # Errors
    /// The errors of read(2).
    pub fn take(&mut self) -> io::Result<Option<LogRecord>> {
        loop {
            match self.file.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    if let Some(line) = line_of(&self.buffer[..length]) {
                        return Ok(Some(line));
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(None),
                    ErrorKind::Interrupted => {}
                    ErrorKind::BrokenPipe => return Ok(Some(LogRecord::Lost)),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Waits until there is a record, or until `stop` becomes readable or its other end is closed.
    ///
    /// # Errors
    /// The errors of poll(2).
    pub fn wait(&self, stop: BorrowedFd<'_>) -> io::Result<WaitEnd> {
        let mut watched = [
            PollFd::new(self.file.as_fd(), PollFlags::POLLIN),
            PollFd::new(stop, PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) if watched[1].any() == Some(true) => return Ok(WaitEnd::Stop),
                Ok(_) => return Ok(WaitEnd::LogRecord),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WaitEnd {
    LogRecord,
    Stop,
}

/// Parses a record `level,sequence,microseconds,flags;text\n KEY=value\n`; `None` if it does not have that form.
fn line_of(record: &[u8]) -> Option<LogRecord> {
    let separator = record.iter().position(|byte| *byte == b';')?;
    let time = record[..separator].split(|byte| *byte == b',').nth(2)?;
    let at = Duration::from_micros(str::from_utf8(time).ok()?.parse().ok()?);
    let text = &record[separator + 1..];
    let end = text.iter().position(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]).into_owned();
    Some(LogRecord::Line { at, text })
}

/// Returns the inode of the namespace that a line names, as in `table full in netns 4026532456`.
pub fn netns_of(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("netns ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_text_and_a_time() {
        let record =
            b"4,1312,81273645,-;nf_conntrack: nf_conntrack: table full in netns 4026532456, \
            dropping packet\n SUBSYSTEM=net\n";
        let line = |micros, text: &str| {
            let at = Duration::from_micros(micros);
            Some(LogRecord::Line {
                at,
                text: text.to_owned(),
            })
        };
        let full = "nf_conntrack: nf_conntrack: table full in netns 4026532456, dropping packet";
        assert_eq!(line_of(record), line(81_273_645, full));
        assert_eq!(line_of(b"6,1,2,-;a;b"), line(2, "a;b"));
        assert_eq!(line_of(b"6,1,2,-;"), line(2, ""));
        assert_eq!(line_of(b"no record"), None);
        assert_eq!(line_of(b"6,1,soon,-;a"), None);
    }

    #[test]
    fn a_line_names_a_namespace_by_its_inode() {
        assert_eq!(
            netns_of("table full in netns 4026532456, dropping"),
            Some(4_026_532_456)
        );
        assert_eq!(
            netns_of("table full in netns 4026532456"),
            Some(4_026_532_456)
        );
        assert_eq!(netns_of("table full, dropping packet"), None);
        assert_eq!(netns_of("netns of nobody"), None);
        assert_eq!(netns_of("netns 99999999999999999999999"), None);
    }
}

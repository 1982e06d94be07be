//! Records the lines of the kernel's log that concern the lab, from the moment at which the probes were prepared.
//!
//! The log belongs to the whole machine. A line that names a namespace is kept if that is one of the lab's. Most
//! lines name none; of these, the ones of TCP/IP and connection tracking are kept ([`SUBSYSTEMS`]), which other
//! users of the machine may have caused. Lines stay as the kernel wrote them.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::ProbeError;
use super::log_limit::{INTERVAL, LogLimit};
use crate::metrics::kernel;
use crate::record::{Event, Recorder, RunClock, SeriesId};
use crate::sys::kmsg::{Kmsg, LogRecord, WaitEnd, netns_of};
use crate::sys::timer;

/// Beginnings of lines that are kept although they name no namespace: `pr_fmt` of the kernel's files and the names of
/// functions that limit rates (Linux 4.9 to 6.18: `net/netfilter/nf_conntrack_core.c`, `net/ipv4/tcp_input.c`,
/// `af_inet.c`, `net/ipv6/af_inet6.c`, `net/core/neighbour.c`, `lib/ratelimit.c`).
/// `net_ratelimit: 12 callbacks suppressed` means that lines are missing.
const SUBSYSTEMS: [&str; 8] = [
    "nf_conntrack",
    "nf_nat",
    "TCP:",
    "IPv4:",
    "IPv6:",
    "neighbour:",
    "net_ratelimit:",
    "net_ratelimit(",
];

/// The beginning of the line that reports a process killed for lack of memory (Linux `mm/oom_kill.c`; "Kill"
/// before 5.1).
const OUT_OF_MEMORY: &str = "Out of memory: Kill";

/// The note for a run whose lines may be missing.
const USED_UP: &str = "other processes used up the kernel's log rate limit (10 network messages in 5 s), so \
     `kernel.log` may lack lines";

/// The thread that reads the log.
#[derive(Debug)]
pub(super) struct KernelLog {
    /// Closing it stops the thread.
    stop: PipeWriter,
    begin: Sender<RunClock>,
    thread: JoinHandle<io::Result<()>>,
}

impl KernelLog {
    /// Opens the log at its end, declares `kernel.log` and starts the thread. If an expectation reads the log and
    /// it cannot be read, a note says why.
    pub(super) fn prepare(
        namespaces: BTreeSet<u64>,
        read_by_an_expectation: bool,
        recorder: &Recorder,
    ) -> Result<Option<Self>, ProbeError> {
        let opened = Kmsg::open().and_then(|mut log| {
            if read_by_an_expectation {
                return at_end(log, &namespaces);
            }
            log.skip_to_end()?;
            Ok((log, LogLimit::default(), false))
        });
        let (log, others, used_up) = match opened {
            Ok(opened) => opened,
            Err(_) if !read_by_an_expectation => return Ok(None),
            Err(error) => {
                recorder.record(Event::Gap {
                    t: None,
                    of: kernel::LOG_NAME.to_owned(),
                    text: why_unreadable(&error),
                });
                return Ok(None);
            }
        };
        let reader = LogReader {
            log,
            namespaces,
            series: recorder.metric(&kernel::LOG, "kernel"),
            recorder: recorder.clone(),
            others,
            matters: read_by_an_expectation,
        };
        // After the wait for a quiet log, and before now.
        if used_up && read_by_an_expectation {
            recorder.record(Event::Gap {
                t: None,
                of: kernel::LOG_NAME.to_owned(),
                text: USED_UP.to_owned(),
            });
        }
        let (begin, clock) = mpsc::channel();
        let start = || {
            let (stopped, stop) = io::pipe()?;
            let thread = std::thread::Builder::new()
                .name("probe-kmsg".to_owned())
                .spawn(move || reader.read(&clock, &stopped))?;
            Ok(Self {
                stop,
                begin,
                thread,
            })
        };
        start().map(Some).map_err(ProbeError::Thread)
    }

    /// Starts the clock that dates the lines.
    pub(super) fn begin(&self, clock: RunClock) {
        // If the thread has ended, `stop` returns the reason.
        let _ended = self.begin.send(clock);
    }

    /// Reads the lines that are left and ends.
    pub(super) fn stop(self) -> Result<(), ProbeError> {
        drop((self.stop, self.begin));
        let read = self.thread.join();
        read.unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
            .map_err(ProbeError::KernelLog)
    }
}

#[derive(Debug)]
struct LogReader {
    log: Kmsg,
    namespaces: BTreeSet<u64>,
    series: SeriesId,
    recorder: Recorder,
    /// The part of the log's rate limit that other users of the machine take.
    others: LogLimit,
    /// True if an expectation reads the log, so that missing lines matter.
    matters: bool,
}

impl LogReader {
    fn read(mut self, clock: &Receiver<RunClock>, stopped: &PipeReader) -> io::Result<()> {
        let Ok(clock) = clock.recv() else {
            return Ok(());
        };
        loop {
            let woken = self.log.wait(stopped.as_fd())?;
            while let Some(record) = self.log.take()? {
                self.record(clock, record);
            }
            if woken == WaitEnd::Stop {
                return Ok(());
            }
        }
    }

    fn record(&mut self, clock: RunClock, record: LogRecord) {
        let t = clock.now();
        match record {
            LogRecord::Line { text: line, .. } if concerns(&line, &self.namespaces) => {
                let series = self.series;
                self.recorder.record(Event::Text { t, series, line });
            }
            LogRecord::Line { text, .. } if text.starts_with(OUT_OF_MEMORY) => {
                let text = format!(
                    "the machine ran out of memory, and its kernel killed a process: {text}"
                );
                self.recorder.record(Event::Note { t: Some(t), text });
            }
            LogRecord::Line { at, text } => {
                if is_limited(&text) && self.others.take(at) && self.matters {
                    self.recorder.record(Event::Gap {
                        t: Some(t),
                        of: kernel::LOG_NAME.to_owned(),
                        text: USED_UP.to_owned(),
                    });
                }
            }
            LogRecord::Lost if self.matters => self.recorder.record(Event::Gap {
                t: Some(t),
                of: kernel::LOG_NAME.to_owned(),
                text: "the kernel overwrote lines of its log before they were read: \
                       `kernel.log` has a gap"
                    .to_owned(),
            }),
            LogRecord::Lost => {}
        }
    }
}

/// Skips the lines logged so far. Returns the share of the rate limit that others have just used, and if it is used up.
fn at_end(mut log: Kmsg, namespaces: &BTreeSet<u64>) -> io::Result<(Kmsg, LogLimit, bool)> {
    let (mut others, mut used_up) = (LogLimit::default(), false);
    let now = timer::now()?;
    while let Some(record) = log.take()? {
        if let LogRecord::Line { at, text } = record
            && at + INTERVAL > now
            && is_limited(&text)
            && !concerns(&text, namespaces)
        {
            used_up |= others.take(at);
        }
    }
    Ok((log, others, used_up))
}

/// Returns true if the kernel limits the rate of this line together with other network messages (`net_ratelimit()`).
pub(super) fn is_limited(line: &str) -> bool {
    netns_of(line).is_some()
        || SUBSYSTEMS
            .iter()
            .any(|subsystem| line.starts_with(subsystem))
}

/// Returns true if a line concerns a lab with these namespaces.
fn concerns(line: &str, namespaces: &BTreeSet<u64>) -> bool {
    match netns_of(line) {
        Some(namespace) => namespaces.contains(&namespace),
        None => SUBSYSTEMS
            .iter()
            .any(|subsystem| line.starts_with(subsystem)),
    }
}

fn why_unreadable(error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "reading it needs root with CAP_SYSLOG, or `sysctl kernel.dmesg_restrict=0` on the host"
        }
        io::ErrorKind::NotFound => "start the container with `--device /dev/kmsg` and CAP_SYSLOG",
        _ => "see dmesg(1) on the host",
    };
    format!("`kernel.log` is not recorded: cannot read /dev/kmsg ({error}); {way_out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_FULL: &str =
        "nf_conntrack: nf_conntrack: table full in netns 4026532456, dropping packet";

    #[test]
    fn lines_that_name_a_namespace_are_kept_only_for_the_lab() {
        assert!(concerns(TABLE_FULL, &BTreeSet::from([4_026_532_456])));
        assert!(!concerns(TABLE_FULL, &BTreeSet::from([4_026_532_457])));
    }

    #[test]
    fn lines_without_a_namespace_are_kept_if_they_concern_the_network() {
        let none = BTreeSet::new();
        for kept in [
            "nf_conntrack: table full, dropping packet",
            "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.",
            "net_ratelimit: 12 callbacks suppressed",
            "neighbour: arp_cache: neighbor table overflow!",
        ] {
            assert!(concerns(kept, &none), "{kept}");
        }
        for left_out in ["EXT4-fs (vda): mounted filesystem", "usb 1-1: TCP:", ""] {
            assert!(!concerns(left_out, &none), "{left_out}");
        }
    }

    #[test]
    fn an_unreadable_log_is_reported_with_a_way_out() {
        let text = why_unreadable(&io::Error::from_raw_os_error(libc::EPERM));
        assert!(text.contains("CAP_SYSLOG"), "{text}");
    }
}

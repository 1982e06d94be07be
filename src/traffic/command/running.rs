//! A running program: collects its output, notices its end, and kills its process group.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::lines::TextSeries;
use super::ready::{NotReady, ReadyCheck};
use super::{CommandSeries, Program};
use crate::record::Offset;
use crate::scenario::workload::CommandSpec;
use crate::sys::confine::Confinement;
use crate::sys::process::{self, NofileLimit};
use crate::sys::wake::StopFlag;

/// Exit code for a timeout, the same as that of timeout(1).
const TIMED_OUT: i32 = 124;
/// Added to the number of the signal that killed a program, as shells do (bash(1), EXIT STATUS).
const KILLED: i32 = 128;
/// Interval between checks that a program listens. A check takes about 50 µs (measured); programs take milliseconds to
/// seconds.
const LOOK: Duration = Duration::from_millis(5);

/// A running program. When this is dropped, its process group is killed and it is reaped.
pub(super) struct RunningCommand<'a> {
    spec: &'a CommandSpec,
    series: &'a CommandSeries,
    outputs: Vec<OutputPipe>,
    child: Child,
    has_ended: Arc<StopFlag>,
    /// Waits for the end without reaping, so that the process id stays the child's until then.
    waiter: Option<JoinHandle<io::Result<()>>>,
}

struct OutputPipe {
    pipe: Pipe,
    lines: TextSeries,
    open: bool,
}

/// A pipe from a child's standard output or error.
enum Pipe {
    Out(std::process::ChildStdout),
    Err(std::process::ChildStderr),
}

impl Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Out(pipe) => pipe.read(buffer),
            Self::Err(pipe) => pipe.read(buffer),
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Out(pipe) => pipe.as_fd(),
            Self::Err(pipe) => pipe.as_fd(),
        }
    }
}

/// The reason why a program ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndReason {
    ByItself,
    TimeIsUp,
    RunIsOver,
}

impl<'a> RunningCommand<'a> {
    /// Starts a program, which is killed when the calling thread ends.
    pub(super) fn start(
        spec: &'a CommandSpec,
        program: &Program,
        nofile: NofileLimit,
        confinement: Confinement,
        series: &'a CommandSeries,
    ) -> io::Result<Self> {
        let has_ended = Arc::new(StopFlag::new()?);
        let mut command = program.command(spec);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = Self {
            spec,
            series,
            outputs: Vec::new(),
            child: process::spawn_confined(&mut command, nofile, confinement)?,
            has_ended,
            waiter: None,
        };
        running.take_outputs()?;
        let (ended, pid) = (Arc::clone(&running.has_ended), running.child.id());
        let waiter = std::thread::Builder::new()
            .name("command-end".to_owned())
            .spawn(move || {
                let result = process::wait_ended(pid);
                ended.raise();
                result
            })?;
        running.waiter = Some(waiter);
        Ok(running)
    }

    fn take_outputs(&mut self) -> io::Result<()> {
        let name = &self.spec.name;
        let out = self.child.stdout.take().map(Pipe::Out);
        let err = self.child.stderr.take().map(Pipe::Err);
        let out = out.map(|pipe| (pipe, format!("{name}.stdout"), self.series.stdout));
        let err = err.map(|pipe| (pipe, format!("{name}.stderr"), self.series.stderr));
        for (pipe, name, series) in [out, err].into_iter().flatten() {
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            self.outputs.push(OutputPipe {
                pipe,
                lines: TextSeries::new(name, series, self.series.recorder.clone()),
                open: true,
            });
        }
        Ok(())
    }

    /// Waits until the program listens or is stopped.
    ///
    /// # Errors
    /// If the program ends before, or does not listen within its timeout; the error quotes its last output.
    pub(super) fn until_ready(
        &mut self,
        mut readiness: ReadyCheck,
        stop: &StopFlag,
    ) -> io::Result<()> {
        let deadline = Instant::now() + self.spec.timeout;
        while !readiness.is_there()? && !stop.is_raised() {
            let not_ready = |reason| io::Error::other(reason);
            if self.has_ended.is_raised() {
                process::kill_group(&self.child);
                let status = self.child.wait()?;
                self.drain();
                let (port, output) = (readiness.port(), self.output());
                return Err(not_ready(NotReady::Ended {
                    port,
                    status,
                    output,
                }));
            }
            if Instant::now() >= deadline {
                return Err(not_ready(NotReady::TooLate {
                    port: readiness.port(),
                    timeout: self.spec.timeout,
                    instead: readiness.instead(),
                    output: self.output(),
                }));
            }
            self.wait(Some(LOOK), stop)?;
            self.drain();
        }
        Ok(())
    }

    /// Returns the last lines of output.
    fn output(&self) -> Vec<String> {
        // Standard error is the last of the two and more informative, so it comes first.
        let outputs = self.outputs.iter().rev();
        let mut output = outputs.map(|output| output.lines.last());
        output.find(|output| !output.is_empty()).unwrap_or_default()
    }

    /// Follows the program until it ends.
    pub(super) fn watch(mut self, stop: &StopFlag) -> io::Result<()> {
        let reason = self.follow(stop);
        // Kill the rest of its group too, including processes that keep its pipes open.
        process::kill_group(&self.child);
        if let Some(waiter) = self.waiter.take() {
            let panicked = |_| Err(io::Error::other("the thread that waits for it panicked"));
            waiter.join().unwrap_or_else(panicked)?;
        }
        let t = self.drain();
        for output in &mut self.outputs {
            output.lines.end(t);
        }
        let status = self.child.wait()?;
        self.record_end(reason?, status, t);
        Ok(())
    }

    fn follow(&mut self, stop: &StopFlag) -> io::Result<EndReason> {
        let deadline = (!self.spec.background).then(|| Instant::now() + self.spec.timeout);
        loop {
            if self.has_ended.is_raised() {
                return Ok(EndReason::ByItself);
            }
            if stop.is_raised() {
                return Ok(EndReason::RunIsOver);
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(EndReason::TimeIsUp);
            }
            self.wait(left, stop)?;
            self.drain();
        }
    }

    /// Waits until the program has written something, has ended, or is stopped.
    fn wait(&self, at_most: Option<Duration>, stop: &StopFlag) -> io::Result<()> {
        let open = self.outputs.iter().filter(|output| output.open);
        let mut fds: Vec<_> = open
            .map(|output| output.pipe.as_fd())
            .chain([stop.as_fd(), self.has_ended.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let timeout = at_most.map_or(PollTimeout::NONE, |at_most| {
            // poll(2) counts in milliseconds; one more avoids spinning at the end.
            let timeout = PollTimeout::try_from(at_most + Duration::from_millis(1));
            timeout.unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads all available output and returns the time of reading.
    fn drain(&mut self) -> Offset {
        let t = self.series.now();
        for output in self.outputs.iter_mut().filter(|output| output.open) {
            output.drain(t);
        }
        t
    }

    fn record_end(&self, reason: EndReason, status: ExitStatus, t: Offset) {
        let name = &self.spec.name;
        let code = status.code();
        let code = code.unwrap_or_else(|| KILLED + status.signal().unwrap_or(0));
        match reason {
            EndReason::ByItself => {
                if self.spec.background {
                    let text = format!("command `{name}` ended before the run did, with {status}");
                    self.series.note(t, text);
                }
                self.series.ended(t, code);
            }
            EndReason::TimeIsUp => {
                let timeout = self.spec.timeout.as_secs_f64();
                let text =
                    format!("command `{name}` was killed: it had not ended after {timeout} s");
                self.series.note(t, text);
                self.series.ended(t, TIMED_OUT);
            }
            // This is the normal end of a background command.
            EndReason::RunIsOver if self.spec.background => {}
            EndReason::RunIsOver => {
                let text = format!("command `{name}` was killed: the run or a step ended it");
                self.series.note(t, text);
                self.series.ended(t, code);
            }
        }
    }
}

impl Drop for RunningCommand<'_> {
    fn drop(&mut self) {
        // After an error on this side the program may still run. Once reaped, neither call finds a process.
        if let Ok(None) = self.child.try_wait() {
            process::kill_group(&self.child);
            let _killed = self.child.wait();
        }
    }
}

impl OutputPipe {
    /// Reads everything that is available.
    fn drain(&mut self, t: Offset) {
        let mut buffer = [0; 16 * 1024];
        while self.open {
            match self.pipe.read(&mut buffer) {
                Ok(0) => self.open = false,
                Ok(count) => self.lines.take(&buffer[..count], t),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted => {}
                    _ => self.open = false,
                },
            }
        }
    }
}

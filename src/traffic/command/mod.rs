//! Real programs on a node, with their output and exit code in the record.
//!
//! Series of a command `ab`: gauge `ab.exit`, once it has ended: its exit code, 128 + n where signal n killed it, 124 where its time was
//! up (as timeout(1) says it); `ab.stdout` and `ab.stderr`, line by line, up to 10,000 lines and 1 MiB each.
//!
//! The program is run as it is, without a shell, in a process group of its own, with nothing on its standard input and an environment of
//! `PATH`, `HOME`, `LANG=C` and what the scenario adds. It dies with the thread that started it.

mod lines;
mod program;

pub(super) use program::Program;

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::lines::Lines;
use super::actor::Cues;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId, SeriesKind, SeriesUnit};
use crate::scenario::workload::CommandSpec;
use crate::sys::process;
use crate::sys::process::NofileLimit;
use crate::sys::wake::StopFlag;

/// Exit code that stands for a time that was up, as timeout(1) gives it.
const TIMED_OUT: i32 = 124;
/// Added to the number of the signal that killed a program, as shells do (bash(1), EXIT STATUS).
const KILLED: i32 = 128;

/// Where a command's output goes.
#[derive(Debug)]
pub(super) struct Streams {
    recorder: Recorder,
    exit: SeriesId,
    stdout: SeriesId,
    stderr: SeriesId,
}

impl Streams {
    /// Declares the series.
    pub(super) fn declare(spec: &CommandSpec, recorder: &Recorder) -> Self {
        let series = |name: &str, kind, unit| {
            recorder.series(format!("{}.{name}", spec.name).as_str(), kind, unit)
        };
        Self {
            exit: series("exit", SeriesKind::Gauge, SeriesUnit::Count),
            stdout: series("stdout", SeriesKind::Text, SeriesUnit::Text),
            stderr: series("stderr", SeriesKind::Text, SeriesUnit::Text),
            recorder: recorder.clone(),
        }
    }

    fn note(&self, t: Offset, text: String) {
        self.recorder.tell(Event::Note { t: Some(t), text });
    }
}

/// The whole life of a command on its thread: waits for its start, runs it, tells how it ended.
pub(super) fn run(
    spec: &CommandSpec,
    program: &Program,
    nofile: NofileLimit,
    streams: &Streams,
    cues: &Cues,
) -> io::Result<()> {
    cues.ready()();
    let Ok(clock) = cues.begin.recv() else {
        return Ok(());
    };
    if cues
        .stop
        .wait_until(clock.instant(Offset::from_duration(spec.start)))
    {
        return Ok(());
    }
    let mut command = program.command(spec);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = process::spawn_bounded(&mut command, nofile)?;
    let mut running = Running {
        spec,
        clock,
        streams,
        outputs: Vec::new(),
        child,
    };
    running.take_outputs()?;
    running.watch(&cues.stop)
}

/// A program that runs. Its group is killed, and it is reaped, when this is dropped.
struct Running<'a> {
    spec: &'a CommandSpec,
    clock: RunClock,
    streams: &'a Streams,
    outputs: Vec<Output>,
    child: Child,
}

struct Output {
    pipe: Pipe,
    lines: Lines,
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

/// Why a program ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    ByItself,
    TimeIsUp,
    RunIsOver,
}

impl Running<'_> {
    fn take_outputs(&mut self) -> io::Result<()> {
        let name = &self.spec.name;
        let out = self.child.stdout.take().map(Pipe::Out);
        let err = self.child.stderr.take().map(Pipe::Err);
        let out = out.map(|pipe| (pipe, format!("{name}.stdout"), self.streams.stdout));
        let err = err.map(|pipe| (pipe, format!("{name}.stderr"), self.streams.stderr));
        for (pipe, name, series) in [out, err].into_iter().flatten() {
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            self.outputs.push(Output {
                pipe,
                lines: Lines::new(name, series, self.streams.recorder.clone()),
                open: true,
            });
        }
        Ok(())
    }

    /// Follows it to its end.
    fn watch(mut self, stop: &StopFlag) -> io::Result<()> {
        let has_ended = Arc::new(StopFlag::new()?);
        let (tell, pid) = (Arc::clone(&has_ended), self.child.id());
        // Waits without reaping: as long as this thread has not, the number is the child's.
        let waiter = std::thread::Builder::new()
            .name("command-end".to_owned())
            .spawn(move || {
                let result = process::wait_ended(pid);
                tell.raise();
                result
            })?;
        let why = self.follow(stop, &has_ended);
        // The rest of its group goes with it; so does whoever holds its pipes open.
        process::kill_group(&self.child);
        waiter
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that waits for it panicked")))?;
        let t = self.clock.now();
        for output in &mut self.outputs {
            output.drain(t);
            output.lines.end(t);
        }
        let status = self.child.wait()?;
        self.tell_end(why?, status, t);
        Ok(())
    }

    fn follow(&mut self, stop: &StopFlag, has_ended: &StopFlag) -> io::Result<Why> {
        let deadline = Instant::now() + self.spec.timeout;
        loop {
            if has_ended.is_raised() {
                return Ok(Why::ByItself);
            }
            if stop.is_raised() {
                return Ok(Why::RunIsOver);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Why::TimeIsUp);
            }
            self.wait(left, stop, has_ended)?;
            let t = self.clock.now();
            for output in self.outputs.iter_mut().filter(|output| output.open) {
                output.drain(t);
            }
        }
    }

    fn wait(&self, at_most: Duration, stop: &StopFlag, has_ended: &StopFlag) -> io::Result<()> {
        let open = self.outputs.iter().filter(|output| output.open);
        let mut fds: Vec<_> = open
            .map(|output| output.pipe.as_fd())
            .chain([stop.as_fd(), has_ended.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        // poll(2) counts milliseconds: one more, so as not to spin at the end.
        let timeout = PollTimeout::try_from(at_most + Duration::from_millis(1));
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn tell_end(&self, why: Why, status: ExitStatus, t: Offset) {
        let name = &self.spec.name;
        let code = status.code();
        let code = code.unwrap_or_else(|| KILLED + status.signal().unwrap_or(0));
        let code = match why {
            Why::ByItself => code,
            Why::TimeIsUp => {
                let timeout = self.spec.timeout.as_secs_f64();
                let text =
                    format!("command `{name}` was killed: it had not ended after {timeout} s");
                self.streams.note(t, text);
                TIMED_OUT
            }
            Why::RunIsOver => {
                let text = format!("command `{name}` was killed: the run or a step ended it");
                self.streams.note(t, text);
                code
            }
        };
        self.streams.recorder.tell(Event::Sample {
            t,
            v: vec![(self.streams.exit, code.into())],
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // After an error of this side the program still runs; once it is reaped both find nobody.
        if let Ok(None) = self.child.try_wait() {
            process::kill_group(&self.child);
            let _killed = self.child.wait();
        }
    }
}

impl Output {
    /// Takes what is there.
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

#[cfg(test)]
mod tests;

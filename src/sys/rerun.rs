//! This program once more, inside a sandbox of its own: what a process that has threads already cannot become itself.
//!
//! unshare(2) of a user namespace and a fresh PID namespace both ask for a process with one thread. A forked child has one, enters
//! the sandbox and executes the program anew.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, execve};

use super::fdtable;
use super::sandbox::{self, SandboxOptions, SandboxProcess};

/// What became of the program's other run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub code: u8,
    /// What it wrote to standard output and standard error.
    pub output: String,
    /// What it said through [`AnswerPipe`].
    pub answer: Vec<u8>,
}

/// The exit code of a child that never came to run the program: as of a shell for what it cannot execute.
const NOT_RUN: u8 = 126;

/// Executes the running program (`/proc/self/exe`) in a sandbox, with these arguments, the first its name, and this environment; of
/// the variable `answer_in` it gets the number of a descriptor as [`AnswerPipe::take`] wants it. Waits for its end. It dies with the
/// calling thread.
///
/// # Errors
/// Where no process or pipe can be had. Where there is no sandbox, the run ends with code 126 and its output says why.
pub fn rerun_in_sandbox(
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    answer_in: &str,
) -> io::Result<Rerun> {
    let (output, write_output) = io::pipe()?;
    let (answer, write_answer) = io::pipe()?;
    let nothing = File::open("/dev/null")?;
    // Everything that takes memory is made before the fork.
    let number = OsString::from(write_answer.as_raw_fd().to_string());
    let variable = |(name, value): (OsString, OsString)| {
        let mut bytes = name.into_vec();
        bytes.push(b'=');
        bytes.extend(value.into_vec());
        CString::new(bytes)
    };
    let environment = environment
        .into_iter()
        .filter(|(name, _)| name != answer_in)
        .chain([(OsString::from(answer_in), number)])
        .map(variable)
        .collect::<Result<Vec<_>, _>>()?;
    let arguments = arguments
        .into_iter()
        .map(|argument| CString::new(argument.into_vec()))
        .collect::<Result<Vec<_>, _>>()?;
    match sandbox::fork_single_threaded()? {
        ForkResult::Child => {
            let redirected = dup2_stdin(&nothing)
                .and_then(|()| dup2_stdout(&write_output))
                .and_then(|()| dup2_stderr(&write_output))
                .and_then(|()| keep_on_exec(write_answer.as_fd()));
            // Other threads' pipes stay theirs: whoever reads them waits for the end of all that hold them.
            let alone = fdtable::unshare_keeping(&[write_answer.as_fd()]);
            if redirected.is_err() || alone.is_err() {
                sandbox::end_with(NOT_RUN);
            }
            sandbox::end_with(enter_and_execute(&arguments, &environment))
        }
        ForkResult::Parent { child } => {
            drop((write_output, write_answer));
            let output = read_all(output)?;
            let answer = read_all(answer)?;
            let code = match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => u8::try_from(code).unwrap_or(u8::MAX),
                WaitStatus::Signaled(_, signal, _) => {
                    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
                }
                _ => u8::MAX,
            };
            Ok(Rerun {
                code,
                output: String::from_utf8_lossy(&output).into_owned(),
                answer,
            })
        }
    }
}

/// In the child: gives the code to end with, where it does not become the program.
fn enter_and_execute(arguments: &[CString], environment: &[CString]) -> u8 {
    let send = |text: String| {
        let _nobody_reads = nix::unistd::write(io::stderr(), text.as_bytes());
    };
    match sandbox::enter(SandboxOptions::default()) {
        Ok(SandboxProcess::Finished(code)) => code,
        Ok(SandboxProcess::Inside(_)) => {
            let error = execve(c"/proc/self/exe", arguments, environment);
            send(format!("cannot execute this program again: {error:?}"));
            NOT_RUN
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            send(format!("{error}: {}", cause.unwrap_or_default()));
            NOT_RUN
        }
    }
}

fn keep_on_exec(file: BorrowedFd<'_>) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_SETFD(FdFlag::empty())).map(|_| ())
}

fn read_all(mut pipe: PipeReader) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The way by which a run inside answers the one outside.
#[derive(Debug)]
pub struct AnswerPipe(File);

impl AnswerPipe {
    /// Takes the descriptor of this number, which nothing else in this process may own; from now on no child inherits it.
    /// `None` where there is no such pipe.
    #[expect(unsafe_code, reason = "a descriptor known by its number")]
    pub fn take(number: RawFd) -> Option<Self> {
        if number < 3 {
            return None;
        }
        // SAFETY: the number came from the one that started this program, for this alone; it is checked to be open next.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
        // SAFETY: open, as the call before has shown, and owned by nothing else, as the caller warrants.
        let file = unsafe { OwnedFd::from_raw_fd(number) };
        Some(Self(File::from(file)))
    }

    /// Answers.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn send(mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.0, bytes)
    }
}

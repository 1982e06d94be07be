//! Runs this program again inside a sandbox, for callers that have threads and so cannot enter one themselves.
//!
//! unshare(2) requires a single thread for a user namespace, and so does a new PID namespace. A forked child
//! has only one: it enters the sandbox and executes the program anew.

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

/// The result of the program's run in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// Its exit code, or 128 plus the number of the signal that ended it.
    pub code: u8,
    /// Its standard output and standard error.
    pub output: String,
    /// The bytes sent through [`AnswerPipe`].
    pub answer: Vec<u8>,
}

/// The exit code of a child that could not execute the program, as used by shells.
const NOT_RUN: u8 = 126;

/// Executes the running program (`/proc/self/exe`) in a sandbox and waits for its end. The first argument is
/// the program name. The environment variable `answer_in` is set to a descriptor for [`AnswerPipe::take`].
/// The child dies with the calling thread.
///
/// # Errors
/// No process or pipe can be created. If the sandbox cannot be created, the run ends with code 126 and its
/// output has the reason.
pub fn rerun_in_sandbox(
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    answer_in: &str,
) -> io::Result<Rerun> {
    let (output, write_output) = io::pipe()?;
    let (answer, write_answer) = io::pipe()?;
    let nothing = File::open("/dev/null")?;
    // Everything that allocates memory happens before the fork.
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
            // Pipes of other threads must not stay open here: their readers wait until all holders have closed them.
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

/// Turns the child into the program. Returns an exit code if that fails.
fn enter_and_execute(arguments: &[CString], environment: &[CString]) -> u8 {
    let send = |text: String| {
        let _no_reader = nix::unistd::write(io::stderr(), text.as_bytes());
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

/// The pipe through which the inner process sends its answer.
#[derive(Debug)]
pub struct AnswerPipe(File);

impl AnswerPipe {
    /// Takes ownership of a descriptor by its number. Nothing else in this process may own it, and children
    /// no longer inherit it. Returns `None` if it is not open.
    #[expect(unsafe_code, reason = "a descriptor known by its number")]
    pub fn take(number: RawFd) -> Option<Self> {
        if number < 3 {
            return None;
        }
        // SAFETY: the number comes from the process that started this one, for this purpose only; it is checked next.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
        // SAFETY: the previous call shows that it is open, and the caller guarantees that nothing else owns it.
        let file = unsafe { OwnedFd::from_raw_fd(number) };
        Some(Self(File::from(file)))
    }

    ///
    /// # Errors
    /// The other process no longer reads.
    pub fn send(mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.0, bytes)
    }
}

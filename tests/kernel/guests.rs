//! Runs the trials in guests beside those on this kernel: in a process of its own, which gets only the processor time
//! that is left (`SCHED_IDLE`, sched(7)), and whose output is shown when it has ended.

use std::fs::File;
use std::io::{self, Seek};
use std::process::{Child, Command, Stdio};

use nslab::sys::lifeline::die_with_parent;

/// Set in the environment of the process that runs the trials in guests, and of everything that it starts.
const ASKED_FOR: &str = "NSLAB_TEST_GUESTS";

/// The process that runs the trials in guests.
pub(crate) struct Guests {
    process: Child,
    output: File,
}

pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(ASKED_FOR).is_some()
}

/// Returns true if a process with this environment, as in `/proc/PID/environ`, belongs to the trials in guests.
pub(crate) fn has_started(environment: &[u8]) -> bool {
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.starts_with(ASKED_FOR.as_bytes()))
}

/// Starts this program again. Fails if `chrt` is not installed.
pub(crate) fn begin() -> io::Result<Guests> {
    let output = tempfile::tempfile()?;
    let mut command = Command::new("chrt");
    command
        .args(["--idle", "0"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(ASKED_FOR, "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    die_with_parent(&mut command);
    let process = command.spawn()?;
    Ok(Guests { process, output })
}

impl Guests {
    /// Waits for the end, shows the output, and returns true if no trial failed.
    pub(crate) fn end(mut self) -> bool {
        let passed = self.process.wait().is_ok_and(|status| status.success());
        let shown = self
            .output
            .rewind()
            .and_then(|()| io::copy(&mut self.output, &mut io::stdout()));
        passed && shown.is_ok()
    }
}

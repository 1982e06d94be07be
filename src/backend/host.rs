//! The host's kernel, in real time: a worker is this program, started again.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::hang::HangLimit;
use super::protocol::{ProtocolError, Worker};
use crate::run::WorkOrder;
use crate::sys::lifeline::{die_with_parent, open_file};
use crate::sys::process::{limit_nofile, raise_nofile};

/// A shell adds this to a signal's number to make an exit code (`sh(1)`, `$?`).
const SIGNAL_EXIT_BASE: i32 = 128;

/// Runs workers as child processes on this kernel.
#[derive(Debug, Clone)]
pub struct HostBackend {
    program: PathBuf,
}

impl Default for HostBackend {
    /// Workers are this very program, even if its file has been replaced since (`/proc/self/exe`, proc(5)).
    fn default() -> Self {
        Self {
            program: crate::sys::lifeline::this_program(),
        }
    }
}

impl HostBackend {
    /// Uses another program as the worker; it must speak the same protocol.
    pub fn with_program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Starts a worker, sends it its work order, and has it write packets to the capture file if there is one. Must be
    /// called on a thread that lives as long as the worker.
    pub(super) async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, ProtocolError> {
        let order = WorkOrder {
            capture: capture.map(open_file),
            ..order.clone()
        };
        let mut command = Command::new(&self.program);
        // It gets its own process group, so that Ctrl-C on the terminal reaches only this process, which then
        // cancels it.
        command
            .arg("worker")
            // So that process lists, and `nslab exec`, show which run it executes.
            .arg(order.spec.id.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(command.as_std_mut());
        // This process raises its own limit of descriptors, since many runs need many. The worker gets the original
        // limit, which is what the programs of its run see.
        limit_nofile(
            command.as_std_mut(),
            raise_nofile().map_err(ProtocolError::Start)?,
        );
        let mut child = command.spawn().map_err(ProtocolError::Start)?;
        let mut stdin = child.stdin.take().ok_or(ProtocolError::NoPipe)?;
        let mut line = serde_json::to_vec(&order).map_err(ProtocolError::Order)?;
        line.push(b'\n');
        // If the worker died at once, its exit status and last words explain that better than this error.
        let _reported_by_exit_status = stdin.write_all(&line).await;
        let hang_limit = HangLimit::Timeout {
            start_up: Duration::ZERO,
        };
        Worker::process(child, stdin, hang_limit, explain)
    }
}

/// Explains the end of a worker process. If a signal killed a process below it, its exit code is that of a shell.
fn explain(status: ExitStatus, _last_words: &[String]) -> String {
    let from_code = status.code().map(|code| code - SIGNAL_EXIT_BASE);
    let signal = from_code.filter(|signal| *signal > 0);
    let Some(signal) = status.signal().or(signal) else {
        return format!("the worker ended with {status}");
    };
    let name = Signal::try_from(signal).map_or_else(|_| signal.to_string(), |s| s.to_string());
    let by_whom = match signal {
        libc::SIGKILL => ": by someone, or by the kernel because memory had run out (see dmesg)",
        _ => "",
    };
    format!("the worker was killed by {name}{by_whom}")
}

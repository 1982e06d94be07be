//! This kernel, in real time: the same program, started again as a worker.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::protocol::{Worker, WorkerError};
use crate::run::WorkOrder;
use crate::sys::lifeline::{die_with_parent, open_file};
use crate::sys::process::{limit_nofile, raise_nofile};

/// Runs workers as child processes on this kernel.
#[derive(Debug, Clone)]
pub struct HostBackend {
    program: PathBuf,
}

impl Default for HostBackend {
    /// Workers are this very program, also when its file has been replaced meanwhile (`/proc/self/exe`, proc(5)).
    fn default() -> Self {
        Self {
            program: crate::sys::lifeline::this_program(),
        }
    }
}

impl HostBackend {
    /// Workers of another program that speaks the same protocol.
    pub fn with_program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Starts a worker and hands it its order, and the file that packets go to, where they are wanted. Must be called on a thread that lives as long as the worker shall.
    ///
    /// # Errors
    /// Where the process cannot be started or does not take its order.
    pub async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, WorkerError> {
        let order = WorkOrder {
            capture: capture.map(open_file),
            ..order.clone()
        };
        let mut command = Command::new(&self.program);
        // In a process group of its own, so that Ctrl-C on the terminal reaches only us, who then ask it to end.
        command
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(command.as_std_mut());
        // Many at once take many descriptors here; each gets the limit that there was, which is what the programs of its run see.
        limit_nofile(
            command.as_std_mut(),
            raise_nofile().map_err(WorkerError::Start)?,
        );
        let mut child = command.spawn().map_err(WorkerError::Start)?;
        let mut stdin = child.stdin.take().ok_or(WorkerError::NoPipe)?;
        let mut line = serde_json::to_vec(&order).map_err(WorkerError::Order)?;
        line.push(b'\n');
        // A worker that died at once shows in its exit status, with its last words; not here.
        let _told_by_its_end = stdin.write_all(&line).await;
        Worker::new(child, stdin)
    }
}

//! Boots a guest to where it asks for its order, once: to save it there, or to see that it gets there.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::console;
use super::monitor::{Monitor, MonitorError};
use super::process::{self, Begin, Parts, Running};
use crate::backend::hang::HangLimit;
use crate::backend::last_words::LastWords;
use crate::backend::protocol::Worker;
use crate::backend::vm::error::VmError;
use crate::backend::vm::kernel::Kernel;
use crate::sys::lifeline::own_descriptor;

/// How long a guest may take to boot, by the host's clock: 2 to 6 s of processor time, on a host that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take by hardware virtualisation, before that counts as unusable: under a second where it works.
const PATIENCE_FOR_KVM: Duration = Duration::from_secs(15);
/// How often its console is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Boots, with what the machine then is where its parts say. Gives the moment at which it stopped.
pub(crate) async fn save(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
) -> Result<u64, VmError> {
    boot(program, kernel, parts, PATIENCE).await
}

/// Boots, and that is all.
pub(crate) async fn try_it(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
) -> Result<(), VmError> {
    boot(program, kernel, parts, PATIENCE_FOR_KVM).await?;
    Ok(())
}

async fn boot(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
    patience: Duration,
) -> Result<u64, VmError> {
    let Running {
        child,
        mut events,
        console,
        stderr,
        monitor,
    } = process::start(program, parts).map_err(VmError::Start)?;
    let mut last_words = LastWords::default();
    last_words.follow(console);
    last_words.follow(stderr);
    let worker = Worker::guest(
        child,
        tokio::io::empty(),
        last_words,
        HangLimit::Timeout { start_up: patience },
        console::explain,
    );
    let reached = async {
        tokio::select! {
            reached = reach(monitor, &mut events, &parts.begin) => reached,
            // A machine that has given up does not always end.
            () = given_up(&worker) => Err(MonitorError::Ended),
        }
    };
    let ended = tokio::time::timeout(patience, reached).await;
    if let Ok(Ok(ticks)) = ended {
        let _gone_already = worker.wait(Instant::now()).await;
        return Ok(ticks);
    }
    // Where it has ended by itself, this takes no time; else it is killed.
    let end = worker
        .wait(Instant::now() + Duration::from_millis(100))
        .await;
    let console = end.map(|end| end.last_words).unwrap_or_default();
    let why = console::cause(&console).unwrap_or_else(|| match ended {
        Ok(Err(MonitorError::Ended)) => "the machine ended before its first program".to_owned(),
        Ok(Err(error)) => error.to_string(),
        _ => format!("it did not come to its first program within {patience:?}"),
    });
    Err(VmError::Boot {
        kernel: kernel.name.clone(),
        why,
        console,
    })
}

/// Waits until a guest's console says why it does not go on.
async fn given_up(worker: &Worker) {
    while console::cause(&worker.last_words()).is_none() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a guest has stopped where it asks for its order. Gives what its processor's counter said just before.
async fn reach(
    monitor: Option<UnixStream>,
    events: &mut pipe::Receiver,
    begin: &Begin<'_>,
) -> Result<u64, MonitorError> {
    let mut monitor = Monitor::open(monitor.ok_or(MonitorError::Ended)?).await?;
    monitor.event("STOP").await?;
    if let Begin::BootAndStop(Some(saved)) = begin {
        // What is meant for Xen suits a machine whose memory is a file. A QEMU 7.2 that records would not survive a migration: its
        // thread reads the host's clock without the lock for that (`migration/migration.c`, `migration_thread`).
        let to = json!({"filename": own_descriptor(saved.devices), "live": false});
        monitor.tell("xen-save-devices-state", to).await?;
    }
    events.read_u64_le().await.map_err(MonitorError::Talk)
}

//! Boots a guest, once, to the point where it waits for its work order: to save it there, or to check
//! that it gets there.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::console;
use super::monitor::{Monitor, MonitorError};
use super::process::{self, MachineParts, RunningMachine, StartMode};
use crate::backend::hang::HangLimit;
use crate::backend::last_words::LastWords;
use crate::backend::protocol::Worker;
use crate::backend::vm::error::VmError;
use crate::backend::vm::kernel::Kernel;
use crate::sys::lifeline::own_descriptor;

/// Maximum time for a boot, by the host's clock. It takes 2 to 6 s of processor time, and the host may be busy.
const BOOT_TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum time for a boot with hardware virtualisation before that counts as unusable: if it works, a boot takes
/// under a second.
const KVM_BOOT_TIMEOUT: Duration = Duration::from_secs(15);
/// The interval at which the console is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Boots a machine and saves it to the files named in its parts. Returns the moment at which it stopped.
pub(crate) async fn save(
    program: &Path,
    kernel: &Kernel,
    parts: &MachineParts<'_>,
) -> Result<u64, VmError> {
    boot(program, kernel, parts, BOOT_TIMEOUT).await
}

/// Boots a machine to check that it can.
pub(crate) async fn check(
    program: &Path,
    kernel: &Kernel,
    parts: &MachineParts<'_>,
) -> Result<(), VmError> {
    boot(program, kernel, parts, KVM_BOOT_TIMEOUT).await?;
    Ok(())
}

async fn boot(
    program: &Path,
    kernel: &Kernel,
    parts: &MachineParts<'_>,
    timeout: Duration,
) -> Result<u64, VmError> {
    let RunningMachine {
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
        HangLimit::Timeout { start_up: timeout },
        console::explain,
    );
    let reached = async {
        tokio::select! {
            reached = reach(monitor, &mut events, &parts.start_mode) => reached,
            // A guest whose kernel has given up does not always end.
            () = given_up(&worker) => Err(MonitorError::Ended),
        }
    };
    let ended = tokio::time::timeout(timeout, reached).await;
    if let Ok(Ok(ticks)) = ended {
        let _gone_already = worker.wait(Instant::now()).await;
        return Ok(ticks);
    }
    // If it has ended by itself, this takes no time; otherwise it is killed.
    let end = worker
        .wait(Instant::now() + Duration::from_millis(100))
        .await;
    let console = end.map(|end| end.last_words).unwrap_or_default();
    let why = console::cause(&console).unwrap_or_else(|| match ended {
        Ok(Err(MonitorError::Ended)) => "the machine ended before its first program".to_owned(),
        Ok(Err(error)) => error.to_string(),
        _ => format!("it did not reach its first program within {timeout:?}"),
    });
    Err(VmError::Boot {
        kernel: kernel.name.clone(),
        why,
        console,
    })
}

/// Waits until a guest's console shows why it cannot continue.
async fn given_up(worker: &Worker) {
    while console::cause(&worker.last_words()).is_none() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits until a guest has stopped at the point where it waits for its work order. Returns the value of its
/// processor's counter just before.
async fn reach(
    monitor: Option<UnixStream>,
    events: &mut pipe::Receiver,
    start_mode: &StartMode<'_>,
) -> Result<u64, MonitorError> {
    let mut monitor = Monitor::open(monitor.ok_or(MonitorError::Ended)?).await?;
    monitor.event("STOP").await?;
    if let StartMode::BootAndStop(Some(saved)) = start_mode {
        // This command was made for Xen and suits a machine whose memory is a file. A QEMU 7.2 that
        // records would not survive a migration: its thread reads the host's clock without holding the
        // required lock (`migration/migration.c`, `migration_thread`).
        let to = json!({"filename": own_descriptor(saved.devices), "live": false});
        monitor.execute("xen-save-devices-state", to).await?;
    }
    events.read_u64_le().await.map_err(MonitorError::Talk)
}

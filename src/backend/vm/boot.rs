//! Boots a guest to where it asks for its order, once: to save it there, or to see that it gets there.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::console;
use super::error::VmError;
use super::gather::Gather;
use super::kernel::Kernel;
use super::qemu::monitor::{Monitor, MonitorError};
use super::qemu::process::{self, Parts, Running};
use super::snapshot::Snapshot;
use crate::backend::protocol::Worker;

/// How long a guest may take to boot, by the host's clock: 2 to 6 s of processor time, on a host that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take by hardware virtualisation, before that counts as unusable: under a second where it works.
const PATIENCE_FOR_KVM: Duration = Duration::from_secs(15);
/// What migration may use, bytes a second: all there is.
const NO_LIMIT: u64 = 1 << 40;

/// Boots and writes what the machine then is to a file.
pub(super) async fn save(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
    file: &File,
) -> Result<(), VmError> {
    boot(program, kernel, parts, PATIENCE, Some(file)).await
}

/// Boots, and that is all.
pub(super) async fn try_it(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
) -> Result<(), VmError> {
    boot(program, kernel, parts, PATIENCE_FOR_KVM, None).await
}

async fn boot(
    program: &Path,
    kernel: &Kernel,
    parts: &Parts<'_>,
    patience: Duration,
    file: Option<&File>,
) -> Result<(), VmError> {
    let Running {
        mut child,
        events,
        console,
        stderr,
        monitor,
    } = process::start(program, parts).map_err(VmError::Start)?;
    let ended = tokio::time::timeout(patience, reach(monitor, file)).await;
    if let Ok(Ok(())) = ended {
        let _gone_already = child.kill().await;
        return Ok(());
    }
    let worker = Worker::guest(child, Gather::new(events), console, stderr);
    // Where it has ended by itself, this takes no time; else it is killed.
    let end = worker
        .wait(Instant::now() + Duration::from_millis(100))
        .await;
    let console = end.map(|end| end.last_words).unwrap_or_default();
    if let Ok(Err(MonitorError::Migration)) = ended {
        return Err(VmError::Save {
            kernel: kernel.name.clone(),
            why: console.last().cloned().unwrap_or_default(),
        });
    }
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

/// Waits until a guest has stopped where it asks for its order.
async fn reach(monitor: UnixStream, file: Option<&File>) -> Result<(), MonitorError> {
    let mut monitor = Monitor::open(monitor).await?;
    monitor.event("GUEST_PANICKED").await?;
    if let Some(file) = file {
        let no_limit = json!({"max-bandwidth": NO_LIMIT});
        monitor.tell("migrate-set-parameters", no_limit).await?;
        monitor.give("snapshot", file).await?;
        monitor
            .tell("migrate", json!({"uri": "fd:snapshot"}))
            .await?;
        monitor.migrated().await?;
    }
    Ok(())
}

/// Has a machine that waits become what it was when it was saved, and go on.
pub(super) async fn restore(monitor: UnixStream, snapshot: &Snapshot) -> Result<(), VmError> {
    let file = snapshot.open().map_err(VmError::Snapshot)?;
    let restored = async {
        let mut monitor = Monitor::open(monitor).await?;
        monitor.give("snapshot", &file).await?;
        monitor
            .tell("migrate-incoming", json!({"uri": "fd:snapshot"}))
            .await?;
        monitor.migrated().await?;
        monitor.tell("cont", json!({})).await
    };
    restored.await.map(drop).map_err(VmError::Restore)
}

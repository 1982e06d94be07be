//! A kernel in QEMU, as a place where runs execute.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use tokio::sync::Mutex;

use super::fingerprint;
use super::gather::Gather;
use super::guest::order::{GuestOrder, NAME};
use super::guest_image::{GuestImage, ImageParts};
use super::initramfs::InitramfsError;
use super::kernel::Kernel;
use super::modules::ModulesError;
use super::qemu::machine::{Machine, Time};
use super::qemu::monitor::{Monitor, MonitorError};
use super::qemu::process::{self, Begin, Parts, Running};
use super::qemu::{Qemu, QemuError};
use super::snapshot::{Snapshot, Snapshots};
use crate::backend::protocol::Worker;
use crate::record::Guest;
use crate::run::{Ground, WorkOrder};
use crate::sys::memory_file::memory_file;

/// How long a guest may take to boot, by the host's clock: 2 to 6 s where nothing else runs.
const BOOT: Duration = Duration::from_secs(120);
/// Memory of a guest, MiB: what Linux takes and a hundred thousand sockets.
const MEMORY: u32 = 512;
/// What migration may use, bytes a second: all there is.
const NO_LIMIT: u64 = 1 << 40;

/// Why a guest cannot be had.
#[derive(Debug, Error)]
pub enum VmError {
    /// QEMU cannot be used.
    #[error(transparent)]
    Qemu(#[from] QemuError),
    /// The guest's file system cannot be made.
    #[error("cannot make the guest's file system")]
    Initramfs(#[from] InitramfsError),
    /// The kernel's modules cannot be used.
    #[error("cannot take the kernel's modules along")]
    Modules(#[from] ModulesError),
    /// Files in memory, or processes, cannot be had.
    #[error("cannot start a machine")]
    Start(#[source] io::Error),
    /// The guest's order cannot be written down.
    #[error("cannot write the order of the run")]
    Order(#[source] serde_json::Error),
    /// QEMU does not do what it is told.
    #[error("cannot have QEMU restore the guest")]
    Restore(#[source] MonitorError),
    /// A snapshot cannot be made.
    #[error("cannot take a snapshot of the guest")]
    Snapshot(#[source] io::Error),
    /// It did not boot to where a run begins.
    #[error("the kernel {kernel} did not boot: {why}")]
    Boot {
        /// The kernel.
        kernel: String,
        /// How it ended.
        why: String,
        /// The last lines of its console.
        console: Vec<String>,
    },
}

impl VmError {
    /// The last lines of the guest's console, where it got that far.
    pub fn console(&self) -> &[String] {
        match self {
            Self::Boot { console, .. } => console,
            _ => &[],
        }
    }
}

/// Runs workers as guests of QEMU.
#[derive(Debug, Clone)]
pub struct VmBackend(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kernel: Kernel,
    qemu: Qemu,
    time: Time,
    snapshots: Snapshots,
    /// Guests by the programs that they have.
    guests: Mutex<BTreeMap<ImageParts, Arc<Booted>>>,
}

/// What every run of some scenarios begins with.
#[derive(Debug)]
struct Booted {
    machine: Machine,
    image: GuestImage,
    /// In virtual time.
    snapshot: Option<Snapshot>,
}

impl VmBackend {
    /// A kernel, and how time passes for it.
    ///
    /// # Errors
    /// Where QEMU cannot be used.
    pub fn new(kernel: Kernel, time: Time) -> Result<Self, VmError> {
        Ok(Self(Arc::new(Inner {
            kernel,
            qemu: Qemu::find()?,
            time,
            snapshots: Snapshots::of_user(),
            guests: Mutex::default(),
        })))
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.0.kernel
    }

    /// How time passes.
    pub fn time(&self) -> Time {
        self.0.time
    }

    /// Makes what every run begins with, and keeps it: a snapshot of the guest after its boot.
    ///
    /// # Errors
    /// Where the kernel does not boot.
    pub async fn warm(&self) -> Result<(), VmError> {
        self.booted(ImageParts::default()).await.map(drop)
    }

    /// Starts a machine and hands it its order. Must be called on a thread that lives as long as the machine shall.
    ///
    /// # Errors
    /// Where there is no machine, or its kernel does not boot.
    pub async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, VmError> {
        let inner = &self.0;
        let booted = self.booted(ImageParts::of(&order.spec)).await?;
        let order = self.guest_order(order, &booted)?;
        let order = serde_json::to_vec(&order).map_err(VmError::Order)?;
        let order = memory_file("order", &order).map_err(VmError::Start)?;
        let parts = Parts {
            machine: booted.machine,
            kernel: &inner.kernel.image,
            initramfs: &booted.image.initramfs,
            order: Some((NAME, &order)),
            packets: capture,
            begin: match booted.snapshot {
                Some(_) => Begin::Restore,
                None => Begin::Boot,
            },
        };
        let running = process::start(&inner.qemu.program, &parts).map_err(VmError::Start)?;
        let Running {
            child,
            events,
            console,
            stderr,
            monitor,
        } = running;
        if let Some(snapshot) = &booted.snapshot {
            restore(monitor, snapshot).await?;
        }
        Ok(Worker::guest(child, Gather::new(events), console, stderr))
    }

    fn guest_order(&self, order: &WorkOrder, booted: &Booted) -> Result<GuestOrder, VmError> {
        Ok(GuestOrder {
            modules: booted.image.modules.clone(),
            work: WorkOrder {
                ground: Ground {
                    owns_kernel: true,
                    own_netns: true,
                },
                guest: Some(self.facts(booted)),
                ..order.clone()
            },
        })
    }

    fn facts(&self, booted: &Booted) -> Guest {
        Guest {
            emulator: format!("QEMU {}", self.0.qemu.version),
            kernel: self.0.kernel.hash.clone(),
            initramfs: booted.image.hash.clone(),
            program: booted.image.program_hash.clone(),
            virtual_time: self.0.time == Time::Virtual,
        }
    }

    async fn booted(&self, parts: ImageParts) -> Result<Arc<Booted>, VmError> {
        let inner = &self.0;
        let mut guests = inner.guests.lock().await;
        if let Some(known) = guests.get(&parts) {
            return Ok(Arc::clone(known));
        }
        let image = GuestImage::make(&inner.kernel, &parts)?;
        let machine = Machine {
            time: inner.time,
            memory: MEMORY,
        };
        let snapshot = match inner.time {
            Time::Virtual => Some(self.snapshot(machine, &image).await?),
            Time::Real { .. } => None,
        };
        let booted = Arc::new(Booted {
            machine,
            image,
            snapshot,
        });
        guests.insert(parts, Arc::clone(&booted));
        Ok(booted)
    }

    async fn snapshot(&self, machine: Machine, image: &GuestImage) -> Result<Snapshot, VmError> {
        let inner = &self.0;
        let depends_on = [
            inner.kernel.hash.clone(),
            image.hash.clone(),
            inner.qemu.version.clone(),
            machine.arguments().join(" "),
            machine.kernel_words(),
        ];
        let name = fingerprint::of_bytes(depends_on.join("\n").as_bytes());
        if let Some(known) = inner.snapshots.find(&name) {
            return Ok(known);
        }
        let parts = Parts {
            machine,
            kernel: &inner.kernel.image,
            initramfs: &image.initramfs,
            order: None,
            packets: None,
            begin: Begin::BootAndStop,
        };
        let mut running = process::start(&inner.qemu.program, &parts).map_err(VmError::Start)?;
        let file = inner.snapshots.create().map_err(VmError::Snapshot)?;
        let monitor = running.monitor;
        match tokio::time::timeout(BOOT, save(monitor, &file)).await {
            Ok(Ok(())) => {}
            ended => {
                let _gone_already = running.child.start_kill();
                let why = match ended {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("it did not come to its first program within {BOOT:?}"),
                };
                let words = Worker::guest(
                    running.child,
                    Gather::new(running.events),
                    running.console,
                    running.stderr,
                );
                let end = words.wait(tokio::time::Instant::now()).await;
                return Err(VmError::Boot {
                    kernel: inner.kernel.name.clone(),
                    why,
                    console: end.map(|end| end.last_words).unwrap_or_default(),
                });
            }
        }
        let snapshot = inner.snapshots.keep(&name, file);
        snapshot.map_err(VmError::Snapshot)
    }
}

/// Waits until a guest has stopped where it asks for its order, and saves it.
async fn save(monitor: tokio::net::UnixStream, file: &File) -> Result<(), MonitorError> {
    let mut monitor = Monitor::open(monitor).await?;
    monitor.event("GUEST_PANICKED").await?;
    let no_limit = json!({"max-bandwidth": NO_LIMIT});
    monitor.tell("migrate-set-parameters", no_limit).await?;
    monitor.give("snapshot", file).await?;
    monitor
        .tell("migrate", json!({"uri": "fd:snapshot"}))
        .await?;
    monitor.migrated().await?;
    monitor.quit().await;
    Ok(())
}

/// Has a machine that waits become what it was when it was saved, and go on.
async fn restore(monitor: tokio::net::UnixStream, snapshot: &Snapshot) -> Result<(), VmError> {
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

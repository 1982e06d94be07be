//! The backend that runs each worker as a guest of QEMU, on a kernel of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::error::VmError;
use super::guest::order::{GuestOrder, NAME};
use super::image::{CommandFiles, GuestImage, ImageParts};
use super::kernel::{Kernel, fingerprint};
use super::modules::{ModuleFile, needs};
use super::qemu::batched_reader::BatchedReader;
use super::qemu::hardware::{Accelerator, Hardware, Time};
use super::qemu::process::{self, MachineParts, RunningMachine, Saved, StartMode};
use super::qemu::snapshot::{Snapshot, Snapshots};
use super::qemu::{Qemu, boot, console, saved_clock, size};
use crate::backend::hang::HangLimit;
use crate::backend::last_words::LastWords;
use crate::backend::machine::RunShare;
use crate::backend::protocol::Worker;
use crate::record::Guest;
use crate::run::{LabScope, WorkOrder};
use crate::scenario::RunSpec;
use crate::sys::memory_file::memory_file;

/// Maximum number of processors of a guest in real time: one for each end of a connection, and as many for the lab.
const PROCESSORS: usize = 4;

/// Nanoseconds after which a guest that has sent its clock has certainly stopped. The guest's clock advances by
/// this much while it is stopped.
const TO_STOP: u64 = 1_000_000;

/// Time that a guest in real time has to boot, in addition to its run's timeout.
const BOOT: Duration = Duration::from_secs(60);

/// The longest silence of a guest in virtual time, by the host's clock. Two samples of a probe are 100 ms of
/// virtual time apart: a second's work for a guest under full load on a host that has several.
const SILENCE: Duration = Duration::from_secs(120);

/// Bytes of a machine in QEMU: a guest's 512 MiB and QEMU's own (measured: 90 MiB).
const GUEST_MEMORY: f64 = 640.0 * 1024.0 * 1024.0;

/// Runs workers as guests of QEMU.
#[derive(Debug, Clone)]
pub struct VmBackend(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kernel: Kernel,
    /// The modules in every guest of this kernel.
    common: Vec<ModuleFile>,
    qemu: Qemu,
    time: Time,
    snapshots: Snapshots,
    /// The guests so far, by their contents and their memory in MiB.
    guests: Mutex<BTreeMap<(ImageParts, u32), Arc<Booted>>>,
    /// The accelerator for real time, once it has been tried.
    real: Mutex<Option<Accelerator>>,
}

/// A guest that has booted, or is ready to boot, for some of the runs.
#[derive(Debug)]
struct Booted {
    hardware: Hardware,
    image: Arc<GuestImage>,
    /// Present if instructions are counted.
    snapshot: Option<Snapshot>,
}

impl VmBackend {
    /// The share of the host that every guest takes: a processor, which it keeps busy unless it waits, and its memory.
    pub(crate) const SHARE: RunShare = RunShare {
        processors: 1.0,
        memory: GUEST_MEMORY,
    };

    /// Fails if QEMU or the kernel's modules cannot be used.
    pub(crate) fn new(kernel: Kernel, time: Time) -> Result<Self, VmError> {
        Ok(Self(Arc::new(Inner {
            common: kernel.common()?,
            kernel,
            qemu: Qemu::find()?,
            time,
            snapshots: Snapshots::of_user(),
            guests: Mutex::default(),
            real: Mutex::default(),
        })))
    }

    /// Identifies the kernel, by the digest of its image and modules, and the kind of time.
    pub(crate) fn kernel(&self) -> String {
        format!("{} {:?}", self.0.kernel.hash, self.0.time)
    }

    /// Returns true if time passes in the guest as it does on the host.
    pub(crate) fn is_in_real_time(&self) -> bool {
        self.0.time == Time::Real
    }

    /// Boots the guest that most runs start from; in virtual time it keeps a snapshot for all of them. Returns a
    /// note for the user, if there is one.
    pub(crate) async fn prepare(&self) -> Result<Option<String>, VmError> {
        let booted = self.booted(ImageParts::default(), size::LEAST).await?;
        if booted
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| !snapshot.is_kept())
        {
            return Ok(Some(self.0.snapshots.why_not_kept()));
        }
        Ok((booted.hardware.accelerator == Accelerator::Emulated).then(|| {
            "this host has no usable hardware virtualisation (/dev/kvm), so the guest is emulated in real time; it \
             reaches lower rates than real hardware"
                .to_owned()
        }))
    }

    /// Starts a guest and sends it its work order. Must be called on a thread that lives as long as the guest.
    /// Fails if the kernel lacks what the run needs or does not boot.
    pub(crate) async fn start(
        &self,
        order: &WorkOrder,
        capture: Option<&File>,
    ) -> Result<Worker, VmError> {
        let inner = &self.0;
        let (parts, modules) = self.parts(&order.spec)?;
        let memory = size::memory(&order.spec);
        let booted = self.booted(parts, memory).await?;
        let order = GuestOrder {
            modules,
            packets: capture.is_some(),
            work: WorkOrder {
                scope: LabScope {
                    owns_kernel: true,
                    own_netns: true,
                },
                guest: Some(self.facts(&booted)),
                ..order.clone()
            },
        };
        let order = serde_json::to_vec(&order).map_err(VmError::Order)?;
        let order = memory_file("order", &order).map_err(VmError::Start)?;
        let parts = MachineParts {
            hardware: booted.hardware,
            kernel: &inner.kernel.image,
            initramfs: &booted.image.initramfs,
            order: Some((NAME, &order)),
            packets: capture,
            start_mode: match &booted.snapshot {
                Some(snapshot) => snapshot.start_mode(),
                None => StartMode::Boot,
            },
        };
        let RunningMachine {
            child,
            events,
            console: console_output,
            stderr,
            monitor: _,
        } = process::start(&inner.qemu.program, &parts).map_err(VmError::Start)?;
        let mut last_words = LastWords::default();
        last_words.follow(console_output);
        last_words.follow(stderr);
        let hang_limit = match inner.time {
            Time::Virtual => HangLimit::Silence(SILENCE),
            Time::Real => HangLimit::Timeout { start_up: BOOT },
        };
        let events = BatchedReader::new(events);
        Ok(Worker::guest(
            child,
            events,
            last_words,
            hang_limit,
            console::explain,
        ))
    }

    /// Returns the contents of a run's guest, and the modules to load in it.
    ///
    /// Fails if the kernel lacks what the run needs.
    fn parts(&self, spec: &RunSpec) -> Result<(ImageParts, Vec<String>), VmError> {
        let files = CommandFiles::of(spec);
        let plan = needs::plan(spec, &self.0.kernel, files.modules())?;
        let modules = plan.load.iter().map(|file| GuestImage::place(&file.name));
        let modules = modules.collect();
        Ok((ImageParts::of(files, plan, &self.0.common), modules))
    }

    fn facts(&self, booted: &Booted) -> Guest {
        let word = match booted.hardware.accelerator {
            Accelerator::Counted => "counting instructions",
            Accelerator::Emulated => "emulating",
            Accelerator::Kvm => "by KVM",
        };
        Guest {
            emulator: format!("QEMU {}, {word}", self.0.qemu.version),
            kernel: self.0.kernel.hash.clone(),
            initramfs: booted.image.hash.clone(),
            program: booted.image.program.clone(),
            virtual_time: self.0.time == Time::Virtual,
        }
    }

    /// Returns a guest that has booted (in virtual time) or is ready to boot (in real time).
    async fn booted(&self, parts: ImageParts, memory: u32) -> Result<Arc<Booted>, VmError> {
        let inner = &self.0;
        let mut guests = inner.guests.lock().await;
        let key = (parts, memory);
        if let Some(known) = guests.get(&key) {
            return Ok(Arc::clone(known));
        }
        let same = guests.iter().find(|((parts, _), _)| *parts == key.0);
        let image = match same {
            Some((_, booted)) => Arc::clone(&booted.image),
            None => Arc::new(GuestImage::make(&inner.kernel, &inner.common, &key.0)?),
        };
        let files = image.initramfs.metadata().map_err(VmError::Start)?.len();
        let memory = size::with_files(memory, files);
        let counted = Hardware {
            accelerator: Accelerator::Counted,
            memory,
            processors: 1,
        };
        let booted = match inner.time {
            Time::Virtual => Booted {
                hardware: counted,
                snapshot: Some(self.snapshot(counted, &image).await?),
                image,
            },
            Time::Real => Booted {
                hardware: self.real(memory, &image).await?,
                snapshot: None,
                image,
            },
        };
        let booted = Arc::new(booted);
        guests.insert(key, Arc::clone(&booted));
        Ok(booted)
    }

    async fn snapshot(&self, hardware: Hardware, image: &GuestImage) -> Result<Snapshot, VmError> {
        let inner = &self.0;
        let depends_on = [
            inner.kernel.hash.clone(),
            image.hash.clone(),
            inner.qemu.version.clone(),
            hardware.arguments().join(" "),
            hardware.kernel_words(),
        ];
        let name = fingerprint::of_bytes(depends_on.join("\n").as_bytes());
        if let Some(known) = inner.snapshots.find(&name) {
            return Ok(known);
        }
        let files = || -> io::Result<_> {
            let memory = memory_file("memory", &[])?;
            memory.set_len(u64::from(hardware.memory) << 20)?;
            Ok((memory, memory_file("devices", &[])?))
        };
        let (memory, mut devices) = files().map_err(VmError::Snapshot)?;
        let saved = Saved {
            memory: &memory,
            devices: &devices,
        };
        let parts = self.to_stop(hardware, image, Some(saved));
        let stopped = boot::save(&inner.qemu.program, &inner.kernel, &parts).await?;
        let mut state = Vec::new();
        devices.read_to_end(&mut state).map_err(VmError::Snapshot)?;
        saved_clock::put(&mut state, stopped + TO_STOP)
            .ok_or_else(|| VmError::Clock(inner.qemu.version.clone()))?;
        Ok(inner.snapshots.keep(&name, memory, state))
    }

    /// Returns the hardware for real time. Hardware virtualisation counts as usable once this kernel
    /// has booted with it.
    async fn real(&self, memory: u32, image: &GuestImage) -> Result<Hardware, VmError> {
        let inner = &self.0;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut hardware = Hardware {
            accelerator: Accelerator::Kvm,
            memory,
            processors: u32::try_from(processors.min(PROCESSORS)).unwrap_or(1),
        };
        let mut known = inner.real.lock().await;
        if known.is_none() {
            let parts = self.to_stop(hardware, image, None);
            let tried = boot::check(&inner.qemu.program, &inner.kernel, &parts).await;
            *known = Some(match tried {
                Ok(()) => Accelerator::Kvm,
                Err(_) => Accelerator::Emulated,
            });
        }
        hardware.accelerator = known.unwrap_or(Accelerator::Emulated);
        Ok(hardware)
    }

    fn to_stop<'a>(
        &'a self,
        hardware: Hardware,
        image: &'a GuestImage,
        saved: Option<Saved<'a>>,
    ) -> MachineParts<'a> {
        MachineParts {
            hardware,
            kernel: &self.0.kernel.image,
            initramfs: &image.initramfs,
            order: None,
            packets: None,
            start_mode: StartMode::BootAndStop(saved),
        }
    }
}

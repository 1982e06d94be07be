//! The part of this program that runs inside a guest, as the machine's first process.
//!
//! It mounts what programs expect, stops until there is a work order, loads the modules that the run needs, executes
//! the run, and powers the machine off. Its output consists of events; if it dies, the console shows the reason.

pub(crate) mod devices;
pub(crate) mod order;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use thiserror::Error;

use super::kernel::fingerprint;
use crate::causes::chain;
use crate::record::Event;
use crate::run;
use crate::sys::machine;
use devices::{DeviceError, PortWriter};
use order::GuestOrder;

/// The name of the first program of an initramfs (Linux `init/main.c`, `ramdisk_execute_command`).
const INIT: &str = "/init";

/// The file in the guest's memory that holds packets until the end of the run.
const PACKETS: &str = "/tmp/packets";

/// An error that prevents a guest from executing its run.
#[derive(Debug, Error)]
enum GuestError {
    #[error("cannot mount /proc in the guest")]
    Mount(#[source] io::Error),
    #[error("cannot read the work order")]
    Device(#[from] DeviceError),
    #[error("cannot parse the work order")]
    Order(#[from] serde_json::Error),
    #[error("cannot load the kernel module {path} (the console may show the reason)")]
    Module {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot send the packets to the host")]
    Packets(#[source] io::Error),
    #[error(transparent)]
    Worker(#[from] run::WorkerProcessError),
}

/// Returns true if this process is the first of a machine.
pub(crate) fn is_init() -> bool {
    std::process::id() == 1 && std::env::args_os().next().is_some_and(|name| name == INIT)
}

/// Runs the guest from start to end. Returns only if the machine cannot be switched off; the kernel then panics,
/// which ends it too.
pub(crate) fn init() -> ExitCode {
    if let Err(error) = execute() {
        send(&Event::Errored {
            error: chain(&error),
        });
    }
    let _still_running = machine::power_off();
    ExitCode::FAILURE
}

fn execute() -> Result<(), GuestError> {
    machine::mount_file_systems().map_err(GuestError::Mount)?;
    machine::reduce_housekeeping();
    machine::raise_descriptors();
    let order = match devices::file(order::NAME)? {
        Some(order) => order,
        None => {
            devices::stop_machine()?;
            let missing = || DeviceError::NoFile(order::NAME.to_owned());
            devices::file(order::NAME)?.ok_or_else(missing)?
        }
    };
    let GuestOrder {
        modules,
        packets,
        mut work,
    } = serde_json::from_slice(&order)?;
    work.capture = packets.then(|| PACKETS.into());
    for path in modules {
        machine::load_module(Path::new(&path))
            .map_err(|source| GuestError::Module { path, source })?;
    }
    let _no_generator = machine::seed_random_numbers(seed(work.spec.seed));
    run::in_machine(&work, PortWriter(devices::EVENTS))?;
    if packets {
        let copied = File::open(PACKETS)
            .and_then(|mut file| io::copy(&mut file, &mut PortWriter(devices::PACKETS)));
        copied.map_err(GuestError::Packets)?;
    }
    Ok(())
}

/// Returns the seed of random numbers: the run's seed, spread over as many bytes as the kernel wants.
fn seed(seed: u64) -> [u8; 64] {
    let mut bytes = [0; 64];
    let digest = fingerprint::of_bytes(&seed.to_le_bytes());
    bytes
        .iter_mut()
        .zip(digest.bytes())
        .for_each(|(to, from)| *to = from);
    bytes
}

fn send(event: &Event) {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    let _host_is_gone = PortWriter(devices::EVENTS).write_all(&line);
}

//! QEMU on this host: finds it, checks its version, and runs machines that never outlive this process.

pub(crate) mod batched_reader;
pub(crate) mod boot;
pub(crate) mod console;
pub(crate) mod hardware;
pub(super) mod monitor;
pub(crate) mod process;
pub(crate) mod saved_clock;
pub(crate) mod size;
pub(crate) mod snapshot;

use std::io;
use std::path::PathBuf;
use std::process::Command;

use thiserror::Error;

/// The program's name in every distribution.
const PROGRAM: &str = "qemu-system-x86_64";

/// An error in finding QEMU.
#[derive(Debug, Error)]
pub(crate) enum QemuError {
    #[error(
        "cannot find {PROGRAM} on PATH, which --kernel needs; install it with `apt-get install qemu-system-x86`, \
         `dnf install qemu-system-x86-core` or `pacman -S qemu-system-x86`"
    )]
    Missing,
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot determine the version of {}; it printed `{printed}`", program.display())]
    Version { program: PathBuf, printed: String },
}

/// The QEMU that is installed on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Qemu {
    pub(crate) program: PathBuf,
    /// Its version as it prints it: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
    pub(crate) version: String,
}

impl Qemu {
    /// Looks for QEMU on PATH.
    pub(crate) fn find() -> Result<Self, QemuError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join(PROGRAM))
            .find(|program| program.is_file())
            .ok_or(QemuError::Missing)?;
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|source| QemuError::Start {
                program: program.clone(),
                source,
            })?;
        let output = String::from_utf8_lossy(&output.stdout);
        let first = output.lines().next().unwrap_or_default();
        match first.strip_prefix("QEMU emulator version ") {
            Some(version) => Ok(Self {
                program,
                version: version.to_owned(),
            }),
            None => Err(QemuError::Version {
                program,
                printed: first.to_owned(),
            }),
        }
    }
}

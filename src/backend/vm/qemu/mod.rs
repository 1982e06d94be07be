//! QEMU on this host: found, asked for its version, started so that it never outlives this process.

pub(crate) mod batched_reader;
pub(crate) mod boot;
pub(crate) mod console;
pub(crate) mod hardware;
mod monitor;
pub(crate) mod process;
pub(crate) mod saved_clock;
pub(crate) mod size;
pub(crate) mod snapshot;

use std::io;
use std::path::PathBuf;
use std::process::Command;

use thiserror::Error;

/// The program, as every distribution calls it.
const PROGRAM: &str = "qemu-system-x86_64";

/// Why QEMU cannot be used.
#[derive(Debug, Error)]
pub(crate) enum QemuError {
    /// It is not installed.
    #[error(
        "cannot find {PROGRAM} on PATH: --kernel runs a kernel in QEMU; install it with `apt-get install qemu-system-x86`, \
         `dnf install qemu-system-x86-core` or `pacman -S qemu-system-x86`"
    )]
    Missing,
    /// It does not start.
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("cannot tell the version of {}: it says `{said}`", program.display())]
    Version { program: PathBuf, said: String },
}

/// QEMU as it is installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Qemu {
    pub(crate) program: PathBuf,
    /// What it says of its version: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
    pub(crate) version: String,
}

impl Qemu {
    /// Looks for it on PATH.
    pub(crate) fn find() -> Result<Self, QemuError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join(PROGRAM))
            .find(|program| program.is_file())
            .ok_or(QemuError::Missing)?;
        let told = Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|source| QemuError::Start {
                program: program.clone(),
                source,
            })?;
        let told = String::from_utf8_lossy(&told.stdout);
        let first = told.lines().next().unwrap_or_default();
        match first.strip_prefix("QEMU emulator version ") {
            Some(version) => Ok(Self {
                program,
                version: version.to_owned(),
            }),
            None => Err(QemuError::Version {
                program,
                said: first.to_owned(),
            }),
        }
    }
}

//! Errors in starting a guest.

use std::io;

use thiserror::Error;

use super::image::initramfs::InitramfsError;
use super::modules::ModulesError;
use super::modules::needs::NeedsError;
use super::qemu::QemuError;

/// Errors in starting a guest.
#[derive(Debug, Error)]
pub(crate) enum VmError {
    #[error(transparent)]
    Qemu(#[from] QemuError),
    #[error("cannot make the guest's file system")]
    Initramfs(#[from] InitramfsError),
    #[error("cannot copy the kernel's modules to the guest")]
    Modules(#[from] ModulesError),
    /// The kernel lacks what a run needs, or its files cannot be read.
    #[error(transparent)]
    Needs(#[from] NeedsError),
    /// A file in memory or a process cannot be created.
    #[error("cannot start the virtual machine")]
    Start(#[source] io::Error),
    #[error("cannot write the work order")]
    Order(#[source] serde_json::Error),
    #[error("cannot take a snapshot of the guest")]
    Snapshot(#[source] io::Error),
    /// QEMU saves a machine in a format that this program does not recognise.
    #[error(
        "cannot find the guest's clock in the state that QEMU {0} saved; supported versions are 7.2 and later"
    )]
    Clock(String),
    /// The guest did not boot as far as its first program.
    #[error("the kernel {kernel} does not boot: {why}")]
    Boot {
        kernel: String,
        why: String,
        /// The last lines of the guest's console and of QEMU.
        console: Vec<String>,
    },
}

impl VmError {
    /// Returns the last lines of the guest's console if it got that far.
    pub(crate) fn console(&self) -> &[String] {
        match self {
            Self::Boot { console, .. } => console,
            Self::Qemu(_)
            | Self::Initramfs(_)
            | Self::Modules(_)
            | Self::Needs(_)
            | Self::Start(_)
            | Self::Order(_)
            | Self::Clock(_)
            | Self::Snapshot(_) => &[],
        }
    }

    /// Returns what the kernel lacks if that is the only reason: the run is then not applicable on it.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Self::Needs(lacks @ (NeedsError::Missing { .. } | NeedsError::Module { .. })) => {
                Some(lacks.to_string())
            }
            _ => None,
        }
    }
}

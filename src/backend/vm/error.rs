//! Why a guest cannot be had.

use std::io;

use thiserror::Error;

use super::image::initramfs::InitramfsError;
use super::modules::ModulesError;
use super::modules::needs::NeedsError;
use super::qemu::QemuError;

/// Why a guest cannot be had.
#[derive(Debug, Error)]
pub(crate) enum VmError {
    /// QEMU cannot be used.
    #[error(transparent)]
    Qemu(#[from] QemuError),
    /// The guest's file system cannot be made.
    #[error("cannot make the guest's file system")]
    Initramfs(#[from] InitramfsError),
    /// The kernel's modules cannot be used.
    #[error("cannot take the kernel's modules along")]
    Modules(#[from] ModulesError),
    /// The kernel lacks what a run needs, or its files cannot be used.
    #[error(transparent)]
    Needs(#[from] NeedsError),
    /// Files in memory, or processes, cannot be had.
    #[error("cannot start a machine")]
    Start(#[source] io::Error),
    /// The guest's order cannot be written down.
    #[error("cannot write the order of the run")]
    Order(#[source] serde_json::Error),
    /// A snapshot cannot be made.
    #[error("cannot take a snapshot of the guest")]
    Snapshot(#[source] io::Error),
    /// What QEMU writes down of a machine is not what is known.
    #[error(
        "cannot find the guest's clock in what QEMU {0} saves of it: versions from 7.2 on are known"
    )]
    Clock(String),
    /// It did not boot to where a run begins.
    #[error("the kernel {kernel} does not boot: {why}")]
    Boot {
        /// The kernel.
        kernel: String,
        /// How it ended.
        why: String,
        /// The last lines of its console and of QEMU.
        console: Vec<String>,
    },
}

impl VmError {
    /// The last lines of the guest's console, where it got that far.
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

    /// What the kernel lacks, where that is all: the run is not applicable on it.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Self::Needs(lacks @ NeedsError::Missing { .. }) => Some(lacks.to_string()),
            _ => None,
        }
    }
}

//! A kernel of its own: any Linux, booted in QEMU, with the worker as its payload.
//!
//! `kernel` finds and keeps kernels, `modules` decides which of their modules a run needs, `image` builds the guest's
//! file system, `qemu` runs the machine, and `guest` is the part of this program that runs inside it.

mod backend;
mod error;
mod guest;
mod image;
mod kernel;
mod modules;
mod qemu;
#[cfg(any(test, feature = "fixtures"))]
pub(crate) mod readers;
mod shell_words;

pub use backend::VmBackend;
pub(crate) use error::VmError;
pub(crate) use guest::{init, is_init};
pub(crate) use kernel::{Kernel, Store, StoreError};
pub(crate) use qemu::hardware::Time;

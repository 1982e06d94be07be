//! A kernel of its own: any Linux, booted in QEMU, with the worker as its payload.
//!
//! Here first: what such a guest is made of, all of it made in process and the same bytes for the same parts.

mod adding;
pub mod along;
mod backend;
mod boot;
pub(in crate::backend) mod console;
mod cpio;
pub mod deb;
mod error;
pub mod fingerprint;
mod gather;
pub mod guest;
mod guest_image;
mod image;
mod inflate;
pub mod initramfs;
pub mod kernel;
mod ld_cache;
mod modinfo;
mod module_files;
mod module_signature;
pub mod modules;
pub mod needs;
mod program;
mod qemu;
mod size;
mod snapshot;
pub mod store;

pub use backend::VmBackend;
pub use error::VmError;
pub use guest::{init, is_init};
pub use initramfs::{Initramfs, InitramfsError};
pub use kernel::{Kernel, KernelError};
pub use modules::{ModuleFile, ModulePlan, ModulesError};
pub use needs::NeedsError;
pub use qemu::QemuError;
pub use qemu::hardware::Time;
pub use store::{Added, Store, StoreError};

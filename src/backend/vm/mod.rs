//! A kernel of its own: any Linux, booted in QEMU, with the worker as its payload.
//!
//! Here first: what such a guest is made of, all of it made in process and the same bytes for the same parts.

mod adding;
pub mod along;
mod cpio;
pub mod deb;
pub mod fingerprint;
mod gather;
pub mod guest;
mod guest_image;
mod image;
mod inflate;
pub mod initramfs;
pub mod kernel;
mod ld_cache;
mod machine_backend;
mod modinfo;
mod module_files;
pub mod modules;
pub mod needs;
mod program;
mod qemu;
mod snapshot;
pub mod store;

pub use guest::{init, is_init};
pub use initramfs::{Initramfs, InitramfsError};
pub use kernel::{Kernel, KernelError};
pub use machine_backend::{VmBackend, VmError};
pub use modules::{ModuleFile, ModulePlan, ModulesError};
pub use needs::NeedsError;
pub use qemu::QemuError;
pub use qemu::machine::Time;
pub use store::{Added, Store, StoreError};

//! A kernel to boot: its image, its modules, and its name.
//!
//! `resolve` finds the kernel that a word on the command line names, `store` keeps kernels by name, and `import` adds
//! them from packages (`deb`) or images (`image`). Which modules a guest loads is decided elsewhere (`modules`).

pub(super) mod deb;
pub(crate) mod fingerprint;
pub(super) mod image;
mod import;
pub(crate) mod inflate;
pub(crate) mod module_files;
mod resolve;
mod scratch;
mod store;
mod store_error;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::names::release_numbers;
#[cfg(test)]
use resolve::KernelError;
pub(crate) use store::Store;
pub(crate) use store_error::StoreError;

/// The word that names the running kernel.
pub(crate) const HOST: &str = "host";

/// A kernel that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// The name for people: its name in the store, its release, or `host`.
    pub(crate) name: String,
    /// The output of `uname -r` once the kernel runs.
    pub(crate) release: String,
    /// The path of the bzImage.
    pub(crate) image: PathBuf,
    /// The folder of its modules; `None` if everything is built in or if their place was not given.
    pub(crate) modules: Option<PathBuf>,
    /// The file with its configuration, if known.
    pub(crate) config: Option<PathBuf>,
    /// SHA-256 of the image and of all modules with their names.
    pub(crate) hash: String,
}

impl Kernel {
    /// Returns the numbers in its release, by which kernels are ordered.
    pub(crate) fn version(&self) -> Vec<u64> {
        release_numbers(&self.release)
    }
}

/// Returns the modules of an image that is where it was installed: `/boot/vmlinuz-RELEASE` goes with
/// `/lib/modules/RELEASE`, on this host or in a folder to which a package was unpacked.
pub(crate) fn modules_beside(image: &Path, release: &str) -> Option<PathBuf> {
    let root = image.parent()?.join("..");
    module_files::locate(&root, release).filter(|folder| folder.ends_with(release))
}

/// Returns the configuration of an image that is where it was installed or built.
pub(crate) fn config_beside(image: &Path, release: &str) -> Option<PathBuf> {
    let folder = image.parent()?;
    let installed = folder.join(format!("config-{release}"));
    let built = folder.join("../../../.config");
    let is_built = folder.ends_with("arch/x86/boot") || folder.ends_with("arch/x86_64/boot");
    let places = [Some(installed), is_built.then_some(built)];
    places.into_iter().flatten().find(|path| path.is_file())
}

//! A kernel to boot: its image, its modules, and its name.
//!
//! `resolve` finds the kernel that a word on the command line names, `store` keeps kernels by name, and `import` adds
//! them from packages (`deb`) or images (`image`). Which modules a guest loads is decided elsewhere (`modules`).

mod deb;
pub(crate) mod fingerprint;
mod image;
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

#[cfg(test)]
use resolve::KernelError;
pub(crate) use store::Store;
pub(crate) use store_error::StoreError;

/// The word that names the running kernel.
pub(crate) const HOST: &str = "host";

/// A kernel that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// What people call it: its name in the store, its release, or `host`.
    pub(crate) name: String,
    /// What `uname -r` says once it runs.
    pub(crate) release: String,
    /// The bzImage.
    pub(crate) image: PathBuf,
    /// The folder of its modules; none where everything is built in, or where nobody said where they are.
    pub(crate) modules: Option<PathBuf>,
    /// What it was configured with, where that is known.
    pub(crate) config: Option<PathBuf>,
    /// SHA-256 of the image and all modules with their names.
    pub(crate) hash: String,
}

/// The modules of an image that lies where it was installed: `/boot/vmlinuz-RELEASE` has `/lib/modules/RELEASE`, on this host or in a
/// folder that a package was unpacked to.
pub(crate) fn modules_beside(image: &Path, release: &str) -> Option<PathBuf> {
    let root = image.parent()?.join("..");
    module_files::locate(&root, release).filter(|folder| folder.ends_with(release))
}

/// The configuration of an image that lies where it was installed or built.
pub(crate) fn config_beside(image: &Path, release: &str) -> Option<PathBuf> {
    let folder = image.parent()?;
    let installed = folder.join(format!("config-{release}"));
    let built = folder.join("../../../.config");
    let is_built = folder.ends_with("arch/x86/boot") || folder.ends_with("arch/x86_64/boot");
    let places = [Some(installed), is_built.then_some(built)];
    places.into_iter().flatten().find(|path| path.is_file())
}

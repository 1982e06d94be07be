//! Finds the kernel that a word on the command line names.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::utsname;
use thiserror::Error;

use super::image::{self, ImageError};
use super::store::Store;
use super::store_error::StoreError;
use super::{HOST, Kernel, config_beside, deb, fingerprint, module_files, modules_beside};

/// Paths of the running kernel's image in distributions; `*` stands for its release (Debian, Ubuntu, SUSE, Fedora;
/// Arch and ostree keep it beside the modules).
const HOST_IMAGES: [&str; 5] = [
    "/boot/vmlinuz-*",
    "/lib/modules/*/vmlinuz",
    "/boot/bzImage-*",
    "/boot/vmlinuz",
    "/boot/vmlinuz-linux",
];
/// Paths of its configuration.
const HOST_CONFIGS: [&str; 2] = ["/boot/config-*", "/lib/modules/*/config"];

/// An error in finding a kernel.
#[derive(Debug, Error)]
pub(crate) enum KernelError {
    #[error(
        "`{text}` is neither a kernel in the store ({}) nor a file{}",
        store.display(),
        help.as_ref().map(|help| format!(": {help}")).unwrap_or_default()
    )]
    Unknown {
        text: String,
        store: PathBuf,
        /// A hint at what may have been meant.
        help: Option<String>,
    },
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot boot {}", path.display())]
    Image {
        path: PathBuf,
        #[source]
        source: ImageError,
    },
    #[error(
        "{} has no modules for Linux {release}: it is not a folder of modules and contains no `{release}`",
        path.display()
    )]
    NoModules { path: PathBuf, release: String },
    #[error(
        "cannot read an image of the running kernel ({release}); tried {}. Root may be able to read it; otherwise give \
         a vmlinuz or a linux-image package (.deb)",
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoHostImage {
        release: String,
        tried: Vec<PathBuf>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Kernel {
    /// Finds the kernel that `text` names: `host`, a name in the store, a linux-image package (which is added to
    /// the store), or the path of an image. `modules` replaces the kernel's folder of modules. The store is opened
    /// only if it is needed.
    pub(crate) fn resolve(
        text: &str,
        modules: Option<&Path>,
        store: impl FnOnce() -> Result<Store, StoreError>,
    ) -> Result<Self, KernelError> {
        let mut kernel = if text == HOST {
            Self::of_host()?
        } else {
            Self::named(text, store)?
        };
        if let Some(given) = modules {
            let found = module_files::locate(given, &kernel.release);
            let folder = found.ok_or_else(|| KernelError::NoModules {
                path: given.to_owned(),
                release: kernel.release.clone(),
            })?;
            kernel.modules = Some(folder);
            kernel.hash = String::new();
        }
        if kernel.hash.is_empty() {
            kernel.hash = fingerprint::of_kernel(&kernel.image, kernel.modules.as_deref())
                .map_err(|source| KernelError::Read {
                    path: kernel.image.clone(),
                    source,
                })?;
        }
        Ok(kernel)
    }

    fn named(
        text: &str,
        store: impl FnOnce() -> Result<Store, StoreError>,
    ) -> Result<Self, KernelError> {
        let path = Path::new(text);
        // An image given by its path needs no store.
        if text.contains('/') && path.exists() && !deb::is_package(path) {
            return Self::of_image(path);
        }
        let store = store()?;
        if !text.contains('/')
            && let Some(kernel) = store.find(text)?
        {
            return Ok(kernel);
        }
        if !path.exists() {
            return Err(KernelError::Unknown {
                text: text.to_owned(),
                store: store.folder().to_owned(),
                help: store.suggest(text)?,
            });
        }
        if deb::is_package(path) {
            return Ok(store.add_by_content(path)?.kernel);
        }
        Self::of_image(path)
    }

    /// Returns the kernel of an image with the files beside it; its hash is still to be computed.
    pub(crate) fn of_image(path: &Path) -> Result<Self, KernelError> {
        let release = image::release_of(path).map_err(|source| KernelError::Image {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            name: release.clone(),
            image: path.to_owned(),
            modules: modules_beside(path, &release),
            config: config_beside(path, &release),
            release,
            hash: String::new(),
        })
    }

    fn of_host() -> Result<Self, KernelError> {
        let uname = utsname::uname().map_err(|errno| KernelError::Read {
            path: PathBuf::from("uname"),
            source: errno.into(),
        })?;
        let release = uname.release().to_string_lossy().into_owned();
        let places = |patterns: &[&str]| {
            let named = patterns.iter().map(|place| place.replace('*', &release));
            named.map(PathBuf::from).collect::<Vec<_>>()
        };
        let tried = places(&HOST_IMAGES);
        // Skips images of other kernels and those that this user may not read.
        let found = tried.iter().find_map(|path| {
            let kernel = Self::of_image(path).ok()?;
            (kernel.release == release).then_some(kernel)
        });
        let Some(kernel) = found else {
            return Err(KernelError::NoHostImage { release, tried });
        };
        Ok(Self {
            name: HOST.to_owned(),
            modules: module_files::locate(Path::new("/lib/modules"), &release)
                .filter(|folder| folder.ends_with(&release)),
            config: places(&HOST_CONFIGS)
                .into_iter()
                .find(|path| path.is_file()),
            ..kernel
        })
    }
}

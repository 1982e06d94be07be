//! Finds the kernel that a word on the command line names.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::utsname;
use thiserror::Error;

use super::image::{self, ImageError};
use super::store::Store;
use super::store_error::StoreError;
use super::{HOST, Kernel, config_beside, deb, fingerprint, module_files, modules_beside};

/// Where distributions put the running kernel's image; `*` stands for its release (Debian, Ubuntu, SUSE, Fedora; Arch and
/// ostree keep it beside the modules).
const HOST_IMAGES: [&str; 5] = [
    "/boot/vmlinuz-*",
    "/lib/modules/*/vmlinuz",
    "/boot/bzImage-*",
    "/boot/vmlinuz",
    "/boot/vmlinuz-linux",
];
/// And what it was configured with.
const HOST_CONFIGS: [&str; 2] = ["/boot/config-*", "/lib/modules/*/config"];

/// Why a kernel cannot be had.
#[derive(Debug, Error)]
pub(crate) enum KernelError {
    /// Neither a name in the store nor a file.
    #[error("`{text}` is no kernel of the store ({}) and no file{}", store.display(), help.as_ref().map(|help| format!(": {help}")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        text: String,
        /// The store.
        store: PathBuf,
        /// What may be meant.
        help: Option<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no image that can be booted.
    #[error("cannot boot {}", path.display())]
    Image {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// A folder has not the modules of this kernel.
    #[error(
        "{} has no modules of Linux {release}: neither itself a folder of modules nor one with `{release}` in it",
        path.display()
    )]
    NoModules {
        /// The folder.
        path: PathBuf,
        /// The kernel's release.
        release: String,
    },
    /// The image of the running kernel is nowhere to be found.
    #[error(
        "no image of the running kernel ({release}) can be read; looked at {}. As root it may be readable; else give a vmlinuz or a linux-image package (.deb)",
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoHostImage {
        /// `uname -r`.
        release: String,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The store or a package cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Kernel {
    /// The kernel that a text on the command line means: `host`, a name in the store, a linux-image package (which is taken into the
    /// store), or an image with its modules in a folder of its own. The store is asked for where it is needed.
    ///
    /// # Errors
    /// Where there is no such kernel or it cannot be booted.
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
        // An image by its path needs none.
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
            return Ok(store.add(&[path.to_owned()], None, None)?.kernel);
        }
        Self::of_image(path)
    }

    /// A kernel that is an image, with what lies beside it; its hash is still to be taken.
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
        // An image of another kernel, or one that this user may not read, is not it.
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

//! Errors in using the store of kernels.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::deb::DebError;
use super::image::ImageError;

/// An error in using the store of kernels.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error(
        "cannot choose a folder for kernels: neither HOME nor XDG_DATA_HOME is set; give one with --store DIR or \
         NSLAB_KERNELS"
    )]
    NoPlace,
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb of the failed operation.
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A kernel's description is broken.
    #[error("cannot parse {}; remove that kernel (nslab kernel rm) and add it again", path.display())]
    Broken {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("`{text}` is ambiguous: it may be {}", names.join(", "))]
    Ambiguous { text: String, names: Vec<String> },
    #[error(
        "no kernel named `{text}` in {}{}",
        folder.display(),
        help.as_ref().map(|help| format!(": {help}")).unwrap_or_default()
    )]
    Unknown {
        text: String,
        folder: PathBuf,
        /// A hint at what may have been meant.
        help: Option<String>,
    },
    #[error(
        "the store already has another kernel named `{name}`; give this one a different name (--name) or remove that \
         one: nslab kernel rm {name}"
    )]
    Taken { name: String },
    #[error(
        "`{name}` cannot be a kernel's name: a name starts with a letter or digit and has at most 100 letters, \
         digits and . _ + ~ -; `host` is reserved"
    )]
    Name { name: String },
    #[error("cannot use {}", path.display())]
    Deb {
        path: PathBuf,
        #[source]
        source: DebError,
    },
    #[error("cannot boot {}", path.display())]
    Image {
        path: PathBuf,
        #[source]
        source: ImageError,
    },
    /// The files are not a complete kernel.
    #[error("the files are not a complete kernel: {0}")]
    Incomplete(String),
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        doing,
        path: path.clone(),
        source,
    }
}

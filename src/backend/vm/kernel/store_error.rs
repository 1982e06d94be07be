//! The ways in which the store of kernels cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::deb::DebError;
use super::image::ImageError;

/// Why the store cannot be used.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// Nobody says where it is.
    #[error(
        "there is no place for kernels: neither HOME nor XDG_DATA_HOME is set; say where with --store DIR or NSLAB_KERNELS"
    )]
    NoPlace,
    /// A file or folder of it cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// What a kernel's folder says of it cannot be understood.
    #[error("cannot understand {}; remove that kernel (nslab kernel rm) and add it again", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A name stands for several kernels.
    #[error("`{text}` may be any of {}; write more of it", names.join(", "))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Which kernels it may be.
        names: Vec<String>,
    },
    /// There is no such kernel.
    #[error("there is no kernel `{text}` in {}{}", folder.display(), help.as_ref().map(|help| format!(": {help}")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        text: String,
        /// The store.
        folder: PathBuf,
        /// What may be meant.
        help: Option<String>,
    },
    /// Another kernel has the name.
    #[error(
        "there is another kernel `{name}` in the store; give this one a name (--name), or remove that one: nslab kernel rm {name}"
    )]
    Taken {
        /// The name.
        name: String,
    },
    /// A text is no name.
    #[error(
        "`{name}` cannot be a kernel's name: letters, digits and . _ + ~ - after a letter or digit, at most 100 of them, and not `host`"
    )]
    Name {
        /// The text.
        name: String,
    },
    /// A package gives no kernel.
    #[error("cannot use {}", path.display())]
    Deb {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DebError,
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
    /// The files make up no kernel.
    #[error("the files make up no kernel: {0}")]
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

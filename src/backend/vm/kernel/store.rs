//! Kernels kept by name. Each has its own folder with `image`, `config`, `modules/` and
//! `kernel.json`, which describes it.
//!
//! A kernel is assembled in a folder beside the others and then renamed into place, so the store never
//! holds half of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::scratch::Scratch;
use super::store_error::{StoreError, failed};
use super::{HOST, Kernel};
use crate::user_folders;

/// The file that describes a kernel.
pub(crate) const ABOUT: &str = "kernel.json";
pub(crate) const IMAGE: &str = "image";
pub(crate) const CONFIG: &str = "config";
pub(crate) const MODULES: &str = "modules";
/// Comes before the digest in the name of a kernel that was given by a path while another had its name.
pub(crate) const BY_CONTENT: &str = "_sha-";
/// More names than this are not worth listing in a message.
const FEW: usize = 8;

/// A store of kernels.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// The result of adding a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) kernel: Kernel,
    /// True if the store had it already.
    pub(crate) was_there: bool,
}

/// The contents of `kernel.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KernelDescription {
    pub(crate) release: String,
    pub(crate) hash: String,
    /// The files that the kernel was made from.
    pub(crate) from: Vec<SourceFile>,
}

/// A file that a kernel was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceFile {
    pub(crate) file: String,
    pub(crate) sha256: String,
}

impl Store {
    /// Opens the store in a folder, which need not exist yet.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Opens the user's store: `NSLAB_KERNELS`, else `nslab/kernels` in `XDG_DATA_HOME` or in `~/.local/share` (XDG
    /// Base Directory Specification 0.8).
    pub(crate) fn of_user() -> Result<Self, StoreError> {
        let named = std::env::var_os("NSLAB_KERNELS").filter(|value| !value.is_empty());
        named
            .map(PathBuf::from)
            .or_else(|| Some(user_folders::data()?.join("nslab/kernels")))
            .map(Self::at)
            .ok_or(StoreError::NoPlace)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the names of all kernels, sorted. A store that does not exist has none.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        let failed = failed("read", &self.folder);
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(&failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(&failed)?.file_name();
            let name = name.to_string_lossy();
            if is_name(&name) && self.folder.join(&*name).join(ABOUT).exists() {
                names.push(name.into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Loads the kernel with exactly this name.
    pub(crate) fn load(&self, name: &str) -> Result<Kernel, StoreError> {
        let about = self.about(name)?;
        let folder = self.folder.join(name);
        let there = |part: &str| Some(folder.join(part)).filter(|path| path.exists());
        Ok(Kernel {
            name: name.to_owned(),
            release: about.release,
            image: folder.join(IMAGE),
            modules: there(MODULES),
            config: there(CONFIG),
            hash: about.hash,
        })
    }

    /// Finds a kernel by its name or its release, or by the beginning of one of them up to a `.`, `-` or `+` if no
    /// other kernel begins like that. Fails if several do.
    pub(crate) fn find(&self, text: &str) -> Result<Option<Kernel>, StoreError> {
        let names = self.names()?;
        if names.iter().any(|name| name == text) {
            return self.load(text).map(Some);
        }
        let mut alike = Vec::new();
        // Nobody chose the names of kernels that were given by a path, so they make no other name ambiguous.
        for name in names.into_iter().filter(|name| !name.contains(BY_CONTENT)) {
            // A broken kernel does not hide the others.
            let release = self.about(&name).map(|about| about.release);
            if begins(&name, text) || release.is_ok_and(|release| begins(&release, text)) {
                alike.push(name);
            }
        }
        match &alike[..] {
            [] => Ok(None),
            [name] => self.load(name).map(Some),
            _ => Err(StoreError::Ambiguous {
                text: text.to_owned(),
                names: alike,
            }),
        }
    }

    /// Removes the kernel that `text` names and returns its name.
    pub(crate) fn remove(&self, text: &str) -> Result<String, StoreError> {
        let name = match self.names()?.into_iter().find(|name| name == text) {
            // This also removes a kernel whose description is broken.
            Some(name) => name,
            None => match self.find(text)? {
                Some(kernel) => kernel.name,
                None => {
                    return Err(StoreError::Unknown {
                        text: text.to_owned(),
                        folder: self.folder.clone(),
                        help: self.suggest(text)?,
                    });
                }
            },
        };
        let folder = self.folder.join(&name);
        let aside = Scratch::take(&self.folder)?;
        fs::rename(&folder, aside.path().join(&name)).map_err(failed("remove", &folder))?;
        aside.close().map_err(failed("remove", &folder))?;
        Ok(name)
    }

    /// Returns a hint for a text that names no kernel.
    pub(crate) fn suggest(&self, text: &str) -> Result<Option<String>, StoreError> {
        let names = self.names()?;
        let near = names
            .iter()
            .map(|name| (strsim::damerau_levenshtein(text, short(name, text)), name))
            .min()
            .filter(|(distance, _)| *distance <= (text.chars().count() / 3).max(1));
        Ok(match near {
            Some((_, name)) => Some(format!("did you mean `{name}`?")),
            None if names.is_empty() => Some(
                "the store is empty; `nslab kernel add --help` explains how to get kernels"
                    .to_owned(),
            ),
            None if names.len() <= FEW => Some(format!("available: {}", names.join(", "))),
            None => Some("`nslab kernel list` shows all kernels".to_owned()),
        })
    }

    pub(crate) fn about(&self, name: &str) -> Result<KernelDescription, StoreError> {
        let path = self.folder.join(name).join(ABOUT);
        let text = fs::read(&path).map_err(failed("read", &path))?;
        serde_json::from_slice(&text).map_err(|source| StoreError::Broken { path, source })
    }
}

/// Returns as many parts of a name as `text` has: `debian-6.1` of `debian-6.1.0-56-cloud-amd64`.
fn short<'a>(name: &'a str, text: &str) -> &'a str {
    let parts = text.matches(is_joint).count();
    match name.match_indices(is_joint).nth(parts) {
        Some((at, _)) => &name[..at],
        None => name,
    }
}

fn is_joint(character: char) -> bool {
    matches!(character, '.' | '-' | '+' | '~' | '_')
}

/// Returns true if a name begins with `text` and a part of the name ends there: `6.1` begins
/// `6.1.0` but not `6.12.0`.
fn begins(name: &str, text: &str) -> bool {
    let rest = name.strip_prefix(text).filter(|_| !text.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(is_joint))
}

/// Returns true if `text` may be a kernel's name, which is also the name of a folder and an argument
/// on the command line.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 100
        && text != HOST
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || is_joint(c))
}

//! Which files a kernel must load, and in which order, so that the modules that somebody wants are there.
//!
//! Dependencies come from `modules.dep` where depmod(8) has written one, else from what each module says of itself: packages
//! hold no `modules.dep`, it is made when they are installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::inflate;
use super::kernel::Kernel;
use super::modinfo::ModInfo;
use super::module_files::{by_name, module_of, spelled};

/// No module is larger, unpacked: the largest of Debian's 6.12 has 40 MiB with its debug information.
const LARGEST: u64 = 256 << 20;

/// Why the modules of a kernel cannot be told or had.
#[derive(Debug, Error)]
pub enum ModulesError {
    /// A file or folder cannot be read, or its packing is damaged.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no module.
    #[error("{} is no kernel module: it is no ELF file with a section .modinfo", path.display())]
    NoModule {
        /// Which.
        path: PathBuf,
    },
    /// A module was built for another kernel, which would refuse it.
    #[error(
        "{} was built for Linux {built_for}, and the kernel is {release}: give the modules that belong to it",
        path.display()
    )]
    Release {
        /// The module's file.
        path: PathBuf,
        /// Release in its `vermagic`.
        built_for: String,
        /// The kernel's.
        release: String,
    },
    /// A module depends on another that is not there.
    #[error("the module `{module}` depends on `{dependency}`, which {} does not have", folder.display())]
    Dependency {
        /// Which.
        module: String,
        /// On which.
        dependency: String,
        /// The folder of modules.
        folder: PathBuf,
    },
}

/// A module to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// The kernel's name for it.
    pub name: String,
    /// Its file, packed or not.
    pub path: PathBuf,
}

impl ModuleFile {
    /// The module as the kernel takes it, unpacked.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, ModulesError> {
        read(&self.path)
    }
}

/// What it takes to have modules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModulePlan {
    /// To be loaded, in this order.
    pub load: Vec<ModuleFile>,
    /// Wanted and built into the image.
    pub built_in: Vec<String>,
    /// Wanted and neither a file nor built in.
    pub missing: Vec<String>,
    /// Wanted, and nothing here tells: the kernel came without its modules.
    pub unknown: Vec<String>,
}

impl Kernel {
    /// What must be loaded, in which order, to have the wanted modules with all that they depend on. Names may be spelled with `-` or `_`.
    ///
    /// # Errors
    /// Where modules cannot be read or do not belong to this kernel.
    pub fn load_order(&self, wanted: &[&str]) -> Result<ModulePlan, ModulesError> {
        let wanted = wanted.iter().map(|name| spelled(name));
        let Some(folder) = &self.modules else {
            return Ok(ModulePlan {
                unknown: wanted.collect(),
                ..ModulePlan::default()
            });
        };
        let mut planner = Planner {
            release: &self.release,
            index: Index::read(folder)?,
            folder,
            seen: BTreeSet::new(),
            plan: ModulePlan::default(),
        };
        for name in wanted {
            if planner.index.files.contains_key(&name) {
                planner.load(&name)?;
            } else if planner.index.built_in.contains(&name) {
                planner.plan.built_in.push(name);
            } else {
                planner.plan.missing.push(name);
            }
        }
        Ok(planner.plan)
    }
}

/// The modules of a folder.
#[derive(Debug, Default)]
struct Index {
    files: BTreeMap<String, Known>,
    built_in: BTreeSet<String>,
}

#[derive(Debug)]
struct Known {
    path: PathBuf,
    /// What it depends on, where depmod(8) has told.
    depends: Option<Vec<String>>,
}

impl Index {
    fn read(folder: &Path) -> Result<Self, ModulesError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ModulesError::Read { path, source }
        };
        let list = |name: &str| {
            let path = folder.join(name);
            match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                other => other.map(Some).map_err(failed(&path)),
            }
        };
        let built_in = list("modules.builtin")?.unwrap_or_default();
        let files = match list("modules.dep")? {
            Some(text) => told(folder, &text),
            None => {
                let files = by_name(folder).map_err(failed(folder))?.into_iter();
                files
                    .map(|(name, path)| {
                        (
                            name,
                            Known {
                                path,
                                depends: None,
                            },
                        )
                    })
                    .collect()
            }
        };
        Ok(Self {
            files,
            built_in: names(built_in.split_ascii_whitespace()),
        })
    }
}

/// `modules.dep` (modules.dep(5)): `kernel/net/a.ko: kernel/net/b.ko kernel/lib/c.ko`.
fn told(folder: &Path, text: &str) -> BTreeMap<String, Known> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter_map(|(file, depends)| {
            let known = Known {
                path: folder.join(file),
                depends: Some(names(depends.split_ascii_whitespace())),
            };
            Some((module_of(Path::new(file))?, known))
        })
        .collect()
}

fn names<'a, C: FromIterator<String>>(files: impl Iterator<Item = &'a str>) -> C {
    files
        .filter_map(|file| module_of(Path::new(file)))
        .collect()
}

#[derive(Debug)]
struct Planner<'a> {
    release: &'a str,
    folder: &'a Path,
    index: Index,
    seen: BTreeSet<String>,
    plan: ModulePlan,
}

impl Planner<'_> {
    /// Plans a module that is there, after what it depends on. How deep this goes is bounded by the number of modules.
    fn load(&mut self, name: &str) -> Result<(), ModulesError> {
        let Some(known) = self.index.files.get(name) else {
            return Ok(());
        };
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let path = known.path.clone();
        let told = known.depends.clone();
        let Some(info) = ModInfo::of(&read(&path)?) else {
            return Err(ModulesError::NoModule { path });
        };
        if let Some(built_for) = info.release.filter(|built_for| built_for != self.release) {
            return Err(ModulesError::Release {
                path,
                built_for,
                release: self.release.to_owned(),
            });
        }
        for softly in info.before {
            self.load(&spelled(&softly))?;
        }
        for dependency in told.unwrap_or(info.depends) {
            let dependency = spelled(&dependency);
            if !self.index.files.contains_key(&dependency)
                && !self.index.built_in.contains(&dependency)
            {
                return Err(ModulesError::Dependency {
                    module: name.to_owned(),
                    dependency,
                    folder: self.folder.to_owned(),
                });
            }
            self.load(&dependency)?;
        }
        self.plan.load.push(ModuleFile {
            name: name.to_owned(),
            path,
        });
        for softly in info.after {
            self.load(&spelled(&softly))?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModulesError> {
    let bytes = fs::read(path).and_then(|packed| inflate::unpacked(&packed, LARGEST));
    bytes.map_err(|source| ModulesError::Read {
        path: path.to_owned(),
        source,
    })
}

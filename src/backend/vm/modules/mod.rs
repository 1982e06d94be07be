//! Plans which module files a guest must load, and in which order.
//!
//! Dependencies come from `modules.dep` if depmod(8) has written it, else from each module's own description:
//! packages contain no `modules.dep`, since it is made at installation.

pub(super) mod modinfo;
pub(crate) mod needs;
pub(crate) mod of_programs;
mod requirement;
pub(crate) mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::kernel::module_files::{by_name, module_of, spelled};
use super::kernel::{Kernel, inflate};
use modinfo::ModInfo;

/// Maximum number of bytes of a module, decompressed: the largest of Debian's 6.12 has 40 MiB with its debug
/// information.
const LARGEST: u64 = 256 << 20;

/// An error in planning or reading modules.
#[derive(Debug, Error)]
pub(crate) enum ModulesError {
    /// A file or folder cannot be read, or its compressed data are damaged.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a kernel module: it is not an ELF file with a section .modinfo", path.display())]
    NoModule { path: PathBuf },
    /// A module was built for another kernel; this one would refuse it.
    #[error(
        "{} was built for Linux {built_for}, but the kernel is {release}: give the modules that belong to it",
        path.display()
    )]
    Release {
        path: PathBuf,
        /// The release in its `vermagic`.
        built_for: String,
        release: String,
    },
    /// A module depends on another that does not exist.
    #[error("the module `{module}` depends on `{dependency}`, which {} does not have", folder.display())]
    Dependency {
        module: String,
        dependency: String,
        folder: PathBuf,
    },
}

/// A module to load.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModuleFile {
    /// Its name as the kernel spells it.
    pub(crate) name: String,
    /// Its file, compressed or not.
    pub(crate) path: PathBuf,
}

impl ModuleFile {
    /// Returns the module as the kernel takes it, decompressed.
    pub(crate) fn read(&self) -> Result<Vec<u8>, ModulesError> {
        read(&self.path)
    }
}

/// A plan for having the wanted modules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ModulePlan {
    /// Modules to load, in this order.
    pub(crate) load: Vec<ModuleFile>,
    /// Wanted modules that are built into the image.
    pub(crate) built_in: Vec<String>,
    /// Wanted modules that are neither a file nor built in.
    pub(crate) missing: Vec<String>,
    /// Wanted modules that may or may not exist: the kernel came without its modules.
    pub(crate) unknown: Vec<String>,
}

impl Kernel {
    /// Plans how to have the wanted modules with all that they depend on. Names may be spelled with `-` or `_`.
    /// Fails if modules cannot be read or do not belong to this kernel.
    pub(crate) fn load_order(&self, wanted: &[&str]) -> Result<ModulePlan, ModulesError> {
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
    files: BTreeMap<String, IndexedModule>,
    built_in: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct IndexedModule {
    path: PathBuf,
    /// Its dependencies, if depmod(8) listed them.
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
            Some(text) => parse_modules_dep(folder, &text),
            None => {
                let files = by_name(folder).map_err(failed(folder))?.into_iter();
                files
                    .map(|(name, path)| {
                        (
                            name,
                            IndexedModule {
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
pub(super) fn parse_modules_dep(folder: &Path, text: &str) -> BTreeMap<String, IndexedModule> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter_map(|(file, depends)| {
            let known = IndexedModule {
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
    /// Plans a module that exists, after its dependencies. The recursion is bounded by the number of modules.
    fn load(&mut self, name: &str) -> Result<(), ModulesError> {
        let Some(known) = self.index.files.get(name) else {
            return Ok(());
        };
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let path = known.path.clone();
        let listed = known.depends.clone();
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
            self.load_softly(&softly)?;
        }
        for dependency in listed.unwrap_or(info.depends) {
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
            self.load_softly(&softly)?;
        }
        Ok(())
    }

    /// Plans a soft dependency if it exists: a module, or one that has that name as an alias, as ciphers and
    /// checksums do (`crc32c` is `crc32c_generic`). Only modules whose names begin like that are read; reading all
    /// of them takes seconds.
    fn load_softly(&mut self, name: &str) -> Result<(), ModulesError> {
        let plain = spelled(name.strip_prefix("crypto-").unwrap_or(name));
        let provides = |module: &&String| module.starts_with(&plain);
        if self.index.files.contains_key(&plain) {
            return self.load(&plain);
        }
        if self.index.built_in.iter().any(|module| provides(&module)) {
            return Ok(());
        }
        let alike = self
            .index
            .files
            .iter()
            .filter(|(module, _)| provides(module));
        for (module, known) in alike {
            let info = ModInfo::of(&read(&known.path)?).unwrap_or_default();
            if info.aliases.iter().any(|alias| alias == name) {
                let module = module.clone();
                return self.load(&module);
            }
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

#[cfg(test)]
mod tests {
    use super::modinfo::tests::module;
    use super::*;

    fn kernel(folder: &Path, files: &[(&str, Vec<u8>)]) -> Kernel {
        for (name, bytes) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Kernel {
            name: "test".to_owned(),
            release: "6.1.0".to_owned(),
            image: PathBuf::new(),
            modules: Some(folder.to_owned()),
            config: None,
            hash: String::new(),
        }
    }

    fn says(lines: &[&str]) -> Vec<u8> {
        module(&[&["vermagic=6.1.0 SMP "], lines].concat())
    }

    fn order(plan: &ModulePlan) -> Vec<&str> {
        plan.load.iter().map(|file| &*file.name).collect()
    }

    #[test]
    fn dependencies_come_before_the_module_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(
            folder.path(),
            &[
                ("kernel/a.ko", says(&["depends=b,c-c"])),
                (
                    "kernel/b.ko",
                    says(&["depends=c-c", "softdep=pre: sum post: late"]),
                ),
                ("kernel/c-c.ko", says(&["depends=inside"])),
                ("kernel/late.ko", says(&["depends=b"])),
                ("kernel/sum_fast.ko", says(&["alias=other"])),
                ("kernel/sum_generic.ko", says(&["alias=sum"])),
                ("modules.builtin", b"kernel/inside.ko\n".to_vec()),
            ],
        );
        let plan = kernel
            .load_order(&["a", "c_c", "inside", "nowhere"])
            .unwrap();
        assert_eq!(order(&plan), ["sum_generic", "c_c", "b", "late", "a"]);
        assert_eq!(plan.built_in, ["inside"]);
        assert_eq!(plan.missing, ["nowhere"]);
    }

    #[test]
    fn modules_dep_decides_the_file_and_its_dependencies() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(
            folder.path(),
            &[
                ("kernel/a.ko", says(&["depends=not-any-more"])),
                ("updates/a.ko", says(&[])),
                ("kernel/b.ko", says(&[])),
                (
                    "modules.dep",
                    b"updates/a.ko: kernel/b.ko\nkernel/b.ko:\n".to_vec(),
                ),
            ],
        );
        let plan = kernel.load_order(&["a"]).unwrap();
        assert_eq!(order(&plan), ["b", "a"]);
        assert_eq!(plan.load[1].path, folder.path().join("updates/a.ko"));
    }

    #[test]
    fn compressed_modules_are_read_as_the_kernel_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let plain = says(&["license=GPL"]);
        let packed = ruzstd::encoding::compress_to_vec(
            &plain[..],
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        let kernel = kernel(folder.path(), &[("a.ko.zst", packed)]);
        let plan = kernel.load_order(&["a"]).unwrap();
        assert_eq!(plan.load[0].read().unwrap(), plain);
    }

    #[test]
    fn modules_of_another_kernel_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let other = module(&["vermagic=6.2.0 SMP "]);
        let kernel = kernel(folder.path(), &[("a.ko", other)]);
        let error = kernel.load_order(&["a"]).unwrap_err().to_string();
        assert!(error.contains("built for Linux 6.2.0"), "{error}");
    }

    #[test]
    fn a_missing_dependency_is_an_error_with_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &[("a.ko", says(&["depends=gone"]))]);
        let error = kernel.load_order(&["a"]).unwrap_err().to_string();
        assert!(error.contains("`a` depends on `gone`"), "{error}");
    }

    #[test]
    fn a_kernel_without_its_modules_leaves_everything_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = Kernel {
            modules: None,
            ..kernel(folder.path(), &[])
        };
        let plan = kernel.load_order(&["veth"]).unwrap();
        assert_eq!(plan.unknown, ["veth"]);
        assert!(plan.missing.is_empty());
    }
}

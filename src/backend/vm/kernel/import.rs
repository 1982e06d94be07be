//! Adds kernels to the store: from packages, or from an image and its modules.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::{self, KernelPaths, Package};
use super::scratch::Scratch;
use super::store::{
    ABOUT, Added, BY_CONTENT, CONFIG, IMAGE, KernelDescription, MODULES, SourceFile, Store, is_name,
};
use super::store_error::{StoreError, failed};
use super::{Kernel, config_beside, fingerprint, image, module_files, modules_beside};

/// Distributions, recognised by the first word of the maintainer of their kernel packages.
const MAKERS: [&str; 2] = ["debian", "ubuntu"];

/// Hexadecimal digits of a digest in a name: enough to tell packages of one release apart.
const DIGITS: usize = 12;

impl Store {
    /// Adds a kernel: one image, with a folder of modules if there is one, or the packages that make up a kernel
    /// together. Its default name consists of the distribution and the release. A kernel that the store has already
    /// is left alone. Fails if the files are not a kernel that can be booted, or if another kernel has the name.
    pub(crate) fn add(
        &self,
        files: &[PathBuf],
        modules: Option<&Path>,
        name: Option<&str>,
    ) -> Result<Added, StoreError> {
        if let Some(name) = name.filter(|name| !is_name(name)) {
            return Err(StoreError::Name {
                name: name.to_owned(),
            });
        }
        let from = sources(files)?;
        if modules.is_none()
            && name.is_none()
            && let Some(kernel) = self.find_by_files(&from)?
        {
            return Ok(Added {
                kernel,
                was_there: true,
            });
        }
        let scratch = Scratch::take(self.folder())?;
        let made = scratch.path().join("kernel");
        let parts = KernelPaths {
            image: &made.join(IMAGE),
            config: &made.join(CONFIG),
            modules: &made.join(MODULES),
        };
        fs::create_dir(&made).map_err(failed("create", &made))?;
        let (release, maker) = assemble(files, modules, parts)?;
        let there = Some(parts.modules).filter(|folder| folder.exists());
        let hash = fingerprint::of_kernel(parts.image, there).map_err(failed("read", &made))?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => maker.map_or(release.clone(), |maker| format!("{maker}-{release}")),
        };
        if !is_name(&name) {
            return Err(StoreError::Name { name });
        }
        let about = KernelDescription {
            release,
            hash,
            from,
        };
        self.move_into_store(&made, &name, &about)
    }

    /// Adds the kernel of a package that was given by its path. If another kernel has its default name (a signed and an
    /// unsigned package have the same release), its name says what it was made from.
    pub(crate) fn add_by_content(&self, package: &Path) -> Result<Added, StoreError> {
        let files = [package.to_owned()];
        match self.add(&files, None, None) {
            Err(StoreError::Taken { name }) => {
                let digest = fingerprint::of_file(package).map_err(failed("read", package))?;
                let digest = digest.get(..DIGITS).unwrap_or_default();
                self.add(&files, None, Some(&format!("{name}{BY_CONTENT}{digest}")))
            }
            other => other,
        }
    }

    /// Moves an assembled kernel to its place in the store.
    fn move_into_store(
        &self,
        made: &Path,
        name: &str,
        about: &KernelDescription,
    ) -> Result<Added, StoreError> {
        let path = made.join(ABOUT);
        let text = serde_json::to_vec_pretty(about).map_err(|source| StoreError::Broken {
            path: path.clone(),
            source,
        })?;
        fs::write(&path, text).map_err(failed("write", &path))?;
        let place = self.folder().join(name);
        // rename(2) never replaces a folder that is not empty, so if two processes add the same name,
        // one of them fails.
        let was_there = match fs::rename(made, &place) {
            Ok(()) => false,
            Err(_) if place.exists() => match self.about(name)?.hash == about.hash {
                true => true,
                false => {
                    return Err(StoreError::Taken {
                        name: name.to_owned(),
                    });
                }
            },
            Err(source) => return Err(failed("write", &place)(source)),
        };
        Ok(Added {
            kernel: self.load(name)?,
            was_there,
        })
    }

    /// Returns the kernel that was made from the same files.
    fn find_by_files(&self, from: &[SourceFile]) -> Result<Option<Kernel>, StoreError> {
        for name in self.names()? {
            let same = |about: KernelDescription| {
                let digests = |from: &[SourceFile]| {
                    let mut all: Vec<_> = from.iter().map(|file| file.sha256.clone()).collect();
                    all.sort();
                    all
                };
                digests(&about.from) == digests(from)
            };
            if self.about(&name).is_ok_and(same) {
                return self.load(&name).map(Some);
            }
        }
        Ok(None)
    }
}

fn sources(files: &[PathBuf]) -> Result<Vec<SourceFile>, StoreError> {
    let source = |path: &PathBuf| {
        Ok(SourceFile {
            file: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            sha256: fingerprint::of_file(path).map_err(failed("read", path))?,
        })
    };
    files.iter().map(source).collect()
}

/// Assembles a kernel; returns its release and, if a package names it, its distribution.
fn assemble(
    files: &[PathBuf],
    modules: Option<&Path>,
    to: KernelPaths<'_>,
) -> Result<(String, Option<String>), StoreError> {
    let mut packages = Vec::new();
    for path in files.iter().filter(|path| deb::is_package(path)) {
        let package = deb::unpack(path, to).map_err(|source| StoreError::Deb {
            path: path.clone(),
            source,
        })?;
        packages.push(package);
    }
    let images = files.iter().filter(|path| !deb::is_package(path));
    let images: Vec<_> = images.collect();
    let mut beside = None;
    match (&images[..], &packages[..]) {
        ([image], []) => {
            // The image is checked before it is copied, so that an error names the file that was given.
            let release = release_of(image)?;
            fs::copy(image, to.image).map_err(failed("read", image))?;
            if let Some(config) = config_beside(image, &release) {
                fs::copy(&config, to.config).map_err(failed("read", &config))?;
            }
            beside = modules_beside(image, &release);
        }
        ([], [_, ..]) => complete(&packages)?,
        _ => {
            return Err(StoreError::Incomplete(
                "give one image (vmlinuz, bzImage), or packages (.deb) of one kernel".to_owned(),
            ));
        }
    }
    let release = release_of(to.image)?;
    let of_others = packages
        .iter()
        .filter_map(|package| package.modules.as_ref());
    if let Some(other) = of_others.clone().find(|other| **other != release) {
        return Err(StoreError::Incomplete(format!(
            "the image is for Linux {release}, the modules are for {other}"
        )));
    }
    if let Some(given) = modules.or(beside.as_deref()) {
        copy_modules(given, &release, to.modules)?;
    }
    let maker = packages.iter().find_map(|package| {
        let first = package.maintainer.split(' ').next()?.to_lowercase();
        MAKERS.contains(&&*first).then_some(first)
    });
    Ok((release, maker))
}

fn release_of(image: &Path) -> Result<String, StoreError> {
    image::release_of(image).map_err(|source| StoreError::Image {
        path: image.to_owned(),
        source,
    })
}

/// Fails if packages are missing to make up a kernel.
fn complete(packages: &[Package]) -> Result<(), StoreError> {
    let images: Vec<_> = packages
        .iter()
        .filter(|package| package.image.is_some())
        .collect();
    let has_modules = packages.iter().any(|package| package.modules.is_some());
    let needs = |package: &Package, what: &str| {
        let mut words = package.depends.split([',', '|', ' ']);
        words.find(|word| word.starts_with(what)).map(str::to_owned)
    };
    let missing = match &images[..] {
        [image] if !has_modules => needs(image, "linux-modules-").map(|modules| {
            format!(
                "{} has no modules, they are in another package; give both: nslab kernel add {0}_*.deb {modules}_*.deb \
                 (apt-get download {modules})",
                image.name
            )
        }),
        [_] => None,
        [] => Some(match packages.iter().find_map(|package| Some((package, needs(package, "linux-image-")?))) {
            Some((package, image)) => format!(
                "{} contains no kernel, it only depends on one; run apt-get download {image} and add that",
                package.name
            ),
            None => format!(
                "{} contains no kernel image (boot/vmlinuz-*); add the linux-image package too",
                packages.iter().map(|package| &*package.name).collect::<Vec<_>>().join(", ")
            ),
        }),
        [one, other, ..] => Some(format!(
            "{} and {} are two kernels; add them one at a time",
            one.name, other.name
        )),
    };
    missing.map_or(Ok(()), |missing| Err(StoreError::Incomplete(missing)))
}

fn copy_modules(given: &Path, release: &str, to: &Path) -> Result<(), StoreError> {
    let folder = module_files::locate(given, release).ok_or_else(|| {
        StoreError::Incomplete(format!(
            "{} has no modules for Linux {release}: it is not a folder of modules and contains no `{release}`",
            given.display()
        ))
    })?;
    let mut files = module_files::all(&folder).map_err(failed("read", &folder))?;
    files.extend(Some(folder.join("modules.dep")).filter(|path| path.is_file()));
    for path in files {
        let target = to.join(path.strip_prefix(&folder).unwrap_or(&path));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed("create", parent))?;
        }
        fs::copy(&path, &target).map_err(failed("copy", &path))?;
    }
    Ok(())
}

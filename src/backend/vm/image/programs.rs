//! The files that a program needs to run: the loader and libraries named in its ELF file, or the interpreter named
//! in its first line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::abi::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, EM_X86_64, PT_INTERP, PT_LOAD,
};
use elf::endian::AnyEndian;
use elf::file::Class;
use thiserror::Error;

use super::libraries::{LibraryCache, is_standard};
use crate::sys::search_path::{self, DEFAULT_PATH};

/// The C library of GNU systems.
const LIBC: &str = "libc.so.6";
/// Libraries that it opens by itself: names of users from files (before 2.34), and unwinding of stacks
/// when threads are cancelled.
const OPENED_BY_LIBC: [&str; 2] = ["libnss_files.so.2", "libgcc_s.so.1"];
/// Maximum depth of nested scripts: an interpreter may itself be a script (execve(2)).
const DEEPEST: u32 = 5;

/// An error in collecting a program's files.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} is not a program: it is neither an ELF file for x86-64 nor a script that names its interpreter",
        path.display()
    )]
    NoProgram { path: PathBuf },
    #[error("cannot find {library}, which {} needs", path.display())]
    NoLibrary { path: PathBuf, library: String },
    /// The interpreter of a script is not installed, or scripts are nested too deeply.
    #[error("cannot find {interpreter}, the interpreter of the script {}", path.display())]
    NoInterpreter { path: PathBuf, interpreter: String },
}

/// A program's files: path and contents of each.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Collects the files of programs.
#[derive(Debug, Default)]
pub(crate) struct ProgramFiles {
    cache: LibraryCache,
    pub(crate) files: Files,
    /// Links that let a loader find libraries in folders that it does not search.
    pub(crate) links: BTreeMap<PathBuf, PathBuf>,
}

impl ProgramFiles {
    pub(crate) fn of_host() -> Self {
        Self {
            cache: LibraryCache::of_host(),
            ..Self::default()
        }
    }

    /// Adds the program at `host`, whose path in the guest is `guest`, with everything that it needs.
    pub(crate) fn program(&mut self, guest: &Path, host: &Path) -> Result<(), ProgramError> {
        self.add(guest, host, DEEPEST)
    }

    fn add(&mut self, guest: &Path, host: &Path, deeper: u32) -> Result<(), ProgramError> {
        if self.files.contains_key(guest) {
            return Ok(());
        }
        let bytes = fs::read(host).map_err(|source| ProgramError::Read {
            path: host.to_owned(),
            source,
        })?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line).into_owned();
            self.files.insert(guest.to_owned(), bytes);
            return self.interpreter(host, &line, deeper);
        }
        let object = Object::read(&bytes).ok_or_else(|| ProgramError::NoProgram {
            path: host.to_owned(),
        })?;
        let kept = object.kept(bytes);
        self.files.insert(guest.to_owned(), kept);
        if let Some(loader) = &object.loader {
            self.add(Path::new(loader), Path::new(loader), deeper)?;
        }
        self.libraries(host, &object, deeper)
    }

    fn interpreter(&mut self, script: &Path, line: &str, deeper: u32) -> Result<(), ProgramError> {
        let mut words = line.split_ascii_whitespace();
        let named = words.next().unwrap_or_default();
        let lost = |interpreter: &str| ProgramError::NoInterpreter {
            path: script.to_owned(),
            interpreter: interpreter.to_owned(),
        };
        if deeper == 0 || !Path::new(named).is_file() {
            return Err(lost(named));
        }
        self.add(Path::new(named), Path::new(named), deeper - 1)?;
        if !named.ends_with("/env") {
            return Ok(());
        }
        // `#!/usr/bin/env [-S] python3`
        let Some(word) = words.find(|word| !word.starts_with('-')) else {
            return Ok(());
        };
        // env(1) has this search path in a guest.
        let found = search_path::find(word, DEFAULT_PATH.as_ref()).ok_or_else(|| lost(word))?;
        self.add(&found, &found, deeper - 1)
    }

    fn libraries(&mut self, host: &Path, object: &Object, deeper: u32) -> Result<(), ProgramError> {
        for library in &object.needed {
            let found = self.find(library, host, &object.paths);
            let path = found.ok_or_else(|| ProgramError::NoLibrary {
                path: host.to_owned(),
                library: library.clone(),
            })?;
            self.add(&path, &path, deeper)?;
            if library == LIBC {
                let beside = OPENED_BY_LIBC.map(|name| path.with_file_name(name));
                for path in beside.iter().filter(|path| path.is_file()) {
                    self.add(path, path, deeper)?;
                }
            }
            self.link(library, &path, &object.paths);
        }
        Ok(())
    }

    /// Finds a library as ld.so(8) does: in the paths named in the file, the cache, the standard folders.
    fn find(&self, library: &str, host: &Path, paths: &[String]) -> Option<PathBuf> {
        if library.contains('/') {
            return Some(PathBuf::from(library)).filter(|path| path.exists());
        }
        // $ORIGIN is the folder of the file itself, after following links.
        let origin = fs::canonicalize(host).ok()?;
        let origin = origin.parent()?.to_string_lossy().into_owned();
        let own = paths.iter().map(|path| {
            let path = path
                .replace("$ORIGIN", &origin)
                .replace("${ORIGIN}", &origin);
            Path::new(&path).join(library)
        });
        own.into_iter()
            .find(|path| path.exists())
            .or_else(|| self.cache.find(library))
            // A loader would have it already: the program names it too, with a path.
            .or_else(|| Some(Path::new(&origin).join(library)).filter(|path| path.exists()))
    }

    /// Links a library that only the host's cache can find into a folder that every loader searches: the
    /// guest has no cache.
    fn link(&mut self, library: &str, path: &Path, paths: &[String]) {
        let folder = path.parent().unwrap_or(path);
        if paths.is_empty() && !library.contains('/') && !is_standard(folder) {
            for standard in ["/lib/x86_64-linux-gnu", "/usr/lib64"] {
                self.links
                    .insert(Path::new(standard).join(library), path.to_owned());
            }
        }
    }
}

/// The parts of an ELF file that concern its loading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::backend::vm) struct Object {
    loader: Option<String>,
    needed: Vec<String>,
    /// The folders of libraries that it names (DT_RUNPATH, DT_RPATH).
    paths: Vec<String>,
    /// The end of the part that is loaded, if only tables of names and debug information follow.
    end: Option<usize>,
}

impl Object {
    /// Returns `None` if it is not an ELF file for x86-64.
    pub(in crate::backend::vm) fn read(bytes: &[u8]) -> Option<Self> {
        let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).ok()?;
        if file.ehdr.class != Class::ELF64 || file.ehdr.e_machine != EM_X86_64 {
            return None;
        }
        let segments: Vec<_> = file.segments()?.iter().collect();
        let mut object = Self::default();
        if let Some(segment) = segments.iter().find(|segment| segment.p_type == PT_INTERP) {
            object.loader = text(file.segment_data(segment).ok()?, 0);
        }
        let ends = segments
            .iter()
            .map(|segment| segment.p_offset.saturating_add(segment.p_filesz));
        object.end = ends.max().and_then(|end| end.try_into().ok());
        if has_more_than_sections(&file, bytes.len()) {
            object.end = None;
        }
        let Some(dynamic) = file.dynamic().ok()? else {
            return Some(object);
        };
        let value = |tag| {
            dynamic
                .iter()
                .find(|entry| entry.d_tag == tag)
                .map(|entry| entry.d_val())
        };
        // The header names the table of strings by its address; the segment loaded there gives its
        // offset in the file.
        let strings = value(DT_STRTAB)
            .zip(value(DT_STRSZ))
            .and_then(|(address, size)| {
                let segment = segments.iter().find(|segment| {
                    segment.p_type == PT_LOAD
                        && (segment.p_vaddr..segment.p_vaddr.saturating_add(segment.p_filesz))
                            .contains(&address)
                })?;
                let start = address - segment.p_vaddr;
                let start = usize::try_from(segment.p_offset.checked_add(start)?).ok()?;
                bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
            });
        for entry in dynamic.iter() {
            let named = || text(strings?, usize::try_from(entry.d_val()).ok()?);
            match entry.d_tag {
                DT_NEEDED => object.needed.extend(named()),
                DT_RUNPATH | DT_RPATH => {
                    let named = named().unwrap_or_default();
                    let paths = named.split(':').filter(|path| !path.is_empty());
                    object.paths.extend(paths.map(str::to_owned));
                }
                _ => {}
            }
        }
        Some(object)
    }

    /// Returns the bytes that are loaded: a development build has ten times as many for debuggers.
    pub(in crate::backend::vm) fn kept(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        /// `e_shoff`, 8 bytes; `e_shnum` and `e_shstrndx`, 2 bytes each (elf(5), 64 bits).
        const SECTIONS: [std::ops::Range<usize>; 2] = [0x28..0x30, 0x3c..0x40];
        if let Some(end) = self.end.filter(|end| (64..bytes.len()).contains(end)) {
            bytes.truncate(end);
            for range in SECTIONS {
                bytes[range].fill(0);
            }
        }
        bytes
    }
}

/// Returns true if data have been appended to the file, as in self-extracting programs.
fn has_more_than_sections(file: &ElfBytes<'_, AnyEndian>, length: usize) -> bool {
    let header = &file.ehdr;
    let table = u64::from(header.e_shentsize) * u64::from(header.e_shnum);
    let mut end = header.e_shoff.saturating_add(table);
    for section in file.section_headers().into_iter().flatten() {
        if section.sh_type != elf::abi::SHT_NOBITS {
            end = end.max(section.sh_offset.saturating_add(section.sh_size));
        }
    }
    header.e_shnum == 0 || length as u64 > end
}

fn text(bytes: &[u8], at: usize) -> Option<String> {
    let bytes = bytes.get(at..)?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    String::from_utf8(bytes[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_comes_with_its_loader_and_libraries_but_without_debug_information() {
        let program = std::env::current_exe().unwrap();
        let mut gatherer = ProgramFiles::of_host();
        gatherer.program(Path::new("/init"), &program).unwrap();
        let names: Vec<_> = gatherer
            .files
            .keys()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert!(names.contains(&LIBC), "{names:?}");
        assert!(
            names.iter().any(|name| name.starts_with("ld-linux")),
            "{names:?}"
        );
        let kept = gatherer.files[Path::new("/init")].len() as u64;
        assert!(kept < fs::metadata(&program).unwrap().len());
    }

    #[test]
    fn a_program_runs_without_debug_information() {
        let program = std::env::current_exe().unwrap();
        let bytes = fs::read(&program).unwrap();
        let kept = Object::read(&bytes).unwrap().kept(bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, kept).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).unwrap();
        let listed = std::process::Command::new(&path)
            .arg("--list")
            .output()
            .unwrap();
        assert!(listed.status.success());
        assert!(String::from_utf8_lossy(&listed.stdout).contains("a_program_runs_without"));
    }

    #[test]
    fn data_appended_to_a_program_are_kept() {
        let mut bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        bytes.extend(b"an archive that the program reads out of itself");
        let length = bytes.len();
        assert_eq!(Object::read(&bytes).unwrap().kept(bytes).len(), length);
    }

    #[test]
    fn a_script_comes_with_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        fs::write(&script, "#!/bin/sh -e\nexit 0\n").unwrap();
        let mut gatherer = ProgramFiles::of_host();
        gatherer
            .program(Path::new("/usr/bin/script"), &script)
            .unwrap();
        assert!(gatherer.files.contains_key(Path::new("/bin/sh")));
        assert!(gatherer.files.contains_key(Path::new("/usr/bin/script")));

        fs::write(&script, "#!/no/such/interpreter\n").unwrap();
        let error = ProgramFiles::of_host()
            .program(Path::new("/s"), &script)
            .unwrap_err();
        assert!(
            error.to_string().contains("/no/such/interpreter"),
            "{error}"
        );
        fs::write(&script, format!("#!{}\n", script.display())).unwrap();
        let round = ProgramFiles::of_host().program(Path::new("/s"), &script);
        assert!(matches!(
            round,
            Err(ProgramError::NoInterpreter { .. }) | Ok(())
        ));
    }

    #[test]
    fn a_file_that_is_not_a_program_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "just a text").unwrap();
        let error = ProgramFiles::of_host()
            .program(Path::new("/t"), &path)
            .unwrap_err();
        assert!(error.to_string().contains("is not a program"), "{error}");
    }
}

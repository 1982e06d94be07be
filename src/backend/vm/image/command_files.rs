//! What the commands of a scenario bring along into a guest: their programs, what those are configured by, and files that they name.
//!
//! Nobody lists what a program needs beside its libraries, so this goes by where Debian's policy and the FHS have such things lie:
//! `/etc/NAME`, `/usr/lib/NAME`, `/usr/share/NAME`, and folders to write to below `/var`. Nothing of a user's home is taken but what a
//! command names.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::initramfs::{Initramfs, InitramfsError};
use crate::backend::vm::shell_words::words;
use crate::scenario::RunSpec;
use crate::scenario::workload::CommandSpec;

/// Where guests look for programs; also those of the host are looked for there last.
const STANDARD: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];
/// Where a program of some name has what it reads.
const READ: [&str; 5] = [
    "/etc/*",
    "/etc/*.conf",
    "/etc/default/*",
    "/usr/lib/*",
    "/usr/share/*",
];
/// And where it writes: made in the guest as they are on the host, empty.
const WRITTEN: [&str; 5] = [
    "/var/cache/*",
    "/var/lib/*",
    "/var/log/*",
    "/var/spool/*",
    "/run/*",
];
/// Folders below each other that are made to write to: nginx has `/var/lib/nginx/body`.
const DEEPEST: usize = 3;
/// Shells, whose words may be programs.
const SHELLS: [&str; 4] = ["sh", "dash", "bash", "ash"];
/// What no guest may take from the host, though it is named: it has its own.
const OWN: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// What goes along. Two runs with the same need the same guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandFiles {
    /// Programs, where they lie.
    programs: BTreeSet<PathBuf>,
    /// Files, and folders with what is in them.
    trees: BTreeSet<PathBuf>,
    /// Folders to write to.
    folders: BTreeSet<PathBuf>,
}

impl CommandFiles {
    /// What the commands of a run, and the programs that it requires, bring along. What this host does not have is left out: the run says so.
    pub(crate) fn of(spec: &RunSpec) -> Self {
        let mut files = Self::default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: Vec<_> = std::env::split_paths(&path).collect();
        for name in &spec.requires.programs {
            files.program(name, &path);
        }
        for command in &spec.workload.commands {
            files.command(command, &path);
        }
        files
    }

    /// Puts everything into a guest's file system.
    pub(crate) fn add_to(&self, files: &mut Initramfs) -> Result<(), InitramfsError> {
        for path in &self.trees {
            files.tree(path, path)?;
        }
        for path in &self.folders {
            files.dir(path, 0o755)?;
        }
        for path in &self.programs {
            files.program(path, path)?;
            let folder = path.parent().unwrap_or(path);
            if let Some(name) = path.file_name()
                && !STANDARD
                    .iter()
                    .any(|standard| Path::new(standard) == folder)
            {
                files.link(Path::new("/usr/local/bin").join(name), path)?;
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &CommandSpec, path: &[PathBuf]) {
        let own = command.env.get("PATH");
        let own: Option<Vec<_>> = own.map(|path| std::env::split_paths(path).collect());
        let path = own.as_deref().unwrap_or(path);
        let Some((program, arguments)) = command.run.split_first() else {
            return;
        };
        self.program(program, path);
        let is_shell = Path::new(program)
            .file_name()
            .is_some_and(|name| SHELLS.iter().any(|shell| name == *shell));
        for argument in arguments.iter().chain(command.env.values()) {
            self.file(argument);
            // `-c/etc/a.conf`, `--conf=/etc/a.conf`
            if let Some(at) = argument.find('/') {
                self.file(&argument[at..]);
            }
        }
        for word in arguments
            .iter()
            .filter(|_| is_shell)
            .flat_map(|text| words(text))
        {
            self.program(word, path);
            self.file(word);
        }
    }

    /// A program, by its path or by its name, with what it reads and where it writes.
    fn program(&mut self, program: &str, path: &[PathBuf]) {
        let standard = STANDARD.iter().map(PathBuf::from);
        let found = match program.contains('/') {
            true => Some(PathBuf::from(program)).filter(|path| path.is_absolute()),
            false => path
                .iter()
                .cloned()
                .chain(standard)
                .map(|folder| folder.join(program))
                .find(|path| is_program(path)),
        };
        let Some(found) = found.filter(|path| is_program(path) && !is_own(path)) else {
            return;
        };
        if !self.programs.insert(found.clone()) {
            return;
        }
        // Also by the name behind a link: `python3` reads what is python3.11's.
        let behind = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
        for name in [&found, &behind]
            .into_iter()
            .filter_map(|path| path.file_name()?.to_str())
        {
            let places = |patterns: &[&str]| {
                let places = patterns
                    .iter()
                    .map(|place| PathBuf::from(place.replace('*', name)));
                places.filter(|path| path.exists()).collect::<Vec<_>>()
            };
            self.trees.extend(places(&READ));
            for folder in places(&WRITTEN) {
                self.folder(&folder, DEEPEST);
            }
        }
    }

    /// A file that a command names by its whole path.
    fn file(&mut self, text: &str) {
        let path = Path::new(text);
        if !path.is_absolute() || is_own(path) || !path.is_file() {
            return;
        }
        if is_program(path) {
            self.programs.insert(path.to_owned());
        } else {
            self.trees.insert(path.to_owned());
        }
    }

    fn folder(&mut self, folder: &Path, deeper: usize) {
        if !folder.is_dir() || deeper == 0 {
            return;
        }
        self.folders.insert(folder.to_owned());
        // What cannot be looked into has nothing to be made.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.folder(&entry.path(), deeper - 1);
            }
        }
    }
}

fn is_own(path: &Path) -> bool {
    OWN.iter().any(|own| path.starts_with(own))
}

/// A file that somebody may execute, and that can be: an ELF file or a script.
fn is_program(path: &Path) -> bool {
    let executable = |about: Metadata| about.is_file() && about.permissions().mode() & 0o111 != 0;
    let mut first = [0; 4];
    path.metadata().is_ok_and(executable)
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut first))
            .is_ok_and(|()| first == *b"\x7fELF" || first.starts_with(b"#!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_files(commands: &str) -> CommandFiles {
        let text = format!(
            "name: test\ntitle: A test\nnodes: {{ a: {{}} }}\ncommands: {{ {commands} }}\nexpect: [ c.exit == 0 ]\n"
        );
        let parsed = crate::scenario::parse("test.yaml", &text, &Default::default());
        CommandFiles::of(&parsed.unwrap().runs[0])
    }

    fn names(files: &CommandFiles) -> Vec<&str> {
        let names = files.programs.iter();
        names
            .filter_map(|path| path.file_name()?.to_str())
            .collect()
    }

    #[test]
    fn a_shell_brings_the_programs_of_its_script() {
        let files = command_files(
            "c: { node: a, run: [sh, -c, 'cat /etc/hostname|sort >/tmp/x; no-such-program'] }",
        );
        assert_eq!(names(&files), ["cat", "sh", "sort"]);
        assert!(
            files.trees.contains(Path::new("/etc/hostname"))
                || !Path::new("/etc/hostname").exists()
        );
    }

    #[test]
    fn other_programs_bring_no_words_but_files_that_they_name() {
        let folder = tempfile::tempdir().unwrap();
        let conf = folder.path().join("a.conf");
        std::fs::write(&conf, "sort").unwrap();
        let files = command_files(&format!(
            "c: {{ node: a, run: [cat, sort, '--conf={}', /proc/self/status, relative/file] }}",
            conf.display()
        ));
        assert_eq!(names(&files), ["cat"]);
        assert!(files.trees.contains(&conf));
        assert_eq!(
            files
                .trees
                .iter()
                .filter(|path| path.starts_with("/proc"))
                .count(),
            0
        );
    }

    #[test]
    fn a_program_in_a_folder_of_its_own_is_found_in_the_guest_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine");
        std::fs::copy("/bin/sh", &path).unwrap();
        let files = command_files(&format!("c: {{ node: a, run: [{}] }}", path.display()));
        let mut guest = Initramfs::new();
        files.add_to(&mut guest).unwrap();
        let archive = String::from_utf8_lossy(&guest.build()).into_owned();
        assert!(archive.contains("usr/local/bin/mine\0"));
        assert!(archive.contains(&*path.to_string_lossy()));
    }
}

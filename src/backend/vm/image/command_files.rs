//! The files that a scenario's commands need in a guest: their programs, the configuration of those, and files
//! that the commands name.
//!
//! No list says what a program needs besides its libraries, so this relies on where Debian's policy and the FHS put
//! such files: `/etc/NAME`, `/usr/lib/NAME`, `/usr/share/NAME`, and writable folders below `/var`. Nothing in a
//! user's home is copied unless a command names it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::initramfs::{Initramfs, InitramfsError};
use super::scripts::{ScriptFile, is_shell};
use crate::backend::vm::modules::of_programs;
use crate::backend::vm::shell_words::words;
use crate::input_file;
use crate::scenario::RunSpec;
use crate::scenario::workload::CommandSpec;
use crate::sys::search_path::{self, DEFAULT_PATH};

/// Paths that a program named `*` reads.
const READ: [&str; 6] = [
    "/etc/*",
    "/etc/*.conf",
    "/etc/default/*",
    "/usr/lib/*",
    // Perl's modules, of Debian's package perl-base.
    "/usr/lib/x86_64-linux-gnu/*-base",
    "/usr/share/*",
];
/// Folders that it writes to; the guest gets them empty.
const WRITTEN: [&str; 5] = [
    "/var/cache/*",
    "/var/lib/*",
    "/var/log/*",
    "/var/spool/*",
    "/run/*",
];
/// Maximum depth of nested folders that are created for writing: nginx has `/var/lib/nginx/body`.
const DEEPEST: usize = 3;
/// Maximum number of bytes of a tree that is copied only because a script may run the program that reads it:
/// Python's library has 30 MiB, the files of a compiler several hundred.
const OF_A_WORD: u64 = 64 << 20;
/// Maximum number of bytes of the shell scripts of a brought folder that are all searched for programs. Those of a
/// larger one, such as the kernel's network selftests, name more than a guest has room for.
const SEARCHED: u64 = 256 << 10;
/// Maximum number of bytes that a scenario may bring. A guest keeps them in memory.
const MOST_BROUGHT: u64 = 1 << 30;
/// The program behind the word `init`. A guest has its own first process, which is this program.
const INIT: &str = "systemd";
/// Folders that are never copied from the host: the guest has its own.
const OWN: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// The files that commands need. Two runs with the same files share a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandFiles {
    /// Paths of the programs that a scenario's commands run.
    programs: BTreeSet<PathBuf>,
    /// Paths of the programs that scripts may run. One that cannot be copied is left out.
    mentioned: BTreeSet<PathBuf>,
    /// Paths of files, and of folders that are copied with their contents.
    trees: BTreeSet<PathBuf>,
    /// Folders to write to.
    folders: BTreeSet<PathBuf>,
    /// Bytes of the files that the scenario brings.
    brought: u64,
    /// Scripts that were searched for programs.
    read: BTreeSet<PathBuf>,
    /// Names of kernel modules that the programs may need.
    modules: BTreeSet<String>,
}

impl CommandFiles {
    /// Returns the files that a run's commands and required programs need. What this host does not have is left
    /// out; the run reports that.
    pub(crate) fn of(spec: &RunSpec) -> Self {
        let mut files = Self::default();
        let path = searched_folders(&std::env::var_os("PATH").unwrap_or_default());
        for name in &spec.requires.programs {
            files.program(name, &path);
        }
        for command in &spec.workload.commands {
            files.command(command, &path);
        }
        for brought in &spec.brings {
            files.bring(Path::new(brought), &path);
        }
        files
    }

    /// Returns the names of kernel modules that the programs may need. The kernel may lack them.
    pub(crate) fn modules(&self) -> &BTreeSet<String> {
        &self.modules
    }

    /// Copies everything into a guest's file system.
    pub(crate) fn add_to(&self, files: &mut Initramfs) -> Result<(), InitramfsError> {
        if self.brought > MOST_BROUGHT {
            return Err(InitramfsError::TooMuch(MOST_BROUGHT));
        }
        for path in &self.trees {
            files.tree(path, path)?;
        }
        for path in &self.folders {
            files.dir(path, 0o755)?;
        }
        for path in self.mentioned.difference(&self.programs) {
            match files.program(path, path) {
                Ok(_) | Err(InitramfsError::Program(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for path in &self.programs {
            files.program(path, path)?;
            let folder = path.parent().unwrap_or(path);
            if let Some(name) = path.file_name()
                && !std::env::split_paths(DEFAULT_PATH).any(|standard| standard == folder)
            {
                files.link(Path::new("/usr/local/bin").join(name), path)?;
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &CommandSpec, path: &OsStr) {
        let own = command.env.get("PATH");
        let own = own.map(|path| searched_folders(OsStr::new(path)));
        let path = own.as_deref().unwrap_or(path);
        let Some((program, arguments)) = command.run.split_first() else {
            return;
        };
        self.program(program, path);
        let said: Vec<&str> = command.run.iter().flat_map(|text| words(text)).collect();
        self.modules.extend(of_programs::named_in(&said));
        let is_shell = is_shell(program);
        self.script(Path::new(program), path, false);
        for argument in arguments.iter().chain(command.env.values()) {
            self.file(argument);
            self.script(Path::new(argument), path, is_shell);
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

    /// Adds what a script needs: its interpreter, and the programs and files that it names. A file that is not a
    /// script adds nothing.
    fn script(&mut self, script: &Path, path: &OsStr, by_shell: bool) {
        if !script.is_absolute() || is_own(script) || !script.is_file() {
            return;
        }
        if !self.read.insert(script.to_owned()) {
            return;
        }
        let Some(read) = ScriptFile::read(script, by_shell) else {
            return;
        };
        for interpreter in &read.interpreters {
            self.program(interpreter, path);
        }
        self.words(script, &read.words, path);
    }

    /// Adds the programs and files that the words of a shell script may be.
    fn words(&mut self, script: &Path, words: &[String], path: &OsStr) {
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        self.modules.extend(of_programs::named_in(&said));
        for word in words {
            self.add_program(word, path, Some(OF_A_WORD));
            self.file(word);
            self.script(Path::new(word), path, false);
            // `. ./lib.sh`, `source $(dirname $0)/lib.sh`
            if word.ends_with(".sh")
                && let Some(folder) = script.parent()
            {
                let beside = plain(&folder.join(word.trim_start_matches('/')));
                self.script(&beside, path, true);
            }
        }
    }

    /// Adds a file or folder with everything in it, with the interpreters of its scripts and what its links lead to.
    fn bring(&mut self, brought: &Path, path: &OsStr) {
        if is_own(brought) || !self.trees.insert(brought.to_owned()) {
            return;
        }
        let mut left = vec![brought.to_owned()];
        let (mut bytes_of_scripts, mut scripts) = (0, Vec::new());
        while let Some(place) = left.pop() {
            let is_root = place == brought;
            let about = match is_root {
                true => fs::metadata(&place),
                false => fs::symlink_metadata(&place),
            };
            // Programs that this host lacks are left out; the run reports them.
            let Ok(about) = about else { continue };
            if about.is_symlink() {
                let target = fs::read_link(&place).ok().and_then(|to| {
                    let target = plain(&place.parent()?.join(to));
                    target.exists().then_some(target)
                });
                if let Some(target) = target.filter(|target| !target.starts_with(brought)) {
                    self.bring(&target, path);
                }
            } else if about.is_dir() {
                // A folder that cannot be read makes building the guest fail.
                let entries = fs::read_dir(&place).into_iter().flatten().flatten();
                left.extend(entries.map(|entry| entry.path()));
            } else {
                self.brought = self.brought.saturating_add(about.len());
                let of_shell = place.extension().is_some_and(|name| name == "sh");
                let script = ScriptFile::read(&place, of_shell).unwrap_or_default();
                for interpreter in &script.interpreters {
                    self.program(interpreter, path);
                }
                if !script.words.is_empty() {
                    bytes_of_scripts += about.len();
                    scripts.push((place, script.words));
                }
            }
            if self.brought > MOST_BROUGHT {
                return;
            }
        }
        if bytes_of_scripts <= SEARCHED {
            for (script, words) in scripts {
                if self.read.insert(script.clone()) {
                    self.words(&script, &words, path);
                }
            }
        }
    }

    /// Adds a program, given by its path or name, with the files that it reads and the folders that it writes to.
    fn program(&mut self, program: &str, path: &OsStr) {
        self.add_program(program, path, None);
    }

    /// Adds a program without trees that have more than `most` bytes.
    fn add_program(&mut self, program: &str, path: &OsStr, most: Option<u64>) {
        let found = match program.contains('/') {
            true => Some(PathBuf::from(program)).filter(|path| path.is_absolute()),
            false => search_path::find_outside_homes(program, path),
        };
        let Some(found) = found.filter(|path| is_program(path) && !is_own(path)) else {
            return;
        };
        // A link's target counts too: `python3` reads the files of python3.11.
        let behind = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
        let is_new = match most {
            None => self.programs.insert(found.clone()),
            Some(_) if behind.ends_with(INIT) => false,
            Some(_) => !self.programs.contains(&found) && self.mentioned.insert(found.clone()),
        };
        if !is_new {
            return;
        }
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
            let read = places(&READ).into_iter();
            self.trees
                .extend(read.filter(|tree| most.is_none_or(|most| size(tree, most) <= most)));
            for folder in places(&WRITTEN) {
                self.folder(&folder, DEEPEST);
            }
        }
    }

    /// Adds a file that a command names by its absolute path.
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
        // A folder that cannot be read contributes nothing.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.folder(&entry.path(), deeper - 1);
            }
        }
    }
}

/// Returns a search path of this host, followed by that of guests.
fn searched_folders(path: &OsStr) -> OsString {
    let folders = std::env::split_paths(path).chain(std::env::split_paths(DEFAULT_PATH));
    // No folder of either contains a colon.
    std::env::join_paths(folders).unwrap_or_default()
}

/// Returns a path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

/// Returns the bytes of the files below a path; stops once there are more than `most`.
fn size(path: &Path, most: u64) -> u64 {
    let mut bytes = 0_u64;
    let mut left = vec![path.to_owned()];
    while let Some(place) = left.pop().filter(|_| bytes <= most) {
        let Ok(about) = fs::symlink_metadata(&place) else {
            continue;
        };
        if about.is_dir() {
            let entries = fs::read_dir(&place).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path()));
        } else {
            bytes = bytes.saturating_add(about.len());
        }
    }
    bytes
}

fn is_own(path: &Path) -> bool {
    OWN.iter().any(|own| path.starts_with(own))
}

/// Returns true for an executable file that is an ELF file or a script.
fn is_program(path: &Path) -> bool {
    let mut first = [0; 4];
    search_path::is_program(path)
        && input_file::open(path)
            .and_then(|mut file| file.read_exact(&mut first))
            .is_ok_and(|()| first == *b"\x7fELF" || first.starts_with(b"#!"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn command_files(commands: &str) -> CommandFiles {
        let text = format!(
            "name: test\ntitle: A test\nnodes: {{ a: {{}} }}\ncommands: {{ {commands} }}\nexpect: [ c.exit == 0 ]\n"
        );
        let parsed = crate::scenario::parse("test.yaml", &text, &Default::default());
        CommandFiles::of(&parsed.unwrap().runs[0])
    }

    fn names(files: &CommandFiles) -> Vec<&str> {
        let names = files.programs.iter().chain(&files.mentioned);
        let names = names.filter_map(|path| path.file_name()?.to_str());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn a_shell_script_adds_the_programs_that_it_names() {
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
    fn arguments_of_other_programs_add_only_files() {
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
    fn a_brought_folder_comes_with_what_its_scripts_and_links_need() {
        let [folder, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let shared = elsewhere.path().join("defaults.sh");
        std::fs::write(&shared, "tr a b\n").unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::os::unix::fs::symlink(&shared, folder.path().join("sub/defaults.sh")).unwrap();
        std::fs::write(
            folder.path().join("run.sh"),
            "#!/bin/sh\n# sort\n. ${0%/*}/sub/defaults.sh\nuniq /dev/null\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("other.sh"), "#!/bin/sh\ncut -c1 x\n").unwrap();
        std::fs::write(folder.path().join("bpf.o"), b"\x7fELF not for x86-64").unwrap();
        let brings = format!("brings: [{}]\n", folder.path().display());
        let text = format!(
            "title: A test\nnodes: {{ a: {{}} }}\n{brings}commands: {{ c: {{ node: a, run: [sh, {}] }} }}\n\
             expect: [ c.exit == 0 ]\n",
            folder.path().join("run.sh").display()
        );
        let parsed = crate::scenario::parse("test.yaml", &text, &Default::default());
        let files = CommandFiles::of(&parsed.unwrap().runs[0]);
        assert_eq!(names(&files), ["cut", "sh", "tr", "uniq"]);
        assert!(files.trees.contains(folder.path()));
        assert!(files.trees.contains(&shared));
        assert!(files.brought > 20);
        let mut guest = Initramfs::new();
        files.add_to(&mut guest).unwrap();
        let archive = String::from_utf8_lossy(&guest.build()).into_owned();
        for name in ["run.sh", "sub/defaults.sh", "bpf.o"] {
            let path = folder.path().join(name);
            let path = path.to_string_lossy().trim_start_matches('/').to_owned();
            assert!(archive.contains(&format!("{path}\0")), "{path}");
        }
    }

    #[test]
    fn a_program_in_a_home_is_taken_only_if_there_is_no_other() {
        let home = std::env::var_os("HOME").unwrap();
        let folder = tempfile::tempdir_in(home).unwrap();
        for name in ["cat", "only-here"] {
            let path = folder.path().join(name);
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let files = command_files(&format!(
            "c: {{ node: a, run: [sh, -c, 'cat x; only-here'], env: {{ PATH: '{}' }} }}",
            folder.path().display()
        ));
        assert_eq!(names(&files), ["cat", "only-here", "sh"]);
        let is_there = |name| files.mentioned.contains(&folder.path().join(name));
        assert!(is_there("only-here") || files.programs.contains(&folder.path().join("only-here")));
        assert!(!is_there("cat") && !files.programs.contains(&folder.path().join("cat")));
    }

    #[test]
    fn a_script_that_a_command_runs_adds_the_programs_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "uniq /dev/null\n").unwrap();
        let run = format!("c: {{ node: a, run: [sh, {}] }}", script.display());
        assert_eq!(names(&command_files(&run)), ["sh", "uniq"]);
    }

    #[test]
    fn a_program_in_an_unusual_folder_is_found_in_the_guest_too() {
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

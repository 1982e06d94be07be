//! Scripts: their interpreters, and the programs that they may run.

use std::io::Read;
use std::path::Path;

use crate::backend::vm::shell_words::words;
use crate::input_file;

/// Shells: the words of their scripts may be programs.
const SHELLS: [&str; 4] = ["sh", "dash", "bash", "ash"];
/// Bytes of a script that are read.
const LARGEST: u64 = 1 << 20;

/// A script on this host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ScriptFile {
    /// The programs in its first line: an interpreter, or `env` and an interpreter.
    pub(super) interpreters: Vec<String>,
    /// The words that may be names or paths of programs; empty if it is not a shell's.
    pub(super) words: Vec<String>,
}

impl ScriptFile {
    /// Reads a file. Returns `None` if it is not a script, that is, if its first line names no interpreter and no shell
    /// reads it.
    pub(super) fn read(path: &Path, by_shell: bool) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut file = input_file::open(path).ok()?.take(LARGEST);
        file.by_ref().take(2).read_to_end(&mut bytes).ok()?;
        if bytes != b"#!" && !by_shell {
            return None;
        }
        file.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        if text.contains('\0') {
            return None;
        }
        Some(Self::of(&text, by_shell))
    }

    fn of(text: &str, by_shell: bool) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("#!").unwrap_or_default();
        let mut parts = named.split_ascii_whitespace();
        let mut interpreters: Vec<String> = parts.next().map(str::to_owned).into_iter().collect();
        if named.trim_start().starts_with('/') && interpreters[0].ends_with("/env") {
            // `#!/usr/bin/env [-S] python3`
            let program = parts.find(|word| !word.starts_with('-') && !word.contains('='));
            interpreters.extend(program.map(str::to_owned));
        }
        let is_shells = by_shell || interpreters.iter().any(|name| is_shell(name));
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let words = lines.filter(|_| is_shells).flat_map(words);
        Self {
            words: words.map(str::to_owned).collect(),
            interpreters,
        }
    }
}

/// Returns true if a program is a shell, by its name or path.
pub(super) fn is_shell(program: &str) -> bool {
    let name = Path::new(program).file_name();
    name.is_some_and(|name| SHELLS.iter().any(|shell| name == *shell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter_and_shells_name_programs() {
        let script = ScriptFile::of(
            "#!/bin/sh -e\n# sort is not run\nip link | grep up\n",
            false,
        );
        assert_eq!(script.interpreters, ["/bin/sh"]);
        assert_eq!(script.words, ["ip", "link", "grep", "up"]);
        let script = ScriptFile::of("#!/usr/bin/env -S python3 -u\nimport os\n", false);
        assert_eq!(script.interpreters, ["/usr/bin/env", "python3"]);
        assert!(script.words.is_empty());
        let script = ScriptFile::of("#!\ncat x\n", true);
        assert_eq!(script.interpreters, Vec::<String>::new());
        assert_eq!(script.words, ["cat", "x"]);
    }
}

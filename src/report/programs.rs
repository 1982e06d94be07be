//! The programs that a scenario runs and the files that it brings, listed for the person who decides whether to run it.

use crate::scenario::RunSpec;
use crate::scenario::workload::CommandSpec;

/// Returns a line for each program of a run, and for the files that its programs can read in any case. The lines have
/// no end.
pub fn of_run(run: &RunSpec) -> Vec<String> {
    let commands = run.workload.commands.iter();
    let programs = commands.map(|c| format!("program {}: {}", c.node, with_privileges(c)));
    let brings = run.brings.iter();
    let brings = brings.map(|path| format!("programs can read {}", shown(path)));
    programs.chain(brings).collect()
}

/// Returns the lines of several runs, each once.
pub fn of_runs(runs: &[RunSpec]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in runs.iter().flat_map(of_run) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Returns the words of a program, and its privileges if it has any.
pub(super) fn with_privileges(command: &CommandSpec) -> String {
    let words = command.run.iter().map(|word| shown(word));
    let words = words.collect::<Vec<_>>().join(" ");
    let names = command.privileges.iter().map(|privilege| privilege.name());
    match names.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => words,
        names => format!("{words} (privileges: {names})"),
    }
}

/// Quotes a word that a reader could take for several, or for none.
fn shown(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%^[]{}$".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("{word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_a_scenario_brings_are_listed_once() {
        let mut run = crate::scenario::RunSpec::empty(crate::scenario::RunId::of("a"));
        run.brings = vec!["/home/me/.ssh".to_owned(), "/srv/two words".to_owned()];
        assert_eq!(
            of_runs(&[run.clone(), run]),
            [
                "programs can read /home/me/.ssh",
                "programs can read \"/srv/two words\""
            ]
        );
    }
}

//! The programs that a scenario runs, listed for the person who decides whether to run it.

use crate::scenario::RunSpec;
use crate::scenario::workload::CommandSpec;

/// Returns a line for each program of a run, without a line end.
pub fn of_run(run: &RunSpec) -> Vec<String> {
    let commands = run.workload.commands.iter();
    commands
        .map(|c| format!("program {}: {}", c.node, with_privileges(c)))
        .collect()
}

/// Returns the line for each program of several runs, once.
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

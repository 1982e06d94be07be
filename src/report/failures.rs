//! The reasons for which attempts failed, in the words of reports.

use crate::suite::RunResult;

/// Returns a sentence for each client, server and proxy of a run that counted errors.
pub(super) fn by_reason(run: &RunResult) -> Vec<String> {
    let workload = &run.spec.workload;
    let clients = workload
        .clients
        .iter()
        .map(|client| ("client", client.name.as_str()));
    let servers = workload
        .servers
        .iter()
        .map(|server| ("server", server.name.as_str()));
    clients
        .chain(servers)
        .filter_map(|(kind, name)| {
            let counted = counts(run, name);
            (!counted.is_empty()).then(|| format!("{kind} {name}: {}", in_words(&counted)))
        })
        .collect()
}

/// The number of last lines of a command's standard error that reports show.
const LINES: usize = 3;

/// Returns the last lines that each command of a run wrote to its standard error, unless an expectation is about them.
pub(super) fn of_commands(run: &RunResult) -> Vec<String> {
    let commands = run.spec.workload.commands.iter();
    let written = commands.flat_map(|command| {
        let name = format!("{}.stderr", command.name);
        let is_named = run
            .spec
            .watched
            .iter()
            .any(|series| series.as_str() == name);
        let series = run.timeline.series(&name).filter(|_| !is_named);
        let lines = series.map_or(&[][..], |series| &series.lines);
        let last = &lines[lines.len().saturating_sub(LINES)..];
        last.iter()
            .map(move |(t, line)| format!("command {}, stderr at {t}: {line}", command.name))
    });
    written.collect()
}

/// Returns the errors of an actor at the end of the run, the most frequent first.
fn counts<'r>(run: &'r RunResult, name: &str) -> Vec<(&'r str, i64)> {
    let before = format!("{name}.errors.");
    let all = run.timeline.all_series();
    let mut counted: Vec<(&str, i64)> = all
        .filter_map(|series| {
            let errno = series.declaration.name.as_str().strip_prefix(&before)?;
            let count = series.last().filter(|count| *count > 0)?;
            Some((errno, count))
        })
        .collect();
    counted.sort_by_key(|(errno, count)| (std::cmp::Reverse(*count), *errno));
    counted
}

fn in_words(counted: &[(&str, i64)]) -> String {
    let parts = counted.iter().map(|(errno, count)| match meaning(errno) {
        Some(meaning) => format!("{count} {errno} ({meaning})"),
        None => format!("{count} {errno}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Returns what an error of a connection means to its client or server.
fn meaning(errno: &str) -> Option<&'static str> {
    Some(match errno {
        "EADDRNOTAVAIL" => "no local port was free",
        "ETIMEDOUT" => "no answer in time",
        "ECONNREFUSED" => "nothing was listening there, or a firewall rejected it",
        "ECONNRESET" => "the peer reset the connection",
        "EPIPE" => "the peer had closed the connection",
        "EMFILE" => "the process had no file descriptors left",
        "ENODATA" => "the reply ended early",
        "EHOSTUNREACH" => "the host could not be reached",
        "ENETUNREACH" => "the network could not be reached",
        "ENOBUFS" | "ENOMEM" => "the kernel had no memory for it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_explained_and_the_most_frequent_comes_first() {
        let counted = [("EADDRNOTAVAIL", 4942), ("EXDEV", 1)];
        let text = "4942 EADDRNOTAVAIL (no local port was free), 1 EXDEV";
        assert_eq!(in_words(&counted), text);
    }
}

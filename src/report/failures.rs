//! The reasons for which attempts failed, in the words of reports.

use crate::metrics::command::{EXIT, STDERR};
use crate::names::SeriesName;
use crate::record::Timeline;
use crate::scenario::RunSpec;
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

/// Returns the last lines that each command of a run wrote to its standard error, unless an expectation is about them
/// or about the exit code: its verdict quotes them.
pub(super) fn of_commands(spec: &RunSpec, timeline: &Timeline) -> Vec<String> {
    let commands = spec.workload.commands.iter();
    let written = commands.flat_map(|command| {
        let [stderr, exit] =
            [&STDERR, &EXIT].map(|metric| format!("{}.{}", command.name, metric.name));
        let mut watched = spec.watched.iter().map(SeriesName::as_str);
        let is_quoted = watched.any(|name| name == stderr || name == exit);
        let series = timeline.series(&stderr).filter(|_| !is_quoted);
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
    use crate::fixtures::TimelineBuilder;

    #[test]
    fn errors_are_explained_and_the_most_frequent_comes_first() {
        let counted = [("EADDRNOTAVAIL", 4942), ("EXDEV", 1)];
        let text = "4942 EADDRNOTAVAIL (no local port was free), 1 EXDEV";
        assert_eq!(in_words(&counted), text);
    }

    #[test]
    fn the_end_of_stderr_is_shown_once() {
        let text = "title: A test\nnodes: { a: {} }\ncommands: { c: { node: a, run: [nslab-none] } }\n\
            expect: [ METRIC ]\n";
        let shown = |metric: &str| {
            let text = text.replace("METRIC", metric);
            let parsed = crate::scenario::parse("test.yaml", &text, &Default::default()).unwrap();
            let written = [(10, "one"), (20, "two"), (30, "three"), (40, "four")];
            let timeline = TimelineBuilder::new()
                .text("c.stderr", &written)
                .finished_at(100);
            of_commands(&parsed.runs[0], &timeline)
        };
        let lines = shown("c.stdout ~ /x/");
        assert_eq!(lines.len(), LINES);
        assert!(lines[2].ends_with(": four"), "{lines:?}");
        assert_eq!(shown("c.exit == 0"), Vec::<String>::new());
        assert_eq!(shown("c.stderr ~ /x/"), Vec::<String>::new());
    }
}

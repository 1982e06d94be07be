//! `docs/metrics.md`: the registry as Markdown.

use std::fmt::Write;

use super::{Entry, Subject, counter_meanings, entries, kernel_counters};

const INTRODUCTION: &str = "# Metrics

Everything that nslab can measure. `nslab metrics [PATTERN]` prints the same. Generated from the registry in
`src/metrics/`.

An expectation names a metric behind its subject: `load.attempted` of a client `load`, `server.TcpExtListenDrops` of a
node `server`, `kernel.log` of the machine. A word in capitals stands for a value: `errors.ERRNO` is
`errors.ECONNREFUSED` and the like. A counter starts from 0 at the start of the run; a gauge goes up and down.

Fields of `tcp_info` are the mean over the established connections of the subject; `.min` and `.max` behind the name
are the extremes. Without a connection, the last value stays.
";

const COUNTERS: &str = "
## Counters of the kernel

A node has every counter that `nstat` prints, counted from the start of the run: prefix and name as in the files below,
for example `server.TcpExtListenDrops`. Unknown names with a known prefix are accepted, because a newer kernel may have
more. An expectation about a counter that the kernel does not have is *not applicable*.

| counter | meaning |
|---|---|
";

/// Returns the text of the page.
pub(crate) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let entries = entries();
    let mut heading: Option<&[Subject]> = None;
    for entry in entries
        .iter()
        .filter(|entry| !kernel_counters::is_known(&entry.name))
    {
        if heading != Some(&entry.subjects) {
            heading = Some(&entry.subjects);
            let _ = write!(
                page,
                "\n## Of a {}\n\n| name | unit | kind | recorded | meaning | source |\n|---|---|---|---|---|---|\n",
                alternatives(&entry.subjects)
            );
        }
        row(&mut page, entry);
    }
    page.push_str(COUNTERS);
    for entry in &entries {
        if let Some(meaning) = counter_meanings::meaning(&entry.name) {
            let _ = writeln!(page, "| `{}` | {meaning} |", entry.name);
        }
    }
    page.push_str("\n| prefix | file | names |\n|---|---|---|\n");
    for (prefix, names) in kernel_counters::GROUPS {
        let file = kernel_counters::file(prefix);
        let _ = writeln!(
            page,
            "| `{prefix}` | `/proc/net/{file}` | {} |",
            names.replace(' ', ", ")
        );
    }
    page
}

fn row(page: &mut String, entry: &Entry) {
    let (name, unit, kind) = (&entry.name, entry.unit(), entry.kind);
    let (recorded, meaning, source) = (entry.recorded.as_str(), &entry.meaning, &entry.source);
    let _ = writeln!(
        page,
        "| `{name}` | {unit} | {kind} | {recorded} | {meaning} | {source} |"
    );
}

fn alternatives(subjects: &[Subject]) -> String {
    let names: Vec<&str> = subjects.iter().map(|subject| subject.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

//! `nslab view`: writes the page that shows recorded runs at any moment, and opens it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;

use super::{exit, message, output, report, writable};
use crate::causes::chain;
use crate::record::Capture;
use crate::report::html::{Views, render_view};
use crate::suite::replay::replay;

/// Arguments of `nslab view`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct ViewArguments {
    /// One record, or two to see side by side (*.nslab.jsonl, *.nslab.jsonl.gz), or a folder with one or two
    #[arg(value_name = "RECORD", required = true)]
    records: Vec<PathBuf>,
    /// The page to write; the default is beside the first record, with its name and `.view.html`
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only write the page; do not open it
    #[arg(long)]
    no_open: bool,
}

const HELP: &str = "\
One cursor moves everything on the page: the topology with the packets on their
way, the packets of a connection, the sockets of both ends, queues, the
connection tracking table, ports, counters and curves. Press `?` on the page to
see its keys.

Packets need a capture beside the record; the kernel's own states need a trace
(root). Without them, the page says what is inferred or missing.

More examples:
  # record a run with its packets and the kernel's account; look at it
  nslab run table-full --record out --capture out
  nslab view out/table-full-full.nslab.jsonl

  # two variants side by side under one cursor
  nslab view out/exhaustion-default.nslab.jsonl out/exhaustion-reuse.nslab.jsonl

  # only write the page
  nslab view out/table-full-full.nslab.jsonl --output page.html --no-open";

/// The most runs that a page shows side by side.
const MOST: usize = 2;

pub(super) fn main(arguments: &ViewArguments) -> ExitCode {
    let Some((records, all_read)) = report::read(&arguments.records) else {
        return exit::invalid();
    };
    if !all_read {
        return exit::invalid();
    }
    if records.len() > MOST {
        message::error(format!(
            "there are {} records, but a page shows one run or two side by side; name the records",
            records.len()
        ));
        return exit::invalid();
    }
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => default_path(&records[0].path),
    };
    let replayed = replay(&records);
    let open = |path: &Path| Capture::read(path).map_err(|error| chain(&error));
    let views = Views::of_all(&replayed.result, open);
    let page = render_view(&replayed.result, &views);
    if let Err(error) = write(&path, &page) {
        message::error(format!("cannot write {}: {error}", path.display()));
        message::help("choose a path that can be written with --output FILE");
        return exit::errored();
    }
    output::out(&format!("{}\n", path.display()));
    if !arguments.no_open {
        show(&path);
    }
    ExitCode::SUCCESS
}

/// Returns the name of the record with another ending.
fn default_path(record: &Path) -> PathBuf {
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split(".nslab.").next().unwrap_or_default();
    record.with_file_name(format!("{name}.view.html"))
}

fn write(path: &Path, page: &str) -> std::io::Result<()> {
    writable::file(path)?;
    let mut file = std::fs::File::create(path)?;
    file.write_all(page.as_bytes())
}

/// Opens the page with the program that the desktop uses for it, if there is a desktop.
fn show(path: &Path) {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !has_display {
        message::note("there is no display; open the page in a browser");
        return;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let opened = Command::new("xdg-open")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match opened {
        Ok(status) if status.success() => {}
        Ok(_) | Err(_) => {
            message::note("cannot open the page with xdg-open; open it in a browser");
        }
    }
}

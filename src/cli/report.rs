//! `nslab report`: judges records again and renders them, without a kernel and without privileges.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::reports::ReportArguments;
use super::{exit, ladder, output};
use crate::causes::chain;
use crate::ladder::Which;
use crate::record::Outcome;
use crate::report::terminal;
use crate::suite::replay::{
    AgainstError, FindError, Replayed, StoredRun, find_records, merged, replay, replay_against,
};
use crate::suite::{self, SuiteResult};

/// Arguments of `nslab report`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct ReportVerbArguments {
    /// Records (*.nslab.jsonl, *.nslab.jsonl.gz), or folders of them
    #[arg(value_name = "RECORD|DIR", required = true)]
    records: Vec<PathBuf>,
    /// Join the records of a suite's shards into one report; refuses what does not belong together
    ///
    /// Every record must be of the same suite: the same program, scenario texts, parameters, selection and number of shards. A
    /// run that is there twice with different content is refused, and so are records that do not make up the whole suite.
    #[arg(long, conflicts_with_all = ["scenario", "ladder"])]
    merge: bool,
    /// Judge by the expectations and comparisons of this scenario file instead of those that were recorded
    ///
    /// Only what is expected, compared and said may have changed since: a file that builds or does something else is
    /// refused, with what differs.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Draw the packets of one connection between its nodes: the N-th of a client, or its first that failed
    ///
    /// Needs the capture of the run (`nslab run --record DIR --capture DIR`). Without N: the first connection that failed, else
    /// the first that sent something again, else the first. With --report html=PATH the page shows the same connection; without
    /// --ladder it shows one of every client.
    #[arg(long, value_name = "CLIENT[:N]")]
    ladder: Option<Which>,
    /// The captures, where they are not beside the records: one file for one record, or a folder in which they are called
    /// as the records are
    #[arg(long, value_name = "FILE|DIR")]
    packets: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportArguments,
    /// Take what was not applicable for a failure
    #[arg(long)]
    strict: bool,
}

const HELP: &str = "\
Examples:
  nslab run --record out                               keep a record of every run
  nslab report out                                     the same verdicts again, anywhere
  nslab report out --report html=report.html           as a page
  nslab report --merge out-1 out-2 --report junit=all.xml
                                                       one report of all shards of a suite
  nslab report out/exhaustion-default.nslab.jsonl --scenario exhaustion.yaml
                                                       after correcting an expectation: judged without running
  nslab run --record out --capture out table-full      also the packets of every run
  nslab report out/table-full-full.nslab.jsonl --ladder load
                                                       the first connection that failed, packet by packet
  nslab report out --report html=report.html --ladder load:3
                                                       the third connection of each run, also on the page

Exit codes: those of `nslab run`; 2 also where a record cannot be read (the others are reported).";

pub(super) fn main(arguments: &ReportVerbArguments) -> ExitCode {
    if let Some(problem) = arguments.reports.problem() {
        output::err(&format!("error: {problem}\n"));
        return exit::invalid();
    }
    let named = match arguments.merge {
        true => not_empty(&arguments.records),
        false => arguments.records.clone(),
    };
    let Some((records, all_read)) = read(&named) else {
        return exit::invalid();
    };
    let records = match arguments.merge {
        true => merge(records, all_read),
        false => Some(records),
    };
    let Some(records) = records.and_then(|records| with_packets(records, arguments)) else {
        return exit::invalid();
    };
    let which = arguments.ladder.as_ref();
    let drawn =
        which.is_none_or(|which| ladder::print(&records, which, arguments.reports.stream()));
    if which.is_some() && !arguments.reports.any() {
        return exit::of_drawing(drawn);
    }
    let replayed = match &arguments.scenario {
        None => Some(replay(&records)),
        Some(file) => against(&records, file),
    };
    let Some(Replayed { result, notes }) = replayed else {
        return exit::invalid();
    };
    if which.is_none() {
        tell(&result, &arguments.reports);
    }
    for note in notes {
        output::err(&format!("note: {note}\n"));
    }
    if !arguments.reports.write(&result, which) || !drawn {
        return exit::errored();
    }
    if !all_read {
        return exit::invalid();
    }
    exit::of(outcome(&result), arguments.strict)
}

/// Without folders that have no record, as that of a shard without runs: what is missing is told by what is there.
fn not_empty(names: &[PathBuf]) -> Vec<PathBuf> {
    let is_empty = |name: &&PathBuf| {
        let found = find_records(std::slice::from_ref(*name));
        found.is_err_and(|errors| matches!(errors[..], [FindError::Empty { .. }]))
    };
    let (empty, mut others): (Vec<_>, Vec<_>) = names.iter().partition(is_empty);
    if others.is_empty() {
        others = empty;
    }
    others.into_iter().cloned().collect()
}

fn merge(records: Vec<StoredRun>, all_read: bool) -> Option<Vec<StoredRun>> {
    if !all_read {
        output::err("error: cannot merge what cannot be read\n");
        return None;
    }
    match merged(records) {
        Ok(records) => Some(records),
        Err(errors) => {
            for error in errors {
                output::error(&error);
            }
            output::err("help: without --merge, records are shown as they are\n");
            None
        }
    }
}

/// An interrupted suite has not answered what it was asked.
pub(super) fn outcome(result: &SuiteResult) -> Outcome {
    if result.interrupted {
        result.outcome().max(Outcome::Inconclusive)
    } else {
        result.outcome()
    }
}

/// Gives each record the packets that the command line names.
fn with_packets(
    records: Vec<StoredRun>,
    arguments: &ReportVerbArguments,
) -> Option<Vec<StoredRun>> {
    let Some(packets) = &arguments.packets else {
        return Some(records);
    };
    if records.len() > 1 && !packets.is_dir() {
        output::err(&format!(
            "error: there are {} records, and --packets {} is the capture of one run at most: name one record, or a folder of \
             captures\n",
            records.len(),
            packets.display()
        ));
        return None;
    }
    let each = records.into_iter().map(|stored| {
        let unchanged = stored.clone();
        stored.with_packets(packets).unwrap_or_else(|missing| {
            output::err(&format!(
                "warning: {} has no capture: there is no {}\n",
                unchanged.path.display(),
                missing.display()
            ));
            unchanged
        })
    });
    Some(each.collect())
}

/// Reads records; what cannot be read is told. Whether all could be; `None` where none could.
pub(super) fn read(names: &[PathBuf]) -> Option<(Vec<StoredRun>, bool)> {
    let paths = match find_records(names) {
        Ok(paths) => paths,
        Err(errors) => {
            for error in errors {
                output::error(&error);
            }
            return None;
        }
    };
    let mut records = Vec::new();
    for path in &paths {
        match StoredRun::read(path) {
            Ok(record) => records.push(record),
            Err(error) => output::err(&format!("error: cannot {}\n", chain(&error))),
        }
    }
    let all_read = records.len() == paths.len();
    (!records.is_empty()).then_some((records, all_read))
}

fn against(records: &[StoredRun], file: &PathBuf) -> Option<Replayed> {
    let sources = match suite::discover(std::slice::from_ref(file)) {
        Ok(sources) => sources,
        Err(errors) => {
            for error in errors {
                output::error(&error);
            }
            return None;
        }
    };
    let [source] = sources.as_slice() else {
        output::err(&format!(
            "error: {} is a folder; --scenario takes one scenario file\n",
            file.display()
        ));
        return None;
    };
    match replay_against(records, source) {
        Ok(replayed) => Some(replayed),
        Err(errors) => {
            for error in errors {
                match error {
                    AgainstError::Invalid(problems) => {
                        let colour = output::style_for(&std::io::stderr()).colour;
                        output::err(&problems.render(colour));
                    }
                    error => output::error(&error),
                }
            }
            None
        }
    }
}

fn tell(result: &SuiteResult, reports: &ReportArguments) {
    let (stream, style) = (reports.stream(), reports.style());
    for scenario in &result.scenarios {
        stream.print(&terminal::scenario(scenario, style));
    }
    stream.print(&terminal::summary(result, style));
}

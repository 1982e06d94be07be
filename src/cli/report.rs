//! `nslab report`: judges records again and writes reports, without a kernel or privileges.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::reports::ReportArguments;
use super::{exit, ladder, message};
use crate::causes::chain;
use crate::ladder::ConnectionChoice;
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
    /// Merge the records of all shards of a suite into one report
    ///
    /// Every record must belong to the same suite: the same nslab, scenario files, parameters, selection
    /// and number of shards. It is an error if a run has two different records, or if the records are not
    /// the whole suite.
    #[arg(long, conflicts_with_all = ["scenario", "ladder"])]
    merge: bool,
    /// Judge by the expectations of this scenario file instead of the recorded ones
    ///
    /// The file may differ from the recorded scenario only in its expectations, comparisons and texts. Any
    /// other difference is an error.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Draw the packets of a connection between its nodes: the N-th of a client, or the first that failed
    ///
    /// This needs the capture of the run (`nslab run --record DIR --capture DIR`). Without N, it draws the
    /// first connection that failed; if none did, the first with a retransmission; otherwise the first. With
    /// --report html=PATH, the page shows the same connection; without --ladder, it shows one connection of
    /// every client.
    #[arg(long, value_name = "CLIENT[:N]")]
    ladder: Option<ConnectionChoice>,
    /// Captures that are not in the folder of the records: a file for a single record, or a folder of files
    /// with the same names as the records
    #[arg(long, value_name = "FILE|DIR")]
    packets: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportArguments,
    /// Treat not-applicable and flaky runs as failures
    #[arg(long)]
    strict: bool,
}

const HELP: &str = "\
More examples:
  # keep a record of every run; then show the same verdicts anywhere
  nslab run --record out
  nslab report out

  # merge all shards of a suite into one report
  nslab report --merge out-1 out-2 --report junit=all.xml

  # after correcting an expectation: judge again without a new run
  nslab report out/exhaustion-default.nslab.jsonl --scenario exhaustion.yaml

  # capture packets; then draw the first connection that failed
  nslab run --record out --capture out table-full
  nslab report out/table-full-full.nslab.jsonl --ladder load

  # draw the third connection of each run, on the page too
  nslab report out --report html=report.html --ladder load:3

Exit codes are those of `nslab run`. The code is also 2 if a record cannot be
read; the other records are still reported.";

pub(super) fn main(arguments: &ReportVerbArguments) -> ExitCode {
    if let Some(problem) = arguments.reports.problem() {
        message::error(problem);
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
    if which.is_some() && arguments.reports.is_empty() {
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
        print(&result, &arguments.reports);
    }
    for note in notes {
        message::note(note);
    }
    if !arguments.reports.write(&result, which) || !drawn {
        return exit::errored();
    }
    if !all_read {
        return exit::invalid();
    }
    exit::of(outcome(&result), arguments.strict)
}

/// Leaves out folders without records, such as that of a shard without runs; the other records show if one
/// is missing.
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
        message::error("cannot merge: some records cannot be read");
        return None;
    }
    match merged(records) {
        Ok(records) => Some(records),
        Err(errors) => {
            message::failures(&errors);
            message::help("without --merge, each record is shown on its own");
            None
        }
    }
}

/// Returns the outcome of a suite; an interrupted one is at best inconclusive.
pub(super) fn outcome(result: &SuiteResult) -> Outcome {
    if result.interrupted {
        result.outcome().max(Outcome::Inconclusive)
    } else {
        result.outcome()
    }
}

/// Adds the packets that the command line names to the records.
fn with_packets(
    records: Vec<StoredRun>,
    arguments: &ReportVerbArguments,
) -> Option<Vec<StoredRun>> {
    let Some(packets) = &arguments.packets else {
        return Some(records);
    };
    if records.len() > 1 && !packets.is_dir() {
        message::error(format!(
            "there are {} records, but --packets {} is a single capture; give one record, or a folder of captures",
            records.len(),
            packets.display()
        ));
        return None;
    }
    let each = records.into_iter().map(|stored| {
        let unchanged = stored.clone();
        stored.with_packets(packets).unwrap_or_else(|missing| {
            message::warning(format!(
                "{} has no capture: {} does not exist",
                unchanged.path.display(),
                missing.display()
            ));
            unchanged
        })
    });
    Some(each.collect())
}

/// Reads records and prints errors. Returns the records and true if all could be read, or `None` if none could.
pub(super) fn read(names: &[PathBuf]) -> Option<(Vec<StoredRun>, bool)> {
    let found = find_records(names);
    let paths = found.inspect_err(|errors| message::failures(errors)).ok()?;
    let mut records = Vec::new();
    for path in &paths {
        match StoredRun::read(path) {
            Ok(record) => records.push(record),
            Err(error) => message::error(format!("cannot {}", chain(&error))),
        }
    }
    let all_read = records.len() == paths.len();
    (!records.is_empty()).then_some((records, all_read))
}

fn against(records: &[StoredRun], file: &PathBuf) -> Option<Replayed> {
    let found = suite::discover(std::slice::from_ref(file));
    let sources = found.inspect_err(|errors| message::failures(errors)).ok()?;
    let [source] = sources.as_slice() else {
        message::error(format!(
            "{} has several scenarios; --scenario takes one file",
            file.display()
        ));
        return None;
    };
    match replay_against(records, source) {
        Ok(replayed) => Some(replayed),
        Err(errors) => {
            for error in errors {
                match error {
                    AgainstError::Invalid(problems) => message::problems(&problems),
                    error => message::failure(&error),
                }
            }
            None
        }
    }
}

fn print(result: &SuiteResult, reports: &ReportArguments) {
    let (stream, style) = (reports.stream(), reports.style());
    for scenario in &result.scenarios {
        stream.print(&terminal::scenario(scenario, style));
    }
    stream.print(&terminal::summary(result, style));
}

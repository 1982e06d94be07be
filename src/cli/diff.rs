//! `nslab diff`: the differences between two recordings of the same scenario.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::{self, Stream};
use super::{exit, message, report};
use crate::compare::SuiteDiff;
use crate::report::diff;
use crate::report::terminal::Style;
use crate::suite::SuiteResult;
use crate::suite::replay::replay;

/// Arguments of `nslab diff`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct DiffArguments {
    /// A record, or a folder of them
    #[arg(value_name = "A")]
    a: PathBuf,
    /// A record of the same scenario, or a folder of them; records are matched by scenario, variant and case
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
    /// Show every metric that changed
    #[arg(long, short)]
    verbose: bool,
}

const HELP: &str = "\
Both recordings are judged again by this version of nslab, so only what was
observed can differ.

A metric has changed if it differs by more than noise:
  counts of a client, server or command  2 %
  other counts, and gauges               3 * sqrt(a + b), and 5 %
  bytes                                  64 KiB, and 5 %
  bytes per second                       10 %
  times                                  1 ms, and 10 %
The last value of every metric is compared, the maximum of gauges, and p50 and
p99 of distributions.

More examples:
  nslab run exhaustion --record before    # then change the kernel
  nslab run exhaustion --record after
  nslab diff before after --verbose

Exit codes:
  0  all outcomes are the same
  1  the outcome of a run or an expectation differs, or one side lacks a run
  2  the command line is invalid, a record cannot be read, or the recordings
     are of different scenarios";

pub(super) fn main(arguments: &DiffArguments) -> ExitCode {
    let (Some(a), Some(b)) = (read(&arguments.a), read(&arguments.b)) else {
        return exit::invalid();
    };
    let diff = match SuiteDiff::of(&a, &b) {
        Ok(diff) => diff,
        Err(error) => {
            message::error(format!(
                "cannot compare {} with {}: {error}",
                arguments.a.display(),
                arguments.b.display()
            ));
            return exit::invalid();
        }
    };
    let text = if arguments.json {
        match diff::json(&diff) {
            Ok(text) => text,
            Err(error) => {
                message::failure(&error);
                return exit::errored();
            }
        }
    } else {
        let style = Style {
            verbose: arguments.verbose,
            ..Stream::Out.style()
        };
        diff::terminal(&diff, style)
    };
    output::out(&text);
    exit::of_diff(diff.is_same_verdict())
}

/// Reads and judges one side. Returns `None` if any record cannot be read, because it would seem to be missing.
fn read(path: &std::path::Path) -> Option<SuiteResult> {
    let (records, all_read) = report::read(&[path.to_owned()])?;
    all_read.then(|| replay(&records).result)
}

//! `nslab diff`: what is different in two recordings of the same scenario.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::{self, Stream};
use super::{exit, report};
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
    /// A record of the same scenario, or a folder whose records are compared with those of the first by scenario, variant
    /// and case
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show every metric that moved
    #[arg(long, short)]
    verbose: bool,
}

const HELP: &str = "\
Both are judged again by this nslab, so that only what was observed can make a difference.

A metric has moved where it differs by more than noise:
  what a client, server or command counted  2 %
  any other count, and every state          3 times the square root of the sum, and 5 %
  bytes                                     64 KiB, and 5 %
  bytes a second                            64 KiB/s, and 10 %
  a time                                    1 ms, and 10 %
Compared are last values, the maximum of gauges, p50 and p99 of distributions.

Examples:
  nslab run exhaustion --record before; (change the kernel); nslab run exhaustion --record after
  nslab diff before after
  nslab diff before/exhaustion-default.nslab.jsonl before/exhaustion-reuse.nslab.jsonl

Exit codes:
  0  everything came out alike
  1  a run or an expectation came out otherwise, or is in one of them only
  2  the command line is invalid, a record cannot be read, or they are of different scenarios";

pub(super) fn main(arguments: &DiffArguments) -> ExitCode {
    let (Some(a), Some(b)) = (read(&arguments.a), read(&arguments.b)) else {
        return exit::invalid();
    };
    let diff = match SuiteDiff::of(&a, &b) {
        Ok(diff) => diff,
        Err(error) => {
            output::err(&format!(
                "error: cannot compare {} with {}: {error}\n",
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
                output::error(&error);
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

/// What a side comes to; `None` where any of it cannot be read: what is missing would seem to be different.
fn read(path: &std::path::Path) -> Option<SuiteResult> {
    let (records, all_read) = report::read(&[path.to_owned()])?;
    all_read.then(|| replay(&records).result)
}

//! `nslab scale`: prints a scenario at a size that this machine can run, and explains its answer at full size.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{exit, message, output};
use crate::report::one_line;
use crate::scenario::{self, Scenario};
use crate::suite;

/// The rate of connections that any machine generates without delay, per second; half of what was measured on two busy
/// processors with a nearly full range of ports.
const EASY: f64 = 200.0;

/// Arguments of `nslab scale`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct ScaleArguments {
    /// A scenario file, or the name of a shipped scenario
    #[arg(value_name = "FILE|NAME")]
    scenario: PathBuf,
    /// The factor; by default, one that leaves at most 200 connections per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    by: Option<u64>,
}

const HELP: &str = "\
The scaled file goes to standard output, and what was changed to standard
error:

  nslab scale big.yaml > small.yaml
  nslab run small.yaml";

pub(super) fn main(arguments: &ScaleArguments) -> ExitCode {
    let found = suite::discover(std::slice::from_ref(&arguments.scenario));
    let sources = match found {
        Ok(sources) => sources,
        Err(errors) => {
            message::failures(&errors);
            return exit::invalid();
        }
    };
    let [source] = sources.as_slice() else {
        message::error("`nslab scale` takes one scenario");
        return exit::invalid();
    };
    let nothing_set = BTreeMap::new();
    let parsed = scenario::parse(&source.label, &source.text, &nothing_set);
    let original = match parsed {
        Ok(original) => original,
        Err(problems) => {
            message::problems(&problems);
            return exit::invalid();
        }
    };
    let factor = arguments.by.unwrap_or_else(|| suggested(&original));
    let scaled = scenario::scale(&source.label, &source.text, factor).and_then(|scaled| {
        scenario::parse(&source.label, &scaled.text, &nothing_set).map(|_| scaled)
    });
    let scaled = match scaled {
        Ok(scaled) => scaled,
        Err(problems) => {
            message::problems(&problems);
            message::help("a smaller --by leaves larger numbers");
            return exit::invalid();
        }
    };
    output::out_file(&format!("{}{}", header(&source.label, factor), scaled.text));
    for (line, before, after) in &scaled.changes {
        let before = if before.is_empty() { "added" } else { before };
        output::err(&format!(
            "line {line}: {} -> {}\n",
            one_line(before),
            one_line(after)
        ));
    }
    ExitCode::SUCCESS
}

/// Returns a factor that leaves a rate that is easy to generate.
fn suggested(original: &Scenario) -> u64 {
    const ROUND: [u64; 12] = [2, 4, 5, 8, 10, 16, 20, 40, 50, 80, 100, 1000];
    let loads = original.runs.iter().flat_map(|run| &run.workload.clients);
    let peak = loads
        .filter_map(|client| Some(client.load.schedule()?.peak_rate().as_per_second()))
        .fold(0.0, f64::max);
    ROUND
        .into_iter()
        .find(|factor| peak / *factor as f64 <= EASY)
        .unwrap_or(ROUND[11])
}

/// Explains the scaled file to its reader.
fn header(label: &str, factor: u64) -> String {
    let label = one_line(label);
    format!(
        "# {label}, scaled down by {factor}.\n\
         #\n\
         # Scaled: rates, numbers of connections, local ports, ports of NAT, free conntrack entries,\n\
         # descriptors, and the counts and rates in expectations.\n\
         # Not scaled: times (TIME_WAIT, timeouts, delays, the length of the load), sizes in bytes, queues\n\
         # and backlogs, and programs under `commands`.\n\
         #\n\
         # At full size, counts and rates are {factor} times as large. A time until ports, entries or\n\
         # descriptors run out is the same, because the supply and the rate at which it is used are both\n\
         # smaller by {factor}. Nothing follows from it for limits that depend on the size itself: processors,\n\
         # the kernel's search for a free port, bursts that fill a queue, memory.\n\
         #\n"
    )
}

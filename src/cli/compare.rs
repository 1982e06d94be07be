//! `nslab compare`: one run of a scenario with several sets of settings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use super::progress::Progress;
use super::reports::text::{self, TextRequest};
use super::run::stop_on_signals;
use super::runtime::runtime;
use super::{exit, load, output};
use crate::compare::{self, Effort, FEWEST_RUNS, Question, QuestionError, Setting, Side, Trial};
use crate::report;
use crate::report::terminal::Style;
use crate::suite::{self, Options, Records};
use crate::units::{Percent, parse_duration, parse_percent};

/// Arguments of `nslab compare`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct CompareArguments {
    /// A scenario file, or the name of a shipped one
    #[arg(value_name = "FILE|NAME")]
    scenario: PathBuf,
    /// The variant to run; the first of the file where not given
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Set a parameter of the scenario on every side; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = load::parameter)]
    set: Vec<(String, String)>,
    /// A setting of the first side, which the others are compared with; may be repeated. None: the scenario as it is
    ///
    /// A sysctl (KEY=VALUE on every node, NODE:KEY=VALUE on one) or a parameter of the scenario (NAME=VALUE).
    #[arg(long = "set-a", value_name = "KEY=VALUE")]
    a: Vec<Setting>,
    /// A setting of the second side; may be repeated
    #[arg(long = "set-b", value_name = "KEY=VALUE", required = true)]
    b: Vec<Setting>,
    /// A setting of a third side; may be repeated
    #[arg(long = "set-c", value_name = "KEY=VALUE")]
    c: Vec<Setting>,
    /// A setting of a fourth side; may be repeated
    #[arg(long = "set-d", value_name = "KEY=VALUE")]
    d: Vec<Setting>,
    /// Runs of each side
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(FEWEST_RUNS as i64..=1000))]
    repeat: u16,
    /// In place of --repeat: as many rounds as fit into this time, at least three
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "repeat")]
    budget: Option<Duration>,
    /// A smaller difference than this share does not matter
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: Percent,
    /// At most this many runs at once; one at a time where the scenario is about times, else as the processors
    /// carry
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write a report; may be repeated: json=PATH or md=PATH, where PATH `-` is standard output
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = report_request)]
    reports: Vec<TextRequest>,
    /// Keep a record of every run in this folder, for `nslab report` and `nslab diff`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Show every metric
    #[arg(long, short)]
    verbose: bool,
    /// Take what is not applicable here for a failure
    #[arg(long)]
    strict: bool,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
}

const HELP: &str = "\
Each set is run from a fresh lab, in turn, every other round backwards. Of each metric the effect is the difference of the
means, with its confidence interval (Welch's t; 95 % for all metrics together). One word says what it comes to:

  helps, hurts       a metric that can be better or worse differs by more than the threshold, beyond noise
  helps and hurts    some is better, some is worse
  changes            what the scenario is about differs, and is neither better nor worse
  no effect          the whole interval lies within the threshold
  not applicable     this kernel or machine cannot run it so; it says why
  too noisy to tell  none of these: more rounds, or a quieter machine, may tell

What was done decides first (established, completed, failed, accepted, exit codes, bytes), then how fast (latency,
throughput), then what the kernel counts as lost. The table is in docs/compare.md.

Examples:
  nslab compare exhaustion --set-b net.ipv4.tcp_tw_reuse=1
  nslab compare exhaustion --set-a net.ipv4.tcp_fin_timeout=60 --set-b net.ipv4.tcp_fin_timeout=15
  nslab compare queue.yaml --set-a backlog=8 --set-b backlog=64 --set-c server:net.core.somaxconn=4
  nslab compare queue.yaml --set-b backlog=64 --for 2m --record out --report md=comparison.md

Exit codes:
  0  every set helps, changes something, or has no effect; or it is not applicable here
  1  a set hurts (with --strict also: is not applicable)
  2  the command line or the scenario file is invalid; nothing was run
  3  errored: the question could not be asked
  4  too noisy to tell, or interrupted";

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{error}, for example 2m"))
}

fn percent(text: &str) -> Result<Percent, String> {
    parse_percent(text).map_err(|error| format!("{error}, for example 2%"))
}

fn report_request(text: &str) -> Result<TextRequest, String> {
    TextRequest::parse(text, &["json", "md"])
}

pub(super) fn main(arguments: &CompareArguments) -> ExitCode {
    let Some(sides) = sides(arguments) else {
        return exit::invalid();
    };
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let trial = runtime.block_on(run(sides, arguments));
    let stream = text::stream(&arguments.reports);
    let style = Style {
        verbose: arguments.verbose,
        ..stream.style()
    };
    stream.print(&report::compare::terminal(&trial, style));
    let written = text::write_all(&arguments.reports, |format, _| match format {
        "md" => Ok(report::compare::markdown(&trial)),
        _ => report::compare::json(&trial),
    });
    if written {
        exit::of_comparisons(&trial, arguments.strict)
    } else {
        exit::errored()
    }
}

/// The sides; `None` where the command line or the scenario has a mistake, which is told.
fn sides(arguments: &CompareArguments) -> Option<Vec<Side>> {
    let sources = match suite::discover(std::slice::from_ref(&arguments.scenario)) {
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
            "error: {} is a folder; `nslab compare` takes one scenario\n",
            arguments.scenario.display()
        ));
        return None;
    };
    let further = [&arguments.c, &arguments.d]
        .into_iter()
        .filter(|set| !set.is_empty());
    let question = Question {
        variant: arguments.variant.clone(),
        set: arguments.set.iter().cloned().collect(),
        without: Vec::new(),
        sides: [&arguments.a, &arguments.b]
            .into_iter()
            .chain(further)
            .cloned()
            .collect(),
    };
    match question.sides(source) {
        Ok(sides) => Some(sides),
        Err(QuestionError::Invalid(problems)) => {
            let colour = output::style_for(&std::io::stderr()).colour;
            output::err(&problems.render(colour));
            None
        }
        Err(error) => {
            output::err(&format!(
                "error: cannot compare {}: {error}\n",
                source.label
            ));
            None
        }
    }
}

async fn run(sides: Vec<Side>, arguments: &CompareArguments) -> Trial {
    let (stop, stopped) = watch::channel(false);
    let interrupts = tokio::spawn(stop_on_signals(stop));
    let options = Options {
        slots: arguments.jobs.map(usize::from),
        records: match &arguments.record {
            Some(folder) => Records::All(folder.clone()),
            None => Records::None,
        },
        shares_machine: true,
        ..Options::default()
    };
    let effort = Effort {
        rounds: usize::from(arguments.repeat),
        budget: arguments.budget,
        threshold: arguments.threshold.as_fraction(),
    };
    let mut progress = Progress::new(!arguments.no_progress);
    let trial = compare::run(sides, effort, &options, stopped, |event| {
        progress.show(&event);
    })
    .await;
    interrupts.abort();
    trial
}

//! `nslab compare`: a scenario with several sets of settings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::arguments::{duration, parameter, percent};
use super::progress::Progress;
use super::reports::{ReportFormat, ReportRequest, check_all, stream, write_all};
use super::runtime::{cancel_on_signals, runtime};
use super::trust::TrustArguments;
use super::{exit, message};
use crate::compare::{
    self, FEWEST_RUNS, Question, QuestionError, SetOption, Side, Trial, TrialOptions,
};
use crate::lab::emulated_key;
use crate::lab::sysctl_survey::{SysctlSurvey, survey};
use crate::record::Outcome;
use crate::report;
use crate::report::terminal::Style;
use crate::scenario::wrong_setting;
use crate::suite::{self, Options, Records};
use crate::units::Percent;

/// Arguments of `nslab compare`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct CompareArguments {
    /// A scenario file, or the name of a shipped scenario
    #[arg(value_name = "FILE|NAME")]
    scenario: PathBuf,
    /// The variant to run; by default, the first in the file
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Set a parameter of the scenario on every side; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    set: Vec<(String, String)>,
    /// A setting of side A, which the others are compared with; by default, the unchanged scenario
    ///
    /// A sysctl (KEY=VALUE on every node, NODE:KEY=VALUE on one node), or a parameter of the scenario
    /// (NAME=VALUE). May be repeated.
    #[arg(long = "set-a", value_name = "KEY=VALUE")]
    a: Vec<SetOption>,
    /// A setting of side B; may be repeated
    #[arg(long = "set-b", value_name = "KEY=VALUE", required = true)]
    b: Vec<SetOption>,
    /// A setting of side C; may be repeated
    #[arg(long = "set-c", value_name = "KEY=VALUE")]
    c: Vec<SetOption>,
    /// A setting of side D; may be repeated
    #[arg(long = "set-d", value_name = "KEY=VALUE")]
    d: Vec<SetOption>,
    /// Number of runs per side
    #[arg(
        long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(FEWEST_RUNS as i64..=1000)
    )]
    repeat: u16,
    /// Run as many rounds as fit into this time, but at least three; replaces --repeat
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "repeat")]
    budget: Option<Duration>,
    /// Ignore differences smaller than this
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: Percent,
    /// Maximum number of runs at once; by default, one if the scenario measures times, otherwise
    /// as many as the processors can take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write a report: json=PATH or md=PATH; PATH `-` is standard output; may be repeated
    #[arg(long = "report", value_name = "FORMAT=PATH")]
    reports: Vec<ReportRequest<ComparisonFormat>>,
    /// Keep a record of every run in this folder, for `nslab report` and `nslab diff`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Show every metric
    #[arg(long, short)]
    verbose: bool,
    /// Treat not-applicable settings as failures
    #[arg(long)]
    strict: bool,
    /// Do not show progress
    #[arg(long, visible_alias = "quiet", short_alias = 'q')]
    no_progress: bool,
}

const HELP: &str = "\
Every run uses a fresh lab. The sides take turns, in reverse order in every
other round. The effect on a metric is the difference of the means with its
confidence interval (Welch's t; 95 % for all metrics together). The answer is
one of:

  helps, hurts       a metric is better or worse by more than the threshold,
                     and by more than noise
  trade              some metrics are better, some are worse; both are named
  changes            a metric of the scenario differs that is neither better
                     nor worse
  no effect          the whole interval is within the threshold
  not applicable     this kernel or machine cannot run it; the reason is shown
  too noisy to tell  none of these; try more rounds or a quieter machine

The completed work decides first (established, completed, failed, accepted,
exit codes, bytes), then speed (latency, throughput), then losses that the
kernel counts. docs/compare.md has the table.

More examples:
  nslab compare exhaustion --set-a net.ipv4.tcp_fin_timeout=60 \\
    --set-b net.ipv4.tcp_fin_timeout=15
  nslab compare accept-queue-overflow --set-a net.core.somaxconn=4096 \\
    --set-b net.core.somaxconn=64 --set-c server:net.core.somaxconn=4
  nslab compare exhaustion --set-b net.ipv4.tcp_tw_reuse=1 --for 2m \\
    --record out --report md=comparison.md

Exit codes:
  0  every side helps, changes something, has no effect, or is not applicable
  1  a side hurts (with --strict, also if it is not applicable)
  2  the command line or the scenario file is invalid; nothing was run
  3  errored: the comparison could not be made, or a report not written
  4  too noisy to tell, or interrupted";

/// A report format of `nslab compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparisonFormat {
    Json,
    Markdown,
}

impl ReportFormat for ComparisonFormat {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Json, "json"), (Self::Markdown, "md")];
}

pub(super) fn main(arguments: &CompareArguments) -> ExitCode {
    if !settings_are_valid(arguments) {
        return exit::invalid();
    }
    let Some(sides) = sides(arguments) else {
        return exit::invalid();
    };
    // This process has one thread until the runtime starts.
    let survey = survey().ok();
    if let Some(why) =
        survey.and_then(|survey| sides.iter().find_map(|side| inapplicable(side, &survey)))
    {
        message::error(format!("not applicable: {why}; nothing was run"));
        message::help(
            "`nslab run --kernel KERNEL` runs scenarios on other kernels; `nslab advise` explains the key",
        );
        return exit::of(Outcome::NotApplicable, arguments.strict);
    }
    if !check_all(&arguments.reports) {
        return exit::invalid();
    }
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let trial = runtime.block_on(run(sides, arguments));
    let stream = stream(&arguments.reports);
    let style = Style {
        verbose: arguments.verbose,
        ..stream.style()
    };
    stream.print(&report::compare::terminal(&trial, style));
    let written = write_all(&arguments.reports, |request| {
        Ok(match request.format {
            ComparisonFormat::Json => report::compare::json(&trial)?,
            ComparisonFormat::Markdown => report::compare::markdown(&trial),
        })
    });
    if written {
        exit::of_comparisons(&trial, arguments.strict)
    } else {
        exit::errored()
    }
}

/// Returns true if the keys and the values of all sets can be right; prints the errors otherwise.
fn settings_are_valid(arguments: &CompareArguments) -> bool {
    let mut valid = true;
    let sets = [&arguments.a, &arguments.b, &arguments.c, &arguments.d];
    for setting in sets.into_iter().flatten() {
        if let SetOption::Sysctl { key, value, .. } = setting
            && let Some((problem, help)) = wrong_setting(key, value)
        {
            message::error(format!("`{setting}`: {problem}"));
            if let Some(help) = help {
                message::help(help);
            }
            valid = false;
        }
    }
    valid
}

/// Returns the reason why a side cannot run on this kernel: it lacks a key, or a namespace cannot set it. Keys of an
/// interface and of connection tracking only exist once the lab has those.
fn inapplicable(side: &Side, survey: &SysctlSurvey) -> Option<String> {
    let emulated = |key: &str| {
        let mut nodes = side.spec.topology.nodes.values();
        nodes.any(|node| {
            let mut emulated = node.emulate.iter().copied().map(emulated_key);
            emulated.any(|own| own == key)
        })
    };
    side.settings.iter().find_map(|setting| {
        let SetOption::Sysctl { key, .. } = setting else {
            return None;
        };
        let later = ["net.netfilter.", ".conf.", ".neigh."];
        if !key.starts_with("net.") || later.iter().any(|part| key.contains(part)) || emulated(key)
        {
            return None;
        }
        match (survey.fresh.get(key), survey.here.get(key)) {
            (Some(found), _) if found.writable => None,
            (Some(_), _) => Some(format!("a namespace cannot set `{key}`")),
            (None, Some(_)) => Some(format!(
                "`{key}` applies to the whole kernel, which the lab never changes"
            )),
            (None, None) => Some(format!("this kernel does not have `{key}`")),
        }
    })
}

/// Returns the sides. Prints the error and returns `None` if the command line or the scenario has a mistake.
fn sides(arguments: &CompareArguments) -> Option<Vec<Side>> {
    let found = suite::discover(std::slice::from_ref(&arguments.scenario));
    let sources = found.inspect_err(|errors| message::failures(errors)).ok()?;
    let [source] = sources.as_slice() else {
        message::error(format!(
            "{} has several scenarios; `nslab compare` takes one",
            arguments.scenario.display()
        ));
        return None;
    };
    let more = [&arguments.c, &arguments.d]
        .into_iter()
        .filter(|set| !set.is_empty());
    let question = Question {
        of_kernel: Vec::new(),
        variant: arguments.variant.clone(),
        set: arguments.set.iter().cloned().collect(),
        without: Vec::new(),
        sides: [&arguments.a, &arguments.b]
            .into_iter()
            .chain(more)
            .cloned()
            .collect(),
    };
    match question.sides(source) {
        Ok(sides) => Some(sides),
        Err(QuestionError::Invalid(problems)) => {
            message::problems(&problems);
            None
        }
        Err(error) => {
            message::error(format!("cannot compare {}: {error}", source.label));
            None
        }
    }
}

async fn run(sides: Vec<Side>, arguments: &CompareArguments) -> Trial {
    let (stopped, _signals) = cancel_on_signals();
    let options = Options {
        slots: arguments.jobs.map(usize::from),
        records: match &arguments.record {
            Some(folder) => Records::All(folder.clone()),
            None => Records::None,
        },
        trust: arguments.trust.trust(),
        shares_machine: true,
        ..Options::default()
    };
    let effort = TrialOptions {
        rounds: usize::from(arguments.repeat),
        budget: arguments.budget,
        threshold: arguments.threshold.as_fraction(),
        extends: false,
    };
    let mut progress = Progress::new(!arguments.no_progress);
    compare::run(sides, effort, &options, stopped, |event| {
        progress.show(&event);
    })
    .await
}

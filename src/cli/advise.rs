//! `nslab advise`: the effect of each line of a sysctl file on this kernel.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::arguments::{duration, percent};
use super::backend_args::{BackendArguments, prepare_one};
use super::progress::Progress;
use super::reports::{
    ReportFormat, ReportRequest, check_all, check_files, relative_path, stream, write_all,
    write_file,
};
use super::runtime::cancel_on_signals;
use super::trust::TrustArguments;
use super::{exit, message, output};
use crate::advise::{
    Advice, AdviceProgress, AdviceRequest, AdviseError, Name, ReferenceChoice, SUBSYSTEMS,
    Settings, advise, read_files, read_host,
};
use crate::report;
use crate::suite;
use crate::units::{Percent, UnitError, parse_bandwidth, parse_duration, parse_rate, show};

/// Folder of the records if `--record` is not given.
const RECORDS: &str = "nslab-out/advice";

/// Arguments of `nslab advise`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct AdviseArguments {
    /// Files in the syntax of sysctl.conf(5), or folders of *.conf files; `-` is standard input
    #[arg(value_name = "FILE|DIR", required_unless_present = "running")]
    files: Vec<PathBuf>,
    /// Use the settings of this host that differ from the kernel's own defaults; they are only read
    #[arg(long, conflicts_with_all = ["files", "for_host"])]
    running: bool,
    /// Compare with another host instead of this one: FILE is the output of `sysctl -a` there
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    for_host: Option<PathBuf>,
    /// Compare with the kernel's own defaults for its version and memory instead of this host
    #[arg(long, value_name = "WHAT")]
    against: Option<Against>,
    /// Judge only lines of one subsystem, for example net; others are listed
    #[arg(long, value_name = "SUBSYSTEM", value_parser = SUBSYSTEMS)]
    only: Option<String>,
    /// Do not fail because of lines with this key; may be a pattern, and be repeated
    #[arg(long, value_name = "KEY", value_parser = Name::read)]
    allow: Vec<Name>,
    /// Run no scenarios; only look up keys and try values
    #[arg(long)]
    no_run: bool,
    /// Also run scenarios tagged `slow`, which take a minute or more each
    #[arg(long)]
    slow: bool,
    /// Also measure how the effect depends on the load or the path, at several points; takes a few times as long
    #[arg(long)]
    curves: bool,
    /// More scenarios that may show the effect of a line; may be repeated
    #[arg(long = "scenarios", value_name = "FILE|DIR")]
    scenarios: Vec<PathBuf>,
    /// Use only the scenarios given with --scenarios, not the shipped ones
    #[arg(long, requires = "scenarios")]
    no_shipped: bool,
    /// Show every line with all that is known about it, not only the summary
    #[arg(long, visible_alias = "verbose")]
    details: bool,
    /// Write the sysctl file to use instead: kept lines with what was measured, dropped lines as comments
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArguments,
    #[command(flatten)]
    stated: StatedParams,
    /// Number of runs with each line, and without it
    #[arg(
        long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=1000)
    )]
    repeat: u16,
    /// Start no more runs after this time, for example 10m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Ignore differences smaller than this
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: Percent,
    /// Maximum number of runs at once; by default, as many as this machine can take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write a report: html=PATH, json=PATH or md=PATH; PATH `-` is standard output; may be repeated
    #[arg(long = "report", value_name = "FORMAT=PATH")]
    reports: Vec<ReportRequest<AdviceFormat>>,
    /// Keep a record of every run in this folder, which must exist [default: nslab-out/advice]
    #[arg(long, value_name = "DIR", conflicts_with = "no_record")]
    record: Option<PathBuf>,
    /// Keep no records
    #[arg(long)]
    no_record: bool,
    #[command(flatten)]
    trust: TrustArguments,
    /// Measure again what was measured before with the same kernel, nslab, scenario and values
    #[arg(long)]
    no_cache: bool,
    /// Do not show progress
    #[arg(long, visible_alias = "quiet", short_alias = 'q')]
    no_progress: bool,
}

/// Facts about the user's network, for scenarios that have a parameter of that name.
#[derive(Debug, Args)]
#[command(next_help_heading = "What you have, for the scenarios that can be run with it")]
struct StatedParams {
    /// The round-trip time to your users, for example 80ms
    #[arg(long, value_name = "TIME", value_parser = checked(parse_duration))]
    rtt: Option<String>,
    /// The bandwidth of the path, for example 1Gbit/s
    #[arg(long, value_name = "RATE", value_parser = checked(parse_bandwidth))]
    bandwidth: Option<String>,
    /// New connections per second to one destination, for example 300/s
    #[arg(long, value_name = "RATE", value_parser = checked(parse_rate))]
    connect_rate: Option<String>,
    /// Connections that are open at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    held: Option<u32>,
}

impl StatedParams {
    /// Returns the parameters by the names that scenarios give them.
    fn named(&self) -> BTreeMap<String, String> {
        let all = [
            ("rtt", self.rtt.clone()),
            ("bandwidth", self.bandwidth.clone()),
            ("connect-rate", self.connect_rate.clone()),
            ("held", self.held.map(|held| held.to_string())),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// Makes a parser of arguments that keeps the text of a quantity once it is known to be one.
fn checked<T>(
    parse: fn(&str) -> Result<T, UnitError>,
) -> impl Fn(&str) -> Result<String, UnitError> + Clone {
    move |text| parse(text).map(|_| text.trim().to_owned())
}

const HELP: &str = "\
Each line is compared with this host as it is: a line is `already so` if this
host has its value. Compare with another host (--for-host, the output of
`sysctl -a` there), or with the kernel's own defaults (--against stock). With
--kernel, keys are looked up and tried in that kernel, settings of the whole
kernel too, and compared with its own defaults.

For each line, nslab shows:
  - whether this kernel has the key; if not, when it was removed or renamed, or
    which key was probably meant
  - whether it is set per network namespace, or for the whole kernel
  - whether the kernel accepts the value, in the state that the lines before it
    leave (tried in a separate namespace)
  - the kernel's default, and the value on this host
  - what effect it has: every scenario that shows the effect is run with and
    without the line, under the modes that the file and the host have (SYN
    cookies, timestamps, ...); then all lines that fit into one scenario are run
    together
  - if no run shows the effect, what the key is for, with the source

Settings of this host are never changed.

More examples:
  nslab advise /etc/sysctl.d /usr/lib/sysctl.d /etc/sysctl.conf
  nslab advise examples/serverfault-10852.conf --slow --report html=advice.html
  nslab advise tuning.conf --for-host db1-sysctl.txt
  nslab advise tuning.conf --only net --allow 'net.bridge.*' --for 10m
  nslab advise --running --for 10m
  nslab advise tuning.conf --write better.conf --rtt 80ms --bandwidth 200Mbit/s

Exit codes:
  0  no line hurts, and every line can be applied
  1  a line hurts or cannot be applied: no such key, a value that the kernel
     refuses or changes, or not `key = value`; --allow and --only exempt lines
  2  the command line, a file, a folder or a scenario is invalid; nothing was run
  3  errored: this kernel could not be examined, or a report not written
  4  none of these, but a result is too noisy, or not everything was run";

/// A reference that is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The kernel's own defaults.
    Stock,
}

/// A report format of `nslab advise`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AdviceFormat {
    Html,
    Json,
    Markdown,
}

impl ReportFormat for AdviceFormat {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Html, "html"),
        (Self::Json, "json"),
        (Self::Markdown, "md"),
    ];
}

pub(super) fn main(arguments: &AdviseArguments) -> ExitCode {
    let began = Instant::now();
    let Some(mut request) = request(arguments, began) else {
        return exit::invalid();
    };
    let file: Vec<&Path> = arguments.write.as_deref().into_iter().collect();
    if !folders_exist(arguments) || !check_all(&arguments.reports) || !check_files(&file) {
        return exit::invalid();
    }
    let (runtime, target) = match prepare_one(&arguments.backend) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    request.place.backend = target.backend;
    request.place.verify = arguments.backend.verify();
    request.kernel = target.name;
    let mut progress = Progress::new(!arguments.no_progress);
    let advice = runtime.block_on(async {
        let (stopped, _signals) = cancel_on_signals();
        advise(&request, stopped, |event| {
            show(event, &mut progress, arguments)
        })
        .await
    });
    let advice = match advice {
        Ok(advice) => advice,
        Err(AdviseError::Scenario(problems)) => {
            message::problems(&problems);
            return exit::invalid();
        }
        Err(error @ AdviseError::Prepare(_)) => {
            message::failure(&error);
            return exit::invalid();
        }
        Err(error @ (AdviseError::Inquiry(_) | AdviseError::Kernel { .. })) => {
            message::failure(&error);
            return exit::errored();
        }
    };
    let stream = stream(&arguments.reports);
    let text = if arguments.details {
        report::advice::terminal(&advice, stream.style())
    } else {
        report::advice::summary(&advice, stream.style())
    };
    stream.print(&text);
    let file_written = arguments
        .write
        .as_ref()
        .is_none_or(|path| write_file(path, &report::advice::shipped_file(&advice)));
    let written = file_written && write_all(&arguments.reports, |request| render(request, &advice));
    if written {
        exit::of_advice(&advice)
    } else {
        exit::errored()
    }
}

/// Returns false if the folder of a report or of the records does not exist; each is printed. A misspelt path is found
/// before the runs, not after.
fn folders_exist(arguments: &AdviseArguments) -> bool {
    let reports = arguments.reports.iter().map(ReportRequest::folder);
    let folders = reports.chain(arguments.record.as_deref());
    let missing: Vec<&Path> = folders
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .collect();
    for folder in &missing {
        message::error(format!("no folder {}", folder.display()));
    }
    if !missing.is_empty() {
        message::help("create it first, or choose another; nothing was run");
    }
    missing.is_empty()
}

/// Reads the files. Returns `None` if a path is wrong; the errors are printed.
fn request(arguments: &AdviseArguments, began: Instant) -> Option<AdviceRequest> {
    let settings = if arguments.running {
        Settings::Running
    } else {
        let read = read_files(&arguments.files);
        Settings::Files(read.inspect_err(|errors| message::failures(errors)).ok()?)
    };
    let reference = match (&arguments.for_host, arguments.against) {
        (Some(path), _) => {
            let host = read_host(path)
                .inspect_err(|error| message::failure(error))
                .ok()?;
            ReferenceChoice::OtherHost(host)
        }
        (None, Some(Against::Stock)) => ReferenceChoice::Stock,
        (None, None) => ReferenceChoice::ThisHost,
    };
    let mut scenarios = if arguments.no_shipped {
        Vec::new()
    } else {
        suite::shipped()
    };
    if !arguments.scenarios.is_empty() {
        let found = suite::discover(&arguments.scenarios);
        scenarios.extend(found.inspect_err(|errors| message::failures(errors)).ok()?);
    }
    Some(AdviceRequest {
        settings,
        reference,
        allow: arguments.allow.clone(),
        only: arguments.only.clone(),
        scenarios,
        stated: arguments.stated.named(),
        runs: !arguments.no_run,
        slow: arguments.slow,
        curves: arguments.curves,
        place: suite::Options::default(),
        kernel: None,
        uses_cache: !arguments.no_cache,
        rounds: usize::from(arguments.repeat),
        threshold: arguments.threshold.as_fraction(),
        began,
        budget: arguments.budget,
        slots: arguments.jobs.map(usize::from),
        trust: arguments.trust.trust(),
        records: (!arguments.no_record).then(|| {
            arguments
                .record
                .clone()
                .unwrap_or_else(|| PathBuf::from(RECORDS))
        }),
    })
}

fn show(event: AdviceProgress<'_>, progress: &mut Progress, arguments: &AdviseArguments) {
    match event {
        AdviceProgress::Suite(event) => progress.show(&event),
        AdviceProgress::Planned { .. } | AdviceProgress::Compared { .. }
            if arguments.no_progress => {}
        AdviceProgress::Planned {
            comparisons,
            known,
            estimate,
        } => {
            if known > 0 {
                let known = show::counted(known, "comparison");
                let said = format!("{known} measured before (--no-cache measures again)\n");
                output::err(&said);
            }
            if comparisons > 0 {
                output::err(&outlook(comparisons, estimate, arguments));
            }
        }
        AdviceProgress::Compared {
            done,
            of,
            comparison,
        } => {
            let title = comparison.title();
            progress.aside(|| output::err(&format!("compared {done} of {of}: {title}\n")));
        }
    }
}

/// Returns the number of comparisons and an estimate of the time, as in `1 comparison, 3 runs per side,
/// about 90 s`.
fn outlook(comparisons: usize, estimate: Duration, arguments: &AdviseArguments) -> String {
    let bound = match arguments.budget {
        Some(budget) => format!("; measurements end after {} s (--for)", budget.as_secs()),
        None => String::new(),
    };
    let time = match estimate.as_secs() {
        seconds if seconds < 120 => format!("about {seconds} s"),
        seconds => format!("about {}", show::counted((seconds + 30) / 60, "minute")),
    };
    format!(
        "{}, {} runs per side, {time}{bound}\n",
        show::counted(comparisons, "comparison"),
        arguments.repeat
    )
}

fn render(
    request: &ReportRequest<AdviceFormat>,
    advice: &Advice,
) -> Result<String, Box<dyn Error>> {
    Ok(match request.format {
        AdviceFormat::Html => report::advice::html(&linked_from(request.folder(), advice)),
        AdviceFormat::Json => report::advice::json(advice)?,
        AdviceFormat::Markdown => report::advice::markdown(&linked_from(request.folder(), advice)),
    })
}

/// Returns the advice with paths of records relative to the folder of a report.
fn linked_from(folder: &Path, advice: &Advice) -> Advice {
    let mut advice = advice.clone();
    let alone = advice
        .lines
        .iter_mut()
        .flat_map(|line| &mut line.experiments);
    for experiment in alone.chain(&mut advice.together) {
        for record in &mut experiment.records {
            *record = relative_path(folder, record);
        }
    }
    advice
}

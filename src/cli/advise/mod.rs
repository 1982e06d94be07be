//! `nslab advise`: what a sysctl file would do on this kernel, line by line.

mod files;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::watch;

use super::progress::Progress;
use super::reports::text::{self, TextRequest};
use super::run::stop_on_signals;
use super::{exit, output};
use crate::advise::{self, Advice, Bounds, LineAdvice, Planned, Ready, Source};
use crate::causes::chain;
use crate::cli::runtime::runtime;
use crate::lab::inquiry::{self, Survey};
use crate::report;
use crate::scenario::{self, Scenario};
use crate::suite;
use crate::units::{Percent, parse_duration, parse_percent};

/// Where records are kept unless it is said otherwise.
const RECORDS: &str = "nslab-out/advice";

/// Arguments of `nslab advise`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct AdviseArguments {
    /// Files in the syntax of sysctl.conf(5), or folders of them as of sysctl.d(5); `-` is standard input
    #[arg(value_name = "FILE|DIR", required_unless_present = "running")]
    files: Vec<PathBuf>,
    /// Take this host's own settings, where they are not as in a fresh namespace; they are only looked at
    #[arg(long, conflicts_with = "files")]
    running: bool,
    /// Run nothing: only tell what this kernel says of keys and values
    #[arg(long)]
    no_run: bool,
    /// Also run scenarios tagged `slow`, a minute and more each
    #[arg(long)]
    slow: bool,
    /// Further scenario files, or folders of them, that may show what a line does
    #[arg(long = "scenarios", value_name = "FILE|DIR")]
    scenarios: Vec<PathBuf>,
    /// Only the scenarios of --scenarios, none of those that come with nslab
    #[arg(long, requires = "scenarios")]
    only: bool,
    /// Runs with and without each line
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=1000))]
    repeat: u16,
    /// Begin no further run after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// A smaller difference than this share does not matter
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: Percent,
    /// At most this many runs at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write a report; may be repeated: html=PATH, json=PATH or md=PATH, where PATH `-` is standard output
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = report_request)]
    reports: Vec<TextRequest>,
    /// Keep the record of every run below this folder
    #[arg(long, value_name = "DIR", default_value = RECORDS, conflicts_with = "no_record")]
    record: PathBuf,
    /// Keep no records
    #[arg(long)]
    no_record: bool,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
}

const HELP: &str = "\
Of each line it is told: whether this kernel has the key (and since when not, or how it is called today), whether it is a
namespace's own or the whole kernel's, whether the kernel keeps the value (tried in a namespace of its own), what it is by
default and on this host, and what it does: every scenario that shows its effect is run with and without. Lines are tried alone,
then those together that one scenario can hold. No setting of this host is ever written.

Examples:
  nslab advise /etc/sysctl.conf --no-run
  nslab advise /etc/sysctl.d /usr/lib/sysctl.d /etc/sysctl.conf --report html=advice.html
  nslab advise examples/serverfault-10852.conf --slow
  nslab advise --running --for 10m

Exit codes:
  0  no line hurts, and every line can apply
  1  a line hurts or cannot apply: no such key, a value that the kernel refuses or changes, no `key = value`
  2  the command line, a file or a scenario is invalid; nothing was run
  3  errored: this kernel could not be asked, or the answer could not be written
  4  nothing of that, but something is too noisy to tell, or not everything was run that was to be";

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{error}, for example 10m"))
}

fn percent(text: &str) -> Result<Percent, String> {
    parse_percent(text).map_err(|error| format!("{error}, for example 2%"))
}

fn report_request(text: &str) -> Result<TextRequest, String> {
    TextRequest::parse(text, &["html", "json", "md"])
}

pub(super) fn main(arguments: &AdviseArguments) -> ExitCode {
    let began = Instant::now();
    let Some((sources, scenarios)) = read(arguments) else {
        return exit::invalid();
    };
    // Before there is a second thread: the kernel is asked by child processes.
    let asked = ask(arguments, sources);
    let (names, mut lines) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            output::err(&format!(
                "error: cannot ask this kernel: {}\n",
                chain(&error)
            ));
            return exit::errored();
        }
    };
    let Some(ready) = ready(arguments, &mut lines, &scenarios) else {
        return exit::invalid();
    };
    announce(arguments, &ready);
    let Some(ran) = run(arguments, &ready) else {
        return exit::errored();
    };
    let advice = gather(names, lines, &ready, ran, began.elapsed());
    let stream = text::stream(&arguments.reports);
    stream.print(&report::advice::terminal(&advice, stream.style()));
    let written = text::write_all(&arguments.reports, |format, folder| match format {
        "md" => Ok(report::advice::markdown(&seen_from(folder, &advice))),
        "html" => Ok(report::advice::html(&seen_from(folder, &advice))),
        _ => report::advice::json(&advice),
    });
    if written {
        exit::of_advice(&advice)
    } else {
        exit::errored()
    }
}

/// The files, and the scenarios that may be run. Every problem is told; `None` where there is one.
fn read(arguments: &AdviseArguments) -> Option<(Vec<Source>, Vec<suite::Source>)> {
    let sources = match files::read_all(&arguments.files) {
        Ok(sources) => sources,
        Err(errors) => {
            errors.iter().for_each(|error| output::error(error));
            return None;
        }
    };
    let mut scenarios = if arguments.only {
        Vec::new()
    } else {
        suite::shipped()
    };
    if !arguments.scenarios.is_empty() {
        match suite::discover(&arguments.scenarios) {
            Ok(further) => scenarios.extend(further),
            Err(errors) => {
                errors.iter().for_each(|error| output::error(error));
                return None;
            }
        }
    }
    Some((sources, scenarios))
}

/// What the sources are called, and each line with what this kernel says of it.
fn ask(
    arguments: &AdviseArguments,
    mut sources: Vec<Source>,
) -> Result<(Vec<String>, Vec<LineAdvice>), inquiry::InquiryError> {
    let survey: Survey = inquiry::survey()?;
    if arguments.running {
        sources = vec![advise::running(&survey)];
    }
    let network = survey.fresh.keys().chain(survey.here.keys()).cloned();
    let known: BTreeSet<String> = network.chain(inquiry::keys_beyond_the_network()).collect();
    let known = Vec::from_iter(known);
    let entries = advise::merge(&sources, &known);
    let asked = advise::to_try(&entries, &survey);
    let answers = inquiry::try_values(&asked)?;
    let kept = asked
        .into_iter()
        .zip(answers)
        .filter_map(|(asked, answer)| Some((asked, answer?)))
        .collect();
    let lines = advise::assess(entries, &survey, kept, inquiry::beyond_the_network);
    let names = sources.into_iter().map(|source| source.label).collect();
    Ok((names, lines))
}

/// What is to be run; lines whose scenarios are not run are told so. `None` where a scenario has a mistake, which is told.
fn ready(
    arguments: &AdviseArguments,
    lines: &mut [LineAdvice],
    sources: &[suite::Source],
) -> Option<Vec<Ready>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for source in sources {
        match scenario::parse(&source.label, &source.text, &Default::default()) {
            Ok(scenario) => scenarios.push(scenario),
            Err(problems) => {
                let colour = output::style_for(&std::io::stderr()).colour;
                output::err(&problems.render(colour));
                return None;
            }
        }
    }
    let assigned = advise::assigned(lines);
    for short in advise::too_short(&assigned, &scenarios) {
        let label = sources[short.scenario].label.clone();
        lines[short.line].too_short.push((label, short.at_most));
    }
    let mut ready = Vec::new();
    for planned in advise::plan(&assigned, &scenarios) {
        if let Some(why) = left_out(arguments, &planned, &scenarios) {
            if let [line] = planned.lines[..] {
                let label = sources[planned.scenario].label.clone();
                lines[line].not_run.push((label, why));
            }
            continue;
        }
        match Ready::of(planned, sources) {
            Ok(each) => ready.push(each),
            Err(error) => {
                output::error(&error);
                return None;
            }
        }
    }
    Some(ready)
}

fn left_out(
    arguments: &AdviseArguments,
    planned: &Planned,
    scenarios: &[Scenario],
) -> Option<&'static str> {
    let slow = scenarios[planned.scenario]
        .tags
        .iter()
        .any(|tag| tag == "slow");
    if arguments.no_run {
        Some("--no-run")
    } else if slow && !arguments.slow {
        Some("it is slow; --slow runs it")
    } else {
        None
    }
}

/// How long it takes, before it begins.
fn announce(arguments: &AdviseArguments, ready: &[Ready]) {
    if ready.is_empty() || arguments.no_progress {
        return;
    }
    let rounds = usize::from(arguments.repeat);
    let minutes = |time: Duration| time.as_secs().div_ceil(60);
    let each = || ready.iter().map(|each| each.takes(rounds));
    let least = each().max().unwrap_or_default() / (2 * u32::from(arguments.repeat));
    let most: Duration = each().sum();
    let bound = match arguments.budget {
        Some(budget) => format!("; no run begins after {} s (--for)", budget.as_secs()),
        None => String::new(),
    };
    output::err(&format!(
        "{} comparisons, {rounds} runs of each side: from {} min, where all go at once, to {} min, one after the other{bound}\n",
        ready.len(),
        minutes(least),
        minutes(most)
    ));
}

/// Runs everything; `None` where there is nothing to run it with, which is told.
fn run(arguments: &AdviseArguments, ready: &[Ready]) -> Option<advise::Ran> {
    let runtime = runtime()?;
    let bounds = Bounds {
        rounds: usize::from(arguments.repeat),
        threshold: arguments.threshold.as_fraction(),
        budget: arguments.budget,
        records: (!arguments.no_record).then(|| arguments.record.clone()),
    };
    let mut progress = Progress::new(!arguments.no_progress);
    Some(runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let interrupts = tokio::spawn(stop_on_signals(stop));
        let slots = arguments.jobs.map(usize::from);
        let ran = advise::run(ready, &bounds, slots, stopped, |event| match event {
            advise::Progress::Suite(event) => progress.show(&event),
            advise::Progress::Made { made, of, ready } => {
                let what = heading(ready);
                if !arguments.no_progress {
                    progress.aside(|| output::err(&format!("{made} of {of} made: {what}\n")));
                }
            }
        });
        let ran = ran.await;
        interrupts.abort();
        ran
    }))
}

/// What a comparison is about: its settings, and the scenario.
fn heading(ready: &Ready) -> String {
    let settings = ready.sides.iter().flat_map(|side| &side.settings);
    let settings: Vec<String> = settings.map(ToString::to_string).collect();
    let scenario = ready.sides.first().map(|side| side.spec.id.to_string());
    format!(
        "{} in {}",
        settings.join(", "),
        scenario.unwrap_or_default()
    )
}

fn gather(
    sources: Vec<String>,
    mut lines: Vec<LineAdvice>,
    ready: &[Ready],
    ran: advise::Ran,
    took: Duration,
) -> Advice {
    let mut together = Vec::new();
    let made: Vec<usize> = ran.experiments.iter().map(|(index, _)| *index).collect();
    for (_, experiment) in ran.experiments {
        match experiment.lines[..] {
            [line] => lines[line].experiments.push(experiment),
            _ => together.push(experiment),
        }
    }
    for (index, each) in ready.iter().enumerate() {
        if let (false, Some(why), [line]) = (
            made.contains(&index),
            ran.cut_short,
            &each.planned.lines[..],
        ) {
            let label = each.sides.first().map(|side| side.file.label.clone());
            lines[*line].not_run.push((label.unwrap_or_default(), why));
        }
    }
    Advice {
        sources,
        lines,
        together,
        took,
        cut_short: ran.cut_short,
    }
}

/// The same advice with the ways to its records from a report's folder.
fn seen_from(folder: &Path, advice: &Advice) -> Advice {
    let mut advice = advice.clone();
    let alone = advice
        .lines
        .iter_mut()
        .flat_map(|line| &mut line.experiments);
    for experiment in alone.chain(&mut advice.together) {
        for record in &mut experiment.records {
            *record = text::way_from(folder, record);
        }
    }
    advice
}

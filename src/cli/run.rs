//! `nslab run`: runs scenarios and judges them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::watch;

use super::backend_args::{BackendArguments, BackendTarget, prepare};
use super::progress::Progress;
use super::report::outcome;
use super::reports::ReportArguments;
use super::runtime::{cancel_on_signals, runtime};
use super::scheduling::SchedulingArguments;
use super::select::{Choice, SelectArguments, select};
use super::watch::WatchView;
use super::{exit, held, message, output, writable};
use crate::backend::Backend;
use crate::lab;
use crate::ladder;
use crate::record::Outcome;
use crate::report::{matrix, plan, terminal};
use crate::scenario::topology::Baseline;
use crate::suite::{
    self, Captures, FailedRuns, Hold, Options, Pace, PaceSetting, Records, ScenarioFile, Selected,
    SuiteEvent, SuiteResult, cost_of_nodes,
};

/// Arguments of `nslab run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    select: SelectArguments,
    #[command(flatten)]
    scheduling: SchedulingArguments,
    /// Start nodes with pinned settings or with the kernel's own defaults, whatever the scenarios say
    ///
    /// docs/baseline.md lists the pinned settings. For example, `nslab run --baseline kernel exhaustion`.
    #[arg(long, value_name = "WHICH", value_enum)]
    baseline: Option<BaselineChoice>,
    /// Print what would be built, without building it; needs no privileges
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    reports: ReportArguments,
    /// Keep a record of every run in this folder, for `nslab report` and `nslab diff`
    ///
    /// Without it, only records of runs that did not pass are kept, in nslab-out. An older record of the
    /// same run is replaced. The record is written during the run; a large one is compressed at the end.
    #[arg(long, value_name = "DIR", conflicts_with = "no_record")]
    record: Option<PathBuf>,
    /// Keep no records, not even of runs that do not pass
    #[arg(long)]
    no_record: bool,
    /// Capture the packets of every run in this folder, in one pcapng file per run
    ///
    /// With --record too, `nslab report RECORD --ladder CLIENT` draws a connection from the capture, and an
    /// HTML page shows one connection of every client.
    #[arg(long, value_name = "DIR")]
    capture: Option<PathBuf>,
    /// Keep all captures, or only those of runs that did not pass
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "always",
        requires = "capture"
    )]
    capture_when: CaptureWhen,
    /// Record the kernel's own account: every state of every TCP socket, drops with their reasons, resets
    ///
    /// Needs root or --kernel, and Linux 5.17. On with --capture if it is possible.
    #[arg(long)]
    trace: bool,
    /// Keep the lab after the last expectation, until you press Enter or the time is up
    ///
    /// The servers still run, and `nslab exec NODE` opens a shell in a node. Needs a selection of one run, as with
    /// --variant. The time is a number with a unit, as in --hold=5m.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = super::arguments::duration,
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "kernels"
    )]
    hold: Option<Option<Duration>>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Treat not-applicable and flaky runs as failures
    #[arg(long)]
    strict: bool,
    /// Show the run in the terminal while it goes on: nodes, states, queues, curves, latest events
    ///
    /// `q` leaves the view, and the run goes on. With --kernel, Space pauses, `.` takes a step, and `-` and `+` change
    /// the pace; a run in real time cannot be paused. The run is traced if that is possible. Queues and ports are there
    /// if an expectation names them.
    #[arg(long, conflicts_with_all = ["no_progress", "quiet", "hold", "plan"])]
    watch: bool,
    /// Do not show progress
    #[arg(long)]
    no_progress: bool,
    /// Print only the scenarios that did not pass, and nothing if all did
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BaselineChoice {
    Lab,
    Kernel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaptureWhen {
    Always,
    OnFailure,
}

pub(super) fn main(arguments: &RunArguments) -> ExitCode {
    let problem = arguments.reports.problem();
    let problem = problem.or_else(|| arguments.scheduling.problem());
    if let Some(problem) = problem.or_else(|| arguments.backend.problem()) {
        message::error(problem);
        return exit::invalid();
    }
    let records = records(arguments);
    let selected = match select(&arguments.select, records.folder()) {
        Choice::Runs(selected) => with_baseline(selected, arguments.baseline),
        Choice::Nothing => return ExitCode::SUCCESS,
        Choice::Invalid => return exit::invalid(),
    };
    if let Some(problem) = WatchView::problem().filter(|_| arguments.watch) {
        message::error(problem);
        message::help(
            "leave it out: progress is shown as lines, and records show the same afterwards",
        );
        return exit::invalid();
    }
    if arguments.plan {
        print_plans(&selected.files);
        return ExitCode::SUCCESS;
    }
    let runs: usize = selected
        .files
        .iter()
        .map(|file| file.scenario.runs.len())
        .sum();
    if arguments.hold.is_some() && runs != 1 {
        message::error(format!(
            "--hold keeps one lab, but {runs} runs are selected"
        ));
        message::help("name one scenario, and choose its run with --variant");
        return exit::invalid();
    }
    let reports = arguments.reports.clone().in_actions();
    // Both checks print their errors.
    if !(folders_are_writable(arguments) & reports.check()) {
        return exit::invalid();
    }
    let targets = match arguments.backend.targets() {
        Ok(targets) => targets,
        Err(error) => {
            message::failure(error.as_ref());
            return exit::errored();
        }
    };
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let several = targets.len() > 1;
    let mut results = Vec::new();
    // The differences between kernels come first, so what is printed about each of them waits.
    let mut deferred = String::new();
    let mut boots = true;
    for BackendTarget { name, backend, .. } in targets {
        if !prepare(&runtime, &backend) {
            boots = false;
            continue;
        }
        let name = name.filter(|_| several);
        let kept = records.below(name.as_deref());
        let mut said = String::new();
        let print = |text: &str| match several {
            true => said.push_str(text),
            false => reports.stream().print(text),
        };
        let suite = run(selected.clone(), &kept, arguments, &reports, backend, print);
        let result = runtime.block_on(suite);
        if let Some(name) = name.as_ref().filter(|_| !said.is_empty()) {
            deferred += &format!("\non {name}:\n{said}");
        }
        list_failed_runs(&kept, &result);
        let interrupted = result.interrupted;
        results.push((name.unwrap_or_default(), result));
        if interrupted {
            break;
        }
    }
    if several {
        let table = matrix::matrix(&results, reports.style());
        reports.stream().print(&format!("{table}{deferred}"));
    }
    let result = SuiteResult::together(results);
    let kept = all_kept(arguments, &result);
    if !reports.write(&result, None) || !boots || !kept {
        return exit::errored();
    }
    exit::of(outcome(&result), arguments.strict)
}

/// Returns true if every requested record and capture was written; the reasons were printed when the runs
/// ended.
fn all_kept(arguments: &RunArguments, result: &SuiteResult) -> bool {
    let runs = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let lost = runs
        .filter(|run| run.capture.is_err() || (arguments.record.is_some() && run.record.is_err()))
        .count();
    if lost > 0 {
        let noun = if lost == 1 { "run" } else { "runs" };
        message::error(format!(
            "cannot write the records or captures of {lost} {noun}"
        ));
        message::help("choose folders with enough space, as in --record DIR");
    }
    lost == 0
}

/// Keeps the list of failed runs for `--rerun-failed`.
fn list_failed_runs(records: &Records, result: &SuiteResult) {
    if let Some(folder) = records.folder()
        && let Err(error) = FailedRuns::update(folder, result)
    {
        let folder = folder.display();
        message::warning(format!(
            "cannot write the list of failed runs to {folder}, so --rerun-failed will not work: {error}"
        ));
    }
}

fn records(arguments: &RunArguments) -> Records {
    match (&arguments.record, arguments.no_record) {
        (Some(folder), _) => Records::All(folder.clone()),
        (None, true) => Records::None,
        (None, false) => Records::default(),
    }
}

/// Returns true if the folders of records and captures can be written; prints the errors otherwise.
fn folders_are_writable(arguments: &RunArguments) -> bool {
    let mut all = true;
    for (option, folder) in [
        ("--record", &arguments.record),
        ("--capture", &arguments.capture),
    ] {
        if let Some(folder) = folder
            && let Err(error) = writable::folder(folder)
        {
            message::error(format!(
                "cannot write to {option} {}: {error}",
                folder.display()
            ));
            message::help("choose a folder that can be written; nothing was run");
            all = false;
        }
    }
    all
}

/// Replaces the baseline of every run, if one is chosen.
fn with_baseline(mut selected: Selected, choice: Option<BaselineChoice>) -> Selected {
    let baseline = match choice {
        None => return selected,
        Some(BaselineChoice::Lab) => Baseline::Pinned,
        Some(BaselineChoice::Kernel) => Baseline::Kernel,
    };
    for file in &mut selected.files {
        for run in &mut Arc::make_mut(file).scenario.runs {
            run.topology.baseline = baseline;
        }
    }
    selected
}

fn print_plans(files: &[Arc<ScenarioFile>]) {
    for file in files {
        for run in &file.scenario.runs {
            output::out(&format!("# {}: {}\n", file.label, run.id));
            if let Some(cost) = cost_of_nodes(run) {
                output::out(&format!("# {cost}\n"));
            }
            for op in lab::plan(&run.topology).ops {
                output::out(&format!("{op}\n"));
            }
            for line in plan::of_run(run) {
                output::out(&format!("{line}\n"));
            }
            output::out("\n");
        }
    }
}

async fn run(
    selected: Selected,
    records: &Records,
    arguments: &RunArguments,
    reports: &ReportArguments,
    backend: Backend,
    mut print: impl FnMut(&str),
) -> SuiteResult {
    let (stopped, _signals) = cancel_on_signals();
    let (hold, mut release) = match arguments.hold {
        Some(at_most) => {
            let (hold, release) = Hold::new(at_most);
            (Some(hold), Some(release))
        }
        None => (None, None),
    };
    let (pace, pace_setting) = Pace::new();
    let options = Options {
        hold,
        pace: arguments.watch.then_some(pace),
        trace: arguments.trace,
        records: records.clone(),
        captures: captures(arguments),
        identity: Some(selected.identity),
        backend,
        verify: arguments.backend.verify(),
        ..arguments.scheduling.options()
    };
    let style = reports.style();
    let mut progress = progress(arguments, pace_setting);
    let suite = suite::run_suite(selected.files, &options, stopped.clone(), |event| {
        progress.show(&event);
        if let SuiteEvent::RunProgressed { timeline, .. } = &event
            && timeline.held_since.is_some()
            && let Some(release) = release.take()
        {
            progress.aside(|| held::announce(arguments.hold.flatten(), release));
        }
        if let SuiteEvent::RunEnded { result, .. } = &event {
            for why in [&result.record, &result.capture]
                .into_iter()
                .filter_map(|kept| kept.as_ref().err())
            {
                progress.aside(|| message::warning(format!("{}: {why}", result.spec.id)));
            }
        }
        let is_news =
            |outcome| !arguments.quiet || !matches!(outcome, Outcome::Passed | Outcome::Skipped);
        let text = match event {
            SuiteEvent::ScenarioEnded(result) if is_news(result.outcome()) => {
                terminal::scenario(result, style)
            }
            SuiteEvent::Ended(result) if is_news(result.outcome()) => {
                terminal::summary(result, style)
            }
            SuiteEvent::ScenarioEnded(_) | SuiteEvent::Ended(_) => return,
            SuiteEvent::Started { .. }
            | SuiteEvent::MachineShared { .. }
            | SuiteEvent::RunRetried { .. }
            | SuiteEvent::RunStarted { .. }
            | SuiteEvent::RunProgressed { .. }
            | SuiteEvent::RunEnded { .. } => return,
        };
        progress.aside(|| print(&text));
    })
    .await;
    comment_captures(&suite, &stopped).await;
    suite
}

/// Adds comments to the captures of traced runs, until a signal asks to stop.
async fn comment_captures(suite: &SuiteResult, stopped: &watch::Receiver<bool>) {
    let runs = suite.scenarios.iter().flat_map(|scenario| &scenario.runs);
    for run in runs.filter(|run| !run.timeline.traced.is_empty()) {
        let Ok(Some(capture)) = &run.capture else {
            continue;
        };
        // Lets the task that takes the signals run.
        tokio::task::yield_now().await;
        if *stopped.borrow() {
            return;
        }
        if let Err(why) = ladder::comment_capture(capture, &run.spec, &run.timeline) {
            let id = &run.spec.id;
            message::warning(format!("{id}: its capture has no comments: {why}"));
        }
    }
}

fn progress(arguments: &RunArguments, pace: watch::Sender<PaceSetting>) -> Progress {
    if arguments.watch {
        match WatchView::open(pace) {
            Ok(view) => return Progress::watch(view),
            Err(error) => message::warning(format!("cannot open the view: {error}")),
        }
    }
    Progress::new(!arguments.no_progress && !arguments.quiet)
}

fn captures(arguments: &RunArguments) -> Captures {
    match (&arguments.capture, arguments.capture_when) {
        (None, _) => Captures::None,
        (Some(folder), CaptureWhen::Always) => Captures::All(folder.clone()),
        (Some(folder), CaptureWhen::OnFailure) => Captures::OfFailures(folder.clone()),
    }
}

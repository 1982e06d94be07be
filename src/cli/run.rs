//! `nslab run`: runs scenarios and judges them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::how::HowArguments;
use super::kernels::{On, OnArguments, prepare};
use super::progress::Progress;
use super::report::outcome;
use super::reports::ReportArguments;
use super::runtime::runtime;
use super::select::{Choice, SelectArguments, select};
use super::{exit, output, writable};
use crate::backend::Backend;
use crate::lab;
use crate::report::{matrix, terminal};
use crate::suite::{
    self, Captures, FailedRuns, Options, Records, ScenarioFile, Selected, SuiteEvent, SuiteResult,
};

/// Arguments of `nslab run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    select: SelectArguments,
    #[command(flatten)]
    how: HowArguments,
    /// Print what would be built, without building it; needs no privileges
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    reports: ReportArguments,
    /// Keep a record of every run in this folder, written while the run goes on, for `nslab report` and `nslab diff`
    ///
    /// Without it, records are kept only of runs that neither pass nor are not applicable, in nslab-out. A record of the
    /// same run that is there already is replaced; a large one is compressed at its end.
    #[arg(long, value_name = "DIR", conflicts_with = "no_record")]
    record: Option<PathBuf>,
    /// Keep no records, not even of runs that do not pass
    #[arg(long)]
    no_record: bool,
    /// Capture the packets of runs, one pcapng file each, in this folder: of every run, or --capture-when on-failure
    ///
    /// With --record, `nslab report RECORD --ladder CLIENT` draws a connection from it; an HTML page shows one of every client.
    #[arg(long, value_name = "DIR")]
    capture: Option<PathBuf>,
    /// Which captures are kept: `always`, or only those of runs that did not pass
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "always",
        requires = "capture"
    )]
    capture_when: CaptureWhen,
    #[command(flatten)]
    on: OnArguments,
    /// Take what is not applicable here, or passed only when tried again, for a failure
    #[arg(long)]
    strict: bool,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaptureWhen {
    Always,
    OnFailure,
}

pub(super) fn main(arguments: &RunArguments) -> ExitCode {
    let problem = arguments.reports.problem();
    let problem = problem.or_else(|| arguments.how.problem());
    if let Some(problem) = problem.or_else(|| arguments.on.problem()) {
        output::err(&format!("error: {problem}\n"));
        return exit::invalid();
    }
    let records = records(arguments);
    let selected = match select(&arguments.select, records.folder()) {
        Choice::Runs(selected) => selected,
        Choice::Nothing => return ExitCode::SUCCESS,
        Choice::Invalid => return exit::invalid(),
    };
    if arguments.plan {
        print_plans(&selected.files);
        return ExitCode::SUCCESS;
    }
    let reports = arguments.reports.clone().in_actions();
    // Both are told.
    if !(folders_are_writable(arguments) & reports.check()) {
        return exit::invalid();
    }
    let places = match arguments.on.places() {
        Ok(places) => places,
        Err(error) => {
            output::error(error.as_ref());
            return exit::errored();
        }
    };
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let several = places.len() > 1;
    let mut results = Vec::new();
    let mut boots = true;
    for On { name, backend } in places {
        if !prepare(&runtime, &backend) {
            boots = false;
            continue;
        }
        let name = name.filter(|_| several);
        if let Some(name) = &name {
            reports.stream().print(&format!("on {name}:\n"));
        }
        let kept = records.below(name.as_deref());
        let suite = run(selected.clone(), &kept, arguments, &reports, backend);
        let result = runtime.block_on(suite);
        note_outstanding(&kept, &result);
        let interrupted = result.interrupted;
        results.push((name.unwrap_or_default(), result));
        if interrupted {
            break;
        }
    }
    if several {
        let table = matrix::matrix(&results, reports.style());
        reports.stream().print(&format!("\n{table}"));
    }
    let result = SuiteResult::together(results);
    let kept = all_kept(arguments, &result);
    if !reports.write(&result, None) || !boots || !kept {
        return exit::errored();
    }
    exit::of(outcome(&result), arguments.strict)
}

/// Whether every record and capture that was asked for is kept. Which is not, and why, was told as its run ended.
fn all_kept(arguments: &RunArguments, result: &SuiteResult) -> bool {
    let runs = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let lost = runs
        .filter(|run| run.capture.is_err() || (arguments.record.is_some() && run.record.is_err()))
        .count();
    if lost > 0 {
        output::err(&format!(
            "error: records or captures of {lost} runs could not be kept\nhelp: give folders with room, as in --record DIR\n"
        ));
    }
    lost == 0
}

/// Keeps what did not pass, to be run again.
fn note_outstanding(records: &Records, result: &SuiteResult) {
    if let Some(folder) = records.folder()
        && let Err(error) = FailedRuns::update(folder, result)
    {
        let folder = folder.display();
        output::err(&format!(
            "warning: cannot note in {folder} what did not pass, for --rerun-failed: {error}\n"
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

/// That records and captures can be kept where they are wanted; what cannot is told.
fn folders_are_writable(arguments: &RunArguments) -> bool {
    let mut all = true;
    for (option, folder) in [
        ("--record", &arguments.record),
        ("--capture", &arguments.capture),
    ] {
        if let Some(folder) = folder
            && let Err(error) = writable::folder(folder)
        {
            output::err(&format!(
                "error: cannot write to {option} {}: {error}\nhelp: give a folder that can be written; nothing was run\n",
                folder.display()
            ));
            all = false;
        }
    }
    all
}

fn print_plans(files: &[Arc<ScenarioFile>]) {
    for file in files {
        for run in &file.scenario.runs {
            output::out(&format!("# {}: {}\n", file.label, run.id));
            for op in lab::plan(&run.topology).ops {
                output::out(&format!("{op}\n"));
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
) -> SuiteResult {
    let (stop, stopped) = watch::channel(false);
    let interrupts = tokio::spawn(stop_on_signals(stop));
    let options = Options {
        records: records.clone(),
        captures: captures(arguments),
        identity: Some(selected.identity),
        backend,
        verify: arguments.on.verify(),
        ..arguments.how.options()
    };
    let (stream, style) = (reports.stream(), reports.style());
    let mut progress = Progress::new(!arguments.no_progress);
    let result = suite::run_suite(selected.files, &options, stopped, |event| {
        progress.show(&event);
        if let SuiteEvent::RunEnded { result, .. } = &event {
            for why in [&result.record, &result.capture]
                .into_iter()
                .filter_map(|kept| kept.as_ref().err())
            {
                progress.aside(|| output::err(&format!("warning: {}: {why}\n", result.spec.id)));
            }
        }
        let text = match event {
            SuiteEvent::ScenarioEnded(result) => terminal::scenario(result, style),
            SuiteEvent::Ended(result) => terminal::summary(result, style),
            SuiteEvent::Started { .. }
            | SuiteEvent::RunRetried { .. }
            | SuiteEvent::RunStarted { .. }
            | SuiteEvent::RunProgressed { .. }
            | SuiteEvent::RunEnded { .. } => return,
        };
        progress.aside(|| stream.print(&text));
    })
    .await;
    interrupts.abort();
    result
}

fn captures(arguments: &RunArguments) -> Captures {
    match (&arguments.capture, arguments.capture_when) {
        (None, _) => Captures::None,
        (Some(folder), CaptureWhen::Always) => Captures::All(folder.clone()),
        (Some(folder), CaptureWhen::OnFailure) => Captures::OfFailures(folder.clone()),
    }
}

/// The first signal asks every run to end with what it has learnt; workers that do not are killed soon after.
pub(super) async fn stop_on_signals(stop: watch::Sender<bool>) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    stop.send_replace(true);
    std::future::pending::<()>().await;
}

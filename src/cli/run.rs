//! `nslab run`: runs scenarios and judges them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::load::{FileArguments, load};
use super::progress::Progress;
use super::report::outcome;
use super::reports::ReportArguments;
use super::{exit, output, writable};
use crate::lab;
use crate::report::{printable, terminal};
use crate::scenario::did_you_mean;
use crate::suite::{
    self, Captures, Options, Records, ScenarioFile, Selection, SuiteEvent, SuiteResult,
};

/// Arguments of `nslab run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    files: FileArguments,
    /// Print what would be built, without building it; needs no privileges
    #[arg(long)]
    plan: bool,
    /// Run only these variants; may be repeated (comparisons need all of them)
    #[arg(long = "variant", value_name = "NAME")]
    variants: Vec<String>,
    /// Run only scenarios with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Also run scenarios tagged `slow`, which are left out unless named
    #[arg(long)]
    slow: bool,
    /// At most this many runs at once; as many as the processors carry when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
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
    /// Take what is not applicable here for a failure
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
    if let Some(problem) = arguments.reports.problem() {
        output::err(&format!("error: {problem}\n"));
        return exit::invalid();
    }
    let Some(files) = load(&arguments.files) else {
        return exit::invalid();
    };
    let Some(files) = select(files, arguments) else {
        return exit::invalid();
    };
    if arguments.plan {
        print_plans(&files);
        return ExitCode::SUCCESS;
    }
    let reports = arguments.reports.clone().in_actions();
    // Both are told.
    if !(folders_are_writable(arguments) & reports.check()) {
        return exit::invalid();
    }
    // One thread: workers die with the thread that started them (PR_SET_PDEATHSIG, prctl(2)).
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&error);
            return exit::errored();
        }
    };
    let result = runtime.block_on(run(files, arguments, &reports));
    if reports.write(&result, None) {
        exit::of(outcome(&result), arguments.strict)
    } else {
        exit::errored()
    }
}

/// Keeps the scenarios and variants that are wanted. A file that the user names is wanted, `slow` or not.
fn select(
    files: Vec<Arc<ScenarioFile>>,
    arguments: &RunArguments,
) -> Option<Vec<Arc<ScenarioFile>>> {
    if !names_are_known(&files, arguments) {
        return None;
    }
    let named = !arguments.files.files.is_empty()
        && arguments.files.files.iter().all(|path| !path.is_dir());
    let selection = Selection {
        tags: arguments.tags.clone(),
        slow: arguments.slow || named,
    };
    let mut wanted: Vec<_> = files
        .into_iter()
        .filter(|file| selection.wants(&file.scenario.tags))
        .collect();
    if !arguments.variants.is_empty() {
        for file in &mut wanted {
            let file = Arc::make_mut(file);
            file.scenario.runs.retain(|run| {
                run.id
                    .variant
                    .as_ref()
                    .is_some_and(|variant| arguments.variants.contains(variant))
            });
            file.scenario.compare.clear();
        }
        wanted.retain(|file| !file.scenario.runs.is_empty());
    }
    if wanted.is_empty() {
        output::err(
            "error: no scenario is left by --tag, --variant and `slow`; `nslab list` shows what there is\n",
        );
        return None;
    }
    Some(wanted)
}

/// That something carries each name that is asked for; what nothing carries is told.
fn names_are_known(files: &[Arc<ScenarioFile>], arguments: &RunArguments) -> bool {
    let runs = files.iter().flat_map(|file| &file.scenario.runs);
    let variants: BTreeSet<&str> = runs.filter_map(|run| run.id.variant.as_deref()).collect();
    let tags = files.iter().flat_map(|file| &file.scenario.tags);
    let tags: BTreeSet<&str> = tags.map(String::as_str).collect();
    let mut all = true;
    for (option, asked, known) in [
        ("--variant", &arguments.variants, &variants),
        ("--tag", &arguments.tags, &tags),
    ] {
        for name in asked.iter().filter(|name| !known.contains(name.as_str())) {
            let help =
                did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.len() {
                    0 => "these scenarios have none".to_owned(),
                    _ => "`nslab list` shows what there is".to_owned(),
                });
            output::err(&format!(
                "error: {option} {}: no scenario here has it\nhelp: {help}\n",
                printable(name)
            ));
            all = false;
        }
    }
    all
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
    files: Vec<Arc<ScenarioFile>>,
    arguments: &RunArguments,
    reports: &ReportArguments,
) -> SuiteResult {
    let (stop, stopped) = watch::channel(false);
    let interrupts = tokio::spawn(stop_on_signals(stop));
    let options = Options {
        slots: arguments.jobs.map(usize::from),
        records: match (&arguments.record, arguments.no_record) {
            (Some(folder), _) => Records::All(folder.clone()),
            (None, true) => Records::None,
            (None, false) => Records::default(),
        },
        captures: captures(arguments),
        ..Options::default()
    };
    let (stream, style) = (reports.stream(), reports.style());
    let mut progress = Progress::new(!arguments.no_progress);
    let result = suite::run_suite(files, &options, stopped, |event| {
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
            | SuiteEvent::RunStarted { .. }
            | SuiteEvent::RunTold { .. }
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
async fn stop_on_signals(stop: watch::Sender<bool>) {
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

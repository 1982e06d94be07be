//! `nslab bisect`: the first kernel on which scenarios behave differently.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::runtime::Runtime;

use super::backend_args::prepare;
use super::output::Stream;
use super::progress::Progress;
use super::runtime::{cancel_on_signals, runtime};
use super::scheduling::SchedulingArguments;
use super::select::{Choice, SelectArguments, select};
use super::{exit, message, output, writable};
use crate::backend::vm::{Kernel, Store, Time};
use crate::backend::{Backend, VmBackend};
use crate::compare::{BisectFinding, Bisection, SuiteDiff};
use crate::record::Outcome;
use crate::report::diff;
use crate::suite::{self, Options, Records, Selected, SuiteResult};

/// Arguments of `nslab bisect`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct BisectArguments {
    /// A kernel that behaves as it should: a name shown by `nslab kernel list` or the start of one, a
    /// package, or an image
    #[arg(long, value_name = "KERNEL")]
    good: String,
    /// A kernel that behaves differently; it may be older or newer than the good one
    #[arg(long, value_name = "KERNEL")]
    bad: String,
    #[command(flatten)]
    select: SelectArguments,
    #[command(flatten)]
    scheduling: SchedulingArguments,
    /// Keep a record of every run in this folder, in a folder for each kernel
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Show every metric that differs, and runs without a difference too
    #[arg(long, short)]
    verbose: bool,
    /// Do not show progress
    #[arg(long)]
    no_progress: bool,
}

const HELP: &str = "\
The kernels between the two, in the order of their versions, are those of the
store (`nslab kernel list`). The scenarios run on the good and the bad kernel
first, then on the kernel in the middle of those that are left, until two
neighbours are found that differ. Everything runs in virtual time, so the same
bisection gives the same answer.

A kernel differs from the good one if the outcome of a run or an expectation
differs, or if a metric that an expectation names differs by more than noise
(see `nslab diff --help`). A run that is inconclusive on one kernel and not on
the good one differs too: in virtual time it is so every time, and the reason
is shown. A kernel that does not boot, or on which a run is errored, is
skipped.

More examples:
  nslab kernel add ./linux-image-5.10*.deb ./linux-image-6.1*.deb
  nslab bisect --good debian-5.10 --bad debian-6.12 my-scenario.yaml
  nslab bisect --good 6.1 --bad 6.12 exhaustion --variant reuse

Exit codes:
  0  the first kernel that differs was found, perhaps among several that could
     not be tried
  1  the good and the bad kernel do not differ
  2  the command line or a scenario file is invalid
  3  the good or the bad kernel does not boot, or a run on it is errored
  4  a run on the good kernel is inconclusive, or the bisection was interrupted";

/// A kernel with its results.
struct Tried {
    kernel: Kernel,
    /// `None` until it has been tried, or if it does not boot.
    result: Option<SuiteResult>,
}

pub(super) fn main(arguments: &BisectArguments) -> ExitCode {
    if let Some(problem) = arguments.scheduling.problem() {
        message::error(problem);
        return exit::invalid();
    }
    if let Some(folder) = &arguments.record
        && let Err(error) = writable::folder(folder)
    {
        message::error(format!(
            "cannot write to --record {}: {error}",
            folder.display()
        ));
        return exit::invalid();
    }
    let selected = match select(&arguments.select, None) {
        Choice::Runs(selected) => selected,
        Choice::Nothing => return ExitCode::SUCCESS,
        Choice::Invalid => return exit::invalid(),
    };
    let kernels = match candidates(&arguments.good, &arguments.bad) {
        Ok(kernels) => kernels,
        Err(error) => {
            message::failure(error.as_ref());
            return exit::invalid();
        }
    };
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
    output::out(&format!(
        "kernels, from good to bad: {}\n",
        names.join(", ")
    ));
    let tried = kernels.into_iter().map(|kernel| Tried {
        kernel,
        result: None,
    });
    bisect(arguments, &runtime, &selected, tried.collect())
}

/// Returns the kernels from the good one to the bad one, by version.
fn candidates(good: &str, bad: &str) -> Result<Vec<Kernel>, Box<dyn std::error::Error>> {
    let [good, bad] = [
        Kernel::resolve(good, None, Store::of_user)?,
        Kernel::resolve(bad, None, Store::of_user)?,
    ];
    if good.hash == bad.hash {
        return Err(format!(
            "`{}` and `{}` are the same kernel, so nothing can differ",
            good.name, bad.name
        )
        .into());
    }
    let (from, to) = (good.version(), bad.version());
    let is_between = |kernel: &Kernel| {
        let version = kernel.version();
        version > from.clone().min(to.clone()) && version < from.clone().max(to.clone())
    };
    let store = Store::of_user()?;
    let mut between = Vec::new();
    for name in store.names()? {
        let kernel = store.load(&name)?;
        let is_end = [&good, &bad].iter().any(|end| end.hash == kernel.hash);
        if is_between(&kernel) && !is_end {
            between.push(kernel);
        }
    }
    between.sort_by_key(|kernel| (kernel.version(), kernel.name.clone()));
    if from > to {
        between.reverse();
    }
    Ok([vec![good], between, vec![bad]].concat())
}

fn bisect(
    arguments: &BisectArguments,
    runtime: &Runtime,
    selected: &Selected,
    mut kernels: Vec<Tried>,
) -> ExitCode {
    let ends = [0, kernels.len() - 1];
    for end in ends {
        let result = try_kernel(arguments, runtime, selected, &kernels[end].kernel);
        let Some(result) = result else {
            return exit::errored();
        };
        let good = end == ends[0];
        if let Some((outcome, why)) = says_nothing(&result, good) {
            message::error(format!(
                "nothing can be said about {}: {why}",
                kernels[end].kernel.name
            ));
            return exit::of(outcome, false);
        }
        output::out(&format!(
            "{}: {}\n",
            kernels[end].kernel.name,
            summary(&result)
        ));
        kernels[end].result = Some(result);
    }
    if is_alike(&kernels[ends[0]], &kernels[ends[1]]) {
        output::out(
            "the good and the bad kernel do not differ in any outcome or figure that an expectation names\n",
        );
        return exit::no_difference();
    }
    let mut bisection = Bisection::among(kernels.len());
    while let Some(next) = bisection.next() {
        let name = kernels[next].kernel.name.clone();
        let result = try_kernel(arguments, runtime, selected, &kernels[next].kernel);
        if result.as_ref().is_some_and(|result| result.interrupted) {
            message::error("the bisection was interrupted");
            return exit::interrupted();
        }
        let unclear = match &result {
            None => Some("it does not boot".to_owned()),
            Some(result) => says_nothing(result, false).map(|(_, why)| why),
        };
        kernels[next].result = result;
        let (finding, text) = match unclear {
            Some(why) => (BisectFinding::Unclear, format!("skipped, because {why}")),
            None if is_alike(&kernels[0], &kernels[next]) => {
                (BisectFinding::Same, "like the good one".to_owned())
            }
            None => (
                BisectFinding::Different,
                "differs from the good one".to_owned(),
            ),
        };
        output::out(&format!("{name}: {text}\n"));
        bisection.found(next, finding);
    }
    conclude(arguments, &kernels, &bisection);
    ExitCode::SUCCESS
}

fn conclude(arguments: &BisectArguments, kernels: &[Tried], bisection: &Bisection) {
    let [same, different] =
        [bisection.last_same(), bisection.first_different()].map(|at| &kernels[at]);
    let about = |tried: &Tried| format!("{} (Linux {})", tried.kernel.name, tried.kernel.release);
    output::out(&format!(
        "\nfirst kernel that differs: {}\n",
        about(different)
    ));
    output::out(&format!("last kernel like the good one: {}\n", about(same)));
    let undecided: Vec<&str> = bisection
        .undecided()
        .map(|at| kernels[at].kernel.name.as_str())
        .collect();
    if !undecided.is_empty() {
        output::out(&format!(
            "between them, and perhaps the first that differs: {}\n",
            undecided.join(", ")
        ));
    }
    let (Some(a), Some(b)) = (&same.result, &different.result) else {
        return;
    };
    match SuiteDiff::of(a, b) {
        Ok(found) => {
            let found = if arguments.verbose {
                found
            } else {
                found.without_same()
            };
            let mut style = Stream::Out.style();
            style.verbose = arguments.verbose;
            output::out(&format!(
                "\nA is {}, B is {}\n\n{}",
                same.kernel.name,
                different.kernel.name,
                diff::terminal(&found, style)
            ));
        }
        Err(error) => message::failure(&error),
    }
}

/// Runs everything on a kernel. Returns `None`, after printing why, if it does not boot.
fn try_kernel(
    arguments: &BisectArguments,
    runtime: &Runtime,
    selected: &Selected,
    kernel: &Kernel,
) -> Option<SuiteResult> {
    let vm = VmBackend::new(kernel.clone(), Time::Virtual)
        .inspect_err(|error| message::failure(error))
        .ok()?;
    let backend = Backend::Vm(vm);
    if !prepare(runtime, &backend) {
        return None;
    }
    let records = arguments.record.clone().map_or(Records::None, Records::All);
    let options = Options {
        records: records.below(Some(&kernel.name)),
        identity: Some(selected.identity.clone()),
        backend,
        ..arguments.scheduling.options()
    };
    let files = selected.files.clone();
    Some(runtime.block_on(async {
        let (stopped, _signals) = cancel_on_signals();
        let mut progress = Progress::new(!arguments.no_progress);
        suite::run_suite(files, &options, stopped, |event| progress.show(&event)).await
    }))
}

/// Returns the outcome and the reason if the results of a kernel cannot be compared. An inconclusive run on another
/// kernel than the good one can be: the guest's clock is virtual, so only the kernel makes the difference.
fn says_nothing(result: &SuiteResult, is_good: bool) -> Option<(Outcome, String)> {
    if result.interrupted {
        return Some((
            Outcome::Inconclusive,
            "the runs were interrupted".to_owned(),
        ));
    }
    let runs = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let unclear = |outcome| match outcome {
        Outcome::Errored | Outcome::Skipped => true,
        Outcome::Inconclusive => is_good,
        Outcome::Passed | Outcome::Flaky | Outcome::Failed | Outcome::NotApplicable => false,
    };
    let mut runs = runs.filter(|run| unclear(run.verdict.outcome));
    runs.next().map(|run| {
        let outcome = run.verdict.outcome;
        let why = run.verdict.reason.clone().unwrap_or_default();
        (outcome, format!("{} is {outcome}: {why}", run.spec.id))
    })
}

fn summary(result: &SuiteResult) -> String {
    let runs = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let outcomes: Vec<Outcome> = runs.map(|run| run.verdict.outcome).collect();
    let counted = [
        Outcome::Passed,
        Outcome::Flaky,
        Outcome::Failed,
        Outcome::Inconclusive,
        Outcome::NotApplicable,
    ];
    let counted = counted.iter().filter_map(|outcome| {
        let count = outcomes.iter().filter(|other| *other == outcome).count();
        (count > 0).then(|| format!("{count} {outcome}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn is_alike(good: &Tried, other: &Tried) -> bool {
    let both = good.result.as_ref().zip(other.result.as_ref());
    both.and_then(|(a, b)| SuiteDiff::of(a, b).ok())
        .is_some_and(|found| found.is_same_in_key())
}

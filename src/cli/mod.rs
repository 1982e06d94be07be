//! The command line, the only module that prints or exits. Each verb has one file.

mod advise;
mod arguments;
mod backend_args;
mod baseline;
mod bench;
mod bisect;
mod check;
mod compare;
mod completions;
mod diff;
mod doctor;
mod enter;
mod exit;
mod heartbeat;
mod held;
mod kernel;
mod ladder;
mod learn;
mod lesson;
mod list;
mod load;
mod message;
mod metrics;
mod new;
mod output;
mod progress;
mod report;
mod reports;
mod run;
mod runtime;
mod scale;
mod scheduling;
mod schema;
mod select;
mod shell;
mod show;
mod skipped;
mod trust;
mod view;
mod watch;
mod worker;
mod writable;

use std::process::ExitCode;

use crate::backend;
use clap::{CommandFactory, Parser, Subcommand};

/// Network-namespace test lab: runs scenarios on this kernel and judges them by what the kernel did
///
/// Example: nslab run exhaustion
///
/// A scenario (YAML) describes nodes, links, servers, clients, and what should happen. nslab builds it from
/// network namespaces, generates the load, watches sockets, counters and the kernel's log, and judges each
/// expectation by what it observed. Nothing on the host is changed, and nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = "nslab", version, after_help = exit::HELP, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run scenarios and judge them
    ///
    /// Example: nslab run exhaustion --report html=report.html
    Run(run::RunArguments),
    /// Build a lab without its load and open a shell in one of its nodes
    ///
    /// Example: nslab shell accept-queue-overflow client
    Shell(shell::ShellArguments),
    /// Run a program in a node of a running lab
    ///
    /// Example: nslab exec server -- ss -tan
    Exec(enter::ExecArguments),
    /// Judge recorded runs again and write reports; needs no privileges
    ///
    /// Example: nslab report nslab-out --report html=report.html
    Report(report::ReportVerbArguments),
    /// Look at recorded runs at any moment, packet by packet, in a browser
    ///
    /// Example: nslab view out/table-full-full.nslab.jsonl
    View(view::ViewArguments),
    /// Show the differences between two recordings of the same scenario
    ///
    /// Example: nslab diff before after
    Diff(diff::DiffArguments),
    /// Run a scenario with different settings and show which are better
    ///
    /// Example: nslab compare exhaustion --set-b net.ipv4.tcp_tw_reuse=1
    Compare(compare::CompareArguments),
    /// Find the first kernel on which scenarios behave differently
    ///
    /// Example: nslab bisect --good debian-5.10 --bad debian-6.12 exhaustion
    Bisect(bisect::BisectArguments),
    /// Show the effect of each line of a sysctl file; changes nothing on this host
    ///
    /// Example: nslab advise /etc/sysctl.conf --no-run
    Advise(advise::AdviseArguments),
    /// Take a lesson: predict, run, and see how far off you were
    ///
    /// Example: nslab learn handshake
    Learn(learn::LearnArguments),
    /// Write pages for students, check lessons, and judge answers
    ///
    /// Example: nslab lesson build handshake --html handshake.html
    Lesson(lesson::LessonArguments),
    /// Check scenario files and report every problem; runs nothing
    ///
    /// Example: nslab check my-scenario.yaml
    Check(check::CheckArguments),
    /// List scenarios and their runs
    ///
    /// Example: nslab list --tag ports
    List(list::ListArguments),
    /// Write a commented scenario to start from
    ///
    /// Example: nslab new ports --template timewait
    New(new::NewArguments),
    /// Print a scenario; shipped ones by name
    ///
    /// Example: nslab show exhaustion > mine.yaml
    Show(show::ShowArguments),
    /// Print a scenario at a size that this machine can run, and explain its answer at full size
    ///
    /// Example: nslab scale big.yaml > small.yaml
    Scale(scale::ScaleArguments),
    /// Measure how much load this machine can generate before runs become inconclusive
    ///
    /// Example: nslab bench
    Bench(bench::BenchArguments),
    /// List everything that can be measured, with its unit, meaning and source
    ///
    /// Example: nslab metrics queue
    Metrics(metrics::MetricsArguments),
    /// Print the settings that every node of a lab starts with, with the reasons, as Markdown
    ///
    /// Example: nslab baseline
    Baseline,
    /// Print the JSON Schema of scenario files, for editors
    ///
    /// Example: nslab schema > nslab.schema.json
    Schema,
    /// Print completions for a shell
    ///
    /// Example: nslab completions bash > /etc/bash_completion.d/nslab
    Completions(completions::CompletionsArguments),
    /// Print the man page, or write one for each command
    ///
    /// Example: nslab man | man -l -
    Man(completions::ManArguments),
    /// Show what this kernel and these privileges allow, and how to get what is missing
    ///
    /// Example: nslab doctor
    Doctor(doctor::DoctorArguments),
    /// Manage the kernels that scenarios can run on
    ///
    /// Example: nslab kernel add ./linux-image-6.1.0-56-cloud-amd64_*.deb
    Kernel(kernel::KernelArguments),
    /// Execute one run: read a work order from standard input, write events to standard output
    #[command(hide = true)]
    Worker {
        /// The run, for lists of processes only
        run: Option<String>,
    },
    /// Generate the traffic of one node: read an order from standard input, write events to standard output
    #[command(hide = true)]
    Agent,
}

/// Parses the command line, runs the verb, and returns the exit code.
pub fn main() -> ExitCode {
    if backend::vm::is_init() {
        return backend::vm::init();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render();
            if error.use_stderr() {
                output::err(&output::coloured(&text, &std::io::stderr()));
                return exit::invalid();
            }
            output::out(&output::coloured(&text, &std::io::stdout()));
            return unless_incomplete(ExitCode::SUCCESS);
        }
    };
    let code = match arguments.verb {
        Verb::Run(arguments) => run::main(&arguments),
        Verb::Report(arguments) => report::main(&arguments),
        Verb::View(arguments) => view::main(&arguments),
        Verb::Diff(arguments) => diff::main(&arguments),
        Verb::Compare(arguments) => compare::main(&arguments),
        Verb::Bisect(arguments) => bisect::main(&arguments),
        Verb::Advise(arguments) => advise::main(&arguments),
        Verb::Lesson(arguments) => lesson::main(&arguments),
        Verb::Learn(arguments) => learn::main(&arguments),
        Verb::Check(arguments) => check::main(&arguments),
        Verb::List(arguments) => list::main(&arguments),
        Verb::New(arguments) => new::main(&arguments),
        Verb::Show(arguments) => show::main(&arguments),
        Verb::Scale(arguments) => scale::main(&arguments),
        Verb::Bench(arguments) => bench::main(&arguments),
        Verb::Metrics(arguments) => metrics::main(&arguments),
        Verb::Baseline => baseline::main(),
        Verb::Schema => schema::main(),
        Verb::Completions(arguments) => completions::completions(Arguments::command(), &arguments),
        Verb::Man(arguments) => completions::man(Arguments::command(), &arguments),
        Verb::Doctor(arguments) => doctor::main(&arguments),
        Verb::Kernel(arguments) => kernel::main(&arguments),
        Verb::Worker { run: _ } => worker::worker(),
        Verb::Shell(arguments) => shell::main(&arguments),
        Verb::Exec(arguments) => enter::main(&arguments),
        Verb::Agent => worker::agent(),
    };
    unless_incomplete(code)
}

/// Returns the code, or an error if standard output is incomplete.
fn unless_incomplete(code: ExitCode) -> ExitCode {
    let Some(error) = output::stdout_error() else {
        return code;
    };
    message::error(format!("cannot write to standard output: {error}"));
    exit::errored()
}

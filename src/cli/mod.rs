//! The command line: the only place that prints or exits. One file a verb.

mod advise;
mod check;
mod compare;
mod completions;
mod diff;
mod doctor;
mod exit;
mod how;
mod kernel;
mod kernels;
mod ladder;
mod list;
mod load;
mod new;
mod output;
mod progress;
mod report;
mod reports;
mod run;
mod runtime;
mod schema;
mod select;
mod show;
mod worker;
mod writable;

use std::process::ExitCode;

use crate::backend;
use clap::{CommandFactory, Parser, Subcommand};

/// Network-namespace test lab: runs scenarios on this machine's kernel, reads the kernel's own evidence, gives a verdict.
///
/// A scenario (YAML) names nodes, links, servers, clients and what is expected to happen. nslab builds it from network
/// namespaces, drives the load, watches sockets, counters and the kernel's log, and judges each expectation by what was
/// observed. Nothing on the host is changed, and nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = "nslab", version, after_help = exit::HELP, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run scenarios and judge them
    Run(run::RunArguments),
    /// Judge records of runs again and render them; needs no privileges
    Report(report::ReportVerbArguments),
    /// Tell what is different in two recordings of the same scenario
    Diff(diff::DiffArguments),
    /// Run a scenario with several sets of settings and tell which is better
    Compare(compare::CompareArguments),
    /// Tell what the lines of a sysctl file would do on this kernel; changes nothing on this host
    Advise(advise::AdviseArguments),
    /// Report every problem of scenario files; builds and runs nothing
    Check(check::CheckArguments),
    /// List scenarios with their runs
    List(list::ListArguments),
    /// Write a commented scenario to start from
    New(new::NewArguments),
    /// Print a scenario; shipped ones by name
    Show(show::ShowArguments),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
    /// Print the man page, or write one for each command
    Man(completions::ManArguments),
    /// Tell what this kernel and these privileges allow, and how to get what is missing
    Doctor(doctor::DoctorArguments),
    /// Keep kernels to run scenarios on, by name: add, list, rm
    Kernel(kernel::KernelArguments),
    /// Execute one run: takes a work order on standard input, tells events on standard output
    #[command(hide = true)]
    Worker,
    /// Execute the traffic of one node: takes an order on standard input, tells events on standard output
    #[command(hide = true)]
    Agent,
}

/// Parses the command line, does what it says, gives the exit code.
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
            return output::checked(ExitCode::SUCCESS);
        }
    };
    let code = match arguments.verb {
        Verb::Run(arguments) => run::main(&arguments),
        Verb::Report(arguments) => report::main(&arguments),
        Verb::Diff(arguments) => diff::main(&arguments),
        Verb::Compare(arguments) => compare::main(&arguments),
        Verb::Advise(arguments) => advise::main(&arguments),
        Verb::Check(arguments) => check::main(&arguments),
        Verb::List(arguments) => list::main(&arguments),
        Verb::New(arguments) => new::main(&arguments),
        Verb::Show(arguments) => show::main(&arguments),
        Verb::Schema => schema::main(),
        Verb::Completions(arguments) => completions::completions(Arguments::command(), &arguments),
        Verb::Man(arguments) => completions::man(Arguments::command(), &arguments),
        Verb::Doctor(arguments) => doctor::main(&arguments),
        Verb::Kernel(arguments) => kernel::main(&arguments),
        Verb::Worker => worker::worker(),
        Verb::Agent => worker::agent(),
    };
    output::checked(code)
}

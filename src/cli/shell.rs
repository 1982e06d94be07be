//! `nslab shell`: builds a lab for its user and opens a shell in one of its nodes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use clap::Args;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::arguments::parameter;
use super::load::{FileArguments, load};
use super::runtime::{cancel_on_signals, runtime};
use super::{exit, message, output};
use crate::backend::{Backend, LabHold, StartError, WorkOrder, Worker};
use crate::causes::chain;
use crate::record::Event;
use crate::report::{one_line, terminal::run_label};
use crate::scenario::RunSpec;
use crate::suite::Selection;

/// Time that the worker has to remove the lab before it is killed; the kernel then removes the lab.
const TIME_TO_STOP: Duration = Duration::from_millis(800);

/// Arguments of `nslab shell`.
#[derive(Debug, Args)]
pub(super) struct ShellArguments {
    /// Scenario file, or the name of a shipped scenario
    scenario: PathBuf,
    /// The node of the shell; by default, the first one of the scenario
    node: Option<String>,
    /// Set a parameter of the scenario; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    set: Vec<(String, String)>,
    /// Build this variant; by default, the first run of the scenario
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Run the clients, commands and steps of the scenario first, and open the shell when they have ended
    ///
    /// Without it, the lab has its servers, but no load.
    #[arg(long)]
    load: bool,
}

pub(super) fn main(arguments: &ShellArguments) -> ExitCode {
    let Some(spec) = only_run(arguments) else {
        return exit::invalid();
    };
    let nodes: Vec<&str> = spec
        .topology
        .nodes
        .keys()
        .map(|name| name.as_str())
        .collect();
    let node = match &arguments.node {
        Some(node) if !nodes.contains(&node.as_str()) => {
            let (node, nodes) = (one_line(node), nodes.join(", "));
            message::error(format!("no node named `{node}`; available: {nodes}"));
            return exit::invalid();
        }
        Some(node) => node.clone(),
        None => nodes
            .first()
            .map_or_else(String::new, |node| (*node).to_owned()),
    };
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let order = if arguments.load {
        WorkOrder {
            hold: Some(LabHold { at_most: None }),
            ..WorkOrder::new(spec.clone())
        }
    } else {
        WorkOrder::of_idle_lab(spec.clone())
    };
    runtime.block_on(async {
        let (mut stop, _signals) = cancel_on_signals();
        let mut worker = match Backend::default().start(&order, None).await {
            Ok(worker) => worker,
            Err(error) => {
                print_start_error(&error);
                return exit::errored();
            }
        };
        let (code, child) = match until_held(&mut worker, &mut stop).await {
            BuildEnd::Kept => {
                output::out(&overview(&spec, &node));
                match start_shell(&worker, &node) {
                    Ok(mut child) => {
                        let code = until_left(&mut worker, &mut child, &mut stop).await;
                        (code, Some(child))
                    }
                    Err(error) => {
                        message::error(format!("cannot start the shell: {error}"));
                        (exit::errored(), None)
                    }
                }
            }
            BuildEnd::Interrupted => (exit::interrupted(), None),
            BuildEnd::Failed => (exit::errored(), None),
        };
        worker.ask_to_stop();
        if let Err(error) = worker.wait(Instant::now() + TIME_TO_STOP).await {
            message::error(chain(&error));
        }
        // Killed only now: while it lives it reaps the shell, without which the kernel cannot remove the lab.
        drop(child);
        code
    })
}

/// Returns the run to build. Prints the errors and returns `None` if there is none.
fn only_run(arguments: &ShellArguments) -> Option<RunSpec> {
    let files = load(&FileArguments {
        files: vec![arguments.scenario.clone()],
        set: arguments.set.clone(),
    })?;
    let selection = Selection {
        variants: arguments.variant.clone().into_iter().collect(),
        slow: true,
        ..Selection::default()
    };
    let selected = match selection.of(files) {
        Ok(selected) => selected,
        Err(errors) => {
            message::failures(&errors);
            return None;
        }
    };
    let [file] = selected.files.as_slice() else {
        message::error("a shell needs one scenario; name a file or a shipped scenario");
        return None;
    };
    let (first, others) = file.scenario.runs.split_first()?;
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(|run| run_label(&run.id)).collect();
        message::note(format!(
            "this is `{}`; other runs of the scenario: {}",
            one_line(&run_label(&first.id)),
            one_line(&others.join("; "))
        ));
    }
    Some(first.clone())
}

/// The end of building a lab.
enum BuildEnd {
    Kept,
    Interrupted,
    Failed,
}

/// Waits until the lab is built and its load, if any, has ended.
async fn until_held(worker: &mut Worker, stop: &mut watch::Receiver<bool>) -> BuildEnd {
    loop {
        let next = tokio::select! {
            next = worker.next() => next,
            _ = stop.wait_for(|stop| *stop) => return BuildEnd::Interrupted,
        };
        match next {
            Ok(Some((Event::Held { .. }, _))) => return BuildEnd::Kept,
            Ok(Some((Event::Note { text, .. } | Event::Gap { text, .. }, _))) => {
                message::note(text)
            }
            Ok(Some((Event::Errored { error }, _))) => {
                message::error(error);
                return BuildEnd::Failed;
            }
            Ok(Some((Event::NotApplicable { reason }, _))) => {
                message::error(format!("not applicable here: {reason}"));
                return BuildEnd::Failed;
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                message::error("the worker ended while it built the lab");
                return BuildEnd::Failed;
            }
            Err(error) => {
                message::error(chain(&error));
                return BuildEnd::Failed;
            }
        }
    }
}

/// Waits until the shell ends, the lab is gone, or a signal arrives. Returns the exit code.
async fn until_left(
    worker: &mut Worker,
    child: &mut Child,
    stop: &mut watch::Receiver<bool>,
) -> ExitCode {
    loop {
        tokio::select! {
            ended = child.wait() => return match ended {
                Ok(status) => code_of(status),
                Err(error) => {
                    message::error(format!("cannot wait for the shell: {error}"));
                    exit::errored()
                }
            },
            _ = stop.wait_for(|stop| *stop) => return exit::interrupted(),
            // Its events are read so that it is not blocked by a full pipe.
            event = worker.next() => if !matches!(event, Ok(Some(_))) {
                message::error("the lab was removed: its worker has ended");
                return exit::errored();
            },
        }
    }
}

/// Starts `nslab exec`, which enters the lab; this process could not come back from there.
fn start_shell(worker: &Worker, node: &str) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    let lab = worker.id().map(|pid| pid.to_string()).unwrap_or_default();
    command
        .args(["exec", "--lab", &lab, node])
        .kill_on_drop(true);
    command.spawn()
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or_else(exit::interrupted, ExitCode::from)
}

/// Describes the nodes with their addresses and servers.
fn overview(spec: &RunSpec, node: &str) -> String {
    let mut text = String::new();
    for (name, place) in &spec.topology.nodes {
        let _infallible = write!(text, "{name}");
        for interface in &place.interfaces {
            let addresses = interface.addresses.iter().map(ToString::to_string);
            let addresses: Vec<String> = addresses.collect();
            let (interface, peer) = (&interface.name, &interface.peer);
            let addresses = addresses.join(" ");
            let _infallible = write!(text, "  {interface} {addresses} (to {peer})");
        }
        text.push('\n');
        let here = |on: &crate::names::NodeName| on == name;
        for server in spec
            .workload
            .servers
            .iter()
            .filter(|server| here(&server.node))
        {
            let _infallible = writeln!(text, "    server {} on port {}", server.name, server.port);
        }
        for command in spec
            .workload
            .commands
            .iter()
            .filter(|command| here(&command.node))
        {
            if let Some(port) = command.ready {
                let run = one_line(&command.run.join(" "));
                let _infallible = writeln!(text, "    {} on port {port}: {run}", command.name);
            }
        }
    }
    let pid = std::process::id();
    let _infallible = writeln!(
        text,
        "\nThis is a shell in `{node}`. Leaving it removes the lab.\n\
         From other terminals: nslab exec NODE -- COMMAND (this lab is --lab {pid})\n"
    );
    text
}

fn print_start_error(error: &StartError) {
    message::failure(error);
    for line in error.last_words() {
        output::err(&format!("  | {line}\n"));
    }
}

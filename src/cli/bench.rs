//! `nslab bench`: what this machine can do, before a run is inconclusive.

use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname;
use serde::Serialize;

use super::runtime::{cancel_on_signals, runtime};
use super::{exit, message, output};
use crate::bench::{self, Benched, BenchedRate};
use crate::units::show::{grouped, nanos};

/// Arguments of `nslab bench`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct BenchArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
It runs labs of two nodes one after another, one second each, which takes about
fifteen seconds. A rate is held if a scenario with that load gives a
result here; above it, runs are inconclusive. Other programs on the machine
count, so run it when the machine is as busy as it will be.

Exit codes:
  0  measured
  3  errored: no lab can be built here (see nslab doctor)
  4  interrupted";

/// The result in JSON.
#[derive(Debug, Serialize)]
struct Page {
    kernel: String,
    processors: usize,
    /// The highest rate that was held, together with all below it, in connections per second.
    held: Option<u64>,
    results: Vec<Benched>,
}

pub(super) fn main(arguments: &BenchArguments) -> ExitCode {
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let mut page = Page {
        kernel: utsname::uname().map_or_else(
            |_| "unknown".to_owned(),
            |name| name.release().display().to_string(),
        ),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        held: None,
        results: Vec::new(),
    };
    if !arguments.json {
        output::out(&format!(
            "Linux {}, {} processors. About fifteen seconds.\n\n{HEAD}\n",
            page.kernel, page.processors
        ));
    }
    let mut holds = true;
    let ended = runtime.block_on(async {
        let (stop, watching) = cancel_on_signals();
        let ended = bench::bench(stop.clone(), |result| {
            if let Benched::Rate(rate) = &result {
                holds &= rate.problem.is_none();
                if holds {
                    page.held = Some(rate.rate);
                }
            }
            if !arguments.json
                && let Benched::Rate(rate) = &result
            {
                output::out(&row(rate));
            }
            page.results.push(result);
        })
        .await;
        drop(watching);
        ended.map(|()| *stop.borrow())
    });
    match ended {
        Err(reason) => {
            message::error(reason);
            exit::errored()
        }
        Ok(true) => {
            message::note("interrupted");
            exit::interrupted()
        }
        Ok(false) => {
            show(&page, arguments.json);
            ExitCode::SUCCESS
        }
    }
}

const HEAD: &str =
    "connections/s  held  achieved   late: p50, p99, max              processor each";

fn row(rate: &BenchedRate) -> String {
    let held = if rate.problem.is_none() { "yes" } else { "NO" };
    let late = rate.late.map(nanos).join(", ");
    format!(
        "{:>13}  {held:<4}  {:>8}   {late:<30}   {}\n",
        grouped(rate.rate as f64, 0),
        grouped(rate.achieved, 0),
        nanos(rate.cost),
    )
}

fn show(page: &Page, json: bool) {
    if json {
        output::json(page);
        return;
    }
    let mut text = String::from("\n");
    for result in &page.results {
        let Benched::Figure(figure) = result else {
            continue;
        };
        let value = figure.value.map_or_else(
            || "not measured".to_owned(),
            |value| format!("{} {}", grouped(value, 1), figure.unit),
        );
        text += &format!("{:<44}  {value}\n", figure.what);
    }
    let problems = page.results.iter().filter_map(|result| match result {
        Benched::Rate(rate) => Some((rate.rate, rate.problem.as_ref()?)),
        Benched::Figure(_) => None,
    });
    if let Some((rate, problem)) = problems.into_iter().next() {
        text += &format!(
            "\nNot held: {}/s, because {problem}\n",
            grouped(rate as f64, 0)
        );
    }
    text += &match page.held {
        Some(held) => format!(
            "\nOne client and one server give conclusive results up to {} connections per second.\n\
             NAT, proxies and nearly full port ranges take more of the machine. A scenario that\n\
             is too large is inconclusive; `nslab scale FILE` prints a smaller version.\n",
            grouped(held as f64, 0)
        ),
        None => "\nNo rate was held: the machine is too busy for any result.\n".to_owned(),
    };
    output::out(&text);
}

//! `--report`: which reports are wanted, and where they go. Shared by the verbs that have results.

mod request;
pub(super) mod text;
mod write;

use std::path::PathBuf;

use clap::Args;

use super::output::Stream;
use crate::ladder::Which;
use crate::report::terminal::Style;
use crate::suite::SuiteResult;
use request::{Format, Request, Target};

/// Which reports, and how much of them.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportArguments {
    /// Write a report; may be repeated
    ///
    /// FORMAT=PATH, where PATH `-` is standard output (what is for people then goes to standard error):
    ///
    ///   html=report.html      one page with charts and the topology, opens from disk
    ///   json=report.json      everything that was observed, with a published schema
    ///   junit=report.xml      for GitLab, Jenkins and what else reads JUnit
    ///   tap=-                 TAP 14
    ///   csv=series.csv        every series over time
    ///   truth=truth.md        each claim with what is so, a table in Markdown
    ///
    /// `github` (without a path) prints annotations and appends to the job's summary ($GITHUB_STEP_SUMMARY);
    /// github=PATH writes the summary to PATH instead. In GitHub Actions `nslab run` does so unasked.
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = Request::parse, verbatim_doc_comment)]
    reports: Vec<Request>,
    /// Also show what passed in full: how load was offered, the course of each metric
    #[arg(long, short)]
    verbose: bool,
}

impl ReportArguments {
    /// What contradicts itself: reports that would overwrite or run into each other.
    pub(super) fn problem(&self) -> Option<String> {
        for (index, request) in self.reports.iter().enumerate() {
            let same = |other: &&Request| {
                other.target == request.target && request.target != Target::Summary
            };
            if let Some(other) = self.reports[..index].iter().find(same) {
                return Some(format!(
                    "two reports go to the same place: --report {other} and --report {request}"
                ));
            }
        }
        None
    }

    /// Adds what is wanted unasked in GitHub Actions ("Default environment variables", `GITHUB_ACTIONS`).
    pub(super) fn in_actions(mut self) -> Self {
        let in_actions = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let asked = self
            .reports
            .iter()
            .any(|request| request.format == Format::Github);
        if in_actions && !asked {
            self.reports.push(Request {
                format: Format::Github,
                target: Target::Summary,
            });
        }
        self
    }

    /// Where text for people goes: not where a report goes.
    pub(super) fn stream(&self) -> Stream {
        if self
            .reports
            .iter()
            .any(|request| request.target == Target::Stdout)
        {
            Stream::Err
        } else {
            Stream::Out
        }
    }

    /// How that text is shown.
    pub(super) fn style(&self) -> Style {
        Style {
            verbose: self.verbose,
            ..self.stream().style()
        }
    }

    /// That every report can be written; what cannot is told.
    pub(super) fn check(&self) -> bool {
        let checked = self.reports.iter().map(write::check);
        let errors: Vec<_> = checked.filter_map(Result::err).collect();
        for error in &errors {
            super::output::error(error);
        }
        if !errors.is_empty() {
            super::output::err("help: give paths that can be written; nothing was run\n");
        }
        errors.is_empty()
    }

    /// Whether any report is wanted.
    pub(super) fn any(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Writes every report; what goes wrong is told, and the others are still written. Whether all were. A page shows the
    /// connections that are asked for, or of every client one.
    pub(super) fn write(&self, result: &SuiteResult, which: Option<&Which>) -> bool {
        let written: Vec<bool> = self
            .reports
            .iter()
            .map(|request| {
                let done = write::write(request, result, which, self.stream());
                if let Err(error) = &done {
                    super::output::error(error);
                    super::output::err(&format!("help: {}\n", error.help()));
                }
                done.is_ok()
            })
            .collect();
        written.into_iter().all(|written| written)
    }
}

/// The file of `$GITHUB_STEP_SUMMARY` ("Adding a job summary"), in Actions.
fn step_summary() -> Option<PathBuf> {
    std::env::var_os("GITHUB_STEP_SUMMARY")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

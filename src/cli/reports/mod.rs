//! `--report FORMAT=PATH`: one parser and one writer; each verb lists its formats.

mod link;
mod request;
mod suite;
mod write;

use clap::Args;

use super::message;
use super::output::Stream;
use crate::ladder::ConnectionChoice;
use crate::report::github;
use crate::report::terminal::Style;
use crate::suite::SuiteResult;
use request::ReportDestination;
use suite::SuiteFormat;

pub(super) use link::relative_path;
pub(super) use request::{ReportFormat, ReportRequest};
pub(super) use write::{check_all, check_files, stream, write_all, write_file};

/// The reports on a suite, and how much text is printed.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportArguments {
    /// Write a report; may be repeated
    ///
    /// FORMAT=PATH. If PATH is `-`, the report goes to standard output,
    /// and the text for people to standard error.
    ///
    ///   html=report.html  one page with charts and the topology
    ///   json=report.json  everything observed, with a published schema
    ///   junit=report.xml  for GitLab, Jenkins and other readers of JUnit
    ///   tap=-             TAP 14
    ///   csv=series.csv    every series over time
    ///   truth=truth.md    each claim and whether it is true, in Markdown
    ///   since=since.md    every run by kernel, and what differs, in Markdown
    ///   perfetto=run.json states, packets and counters for ui.perfetto.dev
    ///   github            annotations, and a summary of the job
    ///
    /// `github` appends to $GITHUB_STEP_SUMMARY; github=PATH writes the
    /// summary to PATH. In GitHub Actions, `nslab run` uses `github` by
    /// default.
    #[arg(long = "report", value_name = "FORMAT=PATH", verbatim_doc_comment)]
    reports: Vec<ReportRequest<SuiteFormat>>,
    /// Show details of passed runs too: how the load was offered, and every metric over time
    #[arg(long, short)]
    verbose: bool,
}

impl ReportArguments {
    /// Returns a message if two reports would overwrite each other.
    pub(super) fn problem(&self) -> Option<String> {
        write::conflict(&self.reports)
    }

    /// Adds the `github` report if this is GitHub Actions ("Default environment variables", `GITHUB_ACTIONS`).
    pub(super) fn in_actions(mut self) -> Self {
        let in_actions = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        if in_actions && !self.has(SuiteFormat::Github) {
            self.reports.push(ReportRequest {
                format: SuiteFormat::Github,
                destination: ReportDestination::StepSummary,
            });
        }
        self
    }

    /// Returns the stream for text for people.
    pub(super) fn stream(&self) -> Stream {
        stream(&self.reports)
    }

    /// Returns the style of that text.
    pub(super) fn style(&self) -> Style {
        Style {
            verbose: self.verbose,
            ..self.stream().style()
        }
    }

    /// Returns true if every report can be written; prints the errors otherwise.
    pub(super) fn check(&self) -> bool {
        check_all(&self.reports)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Writes every report, and returns true if all were written. A page draws the connections of `which`,
    /// or one of every client.
    pub(super) fn write(&self, result: &SuiteResult, which: Option<&ConnectionChoice>) -> bool {
        if self.has(SuiteFormat::Github) {
            self.stream().print(&github::annotations(result));
        }
        let written = write_all(&self.reports, |request| {
            suite::render(request, result, which)
        });
        if !written {
            message::help(
                "`nslab report RECORD... --report FORMAT=PATH` writes a report again without a new run",
            );
        }
        written
    }

    fn has(&self, format: SuiteFormat) -> bool {
        self.reports.iter().any(|request| request.format == format)
    }
}

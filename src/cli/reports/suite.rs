//! `--report` of `nslab run` and `nslab report`: the formats that show the result of a suite.

use std::error::Error;
use std::path::Path;

use super::link::relative_path;
use super::request::{ReportFormat, ReportRequest};
use crate::causes::chain;
use crate::ladder::ConnectionChoice;
use crate::record::Capture;
use crate::report::html::{Ladders, Views};
use crate::report::{csv, github, html, json, junit, perfetto, since, tap, truth};
use crate::suite::SuiteResult;

/// A format that shows the result of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum SuiteFormat {
    Html,
    Json,
    Junit,
    Tap,
    Github,
    Csv,
    Truth,
    Since,
    Perfetto,
}

impl ReportFormat for SuiteFormat {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Html, "html"),
        (Self::Json, "json"),
        (Self::Junit, "junit"),
        (Self::Tap, "tap"),
        (Self::Github, "github"),
        (Self::Csv, "csv"),
        (Self::Truth, "truth"),
        (Self::Since, "since"),
        (Self::Perfetto, "perfetto"),
    ];

    fn needs_no_path(self) -> bool {
        self == Self::Github
    }
}

/// Renders a report. A page draws the connections of `which`, or one of every client.
pub(super) fn render(
    request: &ReportRequest<SuiteFormat>,
    result: &SuiteResult,
    which: Option<&ConnectionChoice>,
) -> Result<String, Box<dyn Error>> {
    let link = |file: &str| {
        let path = relative_path(request.folder(), Path::new(file));
        path.display().to_string()
    };
    let open = |path: &Path| Capture::read(path).map_err(|error| chain(&error));
    Ok(match request.format {
        SuiteFormat::Html => {
            let ladders = Ladders::draw(result, which, open);
            html::render(result, &ladders, &Views::of_traced(result, open))
        }
        SuiteFormat::Json => json::render(result)?,
        SuiteFormat::Junit => junit::render(result)?,
        SuiteFormat::Tap => tap::render(result),
        SuiteFormat::Github => github::summary(result),
        SuiteFormat::Csv => csv::render(result)?,
        SuiteFormat::Truth => truth::render(result, link),
        SuiteFormat::Since => since::render(result, link),
        SuiteFormat::Perfetto => perfetto::render(result, open)?,
    })
}

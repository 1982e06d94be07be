//! Renders a report and puts it where it belongs: a file appears at once, whole, or stays as it was.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::request::{Format, Request, Target};
use super::step_summary;
use super::text::way_from;
use crate::causes::chain;
use crate::cli::output::{self, Stream};
use crate::cli::writable;
use crate::ladder::Which;
use crate::record::Capture;
use crate::report::html::Ladders;
use crate::report::{csv, github, html, json, junit, tap, truth};
use crate::suite::SuiteResult;

/// As of any file that a program makes (open(2)): the umask takes from it.
const MODE: u32 = 0o666;

/// Why a report is not where it was to be.
#[derive(Debug, Error)]
pub(super) enum ReportError {
    /// It cannot be rendered.
    #[error("cannot render the {format} report")]
    Render {
        format: Format,
        #[source]
        source: Box<dyn std::error::Error>,
    },
    /// It cannot be written.
    #[error("cannot write the {format} report to {}", path.display())]
    Write {
        format: Format,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl ReportError {
    /// What to do about it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Render { .. } => "the other formats are not concerned".to_owned(),
            Self::Write { format, .. } => format!(
                "give a path that can be written, as in --report {format}=PATH; \
                 from records, `nslab report RECORD... --report {format}=PATH` makes it without running again"
            ),
        }
    }
}

/// Renders one report and writes it. Annotations go to `annotations`; a page shows the connections of `which`.
pub(super) fn write(
    request: &Request,
    result: &SuiteResult,
    which: Option<&Which>,
    annotations: Stream,
) -> Result<(), ReportError> {
    let format = request.format;
    if format == Format::Github {
        annotations.print(&github::annotations(result));
    }
    let text =
        render(request, result, which).map_err(|source| ReportError::Render { format, source })?;
    let (path, written) = match &request.target {
        Target::Stdout => {
            output::out(&text);
            return Ok(());
        }
        Target::File(path) => (path.clone(), replace(path, &text)),
        Target::Summary => match step_summary() {
            Some(path) => (path.clone(), append(&path, &text)),
            None => return Ok(()),
        },
    };
    written.map_err(|source| ReportError::Write {
        format,
        path,
        source,
    })
}

/// That the report can be written, without touching what is there.
pub(super) fn check(request: &Request) -> Result<(), ReportError> {
    let (path, writable) = match &request.target {
        Target::Stdout => return Ok(()),
        Target::File(path) => (path.clone(), writable::file(path)),
        Target::Summary => match step_summary() {
            Some(path) => (path.clone(), append(&path, "")),
            None => return Ok(()),
        },
    };
    writable.map_err(|source| ReportError::Write {
        format: request.format,
        path,
        source,
    })
}

fn render(
    request: &Request,
    result: &SuiteResult,
    which: Option<&Which>,
) -> Result<String, Box<dyn std::error::Error>> {
    Ok(match request.format {
        Format::Html => {
            let ladders = Ladders::draw(result, which, |path| {
                Capture::read(path).map_err(|error| chain(&error))
            });
            html::render(result, &ladders)
        }
        Format::Json => json::render(result)?,
        Format::Junit => junit::render(result)?,
        Format::Tap => tap::render(result),
        Format::Github => github::summary(result),
        Format::Csv => csv::render(result)?,
        Format::Truth => {
            let folder = match &request.target {
                Target::File(path) => path.parent(),
                Target::Stdout | Target::Summary => None,
            };
            let folder = folder.unwrap_or(Path::new(""));
            truth::render(result, |file| {
                way_from(folder, Path::new(file)).display().to_string()
            })
        }
    })
}

/// Puts a file in place of what is there; makes the folders above it. What is no plain file (a pipe, `/dev/null`) is
/// written to, not replaced.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Through a link to the file that it leads to.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(text.as_bytes());
    }
    let folder = writable::folder_of(path);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_what_is_there_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.tap");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        replace(Path::new("/dev/null"), "gone").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), "x").is_err());
    }
}

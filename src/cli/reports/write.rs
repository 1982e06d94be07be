//! Writes reports. A file appears at once and complete, or stays as it was.

use std::error::Error;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::request::{ReportDestination, ReportFormat, ReportRequest};
use crate::cli::output::{self, Stream};
use crate::cli::{message, writable};

/// The mode of any file that a program creates (open(2)); the umask applies.
const MODE: u32 = 0o666;

/// A report could not be written.
#[derive(Debug, Error)]
enum ReportError {
    #[error("cannot render the {format} report")]
    Render {
        format: &'static str,
        #[source]
        source: Box<dyn Error>,
    },
    #[error("cannot write the {format} report to {}", path.display())]
    Write {
        format: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Returns the stream for people: standard error if a report takes standard output.
pub(in crate::cli) fn stream<F>(requests: &[ReportRequest<F>]) -> Stream {
    let taken = requests
        .iter()
        .any(|request| request.destination == ReportDestination::Stdout);
    if taken { Stream::Err } else { Stream::Out }
}

/// Returns true if the reports go to different places and every one can be written; prints the errors
/// otherwise. Nothing that exists is touched. An hour of measuring should not be lost to a mistyped path.
pub(in crate::cli) fn check_all<F: ReportFormat>(requests: &[ReportRequest<F>]) -> bool {
    if let Some(problem) = conflict(requests) {
        message::error(problem);
        return false;
    }
    let errors: Vec<ReportError> = requests
        .iter()
        .filter_map(|request| check(request).err())
        .collect();
    message::failures(&errors);
    if !errors.is_empty() {
        message::help("choose paths that can be written; nothing was run");
    }
    errors.is_empty()
}

/// Returns a message if two reports would overwrite each other.
pub(in crate::cli) fn conflict<F: ReportFormat>(requests: &[ReportRequest<F>]) -> Option<String> {
    requests.iter().enumerate().find_map(|(index, request)| {
        let other = requests[..index].iter().find(|other| {
            other.destination == request.destination
                && request.destination != ReportDestination::StepSummary
        })?;
        Some(format!(
            "two reports go to the same place: --report {other} and --report {request}"
        ))
    })
}

fn check<F: ReportFormat>(request: &ReportRequest<F>) -> Result<(), ReportError> {
    let (path, checked) = match &request.destination {
        ReportDestination::Stdout => return Ok(()),
        ReportDestination::File(path) => (path.clone(), writable::file(path)),
        ReportDestination::StepSummary => match step_summary() {
            Some(path) => (path.clone(), append(&path, "")),
            None => return Ok(()),
        },
    };
    checked.map_err(|source| ReportError::Write {
        format: request.format.name(),
        path,
        source,
    })
}

/// Renders and writes every report, and returns true if all were written. An error is printed, and the
/// other reports are still written.
pub(in crate::cli) fn write_all<F: ReportFormat>(
    requests: &[ReportRequest<F>],
    render: impl Fn(&ReportRequest<F>) -> Result<String, Box<dyn Error>>,
) -> bool {
    let mut all = true;
    for request in requests {
        let format = request.format.name();
        let written = render(request)
            .map_err(|source| ReportError::Render { format, source })
            .and_then(|text| write(request, &text));
        if let Err(error) = written {
            message::failure(&error);
            if matches!(error, ReportError::Write { .. }) {
                message::help(format!(
                    "choose a path that can be written, as in --report {format}=PATH"
                ));
            }
            all = false;
        }
    }
    all
}

fn write<F: ReportFormat>(request: &ReportRequest<F>, text: &str) -> Result<(), ReportError> {
    let (path, written) = match &request.destination {
        ReportDestination::Stdout => {
            output::out_file(text);
            return Ok(());
        }
        ReportDestination::File(path) => (path.clone(), replace(path, text)),
        ReportDestination::StepSummary => match step_summary() {
            Some(path) => (path.clone(), append(&path, text)),
            None => return Ok(()),
        },
    };
    written.map_err(|source| ReportError::Write {
        format: request.format.name(),
        path,
        source,
    })
}

/// Returns the file of `$GITHUB_STEP_SUMMARY` (GitHub Actions, "Adding a job summary").
fn step_summary() -> Option<PathBuf> {
    std::env::var_os("GITHUB_STEP_SUMMARY")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Returns true if these files are different and each can be written; prints the errors otherwise. Nothing that exists
/// is touched.
pub(in crate::cli) fn check_files(paths: &[&Path]) -> bool {
    let twice = (1..paths.len()).find(|index| paths[..*index].contains(&paths[*index]));
    if let Some(index) = twice {
        message::error(format!("two files go to {}", paths[index].display()));
        return false;
    }
    let mut all = true;
    for path in paths {
        if let Err(error) = writable::file(path) {
            message::error(format!("cannot write {}: {error}", path.display()));
            all = false;
        }
    }
    if !all {
        message::help("choose paths that can be written; nothing was run");
    }
    all
}

/// Writes a file, and returns true if it was written; prints the error otherwise.
pub(in crate::cli) fn write_file(path: &Path, text: &str) -> bool {
    let written = replace(path, text);
    if let Err(error) = &written {
        message::error(format!("cannot write {}: {error}", path.display()));
    }
    written.is_ok()
}

/// Replaces a file, and creates the folders above it. A pipe or a device (`/dev/null`) is written to, not
/// replaced.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A symbolic link stays; the file that it leads to is replaced.
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
    fn missing_folders_are_created_and_an_existing_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.json");
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
    fn files_for_the_same_place_or_for_no_place_are_refused_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        assert!(check_files(&[&one, &other]));
        assert!(!check_files(&[&one, &other, &one]));
        assert!(!check_files(&[&one, &folder.path().join("missing/file")]));
        assert!(!check_files(&[folder.path()]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), "x").is_err());
    }
}

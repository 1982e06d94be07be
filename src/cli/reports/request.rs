//! One `--report FORMAT=PATH`: a format of the verb, and where the report goes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The report formats of a verb.
pub(in crate::cli) trait ReportFormat:
    fmt::Debug + Copy + Eq + Send + Sync + 'static
{
    /// Every format with its name on the command line.
    const ALL: &'static [(Self, &'static str)];

    /// Returns true if the format can be requested without a path: it then goes to the job's summary in
    /// GitHub Actions.
    fn needs_no_path(self) -> bool {
        false
    }

    /// Returns the name on the command line.
    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(format, _)| *format == self);
        found.map_or("", |(_, name)| name)
    }
}

/// The place that a report is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum ReportDestination {
    /// A file, which is replaced if it exists.
    File(PathBuf),
    Stdout,
    /// The file that `$GITHUB_STEP_SUMMARY` names, if it is set; text is appended.
    StepSummary,
}

/// A report that was requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct ReportRequest<F> {
    pub(in crate::cli) format: F,
    pub(in crate::cli) destination: ReportDestination,
}

impl<F> ReportRequest<F> {
    /// Returns the folder that the report will be in, which its links start from.
    pub(in crate::cli) fn folder(&self) -> &Path {
        let folder = match &self.destination {
            ReportDestination::File(path) => path.parent(),
            ReportDestination::Stdout | ReportDestination::StepSummary => None,
        };
        folder.unwrap_or(Path::new(""))
    }
}

impl<F: ReportFormat> FromStr for ReportRequest<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        let Some((format, _)) = F::ALL.iter().find(|(_, known)| *known == name) else {
            let names: Vec<&str> = F::ALL.iter().map(|(_, name)| *name).collect();
            return Err(format!(
                "unknown report format `{name}`; available: {}",
                names.join(", ")
            ));
        };
        let destination = match path {
            None if format.needs_no_path() => ReportDestination::StepSummary,
            Some("-") if format.needs_no_path() => {
                return Err(format!(
                    "`{name}` prints its annotations to standard output in any case; \
                     write `{name}`, or {name}=PATH for the summary"
                ));
            }
            Some("-") => ReportDestination::Stdout,
            Some(path) if !path.is_empty() => ReportDestination::File(path.into()),
            Some(_) | None => {
                return Err(format!("expected {name}=PATH; PATH `-` is standard output"));
            }
        };
        Ok(Self {
            format: *format,
            destination,
        })
    }
}

impl<F: ReportFormat> fmt::Display for ReportRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.format.name();
        match &self.destination {
            ReportDestination::File(path) => write!(f, "{name}={}", path.display()),
            ReportDestination::Stdout => write!(f, "{name}=-"),
            ReportDestination::StepSummary => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Format {
        Json,
        Github,
    }

    impl ReportFormat for Format {
        const ALL: &'static [(Self, &'static str)] =
            &[(Self::Json, "json"), (Self::Github, "github")];

        fn needs_no_path(self) -> bool {
            self == Self::Github
        }
    }

    fn parse(text: &str) -> Result<ReportRequest<Format>, String> {
        text.parse()
    }

    #[test]
    fn requests_are_displayed_as_they_are_written() {
        for text in ["json=a=b.json", "json=-", "github", "github=s.md"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn invalid_requests_are_refused_with_a_way_out() {
        for (text, expected) in [
            ("pdf=x", "available: json, github"),
            ("json", "json=PATH"),
            ("json=", "json=PATH"),
            ("github=-", "write `github`"),
            ("", "unknown report format"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

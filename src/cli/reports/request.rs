//! One `--report`: a format and where it goes.

use std::fmt;
use std::path::PathBuf;

/// The formats, by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
    Junit,
    Tap,
    Github,
    Csv,
    Truth,
}

const FORMATS: [(Format, &str); 7] = [
    (Format::Html, "html"),
    (Format::Json, "json"),
    (Format::Junit, "junit"),
    (Format::Tap, "tap"),
    (Format::Github, "github"),
    (Format::Csv, "csv"),
    (Format::Truth, "truth"),
];

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A file, in place of what is there.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Where GitHub Actions says, if it says so: added to what is there.
    Summary,
}

/// A report that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) format: Format,
    pub(super) target: Target,
}

impl Request {
    /// Reads `FORMAT=PATH`, or `github`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        let known = FORMATS.iter().find(|(_, known)| *known == name);
        let Some((format, _)) = known else {
            let names = FORMATS.map(|(_, name)| name).join(", ");
            return Err(format!("no report format `{name}`; there are {names}"));
        };
        let target = match (format, path) {
            (Format::Github, None) => Target::Summary,
            (Format::Github, Some("-")) => {
                return Err(
                    "annotations go to standard output already: write `github`, or github=PATH for the summary"
                        .to_owned(),
                );
            }
            (_, Some("-")) => Target::Stdout,
            (_, Some(path)) if !path.is_empty() => Target::File(path.into()),
            (_, Some(_) | None) => {
                return Err(format!(
                    "expected {name}=PATH, where PATH `-` is standard output"
                ));
            }
        };
        Ok(Self {
            format: *format,
            target,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FORMATS.iter().find(|(format, _)| format == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::File(path) => write!(f, "{}={}", self.format, path.display()),
            Target::Stdout => write!(f, "{}=-", self.format),
            Target::Summary => write!(f, "{}", self.format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_as_it_is_shown() {
        for text in [
            "json=a=b.json",
            "tap=-",
            "github",
            "github=s.md",
            "html=x/y.html",
        ] {
            assert_eq!(Request::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_a_way_out() {
        for (text, told) in [
            ("pdf=x", "there are html, json"),
            ("json", "json=PATH"),
            ("json=", "json=PATH"),
            ("github=-", "write `github`"),
            ("", "no report format"),
        ] {
            let error = Request::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}

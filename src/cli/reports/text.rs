//! `--report` of verbs whose results are no suites: a few formats, each a text.

use std::path::{Component, Path, PathBuf};

use super::request::Target;
use super::write::replace;
use crate::cli::output::{self, Stream};

/// A report that is wanted: one of a verb's own formats, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct TextRequest {
    /// The format's name.
    pub(in crate::cli) format: &'static str,
    target: Target,
}

impl TextRequest {
    /// Reads `FORMAT=PATH`.
    pub(in crate::cli) fn parse(text: &str, formats: &[&'static str]) -> Result<Self, String> {
        let names = formats.join(", ");
        let (name, path) = text.split_once('=').unwrap_or((text, ""));
        let Some(format) = formats.iter().find(|known| **known == name) else {
            return Err(format!("no report format `{name}` here; there are {names}"));
        };
        let target = match path {
            "" => {
                return Err(format!(
                    "expected {name}=PATH, where PATH `-` is standard output"
                ));
            }
            "-" => Target::Stdout,
            path => Target::File(path.into()),
        };
        Ok(Self { format, target })
    }
}

/// Where text for people goes: not where a report goes.
pub(in crate::cli) fn stream(requests: &[TextRequest]) -> Stream {
    let taken = requests
        .iter()
        .any(|request| request.target == Target::Stdout);
    if taken { Stream::Err } else { Stream::Out }
}

/// Renders and writes every report; what goes wrong is told, and the others are still written. Whether all were. `render` is given
/// the format, and the folder that the report will be in, for its links.
pub(in crate::cli) fn write_all(
    requests: &[TextRequest],
    render: impl Fn(&str, &Path) -> serde_json::Result<String>,
) -> bool {
    let mut all = true;
    for TextRequest { format, target } in requests {
        let folder = match target {
            Target::File(path) => path.parent(),
            Target::Stdout | Target::Summary => None,
        };
        let done = match (render(format, folder.unwrap_or(Path::new(""))), target) {
            (Err(error), _) => Err(format!("cannot render the {format} report: {error}")),
            (Ok(text), Target::File(path)) => replace(path, &text).map_err(|error| {
                format!(
                    "cannot write the {format} report to {}: {error}",
                    path.display()
                )
            }),
            (Ok(text), Target::Stdout | Target::Summary) => {
                output::out(&text);
                Ok(())
            }
        };
        if let Err(error) = done {
            output::err(&format!("error: {error}\n"));
            all = false;
        }
    }
    all
}

/// The way to a file from a folder, both as seen from the working directory. Where that cannot be told, the file as it is.
pub(in crate::cli) fn way_from(folder: &Path, file: &Path) -> PathBuf {
    let (Ok(folder), Ok(whole)) = (
        std::path::absolute(Path::new(".").join(folder)),
        std::path::absolute(file),
    ) else {
        return file.to_owned();
    };
    let plain = |part: &Component<'_>| !matches!(part, Component::ParentDir);
    if !folder.components().all(|part| plain(&part)) || !whole.components().all(|part| plain(&part))
    {
        return whole;
    }
    let (from, to): (Vec<_>, Vec<_>) =
        (folder.components().collect(), whole.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - common);
    up.chain(to.into_iter().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_report_to_the_file() {
        let way = |folder: &str, file: &str| {
            way_from(Path::new(folder), Path::new(file))
                .display()
                .to_string()
        };
        assert_eq!(way("", "out/a.jsonl"), "out/a.jsonl");
        assert_eq!(way("public/x", "out/a.jsonl"), "../../out/a.jsonl");
        assert_eq!(way("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(way("out", "out/a.jsonl"), "a.jsonl");
        assert_eq!(way("../elsewhere", "/out/a.jsonl"), "/out/a.jsonl");
    }

    #[test]
    fn only_the_formats_of_the_verb_are_taken() {
        let parse = |text| TextRequest::parse(text, &["json", "md"]);
        assert_eq!(parse("md=a=b.md").unwrap().format, "md");
        assert!(parse("html=x").unwrap_err().contains("json, md"));
        assert!(parse("json").unwrap_err().contains("json=PATH"));
    }
}

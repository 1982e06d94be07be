//! Finds the scenario files that the user names: paths, folders, shipped scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use thiserror::Error;

use super::select::{Pattern, is_glob};
use crate::input_file;
use crate::scenario::MAX_FILE_BYTES;

/// The scenarios that come with the program.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// The largest scenario file, bytes.
const LARGEST_FILE: u64 = MAX_FILE_BYTES as u64;
/// Maximum number of files in one folder.
const MOST_FILES: usize = 10_000;

/// A scenario's text and its label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScenarioSource {
    /// The path as the user gave it, or `scenarios/...` for a shipped one.
    pub label: String,
    /// The text of the scenario file.
    pub text: String,
}

/// An error in finding scenario files.
#[derive(Debug, Error)]
pub(crate) enum DiscoverError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// Neither a path nor a shipped scenario.
    #[error("no file or folder `{name}`, and no shipped scenario of that name{}", hint(.close.as_deref()))]
    Unknown {
        /// The name as given.
        name: String,
        /// The shipped scenario with the most similar name.
        close: Option<String>,
    },
    /// A glob is invalid, or no shipped scenario matches it.
    #[error(
        "no shipped scenario matches `{glob}`{}; `nslab list` shows them. To select from your own folders, name them \
         without a glob and add -E 'name({glob})'",
        why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default()
    )]
    NoMatch {
        /// The glob as given.
        glob: String,
        /// The reason if the glob is invalid.
        why: Option<String>,
    },
    /// A file is larger than any scenario.
    #[error("{path} is larger than {} MiB, which is too large for a scenario", LARGEST_FILE >> 20)]
    TooLarge { path: String },
    /// The folder contains no scenarios.
    #[error("no scenarios (*.yaml, *.yml) below {path}")]
    Empty { path: String },
}

fn hint(close: Option<&str>) -> String {
    close
        .map(|close| format!("; did you mean `{close}`?"))
        .unwrap_or_default()
}

/// Reads every scenario file that the user names: files, folders (all `*.yaml` and `*.yml` below them, in order of
/// path), shipped scenarios (`ports/exhaustion`, or `exhaustion`) or globs of them (`'conntrack/*'`). A file that
/// is named twice is returned once.
///
/// # Errors
/// Returns an error for each name without a scenario.
pub(crate) fn discover(names: &[PathBuf]) -> Result<Vec<ScenarioSource>, Vec<DiscoverError>> {
    let (mut sources, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        match read(name) {
            Ok(found) => sources.extend(found),
            Err(error) => errors.push(error),
        }
    }
    let mut seen = BTreeSet::new();
    sources.retain(|source: &ScenarioSource| seen.insert(source.label.clone()));
    if errors.is_empty() {
        Ok(sources)
    } else {
        Err(errors)
    }
}

fn read(name: &Path) -> Result<Vec<ScenarioSource>, DiscoverError> {
    if name.is_dir() {
        let files = files_below(name)?;
        if files.is_empty() {
            return Err(DiscoverError::Empty {
                path: name.display().to_string(),
            });
        }
        files.iter().map(|path| read_file(path)).collect()
    } else if name.exists() {
        Ok(vec![read_file(name)?])
    } else {
        let name = name.to_string_lossy();
        if is_glob(&name) {
            return shipped_by_glob(&name);
        }
        shipped_by_name(&name).map(|source| vec![source])
    }
}

fn read_file(path: &Path) -> Result<ScenarioSource, DiscoverError> {
    let label = path.display().to_string();
    match input_file::read_text(path, LARGEST_FILE) {
        Ok(text) => Ok(ScenarioSource { label, text }),
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            Err(DiscoverError::TooLarge { path: label })
        }
        Err(source) => Err(DiscoverError::Read {
            path: label,
            source,
        }),
    }
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let io = |source| DiscoverError::Read {
            path: folder.display().to_string(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let kind = entry.file_type().map_err(io)?;
            // Links to folders are not followed: they could form a loop.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_scenario(&entry.path()) && files.len() < MOST_FILES {
                files.push(entry.path());
            }
        }
    }
    Ok(each_once(files))
}

/// Leaves out further names of the same file, and sorts the rest. The shortest name stays. A folder that Kubernetes
/// mounts from a ConfigMap has two for each file: `x.yaml` leads to `..data/x.yaml`, and `..data` to the folder that
/// really has it.
fn each_once(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort_by_key(|path| (path.components().count(), path.clone()));
    let mut seen = BTreeSet::new();
    // A file that cannot be found is reported when it is read.
    files.retain(|path| path.canonicalize().map_or(true, |real| seen.insert(real)));
    files.sort();
    files
}

fn is_scenario(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Returns the scenarios that come with the program, in order of path.
pub fn shipped() -> Vec<ScenarioSource> {
    let mut sources = Vec::new();
    let mut folders = vec![&SHIPPED];
    while let Some(folder) = folders.pop() {
        for entry in folder.entries() {
            match entry {
                DirEntry::Dir(folder) => folders.push(folder),
                DirEntry::File(file) => {
                    if let Some(text) = file.contents_utf8().filter(|_| is_scenario(file.path())) {
                        let label = format!("scenarios/{}", file.path().display());
                        sources.push(ScenarioSource {
                            label,
                            text: text.to_owned(),
                        });
                    }
                }
            }
        }
    }
    sources.sort();
    sources
}

/// Returns a label's short form, such as `ports/exhaustion`.
fn short(source: &ScenarioSource) -> String {
    source
        .label
        .trim_start_matches("scenarios/")
        .trim_end_matches(".yaml")
        .trim_end_matches(".yml")
        .to_owned()
}

fn shipped_by_glob(glob: &str) -> Result<Vec<ScenarioSource>, DiscoverError> {
    let none = |why| DiscoverError::NoMatch {
        glob: glob.to_owned(),
        why,
    };
    let wanted = glob
        .trim_start_matches("scenarios/")
        .trim_end_matches(".yaml");
    let pattern = Pattern::glob(wanted).map_err(|why| none(Some(why)))?;
    let mut found = shipped();
    found.retain(|source| {
        let short = short(source);
        let name = short.rsplit('/').next().unwrap_or_default();
        pattern.matches(&short) || pattern.matches(name)
    });
    if found.is_empty() {
        Err(none(None))
    } else {
        Ok(found)
    }
}

fn shipped_by_name(name: &str) -> Result<ScenarioSource, DiscoverError> {
    let wanted = name
        .trim_start_matches("scenarios/")
        .trim_end_matches(".yaml")
        .trim_end_matches(".yml");
    let all = shipped();
    let found = all.iter().find(|source| {
        let short = short(source);
        short == wanted || short.rsplit('/').next() == Some(wanted)
    });
    found.cloned().ok_or_else(|| DiscoverError::Unknown {
        name: name.to_owned(),
        close: all
            .iter()
            .map(short)
            .map(|short| {
                let name = short.rsplit('/').next().unwrap_or_default();
                let likeness = strsim::jaro_winkler(&short, wanted);
                (strsim::jaro_winkler(name, wanted).max(likeness), short)
            })
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .map(|(_, short)| short),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_scenario_is_found_by_its_short_name() {
        let first = shipped().into_iter().next().unwrap();
        let stem = Path::new(&first.label)
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        assert_eq!(discover(&[PathBuf::from(stem)]).unwrap(), [first]);
    }

    #[test]
    fn every_name_that_leads_nowhere_is_reported() {
        let errors = discover(&["no-such-scenario".into(), "nor-this".into()]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn a_file_may_be_as_large_as_the_parser_allows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many.yaml");
        let write = |length| std::fs::write(&path, "#".repeat(length)).unwrap();
        write(MAX_FILE_BYTES);
        assert_eq!(discover(std::slice::from_ref(&path)).unwrap().len(), 1);
        write(MAX_FILE_BYTES + 1);
        let errors = discover(std::slice::from_ref(&path)).unwrap_err();
        assert!(errors[0].to_string().contains("larger than 4 MiB"));
    }

    #[test]
    fn a_glob_takes_shipped_scenarios_by_folder_or_by_name() {
        let labels = |glob: &str| -> Vec<String> {
            let found = discover(&[PathBuf::from(glob)]).unwrap();
            found.into_iter().map(|source| source.label).collect()
        };
        let tables = [
            "scenarios/conntrack/table-full-ab.yaml",
            "scenarios/conntrack/table-full.yaml",
        ];
        assert_eq!(labels("table-f*"), tables);
        let folder: Vec<String> = shipped()
            .into_iter()
            .map(|source| source.label)
            .filter(|label| label.starts_with("scenarios/conntrack/"))
            .collect();
        assert!(folder.len() >= tables.len());
        assert_eq!(labels("conntrack/*"), folder);
        let errors = discover(&["no-such-*".into(), "a[".into()]).unwrap_err();
        assert!(
            errors[0]
                .to_string()
                .contains("no shipped scenario matches"),
            "{}",
            errors[0]
        );
        assert!(
            errors[1].to_string().contains("not closed"),
            "{}",
            errors[1]
        );
    }

    #[test]
    fn a_folder_laid_out_like_a_config_map_has_each_scenario_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        std::fs::create_dir(place("..2026_x")).unwrap();
        for name in ["a.yaml", "b.yaml"] {
            std::fs::write(place("..2026_x").join(name), "nodes: {}").unwrap();
            std::os::unix::fs::symlink(format!("..data/{name}"), place(name)).unwrap();
        }
        std::os::unix::fs::symlink("..2026_x", place("..data")).unwrap();
        let found = discover(&[folder.path().to_owned()]).unwrap();
        let labels: Vec<_> = found.iter().map(|source| source.label.clone()).collect();
        let expected = ["a.yaml", "b.yaml"].map(|name| place(name).display().to_string());
        assert_eq!(labels, expected);
    }

    #[test]
    fn what_is_named_twice_is_found_once() {
        assert_eq!(
            discover(&["exhaustion".into(), "ports/exhaustion".into()])
                .unwrap()
                .len(),
            1
        );
    }
}

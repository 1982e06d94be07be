//! Loads the scenarios that the command line names, and reports every problem of every file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::arguments::parameter;
use super::message;
use crate::report::one_line;
use crate::scenario::{self, Problems, Scenario};
use crate::suite::{self, ScenarioFile, ScenarioSource};

/// Scenario files and their parameters.
#[derive(Debug, Clone, Args)]
pub(super) struct FileArguments {
    /// Scenario files, folders, names of shipped scenarios (`exhaustion`) or globs of these
    /// (`'conntrack/*'`); by default, all shipped scenarios
    #[arg(value_name = "FILE|DIR|NAME")]
    pub(super) files: Vec<PathBuf>,
    /// Set a parameter of the scenarios; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(super) set: Vec<(String, String)>,
}

impl FileArguments {
    /// Returns true if every file is named explicitly, not by a folder or a glob.
    pub(super) fn are_named(&self) -> bool {
        let is_glob = |path: &PathBuf| {
            !path.exists() && path.to_string_lossy().contains(['*', '?', '[', '{'])
        };
        !self.files.is_empty() && !self.files.iter().any(|path| path.is_dir() || is_glob(path))
    }
}

/// Reads and parses each file. Prints the errors and returns `None` if one cannot be found or read.
pub(super) fn load_each(
    arguments: &FileArguments,
) -> Option<Vec<(ScenarioSource, Result<Scenario, Problems>)>> {
    let sources = if arguments.files.is_empty() {
        suite::shipped()
    } else {
        discover(arguments)?
    };
    let set = parameters(arguments);
    let parsed = sources.into_iter().map(|source| {
        let scenario = scenario::parse(&source.label, &source.text, &set);
        (source, scenario)
    });
    Some(parsed.collect())
}

fn parameters(arguments: &FileArguments) -> BTreeMap<String, String> {
    arguments.set.iter().cloned().collect()
}

/// Reads and parses the files. Prints every problem, and returns `None` if there was one.
pub(super) fn load(arguments: &FileArguments) -> Option<Vec<Arc<ScenarioFile>>> {
    let set = parameters(arguments);
    let (mut files, mut bad) = (Vec::new(), 0);
    for (ScenarioSource { label, text }, parsed) in load_each(arguments)? {
        match parsed {
            Ok(scenario) => {
                warn_if_long(&label, &scenario);
                files.push(Arc::new(ScenarioFile {
                    label,
                    // Pages and records show the text, also to students.
                    text: scenario::without_spoilers(&text),
                    set: set.clone(),
                    scenario,
                }));
            }
            Err(problems) => {
                bad += 1;
                message::problems(&problems);
            }
        }
    }
    if bad > 0 {
        let word = if bad == 1 { "file is" } else { "files are" };
        message::error(format!("{bad} scenario {word} invalid"));
        return None;
    }
    Some(files)
}

/// A longer run is more likely a typo than intended.
const LONG: Duration = Duration::from_secs(86_400);

fn warn_if_long(label: &str, scenario: &Scenario) {
    let ends = scenario.runs.iter().map(|run| (&run.id, run.timeout));
    if let Some((id, end)) = ends
        .max_by_key(|(_, end)| *end)
        .filter(|(_, end)| *end > LONG)
    {
        let days = end.as_secs_f64() / LONG.as_secs_f64();
        message::warning(format!(
            "{}: {id} may take {days:.1} days; check the times of its loads, steps and expectations, and its `timeout`",
            one_line(label)
        ));
    }
}

fn discover(arguments: &FileArguments) -> Option<Vec<ScenarioSource>> {
    suite::discover(&arguments.files)
        .inspect_err(|errors| message::failures(errors))
        .ok()
}

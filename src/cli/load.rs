//! From the paths of a command line to scenarios, with every problem of every file told at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::output;
use crate::report::one_line;
use crate::scenario::{self, Scenario};
use crate::suite::{self, ScenarioFile, Source};

/// Which scenario files, with which parameters.
#[derive(Debug, Clone, Args)]
pub(super) struct FileArguments {
    /// Scenario files, folders of them, names of shipped ones (`exhaustion`) or globs of these (`'conntrack/*'`); all shipped
    /// ones when none is given
    #[arg(value_name = "FILE|DIR|NAME")]
    pub(super) files: Vec<PathBuf>,
    /// Set a parameter of the scenarios; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(super) set: Vec<(String, String)>,
}

impl FileArguments {
    /// Whether each file is named itself: not found in a folder, nor by a glob.
    pub(super) fn are_named(&self) -> bool {
        let is_glob = |path: &PathBuf| {
            !path.exists() && path.to_string_lossy().contains(['*', '?', '[', '{'])
        };
        !self.files.is_empty() && !self.files.iter().any(|path| path.is_dir() || is_glob(path))
    }
}

pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, for example --set rate=200/s".to_owned()),
    }
}

/// Reads and parses. Every problem is printed; `None` where there was one.
pub(super) fn load(arguments: &FileArguments) -> Option<Vec<Arc<ScenarioFile>>> {
    let sources = if arguments.files.is_empty() {
        suite::shipped()
    } else {
        discover(arguments)?
    };
    let set: BTreeMap<String, String> = arguments.set.iter().cloned().collect();
    let style = output::style_for(&std::io::stderr());
    let (mut files, mut bad) = (Vec::new(), 0);
    for Source { label, text } in sources {
        match scenario::parse(&label, &text, &set) {
            Ok(scenario) => {
                warn_if_long(&label, &scenario);
                files.push(Arc::new(ScenarioFile {
                    label,
                    text,
                    set: set.clone(),
                    scenario,
                }));
            }
            Err(problems) => {
                bad += 1;
                output::err(&problems.render(style.colour));
            }
        }
    }
    if bad > 0 {
        let word = if bad == 1 { "file is" } else { "files are" };
        output::err(&format!("error: {bad} scenario {word} invalid\n"));
        return None;
    }
    Some(files)
}

/// What lasts longer than this is more often a slip of the fingers than meant.
const LONG: Duration = Duration::from_secs(86_400);

fn warn_if_long(label: &str, scenario: &Scenario) {
    let ends = scenario.runs.iter().map(|run| (&run.id, run.timeout));
    if let Some((id, end)) = ends
        .max_by_key(|(_, end)| *end)
        .filter(|(_, end)| *end > LONG)
    {
        let days = end.as_secs_f64() / LONG.as_secs_f64();
        output::err(&format!(
            "warning: {}: {id} may take {days:.1} days: its loads, steps and expectations ask for that, or its `timeout`\n",
            one_line(label)
        ));
    }
}

fn discover(arguments: &FileArguments) -> Option<Vec<Source>> {
    match suite::discover(&arguments.files) {
        Ok(sources) => Some(sources),
        Err(errors) => {
            for error in errors {
                output::error(&error);
            }
            None
        }
    }
}

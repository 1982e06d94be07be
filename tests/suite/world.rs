//! Scripted scenarios, and suites of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nslab::backend::{Backend, HostBackend};
use nslab::record::Outcome;
use nslab::suite::{Options, Records, RunResult, ScenarioFile, SuiteEvent, SuiteResult, run_suite};
use tokio::sync::watch;

/// A folder with scripted scenarios.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) files: Vec<Arc<ScenarioFile>>,
}

/// The events of a suite, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    Started(String),
    Retried(String, bool),
    Ended(String),
    Reported(String),
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            files: Vec::new(),
        }
    }

    /// Adds a scenario that plays a script and has additional keys.
    pub(crate) fn with(self, name: &str, script: &str, more: &str) -> Self {
        self.with_load(name, script, more, "{ rate: 10/s, for: 1s }")
    }

    pub(crate) fn with_load(mut self, name: &str, script: &str, more: &str, connect: &str) -> Self {
        let folder = self.folder.path().join("state");
        let text = format!(
            "name: {name}\n\
             params: {{ script: '{script}', folder: '{}' }}\n\
             nodes: {{ a: {{}}, b: {{}} }}\n\
             links: [{{ between: [a, b] }}]\n\
             servers: {{ web: {{ node: b, port: 80 }} }}\n\
             clients: {{ load: {{ node: a, to: web, connect: {connect} }} }}\n\
             expect: [load.established == 10]\n{more}\n",
            folder.display()
        );
        let label = format!("{name}.yaml");
        let scenario = nslab::scenario::parse(&label, &text, &Default::default());
        let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        self.files.push(Arc::new(ScenarioFile {
            label,
            text,
            set: Default::default(),
            scenario,
        }));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, options: Options) -> (SuiteResult, Vec<Happened>) {
        self.run_until(options, |_| false)
    }

    /// Runs the suite, and stops it once `stop` returns true for an event.
    pub(crate) fn run_until(
        &self,
        options: Options,
        stop: impl Fn(&SuiteEvent<'_>) -> bool,
    ) -> (SuiteResult, Vec<Happened>) {
        let options = Options {
            backend: Backend::Host(HostBackend::with_program(std::env::current_exe().unwrap())),
            ..options
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (sender, stopped) = watch::channel(false);
        let (mut happened, mut names) = (Vec::new(), std::collections::BTreeMap::new());
        let result = runtime.block_on(run_suite(self.files.clone(), &options, stopped, |event| {
            if stop(&event) {
                sender.send_replace(true);
            }
            match event {
                SuiteEvent::RunStarted { key, spec } => {
                    names.insert(key, spec.id.to_string());
                    happened.push(Happened::Started(spec.id.to_string()));
                }
                SuiteEvent::RunRetried { key, alone, .. } => {
                    happened.push(Happened::Retried(names[&key].clone(), alone));
                }
                SuiteEvent::RunEnded { key, .. } => {
                    happened.push(Happened::Ended(names[&key].clone()));
                }
                SuiteEvent::ScenarioEnded(result) => {
                    happened.push(Happened::Reported(result.file.scenario.name.clone()));
                }
                SuiteEvent::Started { .. }
                | SuiteEvent::MachineShared { .. }
                | SuiteEvent::RunProgressed { .. }
                | SuiteEvent::Ended(_) => {}
            }
        }));
        (result, happened)
    }
}

/// Options that keep no records.
pub(crate) fn plain() -> Options {
    Options {
        records: Records::None,
        ..Options::default()
    }
}

pub(crate) fn recorded(folder: &Path) -> Options {
    Options {
        records: Records::All(folder.to_owned()),
        ..Options::default()
    }
}

/// The runs of a suite, in the order of their files.
pub(crate) fn runs(result: &SuiteResult) -> Vec<&RunResult> {
    result
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .collect()
}

pub(crate) fn outcomes(result: &SuiteResult) -> Vec<Outcome> {
    runs(result).iter().map(|run| run.verdict.outcome).collect()
}

pub(crate) fn started(happened: &[Happened]) -> Vec<&str> {
    let started = happened.iter().filter_map(|each| match each {
        Happened::Started(name) => Some(name.as_str()),
        Happened::Retried(..) | Happened::Ended(_) | Happened::Reported(_) => None,
    });
    started.collect()
}

/// Returns, for each start, the runs in progress then and those that started before its end.
pub(crate) fn beside(happened: &[Happened], name: &str) -> Vec<Vec<String>> {
    let mut going: Vec<String> = Vec::new();
    let (mut all, mut now): (Vec<Vec<String>>, Option<Vec<String>>) = (Vec::new(), None);
    for each in happened {
        match each {
            Happened::Started(other) if other == name => now = Some(going.clone()),
            Happened::Started(other) => {
                going.push(other.clone());
                if let Some(now) = &mut now {
                    now.push(other.clone());
                }
            }
            Happened::Retried(other, _) | Happened::Ended(other) if other == name => {
                all.extend(now.take());
            }
            Happened::Retried(other, _) | Happened::Ended(other) => {
                going.retain(|going| going != other);
            }
            Happened::Reported(_) => {}
        }
    }
    all
}

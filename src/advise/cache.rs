//! Results that were measured before: by the builds of the kernel and of nslab, the scenario and all values.
//!
//! An entry that is damaged, or of something else, is ignored. Results that are not certain are not kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::sys::utsname;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::advice::Experiment;
use super::prepare::PreparedComparison;
use crate::compare::{Comparison, Conclusion};
use crate::{input_file, user_folders};

/// The number of results that are kept, 20 to 60 KiB each.
const KEPT: usize = 500;
/// The largest entry that is read; anything larger was not written by nslab.
const LARGEST: u64 = 4 * 1024 * 1024;
const SUFFIX: &str = "json";

/// The folder of results.
#[derive(Debug)]
pub(super) struct ResultCache {
    /// None if nothing is kept.
    folder: Option<PathBuf>,
    /// The builds of the kernel and of nslab.
    builds: String,
}

/// A result as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptResult {
    /// The whole hash of what was measured; the name of the file could be anything.
    of: String,
    comparison: Comparison,
    emulated: bool,
}

impl ResultCache {
    /// Opens the user's cache: `$XDG_CACHE_HOME/nslab/advice`, else `~/.cache/nslab/advice` (XDG Base Directory
    /// Specification). `kernel` identifies the kernel of a virtual machine.
    pub(super) fn of_user(kernel: &str) -> Self {
        let folder = user_folders::cache().map(|cache| cache.join("nslab/advice"));
        Self::new(folder, kernel)
    }

    /// Makes a cache that keeps nothing and finds nothing.
    pub(super) fn none() -> Self {
        Self::new(None, "")
    }

    fn new(folder: Option<PathBuf>, kernel: &str) -> Self {
        let builds = builds();
        Self {
            folder: folder.filter(|_| builds.is_some()),
            builds: builds
                .map(|builds| format!("{builds} {kernel}"))
                .unwrap_or_default(),
        }
    }

    /// Returns the result of a comparison, if it was measured before with as many rounds.
    pub(super) fn find(
        &self,
        prepared: &PreparedComparison,
        effort: (usize, f64),
    ) -> Option<Experiment> {
        let name = self.name(prepared, effort)?;
        let path = self.path(&name)?;
        let text = input_file::read_text(&path, LARGEST).ok()?;
        let kept: KeptResult = serde_json::from_str(&text).ok()?;
        if kept.of != name {
            return None;
        }
        // The modification time records the last use, for eviction.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            let _as_it_was = file.set_modified(SystemTime::now());
        }
        let experiment = Experiment::of(kept.comparison, &[], prepared);
        Some(Experiment {
            emulated: kept.emulated,
            cached: true,
            ..experiment
        })
    }

    /// Keeps a result, if it is certain. A full disk only means that it is measured again.
    pub(super) fn keep(
        &self,
        prepared: &PreparedComparison,
        effort: (usize, f64),
        result: &Experiment,
    ) {
        let certain = match result.comparison.answer {
            Conclusion::Helps
            | Conclusion::NoEffect
            | Conclusion::Changes
            | Conclusion::Trade
            | Conclusion::Hurts => true,
            Conclusion::NotApplicable | Conclusion::TooNoisy | Conclusion::Errored => false,
        };
        let name = self.name(prepared, effort).filter(|_| certain);
        let Some((name, path)) = name.and_then(|name| Some((name.clone(), self.path(&name)?)))
        else {
            return;
        };
        let kept = KeptResult {
            of: name,
            comparison: result.comparison.clone(),
            emulated: result.emulated,
        };
        if let Ok(text) = serde_json::to_string(&kept) {
            let _measured_again_next_time = write(&path, &text);
        }
    }

    /// Removes all but the most recently used results.
    pub(super) fn evict(&self) {
        if let Some(folder) = &self.folder {
            user_folders::keep_newest(folder, SUFFIX, KEPT);
        }
    }

    /// Returns a hash of everything that the result depends on.
    fn name(
        &self,
        prepared: &PreparedComparison,
        (rounds, threshold): (usize, f64),
    ) -> Option<String> {
        self.folder.as_ref()?;
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_le_bytes());
            digest.update(text.as_bytes());
        };
        add(&self.builds);
        add(&format!("{rounds} {threshold}"));
        for side in &prepared.sides {
            add(&side.file.text);
            add(&serde_json::to_string(&side.file.set).ok()?);
            add(&serde_json::to_string(&side.spec).ok()?);
        }
        let bytes = digest.finalize();
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{name}.{SUFFIX}")))
    }
}

/// Returns the builds of the kernel and of this program; `None` if one of them is not known.
fn builds() -> Option<String> {
    let kernel = utsname::uname().ok()?;
    let program = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let built = program.modified().ok()?;
    let built = built.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!(
        "{} {} {} {} {}",
        kernel.release().display(),
        kernel.version().display(),
        env!("CARGO_PKG_VERSION"),
        program.len(),
        built.as_nanos()
    ))
}

/// Writes an entry that appears complete or not at all.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _never_there = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::plan::{Assignment, plan};
    use crate::compare::{Better, Effect, EffectKind, Rank, Sample};
    use crate::suite::ScenarioSource;
    use crate::units::Unit;

    const TEXT: &str = "
exercises: [net.core.somaxconn]
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 1s } } }
";

    fn prepared(value: &str, text: &str) -> PreparedComparison {
        let scenario = crate::scenario::parse("a.yaml", text, &Default::default()).unwrap();
        let assigned = [Assignment {
            line: 0,
            key: "net.core.somaxconn".to_owned(),
            value: value.to_owned(),
            against: "4096".to_owned(),
            ignored: false,
        }];
        let planned = plan(&assigned, &[], &[scenario], &Default::default());
        let source = ScenarioSource {
            label: "a.yaml".to_owned(),
            text: text.to_owned(),
        };
        PreparedComparison::of(planned.into_iter().next().unwrap(), &[source]).unwrap()
    }

    fn result(of: &PreparedComparison, answer: Conclusion) -> Experiment {
        let comparison = Comparison {
            answer,
            reason: None,
            effects: Vec::new(),
        };
        Experiment::of(comparison, &[], of)
    }

    #[test]
    fn a_difference_without_bounds_is_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ResultCache::new(Some(folder.path().to_owned()), "");
        let prepared = prepared("65535", TEXT);
        let sample = |mean: f64| Sample {
            count: 1,
            mean,
            deviation: 0.0,
            least: mean,
            greatest: mean,
        };
        // With a single measurement on a side, the difference could be anything.
        let effect = Effect {
            metric: "load.established".to_owned(),
            unit: Unit::Count,
            named: true,
            better: Better::More,
            rank: Rank::Work,
            a: sample(1.0),
            b: sample(2.0),
            difference: 1.0,
            interval: [f64::NEG_INFINITY, f64::INFINITY],
            margin: 0.1,
            kind: EffectKind::Unclear,
        };
        let mut measured = result(&prepared, Conclusion::Helps);
        measured.comparison.effects = vec![effect];
        cache.keep(&prepared, (3, 0.02), &measured);
        let found = cache.find(&prepared, (3, 0.02)).unwrap();
        assert_eq!(found.comparison, measured.comparison);
    }

    #[test]
    fn a_result_is_found_again_only_for_the_same_values_scenario_and_effort() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ResultCache::new(Some(folder.path().to_owned()), "");
        let five = prepared("5", TEXT);
        let effort = (3, 0.02);
        cache.keep(&five, effort, &result(&five, Conclusion::TooNoisy));
        assert!(cache.find(&five, effort).is_none(), "it was not certain");
        cache.keep(&five, effort, &result(&five, Conclusion::Hurts));
        let found = cache.find(&five, effort).unwrap();
        assert!(found.cached && found.comparison.answer == Conclusion::Hurts);
        assert!(cache.find(&prepared("6", TEXT), effort).is_none());
        let changed = TEXT.replace("20/s", "30/s");
        assert!(cache.find(&prepared("5", &changed), effort).is_none());
        assert!(cache.find(&five, (5, 0.02)).is_none());
        let guest = ResultCache::new(Some(folder.path().to_owned()), "another kernel");
        assert!(guest.find(&five, effort).is_none());
    }

    #[test]
    fn damaged_and_foreign_entries_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ResultCache::new(Some(folder.path().to_owned()), "");
        let (five, six) = (prepared("5", TEXT), prepared("6", TEXT));
        let effort = (3, 0.02);
        cache.keep(&five, effort, &result(&five, Conclusion::Helps));
        let path = |of| cache.path(&cache.name(of, effort).unwrap()).unwrap();
        fs::copy(path(&five), path(&six)).unwrap();
        assert!(
            cache.find(&six, effort).is_none(),
            "the entry is of another"
        );
        for damaged in ["", "{}", "\0\u{7f}", "[1"] {
            fs::write(path(&five), damaged).unwrap();
            assert!(cache.find(&five, effort).is_none(), "{damaged:?}");
        }
    }
}

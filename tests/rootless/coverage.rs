//! Counts how many lines of published sysctl files get an answer, and from what. `tests/data/sysctl/published.tsv` has
//! the keys of 44 such files, each with the number of files that name it.

use std::collections::{BTreeMap, BTreeSet};

use nslab::advise::exercised;
use nslab::sysctls::{self, Fate};

const KEYS: &str = include_str!("../data/sysctl/published.tsv");

/// Keys in which those files are misspelt, or whose modules no shipped kernel has: the name is the answer.
const MISSPELT: [&str; 2] = ["net.ipv4_timestamps", "net.ipv4.ipv4_timestamps"];

#[test]
fn most_lines_of_published_files_are_measured_and_the_rest_is_explained() {
    let mut measured_keys = BTreeSet::new();
    for source in nslab::suite::shipped() {
        let scenario =
            nslab::scenario::parse(&source.label, &source.text, &BTreeMap::new()).unwrap();
        if !scenario.exercises.is_empty() {
            measured_keys.extend(exercised(&scenario).into_iter().map(|each| each.key));
        }
    }
    let (mut all, mut measured) = (0, 0);
    let mut unanswered = Vec::new();
    let rows = KEYS.lines().filter(|line| !line.starts_with('#'));
    for row in rows {
        let (files, key) = row.split_once('\t').unwrap();
        let files: u32 = files.parse().unwrap();
        all += files;
        // As `advise` does: the defaults of new interfaces are tried on one.
        let on_interface = key.replace(".conf.default.", ".conf.eth0.");
        if measured_keys.contains(&on_interface) {
            measured += files;
            continue;
        }
        let explained = sysctls::find(key).is_some_and(|setting| {
            !setting.says.is_empty() || matches!(setting.fate, Fate::Gone(_) | Fate::Foreign)
        });
        let pattern = key.contains('*');
        let renamed = sysctls::renamed(key).is_some();
        if !explained && !pattern && !renamed && !MISSPELT.contains(&key) {
            unanswered.push(key);
        }
    }
    assert!(
        unanswered.is_empty(),
        "neither measured nor explained: {unanswered:?}"
    );
    let share = 100 * measured / all;
    assert!(share >= 80, "scenarios exercise {share} % of {all} lines");
}

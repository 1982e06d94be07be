//! Records of one scenario are gathered again, whatever the command line had set. They are made here, without runs.

use std::collections::BTreeMap;
use std::path::Path;

use nslab::record::{
    Event, Offset, ProcessEnd, RecordHeader, RecordWriter, RecordedScenario, SeriesDeclaration,
    SeriesId, SeriesKind,
};
use nslab::scenario;
use nslab::suite::replay::{Replayed, StoredRun, replay};
use nslab::units::Unit;

const TEXT: &str = "
nodes: { a: {} }
params: { most: 5 }
matrix: { size: [1, 2] }
variants: { plain: {}, other: { params: { most: 7 } } }
commands: { it: { node: a, run: [echo, $size, $most] } }
expect: [ it.exit == 0 ]
compare: [ other.it.exit == plain.it.exit ]
";

/// Returns records of every run of the text, as a command line with these parameters gives them.
fn records(folder: &Path, set: &[(&str, &str)]) -> Vec<StoredRun> {
    let set: BTreeMap<String, String> = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let scenario = scenario::parse("some.yaml", TEXT, &set).unwrap();
    let mut stored = Vec::new();
    for run in &scenario.runs {
        let header = RecordHeader::new(RecordedScenario {
            path: "some.yaml".to_owned(),
            text: TEXT.to_owned(),
            set: set.clone(),
            variant: run.id.variant.clone(),
            case: run.id.case.clone(),
            resolved: serde_json::to_value(run).unwrap(),
            compare: serde_json::to_value(&scenario.compare).unwrap(),
        });
        let path = folder.join("record");
        let mut writer = RecordWriter::create(&path, &header).unwrap();
        for event in events() {
            writer
                .event_line(&serde_json::to_string(&event).unwrap())
                .unwrap();
        }
        let verdict = nslab::expect::judge(run, &Default::default());
        writer.verdict(&verdict, ProcessEnd::default()).unwrap();
        stored.push(StoredRun::read(&path).unwrap());
    }
    stored
}

fn events() -> [Event; 3] {
    let exit = SeriesDeclaration {
        id: SeriesId(0),
        name: "it.exit".into(),
        kind: SeriesKind::Gauge,
        unit: Unit::Count,
        emulated: false,
    };
    let t = Offset(1_000_000_000);
    [
        Event::Series(exit),
        Event::Sample {
            t,
            v: vec![(SeriesId(0), 0)],
        },
        Event::Finished {
            t,
            interrupted: false,
        },
    ]
}

fn runs(replayed: &Replayed) -> Vec<Vec<String>> {
    let name =
        |run: &nslab::suite::RunResult| format!("{} most={}", run.spec.id, run.spec.params["most"]);
    let scenarios = replayed.result.scenarios.iter();
    scenarios
        .map(|scenario| scenario.runs.iter().map(name).collect())
        .collect()
}

const ALL: [&str; 4] = [
    "some / plain [size=1] most=5",
    "some / other [size=1] most=7",
    "some / plain [size=2] most=5",
    "some / other [size=2] most=7",
];

#[test]
fn runs_are_gathered_in_the_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path(), &[]);
    records.reverse();
    let replayed = replay(&records);
    assert_eq!(runs(&replayed), [ALL]);
    assert_eq!(replayed.notes, [""; 0]);
    let outcome = replayed.result.outcome();
    assert_eq!(outcome, nslab::record::Outcome::Passed);
    assert_eq!(replayed.result.scenarios[0].compare.len(), 2, "one a case");
}

#[test]
fn a_comparison_without_its_variant_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path(), &[]);
    records.remove(1);
    let replayed = replay(&records);
    assert_eq!(
        replayed.notes,
        ["some.yaml: no record of some / other [size=1]"]
    );
    let verdicts: Vec<_> = replayed.result.scenarios[0]
        .compare
        .iter()
        .map(|case| case.verdicts[0].reason.clone())
        .collect();
    assert_eq!(verdicts, [Some("no record of `other`".to_owned()), None]);
}

#[test]
fn parameters_of_the_command_line_keep_results_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(folder.path(), &[]);
    // A parameter is set to the value that one variant has by itself.
    all.extend(records(folder.path(), &[("most", "7")]));
    all.extend(records(folder.path(), &[("size", "3")]));
    let found = runs(&replay(&all));
    assert_eq!(
        found,
        [
            ALL.to_vec(),
            vec![
                "some / plain [size=1] most=7",
                "some / other [size=1] most=7",
                "some / plain [size=2] most=7",
                "some / other [size=2] most=7",
            ],
            vec![
                "some / plain [size=3] most=5",
                "some / other [size=3] most=7"
            ],
        ]
    );
}

#[test]
fn a_run_that_was_recorded_twice_makes_two_results() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(folder.path(), &[]);
    all.extend(records(folder.path(), &[]));
    assert_eq!(runs(&replay(&all)), [ALL, ALL]);
}

//! Names the files of records: after their runs, and never like an existing record of another run.

use std::path::{Path, PathBuf};

use crate::record::RecordHeader;
use crate::scenario::RunId;

/// The suffix of every record; `.gz` follows if it is compressed.
pub(super) const EXTENSION: &str = ".nslab.jsonl";
/// The suffix of every capture.
const CAPTURE: &str = ".pcapng";
/// Maximum number of bytes of a name before its number and suffix; file systems take 255 (`NAME_MAX`, limits.h).
const LONGEST: usize = 200;

/// Returns the path for a run's record. It replaces a record of the same run (scenario file, variant, case); if
/// another run's record or any other file has the name, a number is added.
pub(super) fn place(folder: &Path, header: &RecordHeader) -> PathBuf {
    let name = name(header);
    let numbered = |number: u32| match number {
        1 => folder.join(format!("{name}{EXTENSION}")),
        _ => folder.join(format!("{name}-{number}{EXTENSION}")),
    };
    (1..u32::MAX)
        .map(numbered)
        .find(|path| is_free(path, header))
        .unwrap_or_else(|| numbered(u32::MAX))
}

fn name(header: &RecordHeader) -> String {
    let scenario = &header.scenario;
    let id = RunId {
        scenario: scenario.resolved["id"]["scenario"]
            .as_str()
            .unwrap_or("run")
            .to_owned(),
        variant: scenario.variant.clone(),
        case: scenario.case.clone(),
        repetition: repetition(header),
    };
    stem(&id, header.attempt)
}

fn repetition(header: &RecordHeader) -> Option<u32> {
    let repetition = header.scenario.resolved["id"]["repetition"].as_u64();
    repetition.and_then(|number| u32::try_from(number).ok())
}

/// Returns a name like `exhaustion-reuse-rate=500_s` that distinguishes runs, in characters that
/// every file system takes.
pub(super) fn stem(id: &RunId, attempt: u32) -> String {
    let pairs = id.case.iter().map(|(key, value)| format!("{key}={value}"));
    let repetition = id.repetition.map(|number| format!("repetition={number}"));
    let attempt = (attempt > 1).then(|| format!("attempt={attempt}"));
    let parts: Vec<String> = std::iter::once(id.scenario.clone())
        .chain(id.variant.clone())
        .chain(pairs)
        .collect();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_=.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let mut stem: String = parts.join("-").chars().map(plain).take(LONGEST).collect();
    for part in repetition.iter().chain(&attempt) {
        stem.push('-');
        stem.push_str(part);
    }
    stem
}

/// Removes the records of later attempts, which belong to an earlier suite.
pub(super) fn remove_later_attempts(folder: &Path, header: &RecordHeader) {
    let mut later = header.clone();
    for attempt in header.attempt + 1.. {
        later.attempt = attempt;
        let path = folder.join(format!("{}{EXTENSION}", name(&later)));
        let mut compressed = path.clone();
        compressed.as_mut_os_string().push(".gz");
        let mut found = false;
        for path in [path, compressed] {
            if is_of_same_run(&path, &later) {
                found |= std::fs::remove_file(&path).is_ok();
            }
        }
        if !found {
            return;
        }
    }
}

/// Returns the name of a record's capture: `a.pcapng` for `out/a.nslab.jsonl.gz`.
pub(super) fn capture_name(record: &Path) -> String {
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.trim_end_matches(".gz").trim_end_matches(EXTENSION);
    format!("{stem}{CAPTURE}")
}

/// Returns the name of a capture whose record has no name yet.
pub(super) fn capture_of(id: &RunId, attempt: u32) -> String {
    format!("{}{CAPTURE}", stem(id, attempt))
}

fn is_free(path: &Path, header: &RecordHeader) -> bool {
    let mut compressed = path.to_owned();
    compressed.as_mut_os_string().push(".gz");
    [path, &compressed]
        .into_iter()
        .all(|path| !path.exists() || is_of_same_run(path, header))
}

fn is_of_same_run(path: &Path, header: &RecordHeader) -> bool {
    let run = |header: &RecordHeader| {
        let scenario = &header.scenario;
        (
            scenario.path.clone(),
            scenario.variant.clone(),
            scenario.case.clone(),
            repetition(header),
            header.attempt,
        )
    };
    RecordHeader::read(path).is_ok_and(|other| run(&other) == run(header))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{RecordWriter, RecordedScenario};

    fn header(path: &str, case: &str) -> RecordHeader {
        RecordHeader::new(RecordedScenario {
            path: path.to_owned(),
            text: String::new(),
            set: Default::default(),
            variant: None,
            case: vec![("rate".to_owned(), case.to_owned())],
            resolved: json!({ "id": { "scenario": "a" } }),
            compare: json!([]),
        })
    }

    #[test]
    fn a_record_is_replaced_only_by_its_own_run() {
        let folder = tempfile::tempdir().unwrap();
        let put = |header: &RecordHeader| {
            let path = place(folder.path(), header);
            RecordWriter::create(&path, header).unwrap();
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(put(&header("x/a.yaml", "5/s")), "a-rate=5_s.nslab.jsonl");
        assert_eq!(put(&header("x/a.yaml", "5/s")), "a-rate=5_s.nslab.jsonl");
        assert_eq!(put(&header("y/a.yaml", "5/s")), "a-rate=5_s-2.nslab.jsonl");
        assert_eq!(put(&header("x/a.yaml", "5_s")), "a-rate=5_s-3.nslab.jsonl");
        assert_eq!(put(&header("y/a.yaml", "5/s")), "a-rate=5_s-2.nslab.jsonl");
    }

    #[test]
    fn a_record_replaces_all_attempts_of_an_earlier_suite() {
        let folder = tempfile::tempdir().unwrap();
        let put = |attempt| {
            let header = RecordHeader {
                attempt,
                ..header("a.yaml", "5/s")
            };
            let path = place(folder.path(), &header);
            remove_later_attempts(folder.path(), &header);
            RecordWriter::create(&path, &header).unwrap();
        };
        let names = || {
            let there = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = there.map(|each| each.unwrap().file_name()).collect();
            names.sort();
            names
        };
        [1, 2, 3].into_iter().for_each(put);
        assert_eq!(
            names(),
            [
                "a-rate=5_s-attempt=2.nslab.jsonl",
                "a-rate=5_s-attempt=3.nslab.jsonl",
                "a-rate=5_s.nslab.jsonl"
            ]
        );
        put(1);
        assert_eq!(names(), ["a-rate=5_s.nslab.jsonl"]);
    }

    #[test]
    fn a_capture_is_named_after_its_record() {
        assert_eq!(capture_name(Path::new("out/a.nslab.jsonl")), "a.pcapng");
        assert_eq!(capture_name(Path::new("out/a.nslab.jsonl.gz")), "a.pcapng");
    }

    #[test]
    fn a_file_that_is_not_a_record_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a-rate=1.nslab.jsonl"), "mine").unwrap();
        let path = place(folder.path(), &header("a.yaml", "1"));
        assert!(
            path.ends_with("a-rate=1-2.nslab.jsonl"),
            "{}",
            path.display()
        );
    }

    #[test]
    fn long_names_are_truncated_to_what_file_systems_take() {
        let path = place(Path::new("."), &header("a.yaml", &"7".repeat(1000)));
        assert!(path.file_name().unwrap().len() < 255);
    }
}

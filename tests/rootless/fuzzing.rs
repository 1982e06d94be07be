//! Untrusted input never makes a reader panic or hang: each fuzz target reads its corpus, and some mutations of it.
//!
//! `NSLAB_FUZZ=60` makes it 60 seconds for each target. The same bodies run with feedback by coverage in `fuzz/`, with
//! `cargo fuzz run TARGET` and a nightly compiler. What is found goes into the corpus.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nslab::fuzzing::TARGETS;

/// Mutations of the corpus of a target. Fewer if they take long, but always some.
const MUTATIONS: u64 = 400;
const SOME: u64 = 20;
const LONG: Duration = Duration::from_millis(350);
/// Generous for a debug build on a busy machine; a hang takes for ever.
const HANG: Duration = Duration::from_secs(20);
/// Numbers at the limits of fields.
const LIMITS: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 63,
    u64::MAX,
];

#[test]
fn readers_take_or_refuse_whatever_they_are_given() {
    let long = std::env::var("NSLAB_FUZZ").ok();
    let long = long.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let began = Instant::now();
        for (file, bytes) in &corpus {
            wrong.extend(surprise(target, bytes).map(|what| format!("{}: {what}", file.display())));
        }
        for number in 0.. {
            let enough = match long {
                Some(long) => began.elapsed() > long,
                None => number >= MUTATIONS || number >= SOME && began.elapsed() > LONG,
            };
            if enough {
                break;
            }
            let mut chance = Chance(number);
            let bytes = mutated(&corpus, &mut chance);
            if let Some(what) = surprise(target, &bytes) {
                let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{number}"));
                fs::write(&file, &bytes).unwrap();
                wrong.push(format!("{}: {what}", file.display()));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_target_can_be_fuzzed() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let listed: Vec<&str> = manifest
        .lines()
        .filter_map(|line| {
            line.strip_prefix("path = \"fuzz_targets/")?
                .strip_suffix(".rs\"")
        })
        .collect();
    assert_eq!(listed, TARGETS.map(|(name, _)| name));
    for name in listed {
        assert!(
            fuzz().join(format!("fuzz_targets/{name}.rs")).exists(),
            "{name}"
        );
    }
}

/// Otherwise the targets would feed other parsers than those that people use.
#[test]
fn targets_are_built_from_the_locked_dependencies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let used = locked(&root.join("Cargo.lock"));
    let fuzzed = locked(&fuzz().join("Cargo.lock"));
    let other: Vec<_> = fuzzed
        .iter()
        .filter(|(name, version)| {
            used.iter().any(|(known, _)| known == name)
                && !used.contains(&(name.clone(), version.clone()))
        })
        .collect();
    assert!(
        other.is_empty(),
        "copy Cargo.lock to fuzz and run `cargo metadata` there: {other:?}"
    );
}

/// Returns the packages of a lock file with their versions.
fn locked(file: &Path) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let packages = text.split("[[package]]").skip(1);
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim_matches('"').to_owned()
    };
    packages
        .map(|package| (value(package, "name = "), value(package, "version = ")))
        .collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Returns the files of a target, in a fixed order.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} has no corpus");
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Returns the message of a panic, or the time that a hang took.
fn surprise(target: fn(&[u8]), bytes: &[u8]) -> Option<String> {
    let began = Instant::now();
    let result = panic::catch_unwind(AssertUnwindSafe(|| target(bytes)));
    let took = began.elapsed();
    match result {
        Ok(()) if took < HANG => None,
        Ok(()) => Some(format!("took {took:?}")),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| Some((*payload.downcast_ref::<&str>()?).to_owned()));
            Some(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % (end as u64).max(1)) as usize
    }

    /// Returns a range of a few bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.next().is_multiple_of(4) {
            length
        } else {
            16
        };
        start..(start + self.below(most + 1)).min(length)
    }
}

/// Returns a file of the corpus with one to six changes.
fn mutated(corpus: &[(PathBuf, Vec<u8>)], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].1.clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len());
        match chance.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            1 if !bytes.is_empty() => bytes[at] = chance.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(chance.range(bytes.len()))),
            4 => {
                let copied = bytes[chance.range(bytes.len())].to_vec();
                bytes.splice(at..at, copied);
            }
            5 => {
                let other = &corpus[chance.below(corpus.len())].1;
                let copied = other[chance.range(other.len())].to_vec();
                bytes.splice(at..at, copied);
            }
            6 => {
                let limit = LIMITS[chance.below(LIMITS.len())];
                let length = [2, 4, 8][chance.below(3)];
                let written = match chance.below(2) {
                    0 => limit.to_le_bytes()[..length].to_vec(),
                    _ => limit.to_be_bytes()[8 - length..].to_vec(),
                };
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, written);
            }
            7 => {
                let limit = LIMITS[chance.below(LIMITS.len())].to_string();
                let is_digit = |byte: &u8| byte.is_ascii_digit();
                let start = bytes[at..]
                    .iter()
                    .position(is_digit)
                    .map_or(at, |from| at + from);
                let length = bytes[start..]
                    .iter()
                    .take_while(|byte| is_digit(byte))
                    .count();
                bytes.splice(start..start + length, limit.bytes());
            }
            _ => bytes.insert(at, b"\0\n\x1b\xff\"'{}[]:,$-/%e"[chance.below(17)]),
        }
    }
    bytes
}

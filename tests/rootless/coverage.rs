//! Counts how many lines of published sysctl files get an answer, and from what. `tests/data/sysctl/published.tsv` has
//! the keys of 44 such files, each with the number of files that name it and the values that they give it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nslab::advise::{Assignment, exercised, plan};
use nslab::scenario::Scenario;
use nslab::sysctls::{self, Fate, Machine, SettingScope};

const FILES: &str = include_str!("../data/sysctl/published.tsv");

/// Keys in which those files are misspelt, or whose modules no shipped kernel has: the name is the answer.
const MISSPELT: [&str; 2] = ["net.ipv4_timestamps", "net.ipv4.ipv4_timestamps"];

/// Values of the congestion control and queueing discipline that a kernel of a distribution has as modules.
const MODULES: [&str; 1] = ["westwood"];

/// A key of published files.
struct Row {
    files: f64,
    key: &'static str,
    /// The most frequent first.
    values: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let rows = FILES.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap();
        Row {
            files: next().parse().unwrap(),
            key: next(),
            values: next().split(" | ").collect(),
        }
    };
    rows.map(row).collect()
}

/// The key that is tried: the defaults of new interfaces are tried on one, as `advise` does.
fn tried(key: &str) -> String {
    key.replace(".conf.default.", ".conf.eth0.")
}

fn scenarios() -> Vec<Scenario> {
    let parse = |source: &nslab::suite::ScenarioSource| {
        nslab::scenario::parse(&source.label, &source.text, &BTreeMap::new()).unwrap()
    };
    nslab::suite::shipped().iter().map(parse).collect()
}

/// The answer to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    /// The kernel has the value by default.
    AlreadySo,
    /// A run decides.
    Measured,
    /// A run in a virtual machine decides: the setting is one of the whole kernel, or the run waits for minutes.
    MeasuredInGuest,
    /// The catalogue says that the key has no effect, or was removed.
    Obsolete,
    /// The catalogue has a sentence, with a source.
    Explained,
}

fn answer(key: &'static str, value: &str, machine: Machine, scenarios: &[Scenario]) -> Answer {
    let setting = sysctls::find(key);
    match setting.map(|setting| setting.fate) {
        None if !key.contains('*') => return Answer::Obsolete,
        Some(Fate::Gone(since) | Fate::Idle(since)) if since <= machine.kernel => {
            return Answer::Obsolete;
        }
        Some(Fate::Foreign) => return Answer::Obsolete,
        _ => {}
    }
    let default = sysctls::default(key, machine).unwrap_or_default();
    if default == value {
        return Answer::AlreadySo;
    }
    let line = Assignment {
        line: 0,
        key: tried(key),
        value: value.to_owned(),
        against: default,
        ignored: false,
    };
    let planned = plan(&[line], &[], scenarios, &BTreeMap::new());
    let runs = |in_guest: bool| {
        planned.iter().any(|each| {
            let has = |tag: &str| scenarios[each.scenario].tags.iter().any(|own| own == tag);
            each.declared && (!has("slow") || (in_guest && has("waiting")))
        })
    };
    let of_kernel = setting.is_some_and(|setting| setting.scope == SettingScope::Host);
    match (runs(false), runs(true) && !MODULES.contains(&value)) {
        (true, true) if !of_kernel => Answer::Measured,
        (_, true) => Answer::MeasuredInGuest,
        (_, false) => Answer::Explained,
    }
}

/// Prints, with `--nocapture`, what is left to measure, the most frequent first.
#[test]
#[expect(clippy::print_stdout, reason = "the count is for whoever asks for it")]
fn most_lines_of_published_files_are_decided_by_runs() {
    let scenarios = scenarios();
    for kernel in ["6.1", "6.12", "6.18"] {
        let machine = Machine {
            kernel: kernel.parse().unwrap(),
            memory: 8 << 30,
        };
        let mut lines: BTreeMap<Answer, f64> = BTreeMap::new();
        let mut left: Vec<(f64, &str, &str)> = Vec::new();
        for row in rows() {
            // The values are in the order of their frequency, without their numbers: halves, thirds and so on.
            let shares: Vec<f64> = (1..=row.values.len()).map(|at| 1.0 / at as f64).collect();
            let all: f64 = shares.iter().sum();
            for (value, share) in row.values.iter().zip(shares) {
                let answer = answer(row.key, value, machine, &scenarios);
                let files = row.files * share / all;
                *lines.entry(answer).or_default() += files;
                if answer == Answer::Explained {
                    left.push((files, row.key, value));
                }
            }
        }
        let all: f64 = lines.values().sum();
        let share = |answer| 100.0 * lines.get(&answer).copied().unwrap_or_default() / all;
        let here = share(Answer::Measured);
        let in_guest = here + share(Answer::MeasuredInGuest);
        let open = 100.0 - share(Answer::AlreadySo);
        left.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut report = format!(
            "Linux {kernel}: {all:.0} lines; measured {here:.1} % here, {in_guest:.1} % in a guest \
             ({:.1} % and {:.1} % of those that are not so already); already so {:.1} %, obsolete {:.1} %, \
             explained {:.1} %\n",
            100.0 * here / open,
            100.0 * in_guest / open,
            share(Answer::AlreadySo),
            share(Answer::Obsolete),
            share(Answer::Explained),
        );
        for (files, key, value) in left {
            writeln!(report, "  {files:5.1}  {key} = {value}").unwrap();
        }
        println!("{report}");
        assert!(here >= 53.0 && in_guest >= 69.0, "{report}");
    }
}

/// Linux 6.16 raised the default of 6 MiB to 32 MiB (commit 572be9bf9d0d).
#[test]
fn the_old_default_of_tcp_rmem_is_measured_on_a_kernel_with_a_larger_one() {
    let scenarios = scenarios();
    let on = |kernel: &str| {
        let machine = Machine {
            kernel: kernel.parse().unwrap(),
            memory: 8 << 30,
        };
        answer(
            "net.ipv4.tcp_rmem",
            "4096 131072 6291456",
            machine,
            &scenarios,
        )
    };
    assert_eq!(on("6.12"), Answer::AlreadySo);
    assert_eq!(on("6.18"), Answer::Measured);
    let line = Assignment {
        line: 0,
        key: "net.ipv4.tcp_rmem".to_owned(),
        value: "4096 131072 6291456".to_owned(),
        against: "4096 131072 33554432".to_owned(),
        ignored: false,
    };
    let planned = plan(&[line], &[], &scenarios, &BTreeMap::new());
    let sized = planned
        .iter()
        .find(|each| each.question.variant.as_deref() == Some("sized-receive"))
        .unwrap();
    // The path holds as much as the smaller buffer, about twice what that has as its window.
    assert_eq!(sized.question.set["bandwidth"], "31457280B/s");
    assert_eq!(sized.question.set["delay"], "0.1s");
}

#[test]
fn lines_of_published_files_that_no_run_decides_are_explained() {
    let mut measured = BTreeSet::new();
    for scenario in scenarios() {
        if !scenario.exercises.is_empty() {
            measured.extend(exercised(&scenario).into_iter().map(|each| each.key));
        }
    }
    let unanswered: Vec<&str> = rows()
        .iter()
        .map(|row| row.key)
        .filter(|key| !measured.contains(&tried(key)))
        .filter(|key| {
            let explained = sysctls::find(key).is_some_and(|setting| {
                !setting.says.is_empty() || matches!(setting.fate, Fate::Gone(_) | Fate::Foreign)
            });
            let renamed = sysctls::renamed(key).is_some();
            !explained && !key.contains('*') && !renamed && !MISSPELT.contains(key)
        })
        .collect();
    assert!(
        unanswered.is_empty(),
        "neither measured nor explained: {unanswered:?}"
    );
}

//! Commands, with real namespaces.

use std::time::{Duration, Instant};

use super::Program;
use crate::record::{Offset, Timeline};
use crate::scenario::workload::{Accept, CommandSpec, Workload};
use crate::traffic::tests::{TestRun, command, last, server};

fn run(commands: Vec<CommandSpec>, accept: Option<Accept>) -> Timeline {
    let run = TestRun::begin(Workload {
        servers: accept.map(server).into_iter().collect(),
        commands,
        ..Workload::default()
    });
    run.wait();
    run.finish()
}

pub(super) fn lines(timeline: &Timeline, name: &str) -> Vec<String> {
    let lines = &timeline.series(name).unwrap().lines;
    lines.iter().map(|(_, line)| line.clone()).collect()
}

/// Fails the test if a program that it runs is not installed.
pub(super) fn require(program: &str) {
    if let Err(error) = Program::find(&command("found", "here", &[program])) {
        panic!("cannot {error}");
    }
}

pub(super) fn shell(script: &str) -> CommandSpec {
    command("sh", "here", &["sh", "-c", script])
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_command_s_output_and_exit_code_are_recorded() {
    let timeline = run(
        vec![shell("echo out; echo err >&2; printf tail; exit 7")],
        None,
    );
    assert_eq!(last(&timeline, "sh.exit"), 7);
    assert_eq!(lines(&timeline, "sh.stdout"), ["out", "tail"]);
    assert_eq!(lines(&timeline, "sh.stderr"), ["err"]);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_command_has_the_lab_s_environment_and_no_input() {
    let mut spec = shell("cat; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^PATH= | sort");
    spec.env.insert("EXTRA".to_owned(), "yes".to_owned());
    let timeline = run(vec![spec], None);
    let expected = ["EXTRA=yes", "HOME=/nonexistent", "LANG=C"];
    assert_eq!(lines(&timeline, "sh.stdout"), expected);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_command_killed_by_a_signal_records_its_number() {
    let timeline = run(vec![shell("kill -15 $$")], None);
    assert_eq!(last(&timeline, "sh.exit"), 128 + 15);
    assert!(timeline.notes.is_empty());
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_command_that_times_out_is_killed_with_its_children() {
    // The child holds the pipe open, so the run would not end if it survived.
    let mut spec = shell("echo started; sleep 1000 & sleep 1000");
    spec.timeout = Duration::from_millis(100);
    let timeline = run(vec![spec], None);
    assert_eq!(last(&timeline, "sh.exit"), 124);
    assert_eq!(lines(&timeline, "sh.stdout"), ["started"]);
    assert_eq!(timeline.notes.len(), 1);
    let (ended, _) = timeline.series("sh.exit").unwrap().changes[0];
    assert!(
        ended >= Offset::from_duration(Duration::from_millis(100)),
        "{ended}"
    );
    assert!(
        ended < Offset::from_duration(Duration::from_secs(2)),
        "{ended}"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_children_left_behind_end_with_their_command() {
    // No other program sleeps that long. Numbers of processes mean nothing outside the command's namespace.
    const MARK: &str = "86399.25";
    let timeline = run(vec![shell(&format!("setsid sleep {MARK} & echo"))], None);
    assert_eq!(last(&timeline, "sh.exit"), 0);
    let deadline = Instant::now() + Duration::from_secs(5);
    // It has been killed but takes time to die.
    loop {
        let processes = crate::sys::holders::processes().unwrap();
        let mut left = processes.values().map(|process| &process.arguments);
        let Some(left) = left.find(|words| words.iter().any(|word| word == MARK)) else {
            return;
        };
        assert!(Instant::now() < deadline, "{left:?}");
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_command_starts_at_its_time() {
    let mut spec = shell("echo hello");
    spec.start = Duration::from_millis(80);
    let timeline = run(vec![spec], None);
    let (ended, _) = timeline.series("sh.exit").unwrap().changes[0];
    assert!(
        ended >= Offset::from_duration(Duration::from_millis(80)),
        "{ended}"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_ab_is_served_with_and_without_keep_alive() {
    require("ab");
    let url = "http://127.0.0.1:80/";
    for accept in [
        Accept::Epoll,
        Accept::Pool { threads: 8 },
        Accept::Select,
        Accept::Poll,
    ] {
        let once = command("ab", "here", &["ab", "-n", "500", "-c", "5", url]);
        let mut kept = command("kept", "here", &["ab", "-k", "-n", "500", "-c", "3", url]);
        // Persistent connections occupy a pool's workers, so one after the other.
        kept.start = Duration::from_millis(300);
        let timeline = run(vec![once, kept], Some(accept.clone()));
        for name in ["ab", "kept"] {
            assert_eq!(last(&timeline, &format!("{name}.exit")), 0, "{accept:?}");
            let out = lines(&timeline, &format!("{name}.stdout")).join("\n");
            assert!(
                out.contains("Complete requests:      500"),
                "{accept:?}: {out}"
            );
            assert!(
                out.contains("Failed requests:        0"),
                "{accept:?}: {out}"
            );
        }
        let kept = lines(&timeline, "kept.stdout").join("\n");
        assert!(kept.contains("Keep-Alive requests:    500"), "{kept}");
        assert_eq!(last(&timeline, "web.replies"), 1_000);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_wrk_is_served() {
    require("wrk");
    let url = "http://127.0.0.1:80/";
    let spec = command("wrk", "here", &["wrk", "-t1", "-c10", "-d1s", url]);
    let timeline = run(vec![spec], Some(Accept::Epoll));
    assert_eq!(last(&timeline, "wrk.exit"), 0);
    let out = lines(&timeline, "wrk.stdout").join("\n");
    assert!(
        out.contains("Requests/sec") && !out.contains("Socket errors"),
        "{out}"
    );
    assert!(last(&timeline, "web.accepted") < 30);
    assert!(last(&timeline, "web.replies") > 100);
}

//! Serving commands, and their files, with real namespaces.

use std::time::Duration;

use super::tests::{lines, require, shell};
use crate::lab::{Lab, LiveNode};
use crate::record::Timeline;
use crate::scenario::workload::{CommandSpec, FILES, Load, Workload};
use crate::sys::loopback;
use crate::traffic::tests::{TestRecorder, TestRun, client, command, errors, last, spec};
use crate::traffic::{Traffic, TrafficError};

/// A program that serves files on port 80.
fn serving(name: &str, run: &[&str], files: &[(&str, &str)]) -> CommandSpec {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let mut spec = command(name, "here", run);
    (spec.ready, spec.background) = (Some(80), true);
    spec.files = Some(files.iter().map(text).collect());
    spec
}

fn nginx() -> CommandSpec {
    let conf = "daemon off; user root; worker_processes 1; error_log stderr; pid FILES/pid;\n\
        events {}\n\
        http { access_log off; client_body_temp_path FILES/1; proxy_temp_path FILES/2; fastcgi_temp_path FILES/3;\n\
        uwsgi_temp_path FILES/4; scgi_temp_path FILES/5; server { listen 80; root FILES/html; } }\n";
    let conf = conf.replace("FILES", FILES);
    let path = format!("{FILES}/nginx.conf");
    let run = ["nginx", "-e", "stderr", "-c", &path];
    serving(
        "web",
        &run,
        &[("nginx.conf", &conf), ("html/index.html", "hello\n")],
    )
}

fn requests(count: u64) -> Load {
    Load::Loop {
        concurrency: 2,
        requests: count,
        keep_alive: false,
        think: Duration::ZERO,
        timeout: Duration::from_secs(5),
    }
}

fn with_client(commands: Vec<CommandSpec>) -> Timeline {
    let run = TestRun::begin(Workload {
        clients: vec![client(requests(50))],
        commands,
        ..Workload::default()
    });
    run.wait();
    run.finish()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_nginx_serves_its_files_before_the_clock_starts_and_until_the_end() {
    require("nginx");
    let timeline = with_client(vec![nginx()]);
    assert_eq!(
        last(&timeline, "load.status.200"),
        50,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "load.bytes"), 50 * 6);
    assert!(
        timeline.series("web.exit").is_none(),
        "its end says nothing"
    );
    assert!(timeline.notes.is_empty(), "{:?}", timeline.notes);
    assert!(
        !std::path::Path::new(FILES).exists(),
        "nobody else sees them"
    );
}

/// Returns the error with which preparing the traffic fails.
fn obstacle(commands: Vec<CommandSpec>) -> String {
    let netns = loopback::namespace();
    let lab = Lab::of(vec![LiveNode {
        name: "here".into(),
        netns,
        nofile: None,
    }]);
    let listener = TestRecorder::start();
    let spec = spec(Workload {
        commands,
        ..Workload::default()
    });
    let error = Traffic::prepare(&spec, &lab, &listener.recorder()).unwrap_err();
    assert!(matches!(error, TrafficError::Actor { .. }), "{error}");
    std::error::Error::source(&error).unwrap().to_string()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_program_that_ends_before_it_listens_is_quoted() {
    let script = "echo all is well; echo wrong configuration >&2; exit 3";
    let why = obstacle(vec![serving("web", &["sh", "-c", script], &[])]);
    let expected = "it ended before it listened on port 80, with exit status: 3; last output: wrong configuration";
    assert_eq!(why, expected);
    // The same program, putting itself into the background.
    let script = "sleep 1000 & exit 0";
    let why = obstacle(vec![serving("web", &["sh", "-c", script], &[])]);
    assert!(why.contains("run the program in the foreground"), "{why}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_program_that_never_listens_is_given_up() {
    let mut spec = serving("web", &["sh", "-c", "echo hm; exec sleep 1000"], &[]);
    spec.timeout = Duration::from_millis(200);
    let why = obstacle(vec![spec]);
    let expected =
        "it does not listen on port 80 after 0.2 s; nothing listens on this node; last output: hm";
    assert_eq!(why, expected);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_background_commands_do_not_prolong_a_run() {
    let mut quiet = shell("echo here; exec sleep 1000");
    quiet.background = true;
    let mut short = shell("exit 4");
    (short.name, short.background) = ("short".into(), true);
    // Long enough for the short one to end.
    let wait = command("wait", "here", &["sleep", "0.3"]);
    let run = TestRun::begin(Workload {
        commands: vec![quiet, short, wait],
        ..Workload::default()
    });
    run.wait();
    let timeline = run.finish();
    assert_eq!(lines(&timeline, "sh.stdout"), ["here"]);
    assert!(timeline.series("sh.exit").is_none());
    assert_eq!(last(&timeline, "short.exit"), 4, "it ended by itself");
    assert_eq!(timeline.notes.len(), 1, "{:?}", timeline.notes);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_files_are_each_command_s_own() {
    let script = format!("cat {FILES}/*/what; touch {FILES}/more && ls {FILES} && umask");
    let spec = |name: &str, text: &str| {
        let mut spec = command(name, "here", &["sh", "-c", &script]);
        spec.files = Some([("a/what".to_owned(), text.to_owned())].into());
        spec
    };
    let run = TestRun::begin(Workload {
        commands: vec![spec("one", "1\n"), spec("two", "2\n")],
        ..Workload::default()
    });
    run.wait();
    let timeline = run.finish();
    assert_eq!(lines(&timeline, "one.stdout")[..3], ["1", "a", "more"]);
    assert_eq!(lines(&timeline, "two.stdout")[..3], ["2", "a", "more"]);
}

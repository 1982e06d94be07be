//! `nslab learn` and `nslab lesson` without privileges: prompts, progress, signals and refused files.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn nslab(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.current_dir(folder).env("XDG_STATE_HOME", folder);
    command
}

fn typed(folder: &std::path::Path, arguments: &[&str], input: &str) -> Output {
    let mut child = nslab(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn answers_are_kept_when_the_input_ends() {
    let folder = tempfile::tempdir().unwrap();
    let output = typed(folder.path(), &["learn", "handshake"], "hint\n12s\n12\n");
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains("`12s` is a duration; type a number"),
        "{shown}"
    );
    assert!(
        shown.contains("`nslab learn handshake` continues here"),
        "{shown}"
    );
    assert!(!shown.contains("and one more"), "{shown}");
    let list = typed(folder.path(), &["learn", "--list", "--json"], "");
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 10);
    assert_eq!(list[0]["name"], "handshake");
    assert_eq!(
        (list[0]["step"].as_u64(), list[0]["hints"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(list[0]["done"], false);
}

#[test]
fn an_unknown_lesson_is_reported_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    let output = typed(folder.path(), &["learn", "handshaek"], "");
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("no lesson `handshaek`; did you mean `handshake`?"),
        "{error}"
    );
    let output = typed(folder.path(), &["learn", "exhaustion"], "");
    assert!(text(&output.stderr).contains("has no lesson"), "{output:?}");
}

#[test]
fn a_signal_ends_a_prompt_within_a_second_and_keeps_the_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = nslab(folder.path())
        .args(["learn", "handshake"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Kept open: the end of input would end the lesson too.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"12\n").unwrap();
    let progress = folder.path().join("nslab/learn.json");
    let until = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&progress)
        .unwrap_or_default()
        .contains("established")
    {
        assert!(Instant::now() < until, "the answer was not kept");
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(status.code(), Some(4));
}

#[test]
fn files_that_are_no_answers_are_refused_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers");
    std::fs::create_dir(&answers).unwrap();
    let body = r#"{"lesson":"handshake","seed":1,"identity":"x 1","sheet":"a"}"#;
    let forged = serde_json::json!({ "format": 1, "body": body, "seal": "00" }).to_string();
    for (name, content) in [
        ("a.json", "{"),
        ("b.json", forged.as_str()),
        ("c.json", "{\"format\":9,\"body\":\"\",\"seal\":\"\"}"),
    ] {
        std::fs::write(answers.join(name), content).unwrap();
    }
    let output = typed(
        folder.path(),
        &[
            "lesson", "grade", "answers", "--csv", "g.csv", "--junit", "g.xml",
        ],
        "",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("a.json: it is not an answers file"),
        "{shown}"
    );
    assert!(
        shown.contains("b.json: it was changed after the page saved it"),
        "{shown}"
    );
    assert!(
        shown.contains("c.json: its format 9 is not known"),
        "{shown}"
    );
    let junit = std::fs::read_to_string(folder.path().join("g.xml")).unwrap();
    roxmltree::Document::parse(&junit).unwrap();
    let output = typed(folder.path(), &["lesson", "grade", "nowhere"], "");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn shown_scenarios_have_no_solutions_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |more: &[&str]| {
        let arguments = [&["show", "handshake"], more].concat();
        text(&typed(folder.path(), &arguments, "").stdout)
    };
    assert!(!shown(&[]).contains("backlog: 64"));
    assert!(shown(&["--solutions"]).contains("backlog: 64"));
}

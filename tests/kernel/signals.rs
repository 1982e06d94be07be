//! Signals and limits that would end a program without a word.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{command, scratch, transcript};

/// ```text
/// client ---- server :80   200 connections
/// ```
const CONNECTIONS: &str = "
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 200/s, for: 1s } } }
expect: [ load.attempted == 200 ]
";
/// Blocks of 512 bytes that a file may have (`ulimit -f`, sh(1)): less than a record or a capture of this run.
const BLOCKS: &str = "16";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_record_or_capture_without_room_ends_a_run_with_an_error",
            a_record_or_capture_without_room_ends_a_run_with_an_error,
        ),
        Trial::test(
            "sigusr1_shows_the_runs_in_progress",
            sigusr1_shows_the_runs_in_progress,
        ),
    ]
}

fn a_record_or_capture_without_room_ends_a_run_with_an_error() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("connections.yaml");
    fs::write(&file, CONNECTIONS)?;
    for option in ["--record", "--capture"] {
        let keep = folder.path().join(option);
        let program = command();
        let mut bounded = Command::new("sh");
        bounded
            .args(["-c", "ulimit -f \"$1\"; shift; exec \"$@\"", "sh", BLOCKS])
            .arg(program.get_program())
            .args(["run", "--no-progress", option])
            .args([&keep, &file])
            .current_dir(scratch());
        if option == "--capture" {
            bounded.arg("--no-record");
        }
        let output = bounded.output()?;
        let shown = transcript(&output);
        let expected = "cannot write the records or captures of 1 run";
        if output.status.code() != Some(3) || !shown.contains(expected) {
            return Err(format!("{option}: {shown}").into());
        }
    }
    Ok(())
}

fn sigusr1_shows_the_runs_in_progress() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("long.yaml");
    fs::write(
        &file,
        CONNECTIONS
            .replace("for: 1s", "for: 4s")
            .replace("== 200", "== 800"),
    )?;
    let errors = folder.path().join("stderr");
    let mut child = command()
        .args(["run", "--no-progress", "--no-record"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&errors)?)
        .spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let began = Instant::now();
    let mut shown = String::new();
    // The program may not have begun to listen for the signal; the run then shows nothing yet.
    while !handles(pid)? && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    while child.try_wait()?.is_none() && !shown.contains("running: long") {
        kill(pid, Signal::SIGUSR1)?;
        std::thread::sleep(Duration::from_millis(20));
        shown.clear();
        fs::File::open(&errors)?.read_to_string(&mut shown)?;
    }
    let status = child.wait()?;
    if status.code() == Some(0) && shown.contains("running: long") {
        return Ok(());
    }
    Err(format!("{status}: {shown}").into())
}

/// Returns true if a process has a handler for SIGUSR1 (`SigCgt`, proc_pid_status(5)).
fn handles(pid: Pid) -> Result<bool, Failed> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let bits = u64::from_str_radix(caught.unwrap_or_default().trim(), 16)?;
    Ok(bits >> (Signal::SIGUSR1 as u32 - 1) & 1 != 0)
}

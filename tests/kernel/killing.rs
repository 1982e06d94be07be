//! A run leaves nothing behind, however it ends: fifty runs are killed at fifty moments, in every way.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{command, scratch};

/// Everything that a run can have: a wire, a full table, limits, a program that resists ending and one that daemonises.
///
/// ```text
/// client ---- nat ---- server :80
/// ```
const ALL: &str = "
name: all
nodes:
  client: { limits: { nofile: 256 } }
  nat: { nat: { masquerade: { toward: server } }, conntrack: { room: 5000 } }
  server: {}
links:
  - { between: [client, nat], delay: 1ms }
  - between: [nat, server]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 100/s, for: 60s } } }
commands:
  stubborn:
    node: server
    run: [sh, -c, \"trap '' TERM INT HUP; setsid sleep 86395.5 & sleep 86395.5\"]
    timeout: 90s
expect: [ load.failed == 0 ]
";
/// The seconds that the program and its daemon sleep; no other program sleeps that long.
const MARK: &str = "86395.5";
/// The number of runs that are killed.
const TIMES: u32 = 50;
/// From before the lab exists until its traffic has been going for a while.
const LATEST: Duration = Duration::from_millis(900);

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "a_run_killed_at_any_moment_leaves_nothing",
        a_run_killed_at_any_moment_leaves_nothing,
    )]
}

fn a_run_killed_at_any_moment_leaves_nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("all.yaml");
    fs::write(&file, ALL)?;
    for turn in 0..TIMES {
        let records = folder.path().join(turn.to_string());
        let mut child = command()
            .args(["run", "--no-progress", "--record"])
            .args([&records, &file])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let supervisor = i32::try_from(child.id())?;
        // Spread over the time, and each moment in each way: 7 has no factor in common with 50.
        std::thread::sleep(LATEST * (turn * 7 % TIMES) / TIMES);
        match turn % 4 {
            0 => kill(Pid::from_raw(supervisor), Signal::SIGKILL)?,
            1 => kill(Pid::from_raw(supervisor), Signal::SIGTERM)?,
            way => {
                // The worker, the outermost or innermost of its processes; if there is none yet, the supervisor.
                let mut below = descendants(supervisor);
                below.retain(|pid| is_worker(*pid));
                let chosen = if way == 2 {
                    below.first()
                } else {
                    below.last()
                };
                kill(
                    Pid::from_raw(*chosen.unwrap_or(&supervisor)),
                    Signal::SIGKILL,
                )?;
            }
        }
        let asked = Instant::now();
        while child.try_wait()?.is_none() {
            if asked.elapsed() > Duration::from_secs(10) {
                child.kill()?;
                return Err(format!("turn {turn}: it has not ended after 10 s").into());
            }
            std::thread::yield_now();
        }
        readable(&records, turn)?;
    }
    gone()
}

/// Returns true for the processes of the run itself, and false for those that only wait for a program.
fn is_worker(pid: i32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim() == nslab::sys::confine::PROCESS_NAME {
        return false;
    }
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split('\0').nth(1) == Some("worker")
}

/// Returns the processes below another, the nearest first.
fn descendants(pid: i32) -> Vec<i32> {
    let below = |pid: &i32| -> Vec<i32> {
        let path = format!("/proc/{pid}/task");
        let tasks = fs::read_dir(path).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|children| {
                let children = children.split_whitespace().map(str::parse);
                children.filter_map(Result::ok).collect::<Vec<i32>>()
            })
            .collect()
    };
    let mut found = below(&pid);
    let mut at = 0;
    while at < found.len() {
        let more = below(&found[at]);
        found.extend(more);
        at += 1;
    }
    found
}

/// Checks that the record can be read. It may be missing if the run was killed before it began.
fn readable(records: &std::path::Path, turn: u32) -> Result<(), Failed> {
    let files = fs::read_dir(records).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    for path in paths.filter(|path| path.to_string_lossy().contains(".nslab.jsonl")) {
        nslab::record::Record::read(&path)
            .map_err(|error| format!("turn {turn}: {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Waits until nothing of any run is left on this machine.
pub(crate) fn gone() -> Result<(), Failed> {
    let began = Instant::now();
    loop {
        let output = command().args(["doctor", "--leaks"]).output()?;
        let sleeping: BTreeSet<String> = fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|line| line.contains(MARK))
            .collect();
        if output.status.success() && sleeping.is_empty() {
            return Ok(());
        }
        if began.elapsed() > Duration::from_secs(10) {
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            return Err(format!("{shown}{sleeping:?}").into());
        }
    }
}

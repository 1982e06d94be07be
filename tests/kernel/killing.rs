//! A run leaves nothing behind, however it ends: hundreds of runs are killed, each at another moment, in every way.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host;
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
/// The number of runs that are killed, of which five eighths are killed by SIGKILL to nslab itself.
const TIMES: u32 = 320;
const KILLS: usize = 200;
/// Runs at once.
const LANES: u32 = 4;
/// From before the lab exists until its traffic has been going for a while.
const LATEST: Duration = Duration::from_millis(400);
/// The most that the end of half of the runs may take; the others may be waiting for a processor.
const SOON: Duration = Duration::from_millis(500);
/// The most that the end of a run may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A variable by which the processes of a run are recognized.
const ENVIRONMENT: &str = "NSLAB_TEST_KILLED";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_run_killed_at_any_moment_leaves_nothing",
            a_run_killed_at_any_moment_leaves_nothing,
        ),
        Trial::test(
            "a_worker_has_given_up_what_no_lab_needs",
            a_worker_has_given_up_what_no_lab_needs,
        ),
    ]
}

/// The test itself has all of these: it is root, or another test is skipped before this one.
fn a_worker_has_given_up_what_no_lab_needs() -> Result<(), Failed> {
    // `include/uapi/linux/capability.h`
    let given_up = [
        ("DAC_OVERRIDE", 1),
        ("SYS_MODULE", 16),
        ("SYS_RAWIO", 17),
        ("SYS_BOOT", 22),
        ("SYS_TIME", 25),
        ("MKNOD", 27),
        ("MAC_ADMIN", 33),
    ];
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("all.yaml");
    fs::write(&file, ALL)?;
    let mut child = command()
        .args(["run", "--no-progress", "--no-record"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(child.id())?;
    // When the program runs, the lab stands.
    let program = |pid: &i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains(MARK)
    };
    let patience = Instant::now();
    while !descendants(pid).iter().any(program) {
        if patience.elapsed() > Duration::from_secs(60) || child.try_wait()?.is_some() {
            return Err("the lab was not built".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut looked = 0;
    let mut wrong = Vec::new();
    for pid in descendants(pid).into_iter().filter(|pid| is_worker(*pid)) {
        for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let status = fs::read_to_string(task.path().join("status"))?;
            let value = |key: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(key));
                line.unwrap_or_default().trim().to_owned()
            };
            looked += 1;
            for set in ["CapPrm:", "CapBnd:"] {
                let bits = u64::from_str_radix(&value(set), 16)?;
                let still = given_up.iter().filter(|(_, bit)| bits >> bit & 1 == 1);
                wrong.extend(still.map(|(name, _)| format!("{pid} has {name} in {set}")));
            }
            if value("NoNewPrivs:") != "1" {
                wrong.push(format!("{pid} can gain privileges"));
            }
        }
    }
    child.kill()?;
    child.wait()?;
    match (looked, wrong.as_slice()) {
        (0..3, _) => Err(format!("there are {looked} threads of workers").into()),
        (_, []) => Ok(()),
        (_, wrong) => Err(wrong.join(", ").into()),
    }
}

fn a_run_killed_at_any_moment_leaves_nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let before = host::state();
    let lane = |first: u32| {
        let turns = (first..TIMES).step_by(LANES as usize);
        let killed = turns.map(|turn| killed(turn, folder.path()));
        killed.collect::<Result<Vec<Option<Duration>>, Failed>>()
    };
    let lanes: Vec<_> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|first| scope.spawn(move || lane(first)))
            .collect();
        let ended = lanes.into_iter().map(|lane| lane.join().expect("no panic"));
        ended.collect::<Result<_, Failed>>()
    })?;
    let mut outlived: Vec<Duration> = lanes.into_iter().flatten().flatten().collect();
    outlived.sort();
    gone()?;
    let (kills, median) = (outlived.len(), outlived[outlived.len() / 2]);
    if kills < KILLS || median > SOON {
        return Err(
            format!("after {kills} kills, half of the runs outlived nslab by {median:?}").into(),
        );
    }
    let left: Vec<_> = fs::read_dir(folder.path().join("tmp"))?.flatten().collect();
    if !left.is_empty() {
        return Err(format!("temporary files are left: {left:?}").into());
    }
    let after = host::state();
    match before == after {
        true => Ok(()),
        false => Err(format!("the host changed:\n{before:#?}\n{after:#?}").into()),
    }
}

/// Kills a run. If nslab itself was killed, returns the time for which any of its processes outlived it.
fn killed(turn: u32, folder: &Path) -> Result<Option<Duration>, Failed> {
    let file = folder.join(format!("{turn}.yaml"));
    // Filling a table takes most of a run's processor time, so a quarter of the runs do it, each kind of kill alike.
    let text = match turn / 8 % 4 {
        0 => ALL.to_owned(),
        _ => ALL.replace(", conntrack: { room: 5000 }", ""),
    };
    fs::write(&file, text)?;
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary)?;
    let records = folder.join(turn.to_string());
    let mark = format!("{ENVIRONMENT}={}-{turn}", std::process::id());
    let mut child = command()
        .args(["run", "--no-progress", "--record"])
        .args([&records, &file])
        .env("TMPDIR", &temporary)
        .envs(mark.split_once('='))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let supervisor = i32::try_from(child.id())?;
    // Spread over the time, and each moment in each way: 97 and the number of times have no factor in common.
    std::thread::sleep(LATEST * (turn * 97 % TIMES) / TIMES);
    let way = turn % 8;
    let chosen = match way {
        6 | 7 => {
            // The worker, the outermost or innermost of its processes; if there is none yet, the supervisor.
            let mut below = descendants(supervisor);
            below.retain(|pid| is_worker(*pid));
            let chosen = if way == 6 {
                below.first()
            } else {
                below.last()
            };
            *chosen.unwrap_or(&supervisor)
        }
        _ => supervisor,
    };
    let signal = match way {
        5 => Signal::SIGTERM,
        _ => Signal::SIGKILL,
    };
    kill(Pid::from_raw(chosen), signal)?;
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > PATIENCE {
            child.kill()?;
            return Err(format!("turn {turn}: it has not ended after {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    while let Some(pid) = process_with(&mark)? {
        if asked.elapsed() > PATIENCE {
            return Err(format!("turn {turn}: process {pid} is left after {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let outlived = asked.elapsed();
    readable(&records, turn)?;
    Ok((way < 5).then_some(outlived))
}

/// Returns a process with a variable in its environment, which processes inherit.
fn process_with(mark: &str) -> Result<Option<String>, Failed> {
    let found = fs::read_dir("/proc")?.flatten().find(|entry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|line| line == mark.as_bytes())
    });
    Ok(found.map(|entry| entry.file_name().to_string_lossy().into_owned()))
}

/// Returns true for the processes of the run itself, and false for those that only wait for a program.
fn is_worker(pid: i32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim() == nslab::sys::confine::PROCESS_NAME {
        return false;
    }
    is_called_worker(&pid.to_string()) && !is_about_to_start_a_program(pid)
}

fn is_called_worker(pid: &str) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split('\0').nth(1) == Some("worker")
}

/// Returns true for a process that was forked to start a program and is still named as the worker. Of the worker's
/// processes, only the innermost has several threads, and only it starts programs. Without its program, a run goes on.
fn is_about_to_start_a_program(pid: i32) -> bool {
    let field = |pid: &str, key: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let value = status.lines().find_map(|line| line.strip_prefix(key));
        value.map(|value| value.trim().to_owned())
    };
    let parent = field(&pid.to_string(), "PPid:").unwrap_or_default();
    is_called_worker(&parent) && field(&parent, "Threads:").is_some_and(|threads| threads != "1")
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

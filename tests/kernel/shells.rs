//! Live labs for people: a shell in a node, programs from other terminals, and the end of everything in them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::killing::gone;
use crate::program::{command, scratch, transcript};

/// A server with an address and a backlog that no other test has.
///
/// ```text
/// client ---- server :8099
/// ```
const LAB: &str = "
nodes: { client: {}, server: {} }
links: [{ between: [client, server] }]
servers: { web: { node: server, port: 8099, backlog: 77 } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, count: 3 } } }
expect: [load.established == 3, web.accepted == 3]
";
/// The longest time for a lab to be built, or to be removed, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_shell_has_its_node_and_exec_finds_its_lab",
            a_shell_has_its_node_and_exec_finds_its_lab,
        ),
        Trial::test(
            "a_killed_shell_leaves_no_program",
            a_killed_shell_leaves_no_program,
        ),
        Trial::test(
            "a_shell_killed_at_any_moment_leaves_nothing",
            a_shell_killed_at_any_moment_leaves_nothing,
        ),
        Trial::test(
            "a_held_lab_has_its_servers_until_the_time_is_up",
            a_held_lab_has_its_servers_until_the_time_is_up,
        ),
    ]
}

/// Starts a shell in a lab of its own; its file has the name of the lab.
fn shell(name: &str) -> Result<Child, Failed> {
    let file = scratch().join(format!("{name}.yaml"));
    fs::write(&file, LAB)?;
    Ok(command()
        .env("SHELL", "/bin/sh")
        .arg("shell")
        .args([&file])
        .arg("client")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}

fn exec(arguments: &[&str]) -> Result<Output, Failed> {
    Ok(command().arg("exec").args(arguments).output()?)
}

/// Returns the lines of output up to one that ends with these words.
fn until(output: &mut impl BufRead, end: &str) -> Result<String, Failed> {
    let mut text = String::new();
    while !text.trim_end().ends_with(end) {
        if output.read_line(&mut text)? == 0 {
            return Err(format!("`{end}` never came: {text}").into());
        }
    }
    Ok(text)
}

fn a_shell_has_its_node_and_exec_finds_its_lab() -> Result<(), Failed> {
    let name = format!("live-{}", std::process::id());
    let mut child = shell(&name)?;
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    writeln!(input, "cat /proc/net/fib_trie; hostname; echo ready")?;
    let said = until(&mut output, "ready")?;
    for expected in ["server web on port 8099", "10.0.0.1", "client"] {
        assert!(said.contains(expected), "{said}");
    }
    // The server has the port, the client has not: 8099 is 1FA3, and 0A is LISTEN (proc(5), /proc/net/tcp).
    let listens = |node: &str| {
        let output = exec(&["--lab", &name, node, "--", "cat", "/proc/net/tcp"])?;
        assert!(output.status.success(), "{}", transcript(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok::<bool, Failed>(text.contains(":1FA3 00000000:0000 0A"))
    };
    assert!(listens("server")? && !listens("client")?);
    let output = exec(&["--lab", &name, "server", "--", "sh", "-c", "exit 7"])?;
    assert_eq!(output.status.code(), Some(7));
    let output = exec(&["--lab", &name, "nowhere", "--", "true"])?;
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(transcript(&output).contains("available: client, server"));
    writeln!(input, "exit 5")?;
    assert_eq!(child.wait()?.code(), Some(5));
    let output = exec(&["--lab", &name, "server", "--", "true"])?;
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    Ok(())
}

fn a_killed_shell_leaves_no_program() -> Result<(), Failed> {
    for (turn, signal) in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .enumerate()
    {
        let mark = format!("86391.{turn}");
        let mut child = shell(&format!("killed-{}-{turn}", std::process::id()))?;
        let mut input = child.stdin.take().expect("a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        writeln!(input, "setsid sleep {mark} & echo ready")?;
        until(&mut output, "ready")?;
        let started = Instant::now();
        while !runs(&mark)? {
            assert!(started.elapsed() < PATIENCE, "the program has not started");
            std::thread::yield_now();
        }
        let asked = Instant::now();
        kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
        child.wait()?;
        assert!(asked.elapsed() < PATIENCE, "{signal}");
        while runs(&mark)? {
            assert!(asked.elapsed() < PATIENCE, "{signal} leaves a program");
            std::thread::yield_now();
        }
    }
    Ok(())
}

fn a_shell_killed_at_any_moment_leaves_nothing() -> Result<(), Failed> {
    /// Moments at which it is killed, up to one at which the lab has long been built.
    const TIMES: u32 = 20;
    const LATEST: Duration = Duration::from_millis(300);
    for turn in 0..TIMES {
        let mark = format!("86392.{turn}");
        let mut child = shell(&format!("anytime-{}-{turn}", std::process::id()))?;
        let mut input = child.stdin.take().expect("a pipe");
        writeln!(input, "setsid sleep {mark} & sleep {mark}")?;
        std::thread::sleep(LATEST * turn / TIMES);
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL)?;
        child.wait()?;
        let asked = Instant::now();
        while runs(&mark)? {
            assert!(asked.elapsed() < PATIENCE, "turn {turn} leaves a program");
            std::thread::yield_now();
        }
    }
    gone()
}

/// Returns true if a program runs with this word on its command line.
fn runs(mark: &str) -> Result<bool, Failed> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if line.split('\0').any(|word| word == mark) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn a_held_lab_has_its_servers_until_the_time_is_up() -> Result<(), Failed> {
    let name = format!("held-{}", std::process::id());
    let file = scratch().join(format!("{name}.yaml"));
    fs::write(&file, LAB)?;
    let mut child = command()
        .args(["run", "--hold", "--no-record"])
        .args([&file])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut messages = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("the lab is kept") {
        line.clear();
        assert!(messages.read_line(&mut line)? > 0, "the lab was not kept");
    }
    let tcp = exec(&["--lab", &name, "server", "--", "cat", "/proc/net/tcp"])?;
    assert!(String::from_utf8_lossy(&tcp.stdout).contains(":1FA3 00000000:0000 0A"));
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(input)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    assert!(transcript(&output).contains("the lab was kept for"));
    let output = command()
        .args(["run", "--hold=200ms", "--no-record"])
        .args([&file])
        .output()?;
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    assert!(transcript(&output).contains("the lab was kept for 0.2 s"));
    Ok(())
}

//! Records of a run show its results again, however the run ended.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::program::{command, run_text, scratch, transcript};

/// client ---- server :80, a queue of 4 + 1; two claims, one of them wrong, in two cases.
const QUEUE: &str = "
name: queue
matrix: { backlog: [4, 3] }
nodes: { client: {}, server: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: $backlog, accept: never } }
clients: { burst: { node: client, to: web, connect: { rate: 50/s, count: 10, timeout: 500ms } } }
expect: [ burst.established == 5, p99(burst.latency) < 1s ]
";

/// Lasts a minute, long enough to be interrupted.
const LONG: &str = "
name: long
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, for: 60s } } }
expect: [ load.failed == 0 ]
";

/// A connection in each of several states, with `ss` beside the kernel's own account, and its drops beside counters.
///
/// ```text
/// client ---- server :80, :81 accepts nothing, :82 behind a firewall, :83 nothing for 5 s
/// ```
const STATES: &str = "
name: states
nodes: { client: {}, server: { firewall: [ { name: wall, drop: { port: 82 } } ] } }
links: [ { between: [client, server] } ]
servers:
  web: { node: server, port: 80 }
  idle: { node: server, port: 81, accept: never }
  behind: { node: server, port: 82 }
  late: { node: server, port: 83, start: 5s }
clients:
  done: { node: client, to: web, connect: { rate: 10/s, count: 1 } }
  held: { node: client, to: web, connect: { rate: 10/s, count: 1, close: hold } }
  half: { node: client, to: idle, connect: { rate: 10/s, count: 1 } }
  tries: { node: client, to: behind, connect: { rate: 10/s, count: 1, timeout: 5s } }
  refused: { node: client, to: late, connect: { rate: 10/s, count: 3 } }
commands:
  ss: { node: client, start: 2s, run: [ss, -tanH] }
expect:
  - done:1.state == TIME_WAIT at 2s
  - ss.stdout ~ /TIME-WAIT.*10.0.0.2:80$/
  - held:1.state == ESTABLISHED at 2s
  - ss.stdout ~ /ESTAB.*10.0.0.2:80$/
  - half:1.state == FIN_WAIT2 at 2s
  - ss.stdout ~ /FIN-WAIT-2.*10.0.0.2:81$/
  - tries:1.state == SYN_SENT at 2s
  - ss.stdout ~ /SYN-SENT.*10.0.0.2:82$/
  - refused:1.state == CLOSE at 2s
  - ss.stdout !~ /10.0.0.2:83$/
  - server.drops.NO_SOCKET == 3
  - server.drops.NO_SOCKET == server.TcpOutRsts
  - client.resets_received == 3
  - server.drops.NETFILTER_DROP == server.rules.wall.packets
  - client.retransmissions >= 1
  - client.retransmissions == client.TcpRetransSegs
";

/// Taking a link up again takes milliseconds, ten times together; the last step is due long after that.
const STEPS: &str = "
name: steps
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 100/s, for: 4s, timeout: 1s, close: hold } } }
steps:
UP_AND_DOWN
  - { at: 3s, stop: load }
expect: [ load.established >= 1 ]
";

pub(crate) fn trials() -> Vec<Trial> {
    let unprivileged = !nix::unistd::geteuid().is_root();
    vec![
        Trial::test(
            "ss_and_counters_agree_with_the_kernels_own_account",
            ss_and_counters_agree_with_the_kernels_own_account,
        )
        .with_ignored_flag(unprivileged),
        Trial::test(
            "a_record_gives_the_same_report_as_the_run",
            a_record_gives_the_same_report_as_the_run,
        ),
        Trial::test(
            "a_record_is_readable_when_its_program_was_killed",
            a_record_is_readable_when_its_program_was_killed,
        ),
        Trial::test(
            "a_step_that_takes_long_does_not_delay_the_next",
            a_step_that_takes_long_does_not_delay_the_next,
        ),
        Trial::test(
            "records_of_runs_that_did_not_pass_are_kept",
            records_of_runs_that_did_not_pass_are_kept,
        ),
    ]
}

fn a_record_gives_the_same_report_as_the_run() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let (records, then) = (
        folder.path().join("records"),
        folder.path().join("then.json"),
    );
    let output = run_text(
        QUEUE,
        &[
            "--record",
            &records.to_string_lossy(),
            "--report",
            &format!("json={}", then.display()),
        ],
    );
    expect(output.status.code() == Some(1), || transcript(&output))?;
    let now = folder.path().join("now.json");
    let output = report(&records, &["--report", &format!("json={}", now.display())])?;
    expect(output.status.code() == Some(1), || transcript(&output))?;
    let (then, now) = (json(&then)?, json(&now)?);
    expect(then == now, || {
        format!("then\n{then:#}\nand again\n{now:#}")
    })
}

fn ss_and_counters_agree_with_the_kernels_own_account() -> Result<(), Failed> {
    let output = run_text(STATES, &["--strict", "--no-record"]);
    expect(output.status.code() == Some(0), || transcript(&output))
}

fn a_step_that_takes_long_does_not_delay_the_next() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let again = "  - { at: 1s, link: { between: [client, server], state: down } }\n\
                 \x20 - { at: 1s, link: { between: [client, server], state: up } }\n";
    let text = STEPS.replace("UP_AND_DOWN\n", &again.repeat(10));
    let output = run_text(&text, &["--record", &folder.path().to_string_lossy()]);
    expect(output.status.code() == Some(0), || transcript(&output))?;
    let record = std::fs::read_to_string(folder.path().join("steps.nslab.jsonl"))?;
    let events = record.lines().filter(|line| line.starts_with("{\"step\""));
    let steps: Vec<serde_json::Value> =
        events.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |step: usize, name: &str| steps[step]["step"][name].as_u64().unwrap_or_default();
    let last = steps.len() - 1;
    let took: u64 = (0..last).map(|step| of(step, "took")).sum();
    let late = of(last, "t") - of(last, "due");
    expect(last == 20 && late < took / 2, || {
        format!("{late} of {took}: {steps:?}")
    })
}

/// Returns a JSON report without durations: runs may have gone side by side.
fn json(path: &Path) -> Result<serde_json::Value, Failed> {
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    json["took"] = 0.into();
    Ok(json)
}

fn a_record_is_readable_when_its_program_was_killed() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let scenario = folder.path().join("long.yaml");
    std::fs::write(&scenario, LONG)?;
    let mut child = command()
        .args(["run", "--no-progress", "--record"])
        .arg(folder.path())
        .arg(&scenario)
        .stdout(Stdio::null())
        .spawn()?;
    let record = folder.path().join("long.nslab.jsonl");
    let begun = || {
        let text = std::fs::read_to_string(&record).unwrap_or_default();
        text.matches("{\"sample\"").count() > 20
    };
    let waited = wait_until(begun);
    child.kill()?;
    child.wait()?;
    waited?;
    let output = report(&record, &[])?;
    let text = transcript(&output);
    expect(output.status.code() == Some(3), || text.clone())?;
    for part in ["the record breaks off at", "load.failed == 0"] {
        expect(text.contains(part), || format!("no `{part}`: {text}"))?;
    }
    Ok(())
}

fn records_of_runs_that_did_not_pass_are_kept() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let scenario = folder.path().join("queue.yaml");
    std::fs::write(&scenario, QUEUE)?;
    let output = command()
        .current_dir(folder.path())
        .args(["run", "--no-progress", "queue.yaml"])
        .output()?;
    expect(output.status.code() == Some(1), || transcript(&output))?;
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("nslab-out"))?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    // Beside the file that `--rerun-failed` reads.
    let kept: Vec<_> = kept.iter().filter(|name| *name != "failed.json").collect();
    expect(kept == ["queue-backlog=3.nslab.jsonl"], || {
        format!("{kept:?}")
    })?;
    let shown = "record: nslab-out/queue-backlog=3.nslab.jsonl";
    expect(transcript(&output).contains(shown), || transcript(&output))
}

fn report(records: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    command()
        .arg("report")
        .arg(records)
        .args(arguments)
        .output()
}

fn wait_until(condition: impl Fn() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        expect(Instant::now() < deadline, || {
            "after 10 s the run has not begun".to_owned()
        })?;
        std::thread::yield_now();
    }
    Ok(())
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}

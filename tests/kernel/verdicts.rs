//! The experience of a user: verdicts, exit codes, every kind of end, and a host that is unchanged.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::host;
use crate::program::{command, run_text, scratch, transcript};

/// client ---- server :80, twenty connects in a second, with an expectation.
const TWENTY: &str = "
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 1s, timeout: 1s } } }
";

/// Lasts a minute, long enough to be interrupted.
const LONG: &str = "
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } }, conntrack: { room: 1000 } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 5/s, for: 60s } } }
commands: { stubborn: { node: server, run: [sh, -c, 'trap \"\" TERM; sleep 86394.5 & sleep 86394.5'] } }
expect: [ load.established >= 1 ]
";

type Test = fn() -> Result<(), Failed>;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: &[(&str, Test)] = &[
        (
            "an_expectation_that_holds_passes",
            an_expectation_that_holds_passes,
        ),
        (
            "a_wrong_expectation_fails_with_the_observed_value",
            a_wrong_expectation_fails,
        ),
        (
            "a_feature_that_this_kernel_lacks_is_not_applicable",
            a_feature_that_this_kernel_lacks_is_not_applicable,
        ),
        (
            "strict_treats_not_applicable_as_a_failure",
            strict_treats_not_applicable_as_a_failure,
        ),
        (
            "a_value_that_the_kernel_refuses_is_an_error",
            a_value_that_the_kernel_refuses_is_an_error,
        ),
        (
            "two_runs_at_the_same_time_do_not_interfere",
            two_runs_at_the_same_time_do_not_interfere,
        ),
        (
            "the_host_is_the_same_before_and_after",
            the_host_is_the_same_before_and_after,
        ),
        ("sigkill_leaves_nothing", sigkill_leaves_nothing),
        (
            "an_interrupted_run_ends_within_a_second_with_its_observations",
            an_interrupted_run_ends_within_a_second,
        ),
    ];
    tests
        .iter()
        .map(|(name, test)| Trial::test(*name, *test))
        .collect()
}

fn an_expectation_that_holds_passes() -> Result<(), Failed> {
    let output = run_text(
        &format!("{TWENTY}expect: [ load.established == 20, web.accepted == 20 ]"),
        &[],
    );
    expect(output.status.code() == Some(0), || transcript(&output))
}

fn a_wrong_expectation_fails() -> Result<(), Failed> {
    let output = run_text(&format!("{TWENTY}expect: [ load.established == 21 ]"), &[]);
    let text = transcript(&output);
    expect(output.status.code() == Some(1), || text.clone())?;
    expect(
        text.contains("load.established == 21") && text.contains("load.established = 20"),
        || text.clone(),
    )?;
    expect(text.contains(".yaml:6:"), || {
        format!("the line is not named: {text}")
    })
}

fn a_feature_that_this_kernel_lacks_is_not_applicable() -> Result<(), Failed> {
    let output = run_text(
        "nodes: { a: { sysctls: { net.ipv4.no_such_key: 1 } } }",
        &[],
    );
    let text = transcript(&output);
    expect(output.status.code() == Some(0), || text.clone())?;
    expect(
        text.contains("not applicable") && text.contains("net.ipv4.no_such_key"),
        || text.clone(),
    )
}

fn strict_treats_not_applicable_as_a_failure() -> Result<(), Failed> {
    let output = run_text(
        "nodes: { a: { sysctls: { net.ipv4.no_such_key: 1 } } }",
        &["--strict"],
    );
    expect(output.status.code() == Some(1), || transcript(&output))
}

fn a_value_that_the_kernel_refuses_is_an_error() -> Result<(), Failed> {
    let output = run_text(
        "nodes: { a: { sysctls: { net.ipv4.tcp_congestion_control: nonesuch } } }",
        &[],
    );
    let text = transcript(&output);
    expect(output.status.code() == Some(3), || text.clone())?;
    expect(text.contains("net.ipv4.tcp_congestion_control"), || {
        text.clone()
    })
}

fn two_runs_at_the_same_time_do_not_interfere() -> Result<(), Failed> {
    let text = format!("{TWENTY}expect: [ load.established == 20, client.TcpActiveOpens == 20 ]");
    let both: Vec<_> = (0..2)
        .map(|_| {
            let text = text.clone();
            std::thread::spawn(move || run_text(&text, &[]))
        })
        .collect();
    for thread in both {
        let output = thread.join().unwrap();
        expect(output.status.code() == Some(0), || transcript(&output))?;
    }
    Ok(())
}

fn the_host_is_the_same_before_and_after() -> Result<(), Failed> {
    let before = host::state();
    let output = run_text(
        "
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } }, conntrack: { room: 100 } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 100/s, count: 50 } } }
expect: [ load.established == 50 ]
",
        &[],
    );
    expect(output.status.code() == Some(0), || transcript(&output))?;
    let after = host::state();
    for (subject, was) in &before {
        let is = after.get(subject);
        expect(is == Some(was), || {
            format!(
                "{subject} was\n{was}\nand is\n{}",
                is.map_or("gone", String::as_str)
            )
        })?;
    }
    expect(host::leftovers().is_empty(), || {
        host::leftovers().join("\n")
    })
}

fn sigkill_leaves_nothing() -> Result<(), Failed> {
    let mut child = start_long()?;
    child.kill()?;
    child.wait()?;
    wait_until("everything is gone", || {
        host::leftovers().is_empty() && no_process_named("sleep 86394.5")
    })
}

fn an_interrupted_run_ends_within_a_second() -> Result<(), Failed> {
    let mut child = start_long()?;
    let asked = Instant::now();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut text)?;
    let status = child.wait()?;
    let took = asked.elapsed();
    expect(took < Duration::from_secs(1), || {
        format!("it took {took:?}")
    })?;
    expect(status.code() == Some(4), || format!("{status}: {text}"))?;
    expect(text.contains("load.established"), || {
        format!("nothing was observed: {text}")
    })?;
    wait_until("everything is gone", || {
        host::leftovers().is_empty() && no_process_named("sleep 86394.5")
    })
}

/// Starts the long run and waits until its traffic has begun, that is, until the stubborn command exists.
fn start_long() -> Result<std::process::Child, Failed> {
    let path = scratch().join("long.yaml");
    std::fs::write(&path, LONG)?;
    let mut child = command()
        .arg("run")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line)?;
    wait_until("the command runs", || !no_process_named("sleep 86394.5"))?;
    Ok(child)
}

fn no_process_named(command: &str) -> bool {
    !std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        line.replace('\0', " ").trim() == command
    })
}

fn wait_until(what: &str, condition: impl Fn() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        expect(Instant::now() < deadline, || {
            format!(
                "after 10 s it is not so that {what}: {:?}",
                host::leftovers()
            )
        })?;
        std::thread::yield_now();
    }
    Ok(())
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}

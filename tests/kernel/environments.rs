//! Bad environments. Each is made for the program alone, by a shell that then becomes the program.
//!
//! If one cannot be made, the trial is listed as ignored.

use std::fs;
use std::process::{Command, Output};

use libtest_mimic::{Failed, Trial};

use crate::program::{command, scratch, transcript};

/// Ends at once.
const SHORT: &str = "
nodes: { client: {}, server: {} }
links: [{ between: [client, server] }]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 500ms } } }
expect: [ load.established == 10 ]
";
/// More connections at once than 64 descriptors allow.
const MANY: usize = 20;
/// Holds 300 connections at once.
const HELD: &str = "
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, reply: 1KiB, keep-alive: 60s, backlog: 2000 } }
clients:
  load: { node: client, to: web, request: true, hold: { connections: 300, rate: 1000/s, for: 500ms, timeout: 500ms } }
expect: [ load.established == 300, load.status.200 == 300, load.failed == 0, web.accepted == 300 ]
";
/// Keeps 200 connections open at once, of which no more than the client has descriptors for.
const IN_FLIGHT: &str = "
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: 400, reply: { bytes: 1KiB, after: 5s } } }
clients: { load: { node: client, to: web, connect: { rate: 400/s, count: 200, timeout: 1s } } }
expect: [ load.failed == 200, load.errors.ECONNREFUSED == 0 ]
";
/// Limits a node to more descriptors than the program may have.
const LIMITED: &str = "
nodes: { client: {}, server: { limits: { nofile: 100 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 500ms } } }
expect: [ load.established == 10 ]
";
/// A mount namespace of its own, as root of a user namespace, so that it needs no privileges.
const OWN_MOUNTS: &str = "unshare -Urm";
/// A user namespace that allows no further ones.
const NO_MORE: &str = "unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces'";
/// Root with the capabilities that labs ask for, and no others.
const BARE_ROOT: &str = "setpriv --bounding-set -all,+sys_admin,+net_admin --inh-caps -all";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_suite_starts_only_as_many_runs_as_its_descriptors_allow",
            few_descriptors,
        ),
        Trial::test(
            "the_kernel_is_not_blamed_for_a_lack_of_descriptors",
            not_blamed,
        ),
        Trial::test("a_full_cache_does_not_end_a_run", with_full_cache)
            .with_ignored_flag(!works(&format!("{OWN_MOUNTS} mount -t tmpfs none /mnt"))),
        Trial::test(
            "a_full_disk_ends_the_record_and_not_the_run",
            on_a_full_disk,
        )
        .with_ignored_flag(!works(&format!("{OWN_MOUNTS} mount -t tmpfs none /mnt"))),
        Trial::test("an_unwritable_place_gets_no_files", nowhere_to_write)
            .with_ignored_flag(!works(&format!("{OWN_MOUNTS} mount -t tmpfs none /mnt"))),
        Trial::test(
            "the_setting_that_forbids_user_namespaces_is_named",
            without_user_namespaces,
        )
        .with_ignored_flag(!works(NO_MORE) || !works("setpriv --version")),
        Trial::test(
            "root_without_other_capabilities_serves_low_ports",
            as_bare_root,
        )
        .with_ignored_flag(!works(&format!("{BARE_ROOT} unshare -n true"))),
    ]
}

pub(crate) fn works(script: &str) -> bool {
    let output = Command::new("sh").args(["-c", script]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs a script in which `$nslab` is the program and `$here` a folder with this many copies of a scenario.
fn run(script: &str, count: usize) -> Result<Output, Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    for number in 0..count {
        fs::write(folder.path().join(format!("short-{number}.yaml")), SHORT)?;
    }
    let program = command().get_program().to_owned();
    let output = Command::new("sh")
        .args(["-c", script])
        .env("nslab", program)
        .env("here", folder.path())
        .env("NO_COLOR", "1")
        .current_dir(scratch())
        .output()?;
    Ok(output)
}

fn expect(output: &Output, code: i32, words: &str) -> Result<(), Failed> {
    let shown = transcript(output);
    if output.status.code() == Some(code) && shown.contains(words) {
        return Ok(());
    }
    Err(format!("expected exit code {code} and `{words}`:\n{shown}").into())
}

fn few_descriptors() -> Result<(), Failed> {
    for limit in ["-Sn 64", "-n 64"] {
        let script =
            format!("ulimit {limit}; exec $nslab run --no-progress --record $here/out $here");
        expect(&run(&script, MANY)?, 0, &format!("{MANY} passed"))?;
    }
    // Fewer than one run takes.
    let script = "ulimit -n 8; exec $nslab run --no-progress --no-record $here";
    expect(&run(script, 1)?, 3, "raise `ulimit -n`")
}

/// With fewer descriptors than the lab itself needs, the run is an error; with just enough, it may be inconclusive.
/// `RLIMIT_NOFILE` applies to each descriptor table, and threads of the lab have their own, so that 24 descriptors can
/// hold 300 connections.
fn not_blamed() -> Result<(), Failed> {
    for (limit, codes) in [
        ("-Sn 24", [0, 4, 4]),
        ("-n 64", [0, 3, 4]),
        ("-n 24", [0, 3, 4]),
        ("-n 18", [3, 3, 3]),
    ] {
        let output = limited(HELD, limit)?;
        let code = output.status.code();
        if !code.is_some_and(|code| codes.contains(&code)) {
            return Err(format!("ulimit {limit}: {}", transcript(&output)).into());
        }
    }
    // Each failed, as expected, but most of them in socket(2).
    let output = limited(IN_FLIGHT, "-n 64")?;
    expect(&output, 4, "EMFILE")?;
    let output = limited(LIMITED, "-n 64")?;
    expect(&output, 0, "raise the hard limit (ulimit -Hn)")
}

/// Runs a scenario once, in a shell that has called `ulimit` with these arguments.
fn limited(scenario: &str, limit: &str) -> Result<Output, Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, scenario)?;
    let script =
        format!("ulimit {limit}; exec $nslab run --retries 0 --no-progress --no-record $file");
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("nslab", command().get_program())
        .env("file", &file)
        .env("NO_COLOR", "1")
        .current_dir(scratch())
        .output()?;
    Ok(output)
}

fn with_full_cache() -> Result<(), Failed> {
    let script = format!(
        "{OWN_MOUNTS} sh -c 'mount -t tmpfs -o size=16k none /mnt && mkdir /mnt/cache && \
         cat /dev/zero > /mnt/fill 2>/dev/null; XDG_CACHE_HOME=/mnt/cache \
         exec $nslab run --no-progress --no-record $here'"
    );
    expect(&run(&script, 1)?, 0, "1 passed")
}

/// Runs the program with its record on a disk of `size`.
fn disk(size: &str, fill: &str) -> String {
    format!(
        "{OWN_MOUNTS} sh -c 'mount -t tmpfs -o size={size} none /mnt && mkdir /mnt/out && {fill} \
         $nslab run --no-progress --record /mnt/out $here; code=$?; ls /mnt/out; \
         for record in /mnt/out/*.jsonl; do [ ! -e $record ] || $nslab report $record; done; exit $code'"
    )
}

fn on_a_full_disk() -> Result<(), Failed> {
    // Full from the start: there is no record, not even an empty one.
    let output = run(&disk("64k", "cat /dev/zero > /mnt/fill 2>/dev/null;"), 1)?;
    expect(&output, 3, "1 passed")?;
    expect(&output, 3, "cannot write the records or captures")?;
    if transcript(&output).contains("it is empty") {
        return Err(transcript(&output).into());
    }
    // The same for a capture.
    let capture = disk("64k", "cat /dev/zero > /mnt/fill 2>/dev/null;")
        .replace("--record /mnt/out", "--no-record --capture /mnt/out");
    expect(
        &run(&capture, 1)?,
        3,
        "cannot write the records or captures",
    )?;
    // Full in the middle: the part that is there can be read.
    let output = run(&disk("12k", ""), 1)?;
    expect(&output, 3, "cannot write the records or captures")?;
    expect(&output, 3, "the record breaks off")
}

fn nowhere_to_write() -> Result<(), Failed> {
    let read_only = format!(
        "{OWN_MOUNTS} sh -c 'for m in $(cut -d\" \" -f5 /proc/self/mountinfo | sort -ur); do \
         mount -o remount,bind,ro $m 2>/dev/null; done; \
         ! touch $here/x 2>/dev/null && exec $nslab run --no-progress ARGUMENTS $here'"
    );
    let output = run(&read_only.replace("ARGUMENTS", ""), 1)?;
    expect(&output, 0, "1 passed")?;
    let output = run(&read_only.replace("ARGUMENTS", "--record $here/out"), 1)?;
    expect(&output, 2, "cannot write to --record")
}

fn without_user_namespaces() -> Result<(), Failed> {
    let script = "unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; \
                  exec setpriv --bounding-set -all --inh-caps -all $nslab VERB'";
    let output = run(
        &script.replace("VERB", "run --no-progress --no-record $here"),
        1,
    )?;
    expect(&output, 3, "user.max_user_namespaces is 0 on this machine")?;
    let output = run(&script.replace("VERB", "doctor"), 1)?;
    // Nothing can run.
    expect(&output, 1, "sysctl -w user.max_user_namespaces=")
}

fn as_bare_root() -> Result<(), Failed> {
    let script = format!("exec {BARE_ROOT} $nslab run --no-progress --no-record $here");
    expect(&run(&script, 1)?, 0, "1 passed")
}

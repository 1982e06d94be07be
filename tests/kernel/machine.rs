//! The same scenarios on other kernels, in a virtual machine and in virtual time: one trial per kernel that
//! `ci/kernels` has downloaded.
//!
//! Expectations about time are exact here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use libtest_mimic::{Failed, Trial};
use nslab::lab::programs;

use crate::program::{command, scratch, transcript};

/// Scenarios that must hold on every kernel.
const FLAGSHIPS: &[&str] = &[
    "accept-queue-overflow",
    "table-full",
    "tw-recycle-nat",
    "mtu-black-hole",
    // With a program.
    "count-script",
];

/// The kernel's TIME_WAIT does not depend on settings: the claims about it at their full 60 s.
const TIME_WAIT: &[&str] = &["timewait-2min", "fin-timeout-timewait"];

/// Ports run out at exactly the expected moment: 200 ports, 4 connections per second.
///
/// ```text
/// client ---- server :80
/// ```
const EXACTLY: &str = "
name: exactly
nodes:
  client: { sysctls: { net.ipv4.ip_local_port_range: 20000 20199, net.ipv4.tcp_tw_reuse: 0 } }
  server: {}
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 4/s, for: 59s, timeout: 1s } } }
expect:
  - first(load.errors.EADDRNOTAVAIL) == 50s ± 0.1%
  - load.established == 200
";

/// Two hours of silence, then probes: `tcp_keepalive_time`, with a peer that has vanished meanwhile.
///
/// ```text
/// client ---- server :80
/// ```
const TWO_HOURS: &str = "
name: two-hours
sample: 10s
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, so-keepalive: true } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, count: 20, close: hold } } }
steps: [ { at: 10s, stop: { actor: load, how: vanish } } ]
expect:
  - server.tcp.ESTABLISHED == 20 during 1m..119m
  # tcp_keepalive_time + tcp_keepalive_intvl * tcp_keepalive_probes, of the baseline: 7200 s + 75 s * 9.
  - server.tcp.ESTABLISHED == 0 at 133m
  - server.tcp.ESTABLISHED == 20 at 130m
";

/// An entry whose connection both ends have forgotten: `nf_conntrack_tcp_timeout_established`, 432,000 s, then a sweep.
///
/// ```text
/// client -x- nat -x- server :80       both links are cut at 3 s
/// ```
const FIVE_DAYS: &str = "
name: five-days
sample: 10m
nodes:
  client: {}
  nat: { nat: { snat: { toward: server, ports: 20000-20999 } } }
  server: {}
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, count: 50, close: hold } } }
steps:
  - { at: 3s, link: { between: [client, nat], state: down } }
  - { at: 3s, link: { between: [nat, server], state: down } }
  - { at: 4s, stop: load }
  - { at: 4s, stop: web }
expect:
  - nat.conntrack.entries == 50 during 20m..432000s
  - nat.conntrack.entries == 0 at 433200s
";

/// Thousands of waits and wake-ups, which would show any race of the emulator.
///
/// ```text
/// client ---- server :80
/// ```
const PACED: &str = "
name: paced
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 200/s, for: 5s } } }
expect: [ load.established == 1000 ]
";

/// The kernel's own account of connections in virtual time: of one that ends in TIME_WAIT, and of one that is refused.
///
/// ```text
/// client ---- server :80       nothing at :80 after 5 s
/// ```
const TRACED: &str = "
name: traced
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients:
  load: { node: client, to: web, connect: { rate: 10/s, count: 10 } }
  late: { node: client, to: web, start: 6s, connect: { rate: 10/s, count: 2 } }
steps: [ { at: 5s, stop: web } ]
expect:
  - load:1.state == CLOSE at 0s
  - load:1.state == TIME_WAIT during 1s..59s
  - load:1.state == CLOSE at 62s
  - load:10.state == TIME_WAIT at 60s
  - late:1.state != ESTABLISHED always
  - late:1.state == CLOSE at 7s
  - client.resets_received == 2
  - server.drops.NO_SOCKET == 2
  - client.retransmissions == 0
";

/// Returns the kernels that were downloaded, ordered by name; none if QEMU is not installed.
pub(crate) fn kernels() -> Vec<PathBuf> {
    if programs::find("qemu-system-x86_64").is_none() {
        eprintln!("skipped: trials on other kernels: qemu-system-x86_64 is not installed");
        return Vec::new();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kernels");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut kernels: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    kernels.sort();
    kernels
}

pub(crate) fn trials() -> Vec<Trial> {
    let kernels = kernels();
    if kernels.is_empty() {
        eprintln!(
            "skipped: trials on other kernels: none in target/kernels (ci/kernels downloads them)"
        );
    }
    let mut each: Vec<_> = kernels
        .iter()
        .map(|kernel| of_kernel(kernel).into_iter())
        .collect();
    // Trials begin in this order, some at once: the first ones keep a booted guest of each kernel for the others.
    let mut trials = Vec::new();
    while each.iter().any(|left| left.len() > 0) {
        trials.extend(each.iter_mut().filter_map(Iterator::next));
    }
    trials
}

fn of_kernel(kernel: &Path) -> Vec<Trial> {
    let name = kernel.file_stem().unwrap_or_default().to_string_lossy();
    let release = name.split('_').next().unwrap_or_default().to_owned();
    let trial = |what: &str, runs: fn(&Path) -> Result<(), Failed>| {
        let kernel = kernel.to_owned();
        Trial::test(format!("{release}_{what}"), move || runs(&kernel))
    };
    vec![
        trial("runs_the_flagships", |kernel| {
            passes(kernel, FLAGSHIPS, &[])
        }),
        trial("gives_the_same_record_twice", |kernel| {
            passes(kernel, &["accept-queue-overflow"], &["--verify-repeatable"])
        }),
        trial("gives_the_same_record_wherever_it_boots", boots_the_same),
        trial("keeps_time_wait_for_a_minute", |kernel| {
            passes(kernel, TIME_WAIT, &[])
        }),
        trial("runs_out_of_ports_at_the_exact_moment", |kernel| {
            holds(kernel, "exactly", EXACTLY)
        }),
        trial("traces_connections_alike_every_time", |kernel| {
            let folder = tempfile::tempdir_in(scratch())?;
            let file = folder.path().join("traced.yaml");
            fs::write(&file, TRACED)?;
            passes(
                kernel,
                &[&file.to_string_lossy()],
                &["--trace", "--strict", "--verify-repeatable"],
            )
        }),
        trial("waits_two_hours", |kernel| {
            holds(kernel, "two-hours", TWO_HOURS)
        }),
        trial("advises_on_settings_of_the_whole_kernel", advises),
        trial("keeps_a_forgotten_connection_for_five_days", |kernel| {
            holds(kernel, "five-days", FIVE_DAYS)
        }),
    ]
}

/// Every line is looked up and tried in the guest, and a limit of the whole kernel is measured there.
fn advises(kernel: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("a.conf");
    let lines = "net.core.rmem_max = 212992\n\
                 net.ipv4.tcp_max_orphans = 200\n\
                 net.ipv4.neigh.default.gc_thresh1 = many\n\
                 net.ipv4.tcp_tw_recycle = 1\n";
    fs::write(&file, lines)?;
    let output = command()
        .args([
            "advise",
            "--no-progress",
            "--no-record",
            "--details",
            "--kernel",
        ])
        .arg(kernel)
        .arg(&file)
        .output()?;
    let text = transcript(&output);
    let rulings = ["already so", "trade", "cannot apply", "cannot apply"];
    let shown = |line: usize, ruling: &str| {
        let mut rows = text.lines().map(|row| row.split_whitespace().collect());
        rows.any(|row: Vec<&str>| row.join(" ").starts_with(&format!("{ruling} {line} net.")))
    };
    let wrong = (1..)
        .zip(rulings)
        .find(|(line, ruling)| !shown(*line, ruling));
    match (output.status.code(), wrong) {
        (Some(1), None) => Ok(()),
        _ => Err(text.into()),
    }
}

/// Boots several guests, each with a cache of its own, so that they contend for the processors.
fn boots_the_same(kernel: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("paced.yaml");
    fs::write(&file, PACED)?;
    let at_once = std::thread::available_parallelism()?.get() + 1;
    let places: Vec<PathBuf> = (0..at_once)
        .map(|place| folder.path().join(place.to_string()))
        .collect();
    let start = |place: &PathBuf| {
        command()
            .env("XDG_CACHE_HOME", place.join("cache"))
            .args(["run", "--no-progress", "--kernel"])
            .arg(kernel)
            .arg("--record")
            .arg(place.join("records"))
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    };
    let started: Vec<_> = places.iter().map(start).collect();
    for child in started {
        let output = child?.wait_with_output()?;
        if output.status.code() != Some(0) {
            return Err(transcript(&output).into());
        }
    }
    let record = |place: &PathBuf| fs::read(place.join("records/paced.nslab.jsonl"));
    let first = record(&places[0])?;
    for place in &places[1..] {
        if record(place)? != first {
            return Err("two guests that booted side by side shown different things".into());
        }
    }
    Ok(())
}

/// Runs a scenario that belongs to the test.
fn holds(kernel: &Path, name: &str, text: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join(name).with_extension("yaml");
    fs::write(&file, text)?;
    passes(kernel, &[&file.to_string_lossy()], &[])
}

fn passes(kernel: &Path, scenarios: &[&str], options: &[&str]) -> Result<(), Failed> {
    let output: Output = command()
        .args(["run", "--no-progress", "--no-record", "--kernel"])
        .arg(kernel)
        .args(options)
        .args(scenarios)
        .output()?;
    if output.status.code() == Some(0) {
        Ok(())
    } else {
        Err(transcript(&output).into())
    }
}

//! Advice on sysctl files, as a user asks for it.

use std::path::Path;
use std::process::Output;

use libtest_mimic::{Failed, Trial};

use crate::host;
use crate::program::{command, scratch, told};

/// client ---- server :80, nobody accepts: the queue holds min(backlog, somaxconn) + 1.
const QUEUE: &str = "
exercises: [net.core.somaxconn]
nodes: { client: {}, server: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: 8, accept: never } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 1s, timeout: 300ms } } }
expect: [ load.established == 9 ]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("each_line_of_a_vendors_file_is_looked_up", vendors_file),
        Trial::test("what_windows_wrote_is_read", windows),
        Trial::test("a_line_that_hurts_is_found_by_running_it", || {
            let output = run("hurts", "net.core.somaxconn = 4\nnet.ipv4.tcp_sack = 0\n");
            let hurts = "hurts                1  net.core.somaxconn = 4";
            let why = "queue.yaml: hurts: load.established 9 -> 5 (-44 %)";
            expect(
                &output,
                1,
                &[hurts, why, "no scenario          2  net.ipv4.tcp_sack = 0"],
            )?;
            expect(&output, 1, &["hurts             lines 1, 2 together"])
        }),
        Trial::test("a_line_without_effect_passes", || {
            let output = run("harmless", "net.core.somaxconn = 512\n");
            expect(
                &output,
                0,
                &[
                    "no effect            1",
                    "queue.yaml: no effect: load.established 9 -> 9",
                ],
            )
        }),
        Trial::test("advice_links_to_records_and_leaves_the_host_alone", || {
            let state = || {
                let mut state = host::state();
                // What else this machine does makes entries too.
                state.remove("conntrack entries");
                state
            };
            let before = state();
            let output = run("records", "net.core.somaxconn = 4\n");
            let folder = scratch().join("advice-records");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let first = folder.join("001-queue/queue-set=a-round=1.nslab.jsonl");
            if !first.exists() || !text.contains("records: ") {
                return Err(format!("no {}\n{}", first.display(), told(&output)).into());
            }
            let report = command().arg("report").arg(&folder).output().unwrap();
            let judged = String::from_utf8_lossy(&report.stdout);
            if !judged.contains("set=a round=3")
                || !judged.contains("observed: load.established = 5")
            {
                return Err(told(&report).into());
            }
            let after = state();
            if before == after {
                Ok(())
            } else {
                Err(format!("{before:?}\n{after:?}").into())
            }
        }),
    ]
}

fn vendors_file() -> Result<(), Failed> {
    let output = look("web-server.conf");
    expect(
        &output,
        1,
        &[
            "host-wide            3  fs.file-max = 2097152",
            "host-wide            4  vm.swappiness=10",
            "host-wide            7  net.core.netdev_max_backlog=65536",
            "host-wide           12  net.ipv4.tcp_mem = 786432 1048576 26777216",
            "not run             13  net.ipv4.tcp_fin_timeout=15",
            "cannot apply        15  net.ipv4.tcp_tw_recycle=1",
            "this kernel has no such key: gone since Linux 4.12",
            "host-wide           18  net.ipv4.tcp_max_orphans = 262144",
            "without effect since Linux 4.15",
            "cannot apply        21  net.ipv4.ip_conntrack_max = 655360",
            "since Linux 4.9 it is called net.netfilter.nf_conntrack_max",
            "a key of OpenVZ kernels",
            "matches net.ipv4.conf.all.rp_filter, net.ipv4.conf.default.rp_filter",
            "keeps out           25  -net.ipv4.conf.lo.rp_filter",
        ],
    )
}

fn windows() -> Result<(), Failed> {
    expect(
        &look("windows.conf"),
        1,
        &[
            "overridden           2  net/ipv4/tcp_fin_timeout = 15",
            "line 3 sets it again",
            "not run              3  net.ipv4.tcp_fin_timeout = 20",
            "is ignored           4  -net.ipv4.tcp_tw_recycle = 1",
            "sysctl knows no comment behind a value",
            "cannot apply         6  txqueuelen 5000",
            "cannot apply         7  sysctl -w net.ipv4.tcp_sack=0",
            "there is no value behind `=`",
            "the kernel keeps `7200` instead",
        ],
    )
}

/// Advice on stored test data, nothing run.
fn look(name: &str) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sysctl")
        .join(name);
    command()
        .args(["advise", "--no-run"])
        .arg(path)
        .output()
        .unwrap()
}

/// Advice on a text, with one scenario of the test's own beside the shipped ones.
fn run(name: &str, text: &str) -> Output {
    let scenario = scratch().join(format!("advise-{name}"));
    std::fs::create_dir_all(&scenario).unwrap();
    let scenario = scenario.join("queue.yaml");
    std::fs::write(&scenario, QUEUE).unwrap();
    let file = scratch().join(format!("{name}.conf"));
    std::fs::write(&file, text).unwrap();
    command()
        .args(["advise", "--no-progress", "--only", "--scenarios"])
        .arg(scenario)
        .arg("--record")
        .arg(scratch().join(format!("advice-{name}")))
        .arg(file)
        .output()
        .unwrap()
}

fn expect(output: &Output, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let text = String::from_utf8_lossy(&output.stdout);
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("no `{part}` in\n{}", told(output)).into()),
        None if output.status.code() != Some(code) => {
            Err(format!("not exit {code}\n{}", told(output)).into())
        }
        None => Ok(()),
    }
}

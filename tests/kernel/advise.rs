//! Advice on sysctl files, as a user requests it.

use std::path::Path;
use std::process::Output;

use libtest_mimic::{Failed, Trial};

use crate::host;
use crate::program::{command, scratch, transcript};

/// client ---- server :80; the server never accepts, and the queue holds min(backlog, somaxconn) + 1.
const QUEUE: &str = "
exercises: [net.core.somaxconn]
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: 8, accept: never } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 1s, timeout: 300ms } } }
expect: [ load.established == 9 ]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("each_line_of_a_vendors_file_is_looked_up", vendors_file),
        Trial::test("a_file_from_windows_is_read", windows),
        Trial::test("settings_from_guides_are_answered_line_by_line", guides),
        Trial::test("ten_thousand_lines_are_answered_at_once", many_lines),
        Trial::test("lines_are_tried_side_by_side", side_by_side),
        Trial::test("each_line_is_judged_after_those_before_it", in_order),
        Trial::test(
            "a_key_that_does_not_exist_is_so_in_each_line",
            missing_twice,
        ),
        Trial::test("advertisements_are_tried_on_a_router_too", advertisements),
        Trial::test("a_folder_that_does_not_exist_is_an_error", no_folder),
        Trial::test("another_host_is_the_reference_if_it_is_given", other_host),
        Trial::test(
            "cookies_of_the_file_hold_where_the_backlog_is_tried",
            cookies,
        ),
        Trial::test("a_line_that_hurts_is_found_by_running_it", || {
            let output = run("hurts", "net.core.somaxconn = 4\nnet.ipv4.tcp_sack = 0\n");
            let hurts = "hurts                1  net.core.somaxconn = 4";
            let why = "queue.yaml, at 20 connections/s: hurts: load.established 9 -> 5 (-44 %)";
            expect(
                &output,
                1,
                &[hurts, why, "not measured         2  net.ipv4.tcp_sack = 0"],
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
                    "queue.yaml, at 20 connections/s: no effect: load.established 9 -> 9",
                ],
            )
        }),
        Trial::test("advice_links_to_records_and_leaves_the_host_alone", || {
            let state = || {
                let mut state = host::state();
                // Other traffic of this machine makes entries, too.
                state.remove("conntrack entries");
                state
            };
            let before = state();
            let output = run("records", "net.core.somaxconn = 4\n");
            let folder = scratch().join("advice-records");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let first = folder.join("001-queue/queue-set=a-round=1.nslab.jsonl");
            if !first.exists() || !text.contains("records: ") {
                return Err(format!("no {}\n{}", first.display(), transcript(&output)).into());
            }
            let report = command().arg("report").arg(&folder).output().unwrap();
            let judged = String::from_utf8_lossy(&report.stdout);
            if !judged.contains("set=a round=3")
                || !judged.contains("observed: load.established = 5")
            {
                return Err(transcript(&report).into());
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
            "this kernel has no such key; removed in Linux 4.12",
            "host-wide           18  net.ipv4.tcp_max_orphans = 262144",
            "ignored since Linux 4.15",
            "cannot apply        21  net.ipv4.ip_conntrack_max = 655360",
            "renamed to net.netfilter.nf_conntrack_max",
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
            "overridden by line 3",
            "not run              3  net.ipv4.tcp_fin_timeout = 20",
            "is ignored           4  -net.ipv4.tcp_tw_recycle = 1",
            "sysctl has no comments after a value",
            "cannot apply         6  txqueuelen 5000",
            "cannot apply         7  sysctl -w net.ipv4.tcp_sack=0",
            "no value after `=`",
            "the kernel changes the value to `7200`",
        ],
    )
}

/// Keys that are gone, renamed, idle, of another kernel, of the host, or of an interface, with the text for each.
fn guides() -> Result<(), Failed> {
    expect(
        &look("application-server.conf"),
        1,
        &[
            "removed in Linux 3.9: appropriate byte counting",
            "removed in Linux 3.10: F-RTO was written anew",
            "removed in Linux 3.10: cookie transactions were removed",
            "removed in Linux 3.13: limited slow start",
            "removed in Linux 3.13: receiving by DMA engines",
            "removed in Linux 5.13: what is left of it is below /sys/kernel/debug/sched",
            "obsolete            29  net.ipv4.route.max_size = 8388608",
            "already so          15  net.ipv4.tcp_window_scaling = 1",
            "host-wide           35  vm.swappiness = 0",
        ],
    )?;
    expect(
        &look("firewall.conf"),
        1,
        &[
            "cannot apply         9  net.ipv4.netfilter.ip_conntrack_udp_timeout = 30",
            "renamed to net.netfilter.nf_conntrack_udp_timeout",
            "removed in Linux 4.11: RACK does what it did",
            "0 by default",
        ],
    )?;
    expect(
        &look("container-node.conf"),
        1,
        &[
            "keeps out            9  -net.ipv4.conf.lo.rp_filter",
            "matches nothing     10  net.ipv4.conf.cali*.rp_filter       = 0",
            "security            11  net/ipv4/conf/eth0.100/rp_filter    = 1",
            "tried as net.ipv4.conf.default.rp_filter",
            "host-wide           12  net.netfilter.nf_conntrack_max      = 1048576",
            "removed in Linux 6.0: helpers are assigned by rules alone",
            "cannot apply        16  net.netfilter.nf_conntrack_count    = 0",
            "the key is read-only",
            "host-wide           20  net.ipv4.neigh.default.gc_thresh3   = 100000",
        ],
    )?;
    expect(
        &look("cache.conf"),
        1,
        &[
            "cannot apply        14  net.ipv4.tcp_syn_retries = 200",
            "the kernel refused the value: Invalid argument",
        ],
    )?;
    expect(
        &look("database.conf"),
        1,
        &[
            "cannot apply         9  kernel.exec-shield = 1",
            "obsolete            21  net.ipv4.ipfrag_low_thresh = 15728640",
        ],
    )
}

/// Every key of this kernel's network and thousands that no kernel has, patterns over all of them, lines of a megabyte.
fn many_lines() -> Result<(), Failed> {
    let mut text: String = (0..10_000)
        .map(|n| format!("net.ipv4.no_such_key_{n} = {n}\r\n"))
        .collect();
    text.push_str("net.ipv4.* = 1\nnet.*.*.*.* = 0\nvm.* = 1\n-net.ipv4.conf.*.*\n");
    text.push_str(&format!("net.ipv4.tcp_rmem = {}\n", "9".repeat(1_000_000)));
    let path = scratch().join("many-lines.conf");
    std::fs::write(&path, text).unwrap();
    let began = std::time::Instant::now();
    let output = command()
        .args(["advise", "--details", "--no-run"])
        .arg(&path)
        .output()
        .unwrap();
    // One second by itself; the rest allows for other load on the machine.
    if began.elapsed() > std::time::Duration::from_secs(30) {
        return Err(format!("{:?}", began.elapsed()).into());
    }
    expect(
        &output,
        1,
        &[
            "cannot apply      10000  net.ipv4.no_such_key_9999 = 9999",
            "the value has 1000000 characters; sysctl accepts at most 4096",
            "10005 lines in ",
        ],
    )
}

/// Three lines in a scenario that waits for two seconds: six runs of each comparison and of all lines together,
/// one after the other, take more than 48 seconds.
fn side_by_side() -> Result<(), Failed> {
    let scenario = scratch().join("advise-waits");
    std::fs::create_dir_all(&scenario).unwrap();
    let scenario = scenario.join("waits.yaml");
    let text = "
exercises: [net.ipv4.tcp_fin_timeout, net.ipv4.tcp_sack, net.ipv4.tcp_ecn]
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 5/s, for: 2s } } }
expect: [ load.established == 10 ]
";
    std::fs::write(&scenario, text).unwrap();
    let file = scratch().join("waits.conf");
    let lines = "net.ipv4.tcp_fin_timeout = 30\nnet.ipv4.tcp_sack = 0\nnet.ipv4.tcp_ecn = 0\n";
    std::fs::write(&file, lines).unwrap();
    let records = scratch().join("advice-waits");
    std::fs::create_dir_all(&records).unwrap();
    let began = std::time::Instant::now();
    let output = command()
        .args([
            "advise",
            "--details",
            "--no-shipped",
            "--no-cache",
            "--scenarios",
        ])
        .arg(&scenario)
        .args(["--record"])
        .arg(records)
        .arg(&file)
        .output()
        .unwrap();
    let took = began.elapsed();
    if took > std::time::Duration::from_secs(40) {
        return Err(format!("{took:?}\n{}", transcript(&output)).into());
    }
    let made = String::from_utf8_lossy(&output.stderr);
    if !made.contains("compared 4 of 4: ") {
        return Err(transcript(&output).into());
    }
    expect(
        &output,
        0,
        &["waits.yaml, at 5 connections/s: no effect: load.established 10 -> 10"; 1],
    )
}

/// Gives advice on a text without running anything.
fn look_at(name: &str, text: &str, more: &[&str]) -> Output {
    let file = scratch().join(name);
    std::fs::write(&file, text).unwrap();
    let mut advise = command();
    advise
        .args(["advise", "--details", "--no-run"])
        .args(more)
        .arg(file);
    advise.output().unwrap()
}

fn missing_twice() -> Result<(), Failed> {
    let text = "kernel.exec-shield = 1\nkernel.exec-shield = 0\n";
    expect(
        &look_at("missing-twice.conf", text, &[]),
        1,
        &[
            "overridden by line 2; this kernel has no such key",
            "cannot apply         2  kernel.exec-shield = 0",
        ],
    )
}

/// On a host, `accept_ra` 2 is the same as 1.
fn advertisements() -> Result<(), Failed> {
    let file = scratch().join("advertisements.conf");
    std::fs::write(&file, "net.ipv6.conf.default.accept_ra = 2\n").unwrap();
    let output = command()
        .args(["advise", "--details", "--no-progress", "--no-record"])
        .args(["--against", "stock"])
        .arg(file)
        .output()?;
    expect(
        &output,
        0,
        &[
            "(accepts), for a host without an address of its own",
            "no effect: load.answered 20 -> 20",
            "(forwards), for a router that gets its address and route from another one",
            "helps: load.answered 0 -> 20",
        ],
    )
}

fn in_order() -> Result<(), Failed> {
    let text = "net.ipv4.ipfrag_high_thresh = 8388608\nnet.ipv4.ipfrag_low_thresh = 6291456\n\
                net.ipv4.ip_local_port_range = 2000 60999\nnet.ipv4.ip_unprivileged_port_start = 1500\n\
                net.ipv4.conf.all.accept_redirects = 1\nnet.ipv4.ip_forward = 1\n\
                net.core.somaxconn=1024   # comment\nnet.ipv4.ip_local_reserved_ports =\n\
                net.ipv4.tcp_wmem = 4096 65536\nnet.ipv4.tcp_congestion_control = no_such_control\n";
    expect(
        &look_at("in-order.conf", text, &["--against", "stock"]),
        0,
        &[
            "obsolete             2  net.ipv4.ipfrag_low_thresh",
            "security             4  net.ipv4.ip_unprivileged_port_start",
            "overridden           5  net.ipv4.conf.all.accept_redirects = 1",
            "set back to `0` by `net.ipv4.ip_forward = 1` in line 6",
            "the kernel takes `1024`",
            "clears the key",
            "sets the first numbers only; the value is then `4096 65536 ",
            "not tried           10  net.ipv4.tcp_congestion_control = no_such_control",
            "compared with the defaults of Linux ",
        ],
    )?;
    // The first port that needs no privilege may not lie above the start of the range, unless an earlier line
    // raises that.
    let (range, start) = (
        "net.ipv4.ip_local_port_range = 50000 60999\n",
        "net.ipv4.ip_unprivileged_port_start = 40000\n",
    );
    let stock = ["--against", "stock"];
    expect(
        &look_at("refused.conf", start, &stock),
        1,
        &["cannot apply         1"],
    )?;
    let both = format!("{range}{start}");
    expect(
        &look_at("accepted.conf", &both, &stock),
        0,
        &["security             2"],
    )
}

fn no_folder() -> Result<(), Failed> {
    let missing = scratch().join("no-such-folder");
    let folder = missing.display().to_string();
    let report = format!("md={folder}/a.md");
    for more in [["--report", report.as_str()], ["--record", folder.as_str()]] {
        let output = look_at("no-folder.conf", "net.core.somaxconn = 5\n", &more);
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(2) || !errors.contains("no folder") || missing.exists() {
            return Err(transcript(&output).into());
        }
    }
    Ok(())
}

fn other_host() -> Result<(), Failed> {
    let host = scratch().join("other-host.txt");
    std::fs::write(
        &host,
        "kernel.osrelease = 5.15.0\nnet.core.somaxconn = 1234\n",
    )
    .unwrap();
    let more = ["--for-host", host.to_str().unwrap()];
    expect(
        &look_at("other.conf", "net.core.somaxconn = 1234\n", &more),
        0,
        &[
            "already so           1",
            "1234 on the host of ",
            "compared with the host of ",
            "(Linux 5.15.0)",
        ],
    )
}

/// The scenario switches SYN cookies off, and then the size of the backlog decides. The file has them on.
fn cookies() -> Result<(), Failed> {
    let text = "net.ipv4.tcp_syncookies = 1\nnet.ipv4.tcp_max_syn_backlog = 8192\n";
    let file = scratch().join("cookies.conf");
    std::fs::write(&file, text).unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/queues/syn-backlog.yaml");
    let output = command()
        .args([
            "advise",
            "--details",
            "--no-progress",
            "--no-record",
            "--no-shipped",
            "--no-cache",
            "--scenarios",
        ])
        .arg(scenario)
        .arg(file)
        .output()
        .unwrap();
    expect(
        &output,
        0,
        &[
            "already so           1  net.ipv4.tcp_syncookies = 1",
            "no effect            2  net.ipv4.tcp_max_syn_backlog = 8192",
            "with net.ipv4.tcp_syncookies=1: no effect",
        ],
    )
}

/// Runs `advise` on stored test data, without experiments.
fn look(name: &str) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sysctl")
        .join(name);
    command()
        .args(["advise", "--details", "--no-run"])
        .arg(path)
        .output()
        .unwrap()
}

/// Runs `advise` on a text, with one scenario of the test besides the shipped ones.
fn run(name: &str, text: &str) -> Output {
    run_with(name, text, QUEUE, &[])
}

/// The same with another scenario and more options.
pub(crate) fn run_with(name: &str, text: &str, scenario_text: &str, more: &[&str]) -> Output {
    let scenario = scratch().join(format!("advise-{name}"));
    std::fs::create_dir_all(&scenario).unwrap();
    let scenario = scenario.join("queue.yaml");
    std::fs::write(&scenario, scenario_text).unwrap();
    let file = scratch().join(format!("{name}.conf"));
    std::fs::write(&file, text).unwrap();
    let records = scratch().join(format!("advice-{name}"));
    std::fs::create_dir_all(&records).unwrap();
    command()
        .args([
            "advise",
            "--details",
            "--no-progress",
            "--no-shipped",
            "--no-cache",
            "--scenarios",
        ])
        .arg(scenario)
        .args(more)
        .arg("--record")
        .arg(records)
        .arg(file)
        .output()
        .unwrap()
}

pub(crate) fn expect(output: &Output, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let text = String::from_utf8_lossy(&output.stdout);
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("no `{part}` in\n{}", transcript(output)).into()),
        None if output.status.code() != Some(code) => {
            Err(format!("not exit {code}\n{}", transcript(output)).into())
        }
        None => Ok(()),
    }
}

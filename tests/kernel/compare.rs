//! Sets of settings compared by the program.

use std::process::Output;

use libtest_mimic::{Failed, Trial};

use crate::program::{command, scratch, transcript};

/// client ---- server :80, twenty connects; the server never accepts, and the queue holds nine.
const QUEUE: &str = "
params: { backlog: 8 }
nodes: { client: {}, server: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: $backlog, accept: never } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, for: 1s, timeout: 300ms } } }
expect: [ load.established >= 1 ]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("a_longer_queue_helps_and_a_shorter_one_hurts", || {
            let output = compare("queue-a", &["--set-b", "backlog=30"]);
            expect(&output, 0, &["b helps: load.established 9 -> 20 (+122 %)"])?;
            let output = compare("queue-b", &["--set-b", "server:net.core.somaxconn=4"]);
            expect(&output, 1, &["b hurts: load.established 9 -> 5 (-44 %)"])
        }),
        Trial::test("three_rounds_suffice_if_counts_never_vary", || {
            let set = ["--set-b", "backlog=30", "--set-c", "net.core.somaxconn=-5"];
            let output = compare("queue-f", &[&set[..], &["--repeat", "9"]].concat());
            let shown = ["b  backlog=30  (3 of 3 runs", "b helps", "c not applicable"];
            expect(&output, 0, &shown)
        }),
        Trial::test("an_unrelated_setting_has_no_effect", || {
            let set = ["--set-b", "net.ipv4.tcp_fin_timeout=15"];
            let output = compare("queue-c", &set);
            expect(&output, 0, &["b no effect: load.established 9 -> 9"])
        }),
        Trial::test("a_value_that_the_kernel_refuses_is_not_applicable", || {
            let set = ["--set-b", "net.core.somaxconn=-5"];
            let shown = ["b not applicable: cannot build the lab: cannot set net.core.somaxconn"];
            expect(&compare("queue-d", &set), 0, &shown)?;
            let output = compare("queue-e", &[&set[..], &["--strict"]].concat());
            expect(&output, 1, &shown)
        }),
        Trial::test("nothing_runs_with_a_setting_that_the_kernel_lacks", || {
            let set = ["--set-b", "net.ipv4.tcp_tw_recycle=1"];
            let shown = ["does not have `net.ipv4.tcp_tw_recycle`; nothing was run"];
            expect(&compare("queue-g", &set), 0, &shown)?;
            let output = compare("queue-h", &[&set[..], &["--strict"]].concat());
            expect(&output, 1, &shown)
        }),
    ]
}

fn compare(name: &str, arguments: &[&str]) -> Output {
    let path = scratch().join(format!("{name}.yaml"));
    std::fs::write(&path, QUEUE).unwrap();
    command()
        .args(["compare", "--no-progress"])
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap()
}

fn expect(output: &Output, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let text = transcript(output);
    let missing = parts.iter().find(|part| !text.contains(**part));
    match missing {
        Some(part) => Err(format!("no `{part}` in\n{}", transcript(output)).into()),
        None if output.status.code() != Some(code) => {
            Err(format!("not exit {code}\n{}", transcript(output)).into())
        }
        None => Ok(()),
    }
}

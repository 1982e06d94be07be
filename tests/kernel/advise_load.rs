//! Advice that depends on the load or the path.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::advise::{expect, run_with};
use crate::program::{scratch, transcript};

/// client ---- server :80. One variant ends at once and cannot show an effect; the other one may, after 20 s.
const QUICK_AND_LONG: &str = "
exercises: { quick: [net.core.somaxconn], long: [net.core.somaxconn] }
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
variants:
  quick: { clients: { load: { node: client, to: web, connect: { rate: 20/s, count: 2 } } } }
  long: { clients: { load: { node: client, to: web, connect: { rate: 2/s, for: 20s } } } }
expect: [ load.established >= 2 ]
";

/// The time by which `--for` may be exceeded: runs in progress are ended, and the machine may be busy.
const LATE: Duration = Duration::from_secs(5);

/// client ==== server :80, 10 ms each way and 20 Mbit/s: 100 kB fill the path.
const TRANSFER: &str = "
exercises: [net.ipv4.tcp_wmem, net.ipv4.tcp_rmem]
nodes: { client: {}, server: {} }
links: [ { between: [client, server], delay: 10ms, rate: 20Mbit/s, queue: 1MiB } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, bulk: { bytes: 1MiB, timeout: 20s } } }
expect: [ load.completed == 1, load.throughput > 0B/s ]
";

/// client ==== server :53/udp, which loses a third of all packets: other ones in each round, the same on both sides.
const LOSES: &str = "
exercises: [net.core.somaxconn]
nodes: { client: {}, server: {} }
links: [ { between: [client, server], loss: 30% } ]
servers: { dns: { node: server, port: 53, protocol: udp } }
clients: { q: { node: client, to: dns, queries: { rate: 100/s, count: 30, timeout: 200ms } } }
expect: [ q.answered >= 1 ]
";

/// client ---- server :80 with more and more connections that wait.
const THRESHOLD: &str = "
params: { many: 12 }
exercises:
  - key: net.core.somaxconn
    size: { many: 1.5 * limit }
    at-most: 64
    curve: { many: [limit / 2] }
    along: waiting connections
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: 64, accept: never } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, count: $many, timeout: 300ms } } }
expect: [ load.established <= $many ]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_comparison_that_is_too_noisy_gets_as_many_runs_again",
            more_runs_if_noisy,
        ),
        Trial::test(
            "the_time_of_for_is_a_firm_limit_and_what_it_cuts_off_is_not_no_effect",
            firm_limit,
        ),
        Trial::test(
            "bytes_that_a_send_buffer_swallows_are_not_throughput",
            || {
                let wide = run_with(
                    "wide",
                    "net.ipv4.tcp_wmem = 4096 12582912 16777216\n",
                    TRANSFER,
                    &[],
                );
                let text = String::from_utf8_lossy(&wide.stdout).into_owned();
                if text.contains("helps") || !text.contains("queue.yaml, for a transfer of 1 MiB") {
                    return Err(transcript(&wide).into());
                }
                Ok(())
            },
        ),
        Trial::test("a_curve_says_from_which_load_on_a_line_matters", || {
            let output = run_with(
                "curve",
                "net.core.somaxconn = 8\n",
                THRESHOLD,
                &["--curves"],
            );
            expect(
                &output,
                1,
                &[
                    "no effect at 4 waiting connections, hurts at 12; load.established without",
                    "(4: 4 -> 4, 12: 12 -> 9); values between these points were not measured",
                ],
            )
        }),
    ]
}

fn firm_limit() -> Result<(), Failed> {
    let began = Instant::now();
    let output = run_with(
        "limit",
        "net.core.somaxconn = 512\n",
        QUICK_AND_LONG,
        &["--for", "6s"],
    );
    let took = began.elapsed();
    if took > Duration::from_secs(6) + LATE {
        return Err(format!("{} s\n{}", took.as_secs(), transcript(&output)).into());
    }
    expect(
        &output,
        4,
        &[
            "not run              1  net.core.somaxconn = 512",
            "no effect: load.established 2 -> 2",
            "the time limit of --for was reached",
        ],
    )
}

fn more_runs_if_noisy() -> Result<(), Failed> {
    let output = run_with("noisy", "net.core.somaxconn = 8192\n", LOSES, &[]);
    let folder = scratch().join("advice-noisy/001-queue");
    let round = |round: u8| folder.join(format!("queue-set=b-round={round}.nslab.jsonl"));
    match round(6).exists() && !round(7).exists() {
        true => Ok(()),
        false => Err(transcript(&output).into()),
    }
}

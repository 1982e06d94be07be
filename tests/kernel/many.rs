//! Labs with many nodes.

use std::fmt::Write;
use std::fs;

use libtest_mimic::{Failed, Trial};

use crate::program::{command, scratch, transcript};

/// More nodes than the kernel has room for if it looks up their addresses: two neighbours for each link, and 1,024 on
/// the whole machine (`net.ipv4.neigh.default.gc_thresh3`).
const BEYOND_NEIGHBOURS: usize = 600;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "every_one_of_six_hundred_nodes_reaches_the_server",
        || {
            every_node_connects("")?;
            every_node_connects("ip: 6\n")
        },
    )]
}

/// Each client makes two requests in a closed loop, so that no machine is too slow for it.
///
/// ```text
/// c0 ----+
/// ..     +---- server :80
/// c599 --+
/// ```
fn every_node_connects(ip: &str) -> Result<(), Failed> {
    let mut text = format!("name: many\n{ip}nodes:\n  server: {{}}\n");
    let mut links = String::from("links:\n");
    let mut clients = String::from("clients:\n");
    for node in 0..BEYOND_NEIGHBOURS {
        writeln!(text, "  c{node}: {{}}")?;
        writeln!(links, "  - between: [c{node}, server]")?;
        writeln!(
            clients,
            "  l{node}: {{ node: c{node}, to: web, loop: {{ requests: 2 }} }}"
        )?;
    }
    let servers = "servers: { web: { node: server, port: 80 } }\n";
    let expect = format!("expect: [ web.accepted == {} ]\n", 2 * BEYOND_NEIGHBOURS);
    let path = scratch().join("many.yaml");
    fs::write(
        &path,
        [text.as_str(), &links, servers, &clients, &expect].concat(),
    )?;
    // Others may keep the machine busy meanwhile.
    let output = command()
        .args(["run", "--no-record", "--retries", "2"])
        .arg(&path)
        .output()?;
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(transcript(&output).into()),
    }
}

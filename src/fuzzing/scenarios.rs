//! Texts that people write: scenarios, their expectations and parameters, sysctl files.

use std::collections::BTreeMap;

use crate::advise::{self, SysctlSource};
use crate::record::Timeline;
use crate::scenario::{self, RunSpec, Scenario};
use crate::{expect, lab};

/// A scenario with a subject of every kind; the line of the expectation is its last.
const SUBJECTS: &str = "
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } }, conntrack: true }, server: {} }
links: [ { between: [client, nat], delay: 1ms }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80, backlog: 8 }, dns: { node: server, port: 53, protocol: udp } }
clients:
  load: { node: client, to: web, connect: { rate: 10/s, for: 1s } }
  lookup: { node: client, to: dns, queries: { rate: 5/s, for: 1s } }
commands: { probe: { node: client, run: [ss, -tn] } }
";
/// A scenario with a parameter in each kind of place.
const PARAMETERS: &str = "
params: { any: 1 }
nodes: { client: { limits: { nofile: $any } }, server: { sysctls: { net.core.somaxconn: $any } } }
links: [ { between: [client, server], delay: $any, loss: $any } ]
servers: { web: { node: server, port: $any, backlog: $any } }
clients: { load: { node: client, to: web, connect: { rate: $any, for: $any } } }
expect: [ load.established == $any, load.latency < $any at $any ]
";

pub(super) fn scenario(bytes: &[u8]) {
    read(&String::from_utf8_lossy(bytes), &BTreeMap::new());
}

pub(super) fn expectation(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let quoted = line.replace('\'', "''");
        read(
            &format!("{SUBJECTS}expect: [ '{quoted}' ]\n"),
            &BTreeMap::new(),
        );
    }
}

pub(super) fn parameter(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes).into_owned();
    read(PARAMETERS, &BTreeMap::from([("any".to_owned(), value)]));
}

/// Reads a scenario; whatever can be read can be planned, judged and kept in a record.
fn read(text: &str, set: &BTreeMap<String, String>) {
    match scenario::parse("fuzz.yaml", text, set) {
        Ok(Scenario { runs, .. }) => {
            assert!(!runs.is_empty(), "a scenario has a run");
            for run in &runs {
                let json = serde_json::to_string(run);
                let again: Option<RunSpec> =
                    json.ok().and_then(|json| serde_json::from_str(&json).ok());
                assert_eq!(again.as_ref(), Some(run), "a run is kept as it is");
                let _planned = lab::plan(&run.topology);
                let _judged = expect::judge(run, &Timeline::default());
            }
        }
        Err(problems) => {
            assert!(!problems.problems.is_empty(), "a refusal has a reason");
            for problem in &problems.problems {
                let place = text.get(problem.start..problem.start + problem.len);
                assert!(place.is_some(), "a problem has a place in the text");
            }
            let _shown = problems.render(true);
        }
    }
}

pub(super) fn sysctl(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let known = ["net.ipv4.conf.lo.rp_filter", "net.core.somaxconn"].map(str::to_owned);
    let label = "fuzz.conf".to_owned();
    let lines = advise::merge(&[SysctlSource { label, text }], &known);
    for line in lines {
        if let advise::LineMeaning::Sets { keys, value, .. } = line.meaning {
            for key in keys {
                let _problem = scenario::wrong_setting(&key, &value);
            }
        }
    }
}

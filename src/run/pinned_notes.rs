//! Notes about pinned settings that differ from the kernel's defaults, for runs whose expectations are about what
//! depends on them.

use crate::lab::sysctl_survey::machine;
use crate::lab::{LabScope, PinnedDifference, pinned_differences};
use crate::record::{Event, Recorder};
use crate::scenario::RunSpec;
use crate::scenario::topology::{Baseline, NatSpec};
use crate::scenario::workload::{ClientClose, Load, ServerClose};

/// The outcomes that depend on a pinned setting.
struct Dependence {
    key: &'static str,
    /// Parts of the names of series that depend on it in any run.
    metrics: &'static [&'static str],
    /// Parts of those that depend on it if the run does something, given the default value.
    sometimes: Option<SometimesDepends>,
    /// The effect of the setting, as a sentence without its subject.
    effect: &'static str,
}

/// Parts of the names of series, and whether a run, given the default value, makes them depend on the setting.
type SometimesDepends = (&'static [&'static str], fn(&RunSpec, &str) -> bool);

/// The outcomes of attempts.
const OUTCOMES: &[&str] = &[".established", ".completed", ".failed", ".errors."];

const fn depends(
    key: &'static str,
    metrics: &'static [&'static str],
    effect: &'static str,
) -> Dependence {
    Dependence {
        key,
        metrics,
        sometimes: None,
        effect,
    }
}

/// The settings of `src/lab/baseline/pins.rs` whose default differs from the pinned value on some kernel or machine,
/// and that something that can be expected depends on.
const DEPENDENCES: &[Dependence] = &[
    depends(
        "net.core.somaxconn",
        &[".accept_queue", ".TcpExtListen"],
        "bounds the accept queue",
    ),
    depends(
        "net.ipv4.tcp_max_syn_backlog",
        &[".syn_queue", ".TcpExtTCPReqQFull", ".tcp.SYN_RECV"],
        "bounds half-open connections without cookies",
    ),
    Dependence {
        sometimes: Some((&[".tcp.TIME_WAIT", ".ports.to."], leaves_more_than)),
        ..depends(
            "net.ipv4.tcp_max_tw_buckets",
            &[".TcpExtTCPTimeWaitOverflow"],
            "bounds connections in TIME_WAIT",
        )
    },
    depends(
        "net.ipv4.tcp_congestion_control",
        &[
            ".throughput",
            ".snd_cwnd",
            ".delivery_rate",
            ".TcpRetransSegs",
        ],
        "decides how fast data is sent",
    ),
    depends(
        "net.ipv4.tcp_rmem",
        &[
            ".rcv_space",
            ".snd_wnd",
            ".rwnd_limited",
            ".throughput",
            ".memory.tcp",
            ".TcpExtTCPRcvCollapsed",
            ".TcpExtPruneCalled",
        ],
        "bounds the receive window",
    ),
    depends(
        "net.ipv4.tcp_wmem",
        &[".sndbuf_limited", ".throughput", ".memory.tcp"],
        "bounds the data in flight",
    ),
    Dependence {
        sometimes: Some((OUTCOMES, reuses_ports_of_a_server_in_time_wait)),
        ..depends(
            "net.ipv4.tcp_rfc1337",
            &[".tcp.TIME_WAIT", ".ports.to."],
            "with 0, stray RSTs end some connections in TIME_WAIT early",
        )
    },
    depends(
        "net.ipv4.tcp_max_orphans",
        &[
            ".tcp.FIN_WAIT1",
            ".tcp.FIN_WAIT2",
            ".tcp.LAST_ACK",
            ".TcpExtTCPAbortOnMemory",
        ],
        "bounds sockets that no program holds open",
    ),
    depends(
        "net.ipv4.tcp_mem",
        &[
            ".memory.tcp",
            ".TcpExtTCPMemoryPressures",
            ".TcpExtTCPAbortOnMemory",
        ],
        "bounds the memory of all TCP sockets",
    ),
    depends(
        "net.netfilter.nf_conntrack_max",
        &[".conntrack.max", ".conntrack.drop", ".conntrack.early_drop"],
        "bounds tracked connections",
    ),
    depends(
        "net.netfilter.nf_conntrack_buckets",
        &[".conntrack.early_drop"],
        "decides which entries the kernel considers for an early drop",
    ),
];

/// Records a note for each setting that the expectations depend on and that the scenario does not set.
pub(super) fn record(spec: &RunSpec, scope: LabScope, recorder: &Recorder) {
    let pinned = machine().map(|machine| pinned_differences(&spec.topology, scope, machine));
    for text in notes(spec, &pinned.unwrap_or_default()) {
        recorder.record(Event::Note { t: None, text });
    }
}

fn notes(spec: &RunSpec, pinned: &[PinnedDifference]) -> Vec<String> {
    if spec.topology.baseline == Baseline::Kernel {
        return vec![
            "the nodes started with the kernel's own defaults (`baseline: kernel`)".to_owned(),
        ];
    }
    let note = |difference: &PinnedDifference| {
        let PinnedDifference {
            key,
            pinned,
            default,
        } = difference;
        let mut known = DEPENDENCES.iter();
        let dependence = known.find(|dependence| dependence.key == *key)?;
        (!is_set(spec, key) && matters(spec, dependence, default)).then(|| {
            format!(
                "the result can depend on {key}, which is {pinned} in the lab and {default} by default ({}): \
                 `--baseline kernel` runs with the defaults",
                dependence.effect
            )
        })
    };
    pinned.iter().filter_map(note).collect()
}

/// Returns true if the scenario sets a key, on a node or of the whole kernel.
fn is_set(spec: &RunSpec, key: &str) -> bool {
    let nodes = spec.topology.nodes.values();
    let mut own = nodes.flat_map(|node| &node.sysctls);
    own.any(|own| own.key == key) || spec.kernel_sysctls.contains_key(key)
}

fn matters(spec: &RunSpec, dependence: &Dependence, default: &str) -> bool {
    let names_one_of = |parts: &[&str]| {
        let mut names = spec.watched.iter();
        names.any(|name| parts.iter().any(|part| name.as_str().contains(part)))
    };
    let sometimes = dependence.sometimes;
    names_one_of(dependence.metrics)
        || sometimes.is_some_and(|(parts, applies)| names_one_of(parts) && applies(spec, default))
}

/// Returns true if the clients leave more connections in TIME_WAIT than a number.
fn leaves_more_than(spec: &RunSpec, number: &str) -> bool {
    let clients = spec.workload.clients.iter();
    let left: u64 = clients
        .map(|client| client.load.leaves_in_time_wait())
        .sum();
    number.parse().is_ok_and(|number: u64| left > number)
}

/// Returns true if a NAT can give a new connection the port of one that the server still has in TIME_WAIT. Timestamps
/// of different hosts are unrelated, so the server can take the SYN for an old segment.
fn reuses_ports_of_a_server_in_time_wait(spec: &RunSpec, _default: &str) -> bool {
    let mut nodes = spec.topology.nodes.values();
    let translates = |nat: &NatSpec| !matches!(nat, NatSpec::Dnat { .. });
    let mut clients = spec.workload.clients.iter();
    let mut servers = spec.workload.servers.iter();
    let client_waits =
        |load: &Load| matches!(load, Load::Connect { close, .. } if *close == ClientClose::Server);
    nodes.any(|node| node.nat.iter().any(translates))
        && (clients.any(|client| client_waits(&client.load))
            || servers.any(|server| server.close == ServerClose::First))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Machine;
    use crate::scenario::parse;
    use std::collections::{BTreeMap, BTreeSet};

    fn on(kernel: &str, gibibytes: u64) -> Machine {
        Machine {
            kernel: kernel.parse().unwrap(),
            memory: gibibytes << 30,
        }
    }

    const OWNED: LabScope = LabScope {
        owns_kernel: true,
        own_netns: true,
    };

    fn run_of(text: &str) -> RunSpec {
        let scenario = parse("test.yaml", text, &BTreeMap::new());
        let mut scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        scenario.runs.swap_remove(0)
    }

    fn notes_on(machine: Machine, scope: LabScope, text: &str) -> Vec<String> {
        let spec = run_of(text);
        notes(&spec, &pinned_differences(&spec.topology, scope, machine))
    }

    fn notes_of(head: &str, sysctls: &str, expect: &str) -> Vec<String> {
        let text = format!(
            "{head}\nnodes: {{ a: {{ sysctls: {{ {sysctls} }} }}, b: {{}} }}\nlinks: [ {{ between: [a, b] }} ]\n\
             servers: {{ web: {{ node: b, port: 80 }} }}\nexpect: [ {expect} ]\n"
        );
        notes_on(on("6.18", 16), LabScope::default(), &text)
    }

    #[test]
    fn a_run_about_time_wait_has_a_note_about_its_setting() {
        let about = "a.tcp.TIME_WAIT == 0";
        let note = &notes_of("title: t", "", about)[0];
        assert!(note.contains("net.ipv4.tcp_rfc1337, which is 1 in the lab and 0 by default"));
        assert!(notes_of("title: t", "net.ipv4.tcp_rfc1337: 0", about).is_empty());
        assert!(notes_of("title: t", "", "a.TcpActiveOpens == 0").is_empty());
        assert!(notes_of("baseline: kernel", "", about)[0].contains("own defaults"));
    }

    #[test]
    fn a_note_names_the_default_of_this_kernel_and_is_left_out_if_there_is_no_difference() {
        let text = "nodes: { a: {} }\nservers: { web: { node: a, port: 80 } }\nexpect: [ web.accept_queue == 0 ]\n";
        let old = notes_on(on("4.19", 16), LabScope::default(), text);
        assert!(old[0].contains("net.core.somaxconn, which is 4096 in the lab and 128 by default"));
        assert!(notes_on(on("6.18", 16), LabScope::default(), text).is_empty());
    }

    /// ```text
    /// a ---- nat ---- b :80
    /// ```
    #[test]
    fn outcomes_depend_on_rfc1337_only_behind_a_nat_whose_server_closes_first() {
        let notes = |nat: &str, close: &str| {
            let text = format!(
                "nodes: {{ a: {{}}, nat: {{ {nat} }}, b: {{}} }}\n\
                 links: [ {{ between: [a, nat] }}, {{ between: [nat, b] }} ]\n\
                 servers: {{ web: {{ node: b, port: 80 }} }}\n\
                 clients: {{ c: {{ node: a, to: web, connect: {{ rate: 1/s, count: 1, close: {close} }} }} }}\n\
                 expect: [ c.established == 1 ]\n"
            );
            notes_on(on("6.18", 16), LabScope::default(), &text).len()
        };
        let masquerade = "nat: { masquerade: { toward: b } }";
        assert_eq!(notes(masquerade, "server"), 1);
        assert_eq!(notes(masquerade, "client"), 0);
        assert_eq!(notes("", "server"), 0);
    }

    /// Keys of this group decide when addresses can be used, which is before the clock starts in any case.
    const OF_INTERFACES: &str = "net.ipv6.conf.";

    #[test]
    fn every_pinned_setting_that_differs_anywhere_has_its_dependences() {
        let text = "ip: 6\nnodes: { a: { conntrack: { track: true } } }\nexpect: []\n";
        let spec = run_of(text);
        let machines = [on("4.9", 1), on("5.4", 2), on("6.1", 8), on("6.18", 64)];
        let differ = machines.map(|machine| pinned_differences(&spec.topology, OWNED, machine));
        let differ: BTreeSet<&str> = differ.iter().flatten().map(|each| each.key).collect();
        let differ = differ
            .into_iter()
            .filter(|key| !key.starts_with(OF_INTERFACES));
        let known: BTreeSet<&str> = DEPENDENCES.iter().map(|each| each.key).collect();
        let missing: Vec<&str> = differ.filter(|key| !known.contains(key)).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}

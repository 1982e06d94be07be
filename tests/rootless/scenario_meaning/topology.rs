//! Nodes, links, addresses, translation.

use crate::scenario_meaning::*;
use nslab::scenario::expr::CompareOp;
use nslab::scenario::topology::{Baseline, Emulation, IpVersion, NatPorts, NatSpec};
use nslab::scenario::workload::{ClientClose, Load};
use nslab::units::ByteCount;
use std::time::Duration;

#[test]
fn nodes_and_links_have_the_values_of_the_file() {
    let run = &read("topology").runs[0];
    let values: Vec<&str> = node(run, "a")
        .sysctls
        .iter()
        .map(|sysctl| sysctl.value.as_str())
        .collect();
    assert_eq!(
        values,
        ["4096 87380 6291456", "4096 16384 4194304", "1", "cubic"]
    );
    assert_eq!(
        (
            node(run, "a").nofile,
            node(run, "a").clock_shift,
            node(run, "b").clock_shift
        ),
        (Some(1024), 800, -5)
    );
    let router = node(run, "router");
    assert_eq!((router.conntrack_room, router.forwards), (Some(1000), true));
    assert_eq!(router.emulate, [Emulation::TcpTwRecycle]);
    assert_eq!(addresses(router), ["eth0 10.0.0.2/24", "eth1 10.0.1.1/24"]);
    assert_eq!(routes(node(run, "a")), ["0.0.0.0/0 via 10.0.0.2"]);
    assert!(node(run, "c").interfaces.is_empty());
    let [first, second] = run.topology.links.as_slice() else {
        panic!()
    };
    assert_eq!(first.impairment.delay, Some(Duration::from_millis(50)));
    assert_eq!(first.impairment.jitter, Some(Duration::from_millis(5)));
    assert_eq!(
        first.impairment.loss.map(|loss| loss.as_fraction()),
        Some(0.005)
    );
    assert_eq!(first.mtu, Some(1400));
    assert_eq!(
        second.impairment.rate.map(|rate| rate.as_per_second()),
        Some(1e7)
    );
    assert_eq!(second.impairment.queue, Some(ByteCount(102_400)));
    assert!(run.topology.wired()[1]);
    assert_eq!(run.kernel_sysctls["net.ipv4.tcp_max_orphans"], "64");
    assert_eq!(run.requires.programs, ["ab"]);
    assert_eq!(
        (run.requires.kernel[0].op, run.requires.kernel[0].version),
        (CompareOp::GreaterOrEqual, (4, 12, 0))
    );
}

#[test]
fn nat_names_interfaces_and_addresses_and_targets_are_found_in_every_form() {
    let run = &read("nat").runs[0];
    let nat = node(run, "nat");
    assert_eq!(
        nat.nat,
        [
            NatSpec::Snat {
                out: "eth1".into(),
                addresses: ["10.0.1.101".parse().unwrap(), "10.0.1.102".parse().unwrap()],
                ports: NatPorts::within([20000, 20099]),
                only_from: None,
            },
            NatSpec::dnat(8080, "10.0.0.1:80".parse().unwrap()),
        ]
    );
    assert_eq!(
        addresses(nat),
        [
            "eth0 10.0.0.2/24",
            "eth1 10.0.1.1/24",
            "eth1 10.0.1.101/24",
            "eth1 10.0.1.102/24"
        ]
    );
    assert_eq!(routes(nat), ["10.0.2.0/24 via 10.0.1.2"]);
    assert_eq!(node(run, "masq").nat, [NatSpec::masquerade("eth0")]);
    for (name, target, close) in [
        ("by-name", "10.0.1.2:7", ClientClose::Server),
        ("by-port", "10.0.1.1:8080", ClientClose::Client),
        ("by-node", "10.0.1.1:8080", ClientClose::Client),
        ("direct", "10.0.2.2:7", ClientClose::Server),
        ("at-home", "10.0.1.2:7", ClientClose::Server),
    ] {
        let client = client(run, name);
        let Load::Connect { close: closes, .. } = &client.load else {
            panic!()
        };
        assert_eq!(
            (client.target.to_string().as_str(), *closes),
            (target, close),
            "{name}"
        );
        assert_eq!(client.exchange, close == ClientClose::Server, "{name}");
    }
}

#[test]
fn ipv6_has_its_own_addresses_and_brackets() {
    let scenario = read("ipv6");
    assert_eq!(
        (scenario.name.as_str(), scenario.tags.as_slice()),
        ("ipv6", &["slow".to_owned()][..])
    );
    let run = &scenario.runs[0];
    assert_eq!(run.topology.ip, IpVersion::V6);
    assert_eq!(addresses(node(run, "server")), ["eth0 fd00::2/64"]);
    assert_eq!(client(run, "load").target.to_string(), "[fd00::2]:80");
    assert_eq!(client(run, "load").sources[1].to_string(), "fd00:1::2");
    assert_eq!(client(run, "inner").target.to_string(), "[::1]:80");
    assert_eq!(
        run.workload.commands[0].run,
        ["curl", "http://[fd00::2]/", "fd00::2", "[fd00::2]:80"]
    );
    assert_eq!(
        (run.timeout, run.sample_every, run.seed),
        (Duration::from_secs(120), Duration::from_millis(50), 42)
    );
}

#[test]
fn one_link_that_says_ipv6_makes_the_lab_ipv6() {
    let scenario = text("nodes: { a: , b: }\nlinks: [ { between: [a, b], ip: 6 } ]\n");
    assert_eq!(scenario.runs[0].topology.ip, IpVersion::V6);
}

#[test]
fn merge_keys_and_aliases_are_followed() {
    let run = &read("matrix").runs[0];
    let server: Vec<(&str, &str)> = node(run, "server")
        .sysctls
        .iter()
        .map(|sysctl| (sysctl.key.as_str(), sysctl.value.as_str()))
        .collect();
    assert_eq!(
        server,
        [
            ("net.ipv4.tcp_syncookies", "0"),
            ("net.ipv4.tcp_timestamps", "0")
        ]
    );
}

#[test]
fn variants_set_the_whole_kernel_differently() {
    let scenario = text(
        "nodes: { a: { clock: +800s }, b: { clock: -2s } }\nlinks: [ { between: [a, b] } ]\n\
         kernel: { sysctls: { net.ipv4.tcp_max_orphans: 64, net.core.netdev_max_backlog: 5 } }\n\
         servers: { web: { node: b, port: 80 } }\n\
         clients: { load: { node: a, to: web, connect: { rate: 1/s, for: 1s } } }\n\
         variants:\n  few: { expect: [ load.failed == 0 ] }\n  \
         many: { kernel: { sysctls: { net.ipv4.tcp_max_orphans: 4096 } }, expect: [ load.failed == 0 ] }\n",
    );
    let orphans = |run: usize| &*scenario.runs[run].kernel_sysctls["net.ipv4.tcp_max_orphans"];
    assert_eq!([orphans(0), orphans(1)], ["64", "4096"]);
    assert_eq!(
        scenario.runs[1].kernel_sysctls["net.core.netdev_max_backlog"],
        "5"
    );
    let shift = |name: &str| node(&scenario.runs[0], name).clock_shift;
    assert_eq!([shift("a"), shift("b")], [800, -2]);
}

const TRIANGLE: &str = "
nodes: { a: { routes: [ { to: far, via: b } ] }, b: {}, c: {}, far: {} }
segments: { lan: [a, b, c] }
links: [ { between: [c, far] }, { between: [b, far] } ]
servers: { web: { node: b, port: 80 } }
clients:
  here: { node: b, to: web, via: loopback, connect: { rate: 10/s, for: 1s } }
";

#[test]
fn a_segment_is_a_switch_whose_members_share_a_network() {
    let run = &text(TRIANGLE).runs[0];
    let switch = node(run, "lan");
    assert!(switch.switch && !switch.forwards);
    assert_eq!(switch.interfaces.len(), 3);
    assert_eq!(addresses(node(run, "a")), ["eth0 10.0.2.1/24"]);
    assert_eq!(
        addresses(node(run, "c")),
        ["eth0 10.0.0.1/24", "eth1 10.0.2.3/24"]
    );
    // One route for each network beyond, and the written ones, which are longer and win.
    assert_eq!(
        routes(node(run, "a")),
        [
            "10.0.0.0/24 via 10.0.2.3",
            "10.0.1.0/24 via 10.0.2.2",
            "10.0.0.2/32 via 10.0.2.2",
            "10.0.1.2/32 via 10.0.2.2",
        ]
    );
}

#[test]
fn a_client_via_loopback_connects_to_the_loopback_address() {
    let run = &text(TRIANGLE).runs[0];
    assert_eq!(run.workload.clients[0].target.to_string(), "127.0.0.1:80");
    let six = &text(&format!("ip: 6\n{TRIANGLE}")).runs[0];
    assert_eq!(six.workload.clients[0].target.to_string(), "[::1]:80");
}

#[test]
fn a_scenario_can_start_from_the_kernels_own_defaults() {
    let run = &text(&format!("baseline: kernel\n{TRIANGLE}")).runs[0];
    assert_eq!(run.topology.baseline, Baseline::Kernel);
    assert_eq!(text(TRIANGLE).runs[0].topology.baseline, Baseline::Pinned);
}

#[test]
fn a_node_with_one_link_forwards_if_others_need_it() {
    const LAN: &str = "
segments: { lan: [a, nat, b] }
servers: { web: { node: b, port: 80 }, own: { node: nat, port: 80 } }
";
    let forwards = |nodes: &str| {
        let scenario = text(&format!("nodes: {nodes}{LAN}"));
        ["a", "nat", "b"].map(|name| node(&scenario.runs[0], name).forwards)
    };
    let none = [false; 3];
    let only_nat = [false, true, false];
    assert_eq!(forwards("{ a: {}, nat: {}, b: {} }"), none);
    let hairpin = "{ a: {}, nat: { nat: { dnat: { port: 8080, to: web } } }, b: {} }";
    assert_eq!(forwards(hairpin), only_nat);
    let to_itself = "{ a: {}, nat: { nat: { dnat: { port: 8080, to: own } } }, b: {} }";
    assert_eq!(forwards(to_itself), none);
    let detour = "{ a: { routes: [ { to: b, via: nat } ] }, nat: {}, b: {} }";
    assert_eq!(forwards(detour), only_nat);
}

/// ```text
/// a ---- b ---- c
/// ```
#[test]
fn the_mtu_of_a_route_is_that_of_the_explicit_route_alone() {
    for ip in ["4", "6"] {
        let scenario = text(&format!(
            "ip: {ip}\nnodes: {{ a: {{ routes: [ {{ to: c, via: b, mtu: 1400 }} ] }}, b: {{}}, c: {{}} }}\n\
             links: [ {{ between: [a, b] }}, {{ between: [b, c] }} ]\nexpect: []\n"
        ));
        let routes = &node(&scenario.runs[0], "a").routes;
        let mtus: Vec<Option<u32>> = routes.iter().map(|route| route.mtu).collect();
        assert_eq!(mtus, [None, Some(1400)]);
    }
}

//! The plans of topologies, as printed.

use std::time::Duration;

use super::*;
use crate::lab::{Op, plan};
use crate::scenario::topology::{Emulation, ImpairedBy, LinkSpec, NatPorts, NatSpec};
use crate::units::{Percent, Rate};

#[test]
fn the_plan_of_two_nodes() {
    let topology = row(IpVersion::V4, &["client", "server"]);
    insta::assert_snapshot!(plan(&topology), @r"
    namespace client: IPv4
    namespace server: IPv4
    link client eth0 -- server eth0
    address client eth0: 10.0.0.1/24
    address server eth0: 10.0.0.2/24
    ");
}

#[test]
fn a_netem_link_has_netem_at_both_ends_and_no_wire() {
    let mut topology = row(IpVersion::V4, &["client", "server"]);
    let link = &mut topology.links[0];
    link.impairment.delay = Some(Duration::from_millis(20));
    link.impairment.loss = Percent::from_fraction(0.01);
    link.by = ImpairedBy::Netem;
    insta::assert_snapshot!(plan(&topology), @r"
    namespace client: IPv4
    namespace server: IPv4
    link client eth0 -- server eth0, one segment per packet
    netem client eth0, delay 0.02s, loss 1%
    netem server eth0, delay 0.02s, loss 1%
    address client eth0: 10.0.0.1/24
    address server eth0: 10.0.0.2/24
    ");
}

#[test]
fn packets_of_a_link_with_tso_carry_what_it_sends_in_a_millisecond() {
    let most = |rate: f64, change: fn(&mut LinkSpec)| {
        let mut topology = row(IpVersion::V4, &["client", "server"]);
        let link = &mut topology.links[0];
        link.impairment.rate = Rate::per_second(rate);
        link.tso = true;
        change(link);
        let plan = plan(&topology).to_string();
        let link = plan.lines().find(|line| line.starts_with("link"));
        link.and_then(|link| Some(link.split_once(", ")?.1.to_owned()))
    };
    let one = Some("one segment per packet".to_owned());
    // 24 Mbit/s are 3,000 bytes in a millisecond.
    assert_eq!(most(24e6, |_| ()), one);
    assert_eq!(
        most(200e6, |_| ()),
        Some("up to 16 segments per packet".to_owned())
    );
    assert_eq!(
        most(100e9, |_| ()),
        Some("up to 43 segments per packet".to_owned()),
        "64 KiB"
    );
    assert_eq!(most(200e6, |link| link.tso = false), one);
    assert_eq!(most(200e6, |link| link.changes = true), one);
}

#[test]
fn the_plan_of_a_router_with_everything() {
    let mut topology = row(IpVersion::V4, &["client", "nat", "server"]);
    let nat = &mut topology.nodes["nat"];
    nat.conntrack_room = Some(1000);
    nat.nat = vec![
        NatSpec::masquerade("eth1"),
        NatSpec::Snat {
            out: "eth1".into(),
            addresses: [address(IpVersion::V4, 1, 1), address(IpVersion::V4, 1, 2)],
            ports: NatPorts::within([20000, 20099]),
            only_from: None,
        },
    ];
    let client = &mut topology.nodes["client"];
    client.nofile = Some(1024);
    client.source_prefix = Some(Prefix {
        address: "10.128.0.0".parse().unwrap(),
        length: 16,
    });
    set(&mut topology, "client", "net.ipv4.tcp_tw_reuse", "1");
    topology.links[1].mtu = Some(1400);
    insta::assert_snapshot!(plan(&topology), @r"
    namespace client: IPv4
    namespace nat: IPv4, forwards, tracks connections
    namespace server: IPv4
    link client eth0 -- nat eth0
    link nat eth1 -- server eth0, mtu 1400
    address client eth0: 10.0.0.1/24
    local addresses client: 10.128.0.0/16
    route client: 10.0.1.0/24 via 10.0.0.2
    address nat eth0: 10.0.0.2/24
    address nat eth1: 10.0.1.1/24
    address server eth0: 10.0.1.2/24
    route server: 10.0.0.0/24 via 10.0.1.1
    sysctl client: net.ipv4.tcp_tw_reuse = 1
    rules nat: oifname eth1 masquerade; oifname eth1 snat to 10.0.1.1-10.0.1.2 ports 20000-20099
    conntrack nat: 1000 free entries
    limit client: nofile 1024
    ");
}

#[test]
fn the_plan_of_wires() {
    let mut topology = row(IpVersion::V6, &["a", "b", "c"]);
    topology.nodes["a"].emulate = vec![Emulation::TcpTwRecycle];
    topology.nodes["b"].nat = vec![NatSpec::dnat(8080, "[fd00:0:0:1::2]:80".parse().unwrap())];
    set(&mut topology, "a", "net.ipv4.tcp_tw_recycle", "1");
    topology.links[1].impairment = Impairment {
        delay: Some(Duration::from_millis(50)),
        loss: Percent::from_fraction(0.01),
        ..Impairment::default()
    };
    insta::assert_snapshot!(plan(&topology), @r"
    namespace a: IPv6
    namespace b: IPv6, forwards, tracks connections
    namespace c: IPv6
    namespace (wire): IPv4
    link a eth0 -- (wire) w0a
    link b eth0 -- (wire) w0b
    link b eth1 -- (wire) w1a, one segment per packet
    link c eth0 -- (wire) w1b, one segment per packet
    address a eth0: fd00::1/64
    route a: fd00:0:0:1::/64 via fd00::2
    address b eth0: fd00::2/64
    address b eth1: fd00:0:0:1::1/64
    address c eth0: fd00:0:0:1::2/64
    route c: fd00::/64 via fd00:0:0:1::1
    sysctl a: net.ipv4.tcp_tw_recycle = 1, emulated if this kernel lacks it
    rules b: daddr { fd00::2, fd00:0:0:1::1 } tcp dport 8080 dnat to [fd00:0:0:1::2]:80
    sysctl c: net.ipv4.tcp_timestamps = 2
    wire w0a (a) -- w0b (b), may emulate net.ipv4.tcp_tw_recycle of a
    wire w1a (b) -- w1b (c), delay 0.05s, loss 1%
    ");
}

#[test]
fn a_conntrack_room_without_nat_turns_on_tracking() {
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    topology.nodes["b"].conntrack_room = Some(5);
    let text = plan(&topology).to_string();
    assert!(text.contains("rules b: ct state\n"), "{text}");
}

#[test]
fn a_plan_survives_serialization() {
    let topology = row(IpVersion::V4, &["a", "b", "c"]);
    let written = serde_json::to_string(&plan(&topology)).unwrap();
    let read: crate::lab::LabPlan = serde_json::from_str(&written).unwrap();
    assert_eq!(read, plan(&topology));
}

#[test]
fn interface_names_fit_and_indexes_and_hardware_addresses_differ() {
    let names: Vec<String> = (0..600)
        .map(|n| format!("node-with-a-long-name-{n}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut topology = row(IpVersion::V4, &names);
    for link in &mut topology.links {
        link.impairment.delay = Some(Duration::from_millis(1));
    }
    let (mut macs, mut places) = (Vec::new(), Vec::new());
    for op in plan(&topology).ops {
        if let Op::Veth { ends, .. } = op {
            for end in ends {
                assert!(end.interface.as_str().len() <= 15, "{}", end.interface);
                macs.push(end.mac);
                places.push((end.site.to_string(), end.index));
            }
        }
    }
    let count = macs.len();
    assert_eq!(count, 599 * 4);
    macs.sort_unstable();
    macs.dedup();
    places.sort_unstable();
    places.dedup();
    assert_eq!((macs.len(), places.len()), (count, count));
}

#[test]
fn ends_of_many_links_are_neighbours_with_fixed_addresses() {
    let neighbours = |nodes: usize| -> Vec<String> {
        let names: Vec<String> = (0..nodes).map(|n| format!("n{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = plan(&row(IpVersion::V4, &names));
        let neighbours = plan.ops.iter();
        let neighbours = neighbours.filter(|op| matches!(op, Op::Neighbour { .. }));
        neighbours.map(ToString::to_string).collect()
    };
    assert!(neighbours(51).is_empty());
    let many = neighbours(52);
    assert_eq!(many.len(), 102);
    assert_eq!(many[100], "neighbour n50: 10.0.50.2 at 02:00:00:00:32:01");
    assert_eq!(many[101], "neighbour n51: 10.0.50.1 at 02:00:00:00:32:00");
}

//! Firewalls and translations as the kernel has them, and their counters.

use super::*;
use crate::lab::rules::{TABLE, family};
use crate::scenario::firewall::{
    CtState, FirewallRule, RejectWith, RuleDirection, RuleLimit, RuleProtocol, RuleVerdict,
};
use crate::scenario::topology::{DnatBalance, NatPorts, NatSpec, PortOrder};
use crate::scenario::workload::Protocol;
use crate::sys::netlink::Netlink;
use crate::sys::nft::rule_counts;
use crate::sys::testing::tool;
use crate::units::Rate;

fn rule(name: &str, verdict: RuleVerdict) -> FirewallRule {
    FirewallRule {
        name: Some(name.to_owned()),
        verdict,
        directions: vec![RuleDirection::In, RuleDirection::Forward],
        protocols: Vec::new(),
        ports: Vec::new(),
        from: Vec::new(),
        to: Vec::new(),
        states: Vec::new(),
        limit: None,
        place: Place::default(),
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_nft_lists_the_rules_of_a_firewall_as_they_were_meant() {
    let mut topology = row(IpVersion::V4, &["client", "fw", "server"]);
    topology.nodes["fw"].firewall = vec![
        FirewallRule {
            states: vec![CtState::Invalid],
            ..rule("bad", RuleVerdict::Drop)
        },
        FirewallRule {
            protocols: vec![RuleProtocol::Tcp],
            ports: vec![[80, 89]],
            from: vec![Prefix {
                address: "10.0.0.7".parse().unwrap(),
                length: 30,
            }],
            ..rule("web", RuleVerdict::Accept)
        },
        FirewallRule {
            limit: Some(RuleLimit {
                rate: Rate::per_second(2.5).unwrap(),
                burst: 7,
                beyond: true,
            }),
            ..rule("many", RuleVerdict::Drop)
        },
        FirewallRule {
            protocols: vec![RuleProtocol::Tcp],
            ..rule("reset", RuleVerdict::Reject(RejectWith::TcpReset))
        },
        rule("rest", RuleVerdict::Reject(RejectWith::IcmpAdminProhibited)),
    ];
    let lab = build(topology);
    let listed = tool(&netns(&lab, "fw"), &format!("nft list table ip {TABLE}"));
    for line in [
        "ct state invalid counter packets 0 bytes 0 drop comment \"bad\"",
        "ip saddr 10.0.0.4/30 tcp dport 80-89 counter packets 0 bytes 0 accept comment \"web\"",
        "limit rate over 150/minute burst 7 packets counter packets 0 bytes 0 drop comment \"many\"",
        "meta l4proto tcp counter packets 0 bytes 0 reject with tcp reset comment \"reset\"",
        "counter packets 0 bytes 0 reject with icmp admin-prohibited comment \"rest\"",
    ] {
        let found = listed.matches(line).count();
        assert_eq!(found, 2, "in input and forward: {line}\n{listed}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_rule_counts_the_packets_that_it_decides_about() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let mut topology = row(ip, &["client", "fw", "server"]);
        topology.nodes["fw"].firewall = vec![FirewallRule {
            protocols: vec![RuleProtocol::Tcp],
            ports: vec![[80, 80], [81, 81]],
            ..rule("web", RuleVerdict::Reject(RejectWith::TcpReset))
        }];
        let lab = build(topology);
        for port in [80, 81, 82] {
            let target = std::net::SocketAddr::new(address(ip, 1, 2), port);
            let refused = netns(&lab, "client")
                .run(move || std::net::TcpStream::connect(target).unwrap_err())
                .unwrap();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        let counts = netns(&lab, "fw")
            .run(move || {
                let mut netlink = Netlink::open(libc::NETLINK_NETFILTER).unwrap();
                rule_counts(&mut netlink, family(ip), TABLE).unwrap()
            })
            .unwrap();
        assert!(counts.iter().all(|count| count.name == "web"));
        let packets: u64 = counts.iter().map(|count| count.packets).sum();
        assert_eq!(packets, 2, "{counts:?}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_nft_lists_translations_with_their_flags_and_servers() {
    let mut topology = row(IpVersion::V4, &["client", "nat", "server"]);
    let servers =
        [1, 2, 3].map(|port| std::net::SocketAddr::new(address(IpVersion::V4, 1, 2), port));
    topology.nodes["nat"].nat = vec![
        NatSpec::Masquerade {
            out: "eth1".into(),
            ports: NatPorts {
                range: Some([2000, 2999]),
                order: PortOrder::FullyRandom,
            },
        },
        NatSpec::Dnat {
            protocol: Protocol::Udp,
            port: 53,
            to: servers.to_vec(),
            by: DnatBalance::RoundRobin,
        },
        NatSpec::Dnat {
            protocol: Protocol::Tcp,
            port: 80,
            to: servers.to_vec(),
            by: DnatBalance::Hash,
        },
    ];
    let lab = build(topology);
    let listed = tool(&netns(&lab, "nat"), &format!("nft list table ip {TABLE}"));
    for (line, chains) in [
        ("masquerade to :2000-2999 fully-random", 1),
        ("udp dport 53 numgen inc mod 3 0 dnat to 10.0.1.2:1", 4),
        ("udp dport 53 numgen inc mod 2 0 dnat to 10.0.1.2:2", 4),
        ("udp dport 53 dnat to 10.0.1.2:3", 4),
        (
            "jhash ip saddr mod 3 seed 0x6e736c62 1 dnat to 10.0.1.2:2",
            4,
        ),
    ] {
        assert_eq!(listed.matches(line).count(), chains, "{line}\n{listed}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_changed_translation_replaces_all_others() {
    let ip = IpVersion::V4;
    let mut topology = row(ip, &["client", "nat", "server"]);
    let server = |port| std::net::SocketAddr::new(address(ip, 1, 2), port);
    topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth1"), NatSpec::dnat(80, server(1))];
    let lab = build(topology);
    lab.set_dnat(&"nat".into(), &[NatSpec::dnat(80, server(2))])
        .unwrap();
    let listed = tool(&netns(&lab, "nat"), &format!("nft list table ip {TABLE}"));
    assert!(!listed.contains("dnat to 10.0.1.2:1"), "{listed}");
    assert!(listed.contains("dnat to 10.0.1.2:2"), "{listed}");
    assert!(listed.contains("masquerade"), "{listed}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_node_that_lost_its_power_has_no_connections() {
    let ip = IpVersion::V4;
    let lab = build(row(ip, &["client", "server"]));
    let target = std::net::SocketAddr::new(address(ip, 0, 2), 80);
    let listener = netns(&lab, "server")
        .run(move || std::net::TcpListener::bind(target).unwrap())
        .unwrap();
    let client = netns(&lab, "client")
        .run(move || std::net::TcpStream::connect(target).unwrap())
        .unwrap();
    let accepted = listener.accept().unwrap();
    assert_eq!(tool(&netns(&lab, "server"), "ss -Htn").lines().count(), 1);
    lab.forget_connections(&"server".into()).unwrap();
    assert_eq!(
        tool(&netns(&lab, "server"), "ss -Htan state established").trim(),
        ""
    );
    assert_eq!(tool(&netns(&lab, "server"), "ss -Htln").lines().count(), 1);
    drop((client, accepted));
}

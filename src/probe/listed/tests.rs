//! Lists of sockets, compared with ss(8).

use crate::fixtures;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::probe::tests::{Watching, last, node, spec};
use crate::scenario::RunSpec;
use crate::scenario::topology::{InterfaceSpec, NodeSpec, Prefix};
use crate::scenario::workload::{Accept, ServerSpec};
use crate::sys::slabinfo;
use crate::sys::testing::{PATIENT, connect, listen, namespace, nft, tool, wait_until};

const LOOKS: Duration = Duration::from_millis(10);

/// Returns a run with a server `web` on the node `here`, whose port and addresses the probes know.
fn watched(addresses: [SocketAddr; 2], named: &[&str]) -> RunSpec {
    let mut spec = spec(LOOKS, named);
    spec.workload.servers = vec![ServerSpec {
        port: addresses[0].port(),
        ..fixtures::server("web", "here", Accept::Never)
    }];
    let prefixes = addresses.map(|address| Prefix {
        address: address.ip(),
        length: 8,
    });
    let here = NodeSpec {
        interfaces: vec![InterfaceSpec {
            name: "lo".into(),
            link: 0,
            peer: "here".into(),
            addresses: prefixes.to_vec(),
        }],
        ..NodeSpec::default()
    };
    spec.topology.nodes.insert("here".into(), here);
    spec
}

fn at(ip: impl Into<std::net::IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 80)
}

fn addresses() -> [SocketAddr; 2] {
    [at(Ipv4Addr::LOCALHOST), at(Ipv6Addr::LOCALHOST)]
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_queues_and_connections_of_a_server_agree_with_ss() {
    for to in addresses() {
        let netns = namespace();
        let _listener = listen(&netns, to);
        let named = [
            "web.accept_queue",
            "web.accept_queue.limit",
            "web.syn_queue",
            "web.tcp_info.bytes_received",
            "web.tcp_info.bytes_received.min",
            "web.tcp_info.bytes_received.max",
            "web.tcp_info.rtt",
            "here.ports.to.web",
            "here.ports.range",
        ];
        let watching = Watching::begin(&watched(addresses(), &named), &[node("here", &netns)]);
        let mut connections = connect(&netns, to, 4, PATIENT);
        connections[0].write_all(&[7; 4_000]).unwrap();
        // The server never accepts, so nothing is read. The kernel acknowledges the data all the same.
        wait_until("all has arrived", || {
            let listed = tool(&netns, "ss -Htn state established");
            listed.lines().any(|line| line.starts_with("4000 "))
        });
        let timeline = watching.stop();
        let last = |name| last(&timeline, name);
        assert_eq!(last("web.accept_queue"), 4, "{to}");
        let by_ss = tool(&netns, "ss -Hltn");
        let limit: i64 = by_ss.split_whitespace().nth(2).unwrap().parse().unwrap();
        assert_eq!(last("web.accept_queue.limit"), limit);
        assert_eq!(last("web.syn_queue"), 0);
        assert_eq!(
            last("web.tcp_info.bytes_received"),
            1_000,
            "the mean of four"
        );
        assert_eq!(last("web.tcp_info.bytes_received.min"), 0);
        assert_eq!(last("web.tcp_info.bytes_received.max"), 4_000);
        let rtt = last("web.tcp_info.rtt");
        assert!((1_000..1_000_000_000).contains(&rtt), "{rtt} ns");
        assert_eq!(last("here.ports.to.web"), 4);
        assert_eq!(last("here.ports.range"), 28_232, "32768 to 60999");
    }
}

/// Compares a handshake whose last ACK is lost with a complete one.
#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_half_open_connections_wait_in_the_syn_queue() {
    let netns = namespace();
    let to = at(Ipv4Addr::LOCALHOST);
    let _listener = listen(&netns, to);
    let named = ["web.syn_queue", "web.accept_queue"];
    let watching = Watching::begin(&watched(addresses(), &named), &[node("here", &netns)]);
    let _whole = connect(&netns, to, 1, PATIENT);
    nft(
        &netns,
        "table ip t {\n chain in {\n type filter hook input priority filter\n \
         tcp dport 80 tcp flags & (syn | ack) == ack drop\n }\n}\n",
    );
    // The client's end is established as soon as the SYN is answered.
    let _half = connect(&netns, to, 1, PATIENT);
    wait_until("it is half-open", || {
        tool(&netns, "ss -Htn state syn-recv").lines().count() == 1
    });
    let timeline = watching.stop();
    assert_eq!(last(&timeline, "web.syn_queue"), 1);
    assert_eq!(last(&timeline, "web.accept_queue"), 1);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_unnamed_sockets_are_not_listed() {
    let netns = namespace();
    let watching = Watching::begin(&watched(addresses(), &[]), &[node("here", &netns)]);
    let timeline = watching.stop();
    let names = timeline
        .all_series()
        .map(|series| series.declaration.name.as_str());
    let listed = names.filter(|name| name.starts_with("web.") || name.contains("ports"));
    assert_eq!(listed.count(), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_connections_take_objects_of_the_kernel() {
    let netns = namespace();
    let to = at(Ipv4Addr::LOCALHOST);
    let _listener = listen(&netns, to);
    let named = ["kernel.slab.TCP", "kernel.slab.TCP.size"];
    let watching = Watching::begin(&watched(addresses(), &named), &[node("here", &netns)]);
    let before = slabinfo::read(["TCP"]).unwrap()[0].unwrap();
    let _connections = connect(&netns, to, 1_000, PATIENT);
    let timeline = watching.stop();
    // The cache belongs to the whole machine, so other users may have freed objects meanwhile.
    let more = last(&timeline, "kernel.slab.TCP") - before.objects.cast_signed();
    assert!(
        more > 1_000,
        "{more} more for 1,000 connections with both ends"
    );
    let size = last(&timeline, "kernel.slab.TCP.size");
    assert!((1_000..10_000).contains(&size), "{size}");
}

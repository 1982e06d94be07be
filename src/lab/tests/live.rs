//! Labs carry traffic and leave nothing behind.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Instant;

use super::*;
use crate::record::{Recorder, RunClock};
use crate::scenario::topology::{NatPorts, NatSpec};
use crate::sys::netlink::Netlink;
use crate::sys::testing::tool;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Listens on a port of a node and returns the peers of the first connections, which stay open.
fn listen(
    netns: &NetNs,
    at: SocketAddr,
    connections: usize,
) -> JoinHandle<io::Result<Vec<SocketAddr>>> {
    let listener = netns.run(move || TcpListener::bind(at).unwrap()).unwrap();
    std::thread::spawn(move || {
        let accepted: io::Result<Vec<_>> = (0..connections).map(|_| listener.accept()).collect();
        Ok(accepted?.into_iter().map(|(_, peer)| peer).collect())
    })
}

fn connect(netns: &NetNs, to: SocketAddr) -> io::Result<TcpStream> {
    netns
        .run(move || TcpStream::connect_timeout(&to, TIMEOUT))
        .unwrap()
}

fn at(ip: IpVersion, link: usize, host: usize, port: u16) -> SocketAddr {
    SocketAddr::new(address(ip, link, host), port)
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_two_nodes_reach_each_other_at_once_over_either_protocol() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        for (from, to, host) in [("a", "b", 2), ("b", "a", 1)] {
            let lab = build(row(ip, &["a", "b"]));
            let target = at(ip, 0, host, 80);
            let heard = listen(&netns(&lab, to), target, 1);
            let started = std::time::Instant::now();
            connect(&netns(&lab, from), target).unwrap();
            // A lost first packet would cost a second.
            assert!(
                started.elapsed() < Duration::from_millis(900),
                "{ip:?} {from}"
            );
            assert_eq!(heard.join().unwrap().unwrap().len(), 1);
        }
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_node_reaches_itself_over_loopback() {
    for (ip, at) in [(IpVersion::V4, "127.0.0.1:80"), (IpVersion::V6, "[::1]:80")] {
        let lab = build(row(ip, &["a", "b"]));
        let at = at.parse().unwrap();
        let heard = listen(&netns(&lab, "a"), at, 1);
        connect(&netns(&lab, "a"), at).unwrap();
        heard.join().unwrap().unwrap();
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_routers_forward_and_the_server_sees_the_client() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let lab = build(row(ip, &["client", "r1", "r2", "server"]));
        let target = at(ip, 2, 2, 80);
        let heard = listen(&netns(&lab, "server"), target, 1);
        let stream = connect(&netns(&lab, "client"), target).unwrap();
        let seen = heard.join().unwrap().unwrap();
        assert_eq!(seen, [stream.local_addr().unwrap()]);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_masquerading_router_replaces_the_source_address() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let mut topology = row(ip, &["client", "nat", "server"]);
        topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth1")];
        topology.nodes["server"].routes.clear();
        let lab = build(topology);
        let target = at(ip, 1, 2, 80);
        let heard = listen(&netns(&lab, "server"), target, 1);
        connect(&netns(&lab, "client"), target).unwrap();
        let seen = heard.join().unwrap().unwrap();
        assert_eq!(seen[0].ip(), address(ip, 1, 1));
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_pool_of_a_hundred_ports_carries_exactly_a_hundred_connections() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let mut topology = row(ip, &["client", "nat", "server"]);
        topology.nodes["nat"].nat = vec![NatSpec::Snat {
            out: "eth1".into(),
            addresses: [address(ip, 1, 1); 2],
            ports: NatPorts::within([20000, 20099]),
            only_from: None,
        }];
        let lab = build(topology);
        let (client, target) = (netns(&lab, "client"), at(ip, 1, 2, 80));
        let heard = listen(&netns(&lab, "server"), target, 100);
        let open: Vec<TcpStream> = (0..100)
            .map(|_| connect(&client, target).unwrap())
            .collect();
        let mut ports: Vec<u16> = heard
            .join()
            .unwrap()
            .unwrap()
            .iter()
            .map(SocketAddr::port)
            .collect();
        ports.sort_unstable();
        assert_eq!(ports, (20000..20100).collect::<Vec<_>>());
        let more = client
            .run(move || TcpStream::connect_timeout(&target, Duration::from_millis(300)))
            .unwrap();
        assert_eq!(more.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(open);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_source_addresses_come_from_a_range() {
    let ip = IpVersion::V4;
    let mut topology = row(ip, &["client", "nat", "server"]);
    let pool = [address(ip, 1, 101), address(ip, 1, 104)];
    let nat = &mut topology.nodes["nat"];
    nat.nat = vec![NatSpec::Snat {
        out: "eth1".into(),
        addresses: pool,
        ports: NatPorts::default(),
        only_from: None,
    }];
    for host in 101..=104 {
        nat.interfaces[1]
            .addresses
            .push(prefix(ip, address(ip, 1, host)));
    }
    let lab = build(topology);
    let target = at(ip, 1, 2, 80);
    let heard = listen(&netns(&lab, "server"), target, 1);
    connect(&netns(&lab, "client"), target).unwrap();
    let seen = heard.join().unwrap().unwrap()[0].ip();
    assert!(pool[0] <= seen && seen <= pool[1], "{seen}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_port_of_the_router_is_forwarded_to_the_server_and_no_other_nodes_port_is() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let mut topology = row(ip, &["client", "nat", "server"]);
        topology.nodes["nat"].nat = vec![NatSpec::dnat(8080, at(ip, 1, 2, 80))];
        let lab = build(topology);
        let heard = listen(&netns(&lab, "server"), at(ip, 1, 2, 80), 1);
        let client = netns(&lab, "client");
        connect(&client, at(ip, 0, 2, 8080)).unwrap();
        let refused = connect(&client, at(ip, 1, 2, 8080)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(heard.join().unwrap().unwrap().len(), 1);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_any_address_of_the_local_prefix_can_be_a_source() {
    for (ip, prefix, length, source) in [
        (IpVersion::V4, "10.128.0.0", 16, "10.128.77.8:0"),
        (IpVersion::V6, "fd00:1::", 64, "[fd00:1::77]:0"),
    ] {
        let mut topology = row(ip, &["client", "server"]);
        let prefix = Prefix {
            address: prefix.parse().unwrap(),
            length,
        };
        topology.nodes["client"].source_prefix = Some(prefix);
        topology.nodes["server"].routes.push(RouteSpec {
            to: prefix,
            via: address(ip, 0, 1),
            mtu: None,
        });
        let lab = build(topology);
        let target = at(ip, 0, 2, 80);
        let heard = listen(&netns(&lab, "server"), target, 1);
        let source: SocketAddr = source.parse().unwrap();
        netns(&lab, "client")
            .run(move || {
                let socket = socket2::Socket::new(
                    socket2::Domain::for_address(target),
                    socket2::Type::STREAM,
                    None,
                )?;
                socket.bind(&source.into())?;
                socket.connect_timeout(&target.into(), TIMEOUT)
            })
            .unwrap()
            .unwrap();
        assert_eq!(heard.join().unwrap().unwrap()[0].ip(), source.ip());
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_link_that_went_down_carries_traffic_when_it_is_up_again() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        let lab = build(row(ip, &["a", "b", "c"]));
        let (target, a) = (at(ip, 1, 2, 80), netns(&lab, "a"));
        let heard = listen(&netns(&lab, "c"), target, 1);
        lab.set_link(0, false).unwrap();
        connect(&a, target).unwrap_err();
        lab.set_link(0, true).unwrap();
        connect(&a, target).unwrap();
        heard.join().unwrap().unwrap();
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_every_port_of_a_segment_forwards_from_the_start() {
    let text = "
name: segment
nodes: { a: {}, b: {}, c: {}, d: {} }
segments: { lan: [a, b, c, d] }
";
    let scenario = crate::scenario::parse("segment.yaml", text, &Default::default()).unwrap();
    for _ in 0..20 {
        let (lab, _, _) = Lab::build(&scenario.runs[0], LabScope::default()).unwrap();
        // Queries of single interfaces make the kernel update the state; this one does not.
        let ports = tool(&netns(&lab, "lan"), "bridge link show");
        assert_eq!(ports.matches("state forwarding").count(), 4, "{ports}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_packets_of_an_impaired_link_pass_through_its_wire() {
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    let delay = Duration::from_millis(5);
    topology.links[0].impairment.delay = Some(delay);
    let target = at(IpVersion::V4, 0, 2, 80);
    let lab = build(topology);
    let (clock, recorder) = (
        RunClock::starting_in(Duration::ZERO),
        Recorder::start(std::io::sink()).unwrap().0,
    );
    lab.begin(clock, &recorder);
    let heard = listen(&netns(&lab, "b"), target, 1);
    let began = Instant::now();
    connect(&netns(&lab, "a"), target).unwrap();
    assert!(
        began.elapsed() >= 2 * delay,
        "SYN and SYN-ACK each take the delay: {:?}",
        began.elapsed()
    );
    heard.join().unwrap().unwrap();
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_two_hundred_namespaces_are_built_quickly() {
    let names: Vec<String> = (0..200).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (lab, built, _) =
        Lab::build(&run_of(row(IpVersion::V4, &names)), LabScope::default()).unwrap();
    assert_eq!(lab.nodes().count(), 200);
    // On a quiet machine it takes a tenth of this.
    assert!(built.took < 5_000_000_000, "{} ns", built.took);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_host_is_unchanged() {
    let host = || {
        let mut links = 0;
        Netlink::open(libc::NETLINK_ROUTE)
            .unwrap()
            .dump(
                libc::RTM_GETLINK,
                0,
                |body| body.extend_from_slice(&[0; 16]),
                |_, _| links += 1,
            )
            .unwrap();
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        (
            links,
            read("/proc/sys/net/ipv4/ip_forward"),
            read("/proc/sys/net/ipv4/tcp_max_tw_buckets"),
            read("/proc/sys/net/ipv6/conf/all/disable_ipv6"),
            read("/proc/sys/net/netfilter/nf_conntrack_count"),
        )
    };
    let before = host();
    let mut topology = row(IpVersion::V4, &["client", "nat", "server"]);
    topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth1")];
    let lab = build(topology);
    let target = at(IpVersion::V4, 1, 2, 80);
    let heard = listen(&netns(&lab, "server"), target, 1);
    connect(&netns(&lab, "client"), target).unwrap();
    heard.join().unwrap().unwrap();
    let during = host();
    lab.shutdown();
    assert_eq!(before, during);
    assert_eq!(before, host());
}

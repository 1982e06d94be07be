//! Compares socket listings with those of ss(8).

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown};

use super::*;
use crate::sys::NetNs;
use crate::sys::testing::{PATIENT, connect, listen, namespace, tool, wait_until};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 80);

fn count(netns: &NetNs, states: TcpStates, memory: bool) -> SocketCounts {
    let count = move || SockDiag::open().unwrap().count(states, memory).unwrap();
    netns.run(count).unwrap()
}

#[test]
fn states_are_found_by_their_names() {
    for state in TcpState::ALL {
        assert_eq!(TcpState::from_name(state.as_str()), Some(state));
    }
    assert_eq!(TcpState::from_name("FIN_WAIT_2"), None);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_thousand_connections_are_counted_as_ss_lists_them() {
    let netns = namespace();
    let listener = listen(&netns, LOOPBACK);
    let connections = connect(&netns, LOOPBACK, 1000, PATIENT);
    let closed = connections.iter().take(300);
    closed.for_each(|end| end.shutdown(Shutdown::Write).unwrap());
    wait_until("every FIN is acknowledged", || {
        tool(&netns, "ss -Htan state fin-wait-1").is_empty()
    });
    let counts = count(&netns, TcpStates::all(), false);
    let listed = tool(&netns, "ss -Htan");
    for (state, by_ss, expected) in [
        (TcpState::Established, "ESTAB", 1400),
        (TcpState::FinWait2, "FIN-WAIT-2", 300),
        (TcpState::CloseWait, "CLOSE-WAIT", 300),
        (TcpState::Listen, "LISTEN", 1),
        (TcpState::TimeWait, "TIME-WAIT", 0),
    ] {
        let by_ss = listed.lines().filter(|line| line.starts_with(by_ss));
        assert_eq!(by_ss.count(), expected, "{state:?}");
        assert_eq!(counts.of(state) as usize, expected, "{state:?}");
    }
    assert_eq!(counts.fin_wait2_small, 0, "their owner has not closed them");
    drop(listener);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_only_the_requested_states_are_counted() {
    let netns = namespace();
    let _listener = listen(&netns, LOOPBACK);
    let _connections = connect(&netns, LOOPBACK, 3, PATIENT);
    let counts = count(&netns, [TcpState::Listen].into_iter().collect(), false);
    assert_eq!(counts.of(TcpState::Listen), 1);
    assert_eq!(counts.of(TcpState::Established), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_ipv4_connections_to_an_ipv6_wildcard_are_counted() {
    let netns = namespace();
    let _listener = listen(&netns, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 80));
    let _connections = connect(&netns, LOOPBACK, 3, PATIENT);
    let counts = count(&netns, TcpStates::all(), false);
    assert_eq!(counts.of(TcpState::Established), 6);
    assert_eq!(counts.of(TcpState::Listen), 1);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_listeners_are_listed_with_their_queues() {
    let netns = namespace();
    let _on_ipv4 = listen(&netns, LOOPBACK);
    let ipv6 = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 8080);
    let _on_ipv6 = listen(&netns, ipv6);
    let _connections = connect(&netns, LOOPBACK, 3, PATIENT);
    let list = || SockDiag::open().unwrap().listening().unwrap();
    let mut listed = netns.run(list).unwrap();
    listed.sort_by_key(|listening| listening.address);
    let said = listed.iter().map(|one| (one.address, one.queued));
    assert_eq!(said.collect::<Vec<_>>(), [(LOOPBACK, 3), (ipv6, 0)]);
    let by_ss = tool(&netns, "ss -Hltn4");
    let limit: u32 = by_ss.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert_eq!(listed[0].limit, limit);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_memory_equals_the_sum_of_ss() {
    let netns = namespace();
    let _listener = listen(&netns, LOOPBACK);
    let mut connections = connect(&netns, LOOPBACK, 20, PATIENT);
    for connection in &mut connections {
        connection.write_all(&[7; 5000]).unwrap();
    }
    let memory = count(&netns, TcpStates::all(), true).memory;
    let listed = tool(&netns, "ss -Htanm");
    let by_ss: u64 = listed
        .split(['(', ',', ')'])
        .filter_map(|field| {
            let digits = field.strip_prefix(['r', 'f', 'w'])?;
            digits.parse::<u64>().ok()
        })
        .sum();
    assert_eq!(memory, by_ss);
    assert!(memory >= 20 * 5000, "{memory}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_connections_are_listed_as_by_ss() {
    let netns = namespace();
    for loopback in [LOOPBACK, SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 80)] {
        let _listener = listen(&netns, loopback);
        let mut connections = connect(&netns, loopback, 3, PATIENT);
        connections[0].write_all(&[7; 5000]).unwrap();
        let here = connections[0].local_addr().unwrap();
        let read = netns.run(move || {
            let mut read = Vec::new();
            let states = [TcpState::Established].into_iter().collect();
            let mut diag = SockDiag::open().unwrap();
            diag.connections(states, true, |connection| {
                let info = connection.info.unwrap();
                let get = |name| {
                    let fields = crate::sys::tcp_info::FIELDS;
                    info.get(
                        *fields
                            .iter()
                            .find(|field| field.metric.name == format!("tcp_info.{name}"))
                            .unwrap(),
                    )
                };
                let said = (get("bytes_acked"), get("snd_cwnd"), get("rtt"));
                read.push((connection.local, connection.remote, said));
            })
            .unwrap();
            read
        });
        let read = read.unwrap();
        let of_one = read.iter().find(|(local, ..)| *local == here).unwrap();
        assert_eq!(of_one.1, loopback);
        let (acked, cwnd, rtt) = of_one.2;
        // The SYN counts as one.
        assert_eq!(acked, Some(5_001));
        let version = if loopback.is_ipv4() { "-4" } else { "-6" };
        let by_ss = tool(
            &netns,
            &format!("ss -Htin {version} sport = {}", here.port()),
        );
        let field = |name: &str| {
            by_ss
                .split_once(name)
                .unwrap()
                .1
                .split([' ', '/'])
                .next()
                .unwrap()
        };
        assert_eq!(cwnd.unwrap().to_string(), field("cwnd:"));
        let by_ss: f64 = field(" rtt:").parse().unwrap();
        assert!(
            (rtt.unwrap() as f64 / 1e6 - by_ss).abs() < 0.001,
            "{rtt:?} {by_ss}"
        );
    }
}

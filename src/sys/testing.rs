//! Helpers for tests in namespaces: the namespaces, standard tools run in them, and many connections.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::NetNs;

/// Creates a namespace with its loopback device up and its own socket hash, so that the time to list sockets
/// does not depend on the rest of the machine. A test fails if this process may not create one.
pub(crate) fn namespace() -> NetNs {
    let with_own_hash = || {
        NetNs::create()?.run(|| {
            // Before Linux 6.1 the hash is shared.
            let entries = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
            let _shared_before = std::fs::write(entries, "16384");
            NetNs::create()
        })?
    };
    let netns = with_own_hash()
        .unwrap_or_else(|error| panic!("cannot create a network namespace: {error}"));
    tool(&netns, "ip link set lo up");
    netns
}

/// Runs a standard tool in the namespace and returns its output. The command is split at spaces.
pub(crate) fn tool(netns: &NetNs, command: &str) -> String {
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let output = netns
        .run(move || Command::new(&words[0]).args(&words[1..]).output())
        .unwrap()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Loads a ruleset into a namespace.
pub(crate) fn nft(netns: &NetNs, ruleset: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ruleset).unwrap();
    tool(netns, &format!("nft -f {}", file.path().display()));
}

/// Three namespaces in a row; the middle one translates addresses:
///
/// ```text
/// client 10.0.1.2 ---- 10.0.1.1 nat 10.0.2.1 ---- 10.0.2.2 server
/// ```
pub(crate) struct NatLab {
    pub(crate) client: NetNs,
    pub(crate) nat: NetNs,
    pub(crate) server: NetNs,
}

impl NatLab {
    /// Address and port of the server.
    pub(crate) const SERVER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2)), 80);

    pub(crate) fn build() -> Self {
        let lab = Self {
            client: namespace(),
            nat: namespace(),
            server: namespace(),
        };
        for netns in [&lab.client, &lab.nat, &lab.server] {
            // IPv6 would send neighbour announcements at unpredictable times.
            let off = || std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
            netns.run(off).unwrap().unwrap();
        }
        for (end, interface, net) in [(&lab.client, "left", 1), (&lab.server, "right", 2)] {
            let path = format!(
                "/proc/{}/fd/{}",
                std::process::id(),
                end.as_fd().as_raw_fd()
            );
            let pair = format!("ip link add {interface} type veth peer name eth0 netns {path}");
            tool(&lab.nat, &pair);
            tool(
                &lab.nat,
                &format!("ip address add 10.0.{net}.1/24 dev {interface}"),
            );
            tool(&lab.nat, &format!("ip link set {interface} up"));
            tool(end, &format!("ip address add 10.0.{net}.2/24 dev eth0"));
            tool(end, "ip link set eth0 up");
            tool(end, &format!("ip route add default via 10.0.{net}.1"));
        }
        let forward = || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
        lab.nat.run(forward).unwrap().unwrap();
        nft(
            &lab.nat,
            "table ip nat {\n chain post {\n type nat hook postrouting priority srcnat\n \
             oifname right masquerade\n }\n}\n",
        );
        lab
    }
}

/// Waits until a condition holds; the test fails after ten seconds.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "timed out waiting: {what}");
        std::thread::yield_now();
    }
}

/// Listens in a namespace without accepting, so that a connection takes only one descriptor of this process.
pub(crate) fn listen(netns: &NetNs, address: SocketAddr) -> Socket {
    netns
        .run(move || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            socket.bind(&address.into()).unwrap();
            socket.listen(4096).unwrap();
            socket
        })
        .unwrap()
}

/// Time limit of attempts that should succeed, even on a busy machine.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);
/// Time limit of attempts that should fail: shorter than the first retransmission of the SYN, after one second.
pub(crate) const HASTY: Duration = Duration::from_millis(300);

/// Makes `count` connections one after the other, and returns those that succeeded in time.
pub(crate) fn connect(
    netns: &NetNs,
    to: SocketAddr,
    count: usize,
    timeout: Duration,
) -> Vec<TcpStream> {
    netns
        .run(move || {
            let attempt = |_| TcpStream::connect_timeout(&to, timeout).ok();
            (0..count).filter_map(attempt).collect()
        })
        .unwrap()
}

//! A proxy between real clients and servers, on one node.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::scenario::workload::{
    Accept, ClientClose, ClientSpec, Forward, Load, PortChoice, ServerSpec,
};
use crate::sys::loopback;
use crate::sys::sysctl::{Key, Sysctls};
use crate::traffic::tests::{TIME_WAIT, TestRun, client, connect, errors, last, server, workload};

const PROXY: u16 = 3128;
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A proxy on port 3128 that passes on to port 80.
fn proxy(ip: IpAddr) -> ServerSpec {
    let mut spec = server(Accept::Epoll);
    spec.name = "proxy".into();
    spec.port = PROXY;
    spec.forward = Some(Forward {
        target: SocketAddr::new(ip, 80),
        to: None,
        port: PortChoice::Kernel,
    });
    spec
}

/// A client of the proxy that sends a request on each connection.
fn through(load: Load) -> ClientSpec {
    let mut spec = client(load);
    spec.target.set_port(PROXY);
    spec.exchange = true;
    spec
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_proxy_forwards_requests_and_replies() {
    for keep_alive in [false, true] {
        let load = through(Load::Loop {
            concurrency: 4,
            requests: 200,
            keep_alive,
            think: Duration::ZERO,
            timeout: Duration::from_secs(5),
        });
        let mut web = server(Accept::Epoll);
        web.reply = crate::units::ByteCount(300_000);
        let run = TestRun::begin(workload(vec![web, proxy(LOOPBACK)], vec![load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(
            last(&timeline, "load.status.200"),
            200,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "load.bytes"), 200 * 300_000);
        assert_eq!(last(&timeline, "proxy.forwarded"), 200);
        assert_eq!(last(&timeline, "proxy.replies"), 200);
        assert_eq!(last(&timeline, "web.accepted"), 200, "one for each request");
        let of_clients = if keep_alive { 4 } else { 200 };
        assert_eq!(last(&timeline, "proxy.accepted"), of_clients);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_proxy_speaks_ipv6() {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let mut load = through(connect(20, 500.0, ClientClose::Client));
    load.target.set_ip(loopback);
    let both = vec![server(Accept::Epoll), proxy(loopback)];
    let run = TestRun::begin(workload(both, vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(
        last(&timeline, "load.status.200"),
        20,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "proxy.forwarded"), 20);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_body_reaches_the_server_behind_the_proxy() {
    let mut load = client(Load::Bulk {
        bytes: crate::units::ByteCount(5_000_001),
        streams: 2,
        write: crate::units::ByteCount(65_536),
        nodelay: false,
        timeout: Duration::from_secs(20),
    });
    load.target.set_port(PROXY);
    let both = vec![server(Accept::Epoll), proxy(LOOPBACK)];
    let run = TestRun::begin(workload(both, vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(
        last(&timeline, "load.completed"),
        2,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "web.bytes"), 2 * (5_000_001 + 1024));
    assert_eq!(last(&timeline, "proxy.bytes"), 2 * (5_000_001 + 1024));
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_proxy_without_a_server_behind_it_says_503_and_why() {
    let load = through(connect(10, 500.0, ClientClose::Client));
    let run = TestRun::begin(workload(vec![proxy(LOOPBACK)], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(
        last(&timeline, "load.completed"),
        10,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "load.status.503"), 10);
    assert_eq!(last(&timeline, "load.status.200"), 0);
    assert_eq!(last(&timeline, "proxy.errors.ECONNREFUSED"), 10);
    assert_eq!(last(&timeline, "proxy.forwarded"), 0);
    assert_eq!(last(&timeline, "proxy.replies"), 10);
}

/// Two runs, with and without reuse: the requests are the same, and only the proxy's ports differ.
#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_proxy_out_of_ports_says_503_while_its_clients_connect() {
    for (ports, shared) in [("20000 20049", 50), ("20000 20999", 80)] {
        let netns = loopback::namespace();
        let set = move || {
            let key = Key::parse("net.ipv4.ip_local_port_range").unwrap();
            Sysctls::new().set(&key, ports).unwrap();
        };
        netns.run(set).unwrap();
        let mut load = through(connect(80, 1_000.0, ClientClose::Client));
        // From many addresses, so that the clients have enough ports.
        load.sources = (2..10).map(|last| [127, 0, 0, last].into()).collect();
        load.port = PortChoice::Kernel;
        let both = vec![server(Accept::Epoll), proxy(LOOPBACK)];
        let run = TestRun::begin_in(netns, workload(both, vec![load]));
        run.wait();
        let held = run.sockets(TIME_WAIT, None);
        let timeline = run.finish();
        assert_eq!(
            last(&timeline, "load.established"),
            80,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "load.status.200"), shared);
        assert_eq!(last(&timeline, "load.status.503"), 80 - shared);
        assert_eq!(last(&timeline, "proxy.errors.EADDRNOTAVAIL"), 80 - shared);
        // One per client, which closes first, and those of the proxy.
        assert!(held >= usize::try_from(shared).unwrap(), "{held}");
    }
}

/// Each request takes another port; the kernel itself prefers every second one of the range.
#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_proxy_takes_local_ports_in_turn_up_to_the_last() {
    for (port, all_in_turn) in [(PortChoice::Sequential, true), (PortChoice::Kernel, false)] {
        let netns = loopback::namespace();
        let set = || {
            let key = Key::parse("net.ipv4.ip_local_port_range").unwrap();
            Sysctls::new().set(&key, "20000 20049").unwrap();
        };
        netns.run(set).unwrap();
        let mut spec = proxy(LOOPBACK);
        spec.forward.as_mut().unwrap().port = port;
        let mut load = through(connect(60, 1_000.0, ClientClose::Client));
        load.sources = (2..10).map(|last| [127, 0, 0, last].into()).collect();
        let listening = netns.run(|| TcpListener::bind("127.0.0.1:80")).unwrap();
        let listening = listening.unwrap();
        let answers = std::thread::spawn(move || {
            let mut ports = Vec::new();
            for _ in 0..50 {
                let (mut stream, peer) = listening.accept().unwrap();
                ports.push(peer.port());
                let _request = stream.read(&mut [0; 1024]).unwrap();
                stream
                    .write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
                // Until the proxy has closed, so that it closes first.
                let _end = stream.read(&mut [0; 1]).unwrap();
            }
            ports
        });
        let run = TestRun::begin_in(netns, workload(vec![spec], vec![load]));
        run.wait();
        let timeline = run.finish();
        let ports = answers.join().unwrap();
        let in_turn = ports.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        assert_eq!(in_turn, all_in_turn, "{port:?}: {ports:?}");
        assert_eq!(
            last(&timeline, "proxy.forwarded"),
            50,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "proxy.errors.EADDRNOTAVAIL"), 10);
        assert_eq!(last(&timeline, "load.status.503"), 10);
    }
}

/// Has a test server send something to each connection, and returns what a client of the proxy reads.
fn reply_through_a_proxy(says: &'static [u8]) -> (Vec<u8>, crate::record::Timeline) {
    let netns = loopback::namespace();
    let listening = netns.run(|| TcpListener::bind("127.0.0.1:80")).unwrap();
    let listening = listening.unwrap();
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = listening.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(says).unwrap();
        request[..length].to_vec()
    });
    let run = TestRun::begin_in(netns, workload(vec![proxy(LOOPBACK)], Vec::new()));
    let read = run.netns.run(|| {
        let mut stream = TcpStream::connect(("127.0.0.1", PROXY)).unwrap();
        let patience = Some(Duration::from_secs(5));
        stream.set_read_timeout(patience).unwrap();
        let request = b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let request = answers.join().unwrap();
    let passed_on = b"GET /page HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(request, passed_on);
    (read.unwrap(), run.finish())
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_reply_without_a_length_is_forwarded_to_its_end() {
    let (read, timeline) = reply_through_a_proxy(b"HTTP/1.0 200 OK\r\n\r\nabc");
    assert_eq!(read, b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nabc");
    assert_eq!(last(&timeline, "proxy.forwarded"), 1);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_truncated_reply_is_truncated_for_the_client_too() {
    let says = b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let (read, timeline) = reply_through_a_proxy(says);
    assert!(read.ends_with(b"\r\n\r\nabc"), "{read:?}");
    assert_eq!(last(&timeline, "proxy.errors.ENODATA"), 1);
    assert_eq!(last(&timeline, "proxy.forwarded"), 0);
    assert_eq!(last(&timeline, "proxy.replies"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_end_in_place_of_a_reply_is_503() {
    let (read, timeline) = reply_through_a_proxy(b"");
    assert!(read.starts_with(b"HTTP/1.1 503 "), "{read:?}");
    assert_eq!(last(&timeline, "proxy.errors.ENODATA"), 1);
}

//! Events of real sockets in namespaces.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;
use crate::sys::NetNs;
use crate::sys::netlink::{Batch, Netlink};
use crate::sys::rtnl;

/// Creates a namespace with its loopback interface up.
fn node() -> NetNs {
    let netns = NetNs::create().unwrap();
    let up = || {
        let mut batch = Batch::new();
        rtnl::set_link(&mut batch, rtnl::LOOPBACK, true);
        batch.acknowledge_last();
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).unwrap();
        netlink.request(batch).unwrap();
    };
    netns.run(up).unwrap();
    netns
}

/// Opens a connection, which the client closes first, and knocks at a closed port.
fn talk() -> [SocketAddr; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let from = client.local_addr().unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop((server, listener));
    assert!(TcpStream::connect(to).is_err());
    [from, to]
}

#[test]
#[ignore = "kernel test: needs root of the host, and CONFIG_DEBUG_INFO_BTF"]
fn kernel_events_belong_to_the_namespace_in_which_they_happened() {
    let nodes = [node(), node()];
    let outside = node();
    let numbers = nodes.each_ref().map(|node| node.inode().unwrap());
    let mut trace = KernelTrace::start(&numbers).unwrap();
    // Equal addresses everywhere; only the second node's events may appear.
    outside.run(talk).unwrap();
    let [from, to] = nodes[1].run(talk).unwrap();
    let mut events: Vec<TracedEvent> = Vec::new();
    let began = Instant::now();
    while !events
        .iter()
        .any(|event| event.kind == TracedKind::ResetReceived)
    {
        trace.take(|event| events.push(event));
        assert!(began.elapsed() < Duration::from_secs(5), "{events:#?}");
    }
    assert!(events.iter().all(|event| event.node == 1), "{events:#?}");
    assert_eq!(trace.lost().unwrap(), 0);
    let states = |local: SocketAddr, peer: SocketAddr| {
        let of_it = events
            .iter()
            .filter(|event| event.local == local && event.peer == peer);
        let to = of_it.filter_map(|event| match event.kind {
            TracedKind::State { to, .. } => Some(to),
            _ => None,
        });
        to.collect::<Vec<TcpState>>()
    };
    // The first change, to SYN_SENT, comes before the local port is chosen.
    let client = states(from, to);
    assert_eq!(client.first(), Some(&TcpState::Established), "{events:#?}");
    assert_eq!(client.last(), Some(&TcpState::Close));
    let server = [
        TcpState::SynRecv,
        TcpState::Established,
        TcpState::CloseWait,
        TcpState::LastAck,
        TcpState::Close,
    ];
    assert_eq!(states(to, from), server);
    // The FIN is a segment that an established socket receives. TCP_INIT_CWND is 10 (Linux 2.6.39).
    let windows = events.iter().filter_map(|event| match event.kind {
        TracedKind::Window(window) if event.local == to => Some(window.congestion),
        _ => None,
    });
    assert_eq!(windows.collect::<Vec<u32>>(), [10], "{events:#?}");
    let refused = |event: &TracedEvent| match &event.kind {
        TracedKind::Drop {
            reason, segment, ..
        } => reason == "NO_SOCKET" && segment.is_some_and(|segment| segment.opens()),
        _ => false,
    };
    assert!(events.iter().any(refused), "{events:#?}");
    let reset = events
        .iter()
        .find(|event| matches!(event.kind, TracedKind::ResetSent { .. }));
    assert_eq!(reset.map(|event| event.local), Some(to));
}

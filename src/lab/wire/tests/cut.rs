//! A wire that has been cut.

use super::*;

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_cut_wire_discards_packets_silently_and_neighbours_still_resolve() {
    let link = WiredPair::new(&Impairment::default(), 1);
    link.begin();
    let listener = link
        .b
        .run(|| TcpListener::bind("10.0.0.2:80"))
        .unwrap()
        .unwrap();
    let stream = link
        .a
        .run(|| TcpStream::connect("10.0.0.2:80"))
        .unwrap()
        .unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    link.wire.cut();
    // One end closes; the other is not notified, and its packets stay unanswered.
    accepted.set_read_timeout(Some(ms(300))).unwrap();
    drop(stream);
    accepted.write_all(b"anyone?").unwrap();
    let error = accepted.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    shell(&link.b, "ip neigh flush dev eth0");
    let socket = link
        .b
        .run(|| UdpSocket::bind("10.0.0.2:0"))
        .unwrap()
        .unwrap();
    socket.send_to(b"who?", "10.0.0.1:9").unwrap();
    shell(
        &link.b,
        "until ip neigh show 10.0.0.1 | grep -q lladdr; do sleep 0.01; done",
    );
    let timeline = link.finish();
    assert!(last(&timeline, "wire.a-b.cut") >= 2);
    assert_eq!(last(&timeline, "wire.a-b.dropped"), 0);
}

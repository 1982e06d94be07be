//! Servers, with real namespaces.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::*;
use crate::record::Offset;
use crate::scenario::workload::{ClientClose, Load, ServerClose};
use crate::sys::loopback;
use crate::traffic::tests::{TestRun, client, connect, last, server, workload};

/// Talks to a server from inside its namespace.
fn talk<T: Send + 'static>(
    spec: ServerSpec,
    talk: impl FnOnce() -> T + Send + 'static,
) -> (T, crate::record::Timeline) {
    let run = TestRun::begin(workload(vec![spec], Vec::new()));
    let result = run.netns.run(talk).unwrap();
    (result, run.finish())
}

fn dial() -> TcpStream {
    let stream = TcpStream::connect("127.0.0.1:80").unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
}

/// Reads one reply with a body of `body` bytes, and leaves the rest of the connection unread.
fn read_reply(stream: &mut TcpStream, body: usize) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream.read_exact(&mut vec![0; body]).unwrap();
    String::from_utf8(head).unwrap()
}

fn is_at_end(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]), Ok(0))
}

fn stays_open(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(30)))
        .unwrap();
    let error = stream.read(&mut [0]).map_err(|error| error.kind());
    error == Err(io::ErrorKind::WouldBlock)
}

fn every_accept() -> [Accept; 5] {
    [
        Accept::Epoll,
        Accept::Select,
        Accept::Poll,
        Accept::Pool { threads: 3 },
        Accept::Delay(Duration::from_micros(100)),
    ]
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_every_accept_mode_serves_requests_in_pieces_or_at_once() {
    for accept in every_accept() {
        let (_, timeline) = talk(server(accept.clone()), || {
            let mut stream = dial();
            stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
            stream.write_all(b"st: x\r\n\r").unwrap();
            stream.write_all(b"\n").unwrap();
            assert!(read_reply(&mut stream, 1024).starts_with("HTTP/1.1 200 OK\r\n"));
            // Two at once, the first with a body; then the end.
            let both = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n";
            stream.write_all(both).unwrap();
            read_reply(&mut stream, 1024);
            assert!(read_reply(&mut stream, 1024).contains("Connection: close"));
            assert!(is_at_end(&mut stream));
        });
        assert_eq!(last(&timeline, "web.accepted"), 1, "{accept:?}");
        assert_eq!(last(&timeline, "web.replies"), 3, "{accept:?}");
        assert_eq!(last(&timeline, "web.bytes"), 3 * 1024 + 3, "{accept:?}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_reply_larger_than_every_buffer_arrives_complete() {
    for accept in every_accept() {
        let mut spec = server(accept);
        spec.reply = crate::units::ByteCount(20_000_001);
        let (length, _) = talk(spec, || {
            let mut stream = dial();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            all.len() - end - 4
        });
        assert_eq!(length, 20_000_001);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_end_named_by_the_scenario_closes() {
    let request = |stream: &mut TcpStream, version: &str| {
        stream
            .write_all(format!("GET / HTTP/{version}\r\n\r\n").as_bytes())
            .unwrap();
        read_reply(stream, 1024);
    };
    let with = |close| ServerSpec {
        close,
        ..server(Accept::Epoll)
    };
    talk(with(ServerClose::First), move || {
        let mut stream = dial();
        request(&mut stream, "1.1");
        assert!(
            is_at_end(&mut stream),
            "it closes although the client requested to stay"
        );
    });
    talk(with(ServerClose::AfterClient), move || {
        let mut stream = dial();
        request(&mut stream, "1.0");
        assert!(
            stays_open(&mut stream),
            "it waits although the client requested a close"
        );
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(is_at_end(&mut stream));
    });
    talk(with(ServerClose::Never), move || {
        let mut stream = dial();
        request(&mut stream, "1.0");
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(stays_open(&mut stream));
    });
    talk(with(ServerClose::AsRequested), || {
        let mut stream = dial();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(
            is_at_end(&mut stream),
            "a FIN without a request is answered"
        );
    });
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_idle_connection_is_closed_after_its_keep_alive() {
    for accept in every_accept() {
        let mut spec = server(accept);
        spec.keep_alive = Duration::from_millis(50);
        talk(spec, || {
            let mut quiet = dial();
            let mut stream = dial();
            for _ in 0..3 {
                stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                read_reply(&mut stream, 1024);
            }
            let before = std::time::Instant::now();
            assert!(is_at_end(&mut stream));
            let took = before.elapsed();
            assert!(took >= Duration::from_millis(45), "{took:?}");
            assert!(took < Duration::from_secs(1), "{took:?}");
            assert!(
                stays_open(&mut quiet),
                "a connection without a request is not idle"
            );
        });
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_head_that_does_not_end_ends_the_connection() {
    let (_, timeline) = talk(server(Accept::Epoll), || {
        let mut stream = dial();
        let _reset = stream.write_all(&[b'x'; 64 * 1024]);
        assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    });
    assert_eq!(last(&timeline, "web.errors.EMSGSIZE"), 1);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_backlog_of_eight_that_is_never_accepted_holds_nine() {
    let mut spec = server(Accept::Never);
    spec.backlog = 8;
    let load = client(connect(20, 200.0, ClientClose::Hold));
    let run = TestRun::begin(workload(vec![spec], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.attempted"), 20);
    assert_eq!(last(&timeline, "load.established"), 9);
    assert_eq!(last(&timeline, "load.errors.ETIMEDOUT"), 11);
    assert_eq!(last(&timeline, "load.in-flight"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_delayed_server_accepts_one_connection_per_delay() {
    let spec = server(Accept::Delay(Duration::from_millis(20)));
    let run = TestRun::begin(workload(vec![spec], vec![client(held(10, 700))]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.established"), 10);
    let accepted = timeline.series("web.accepted").unwrap();
    let by = |millis| accepted.at(Offset::from_duration(Duration::from_millis(millis)));
    assert!(by(95) <= Some(5), "{:?}", by(95));
    assert!(by(185) <= Some(9), "{:?}", by(185));
    assert_eq!(by(700), Some(10));
}

/// About ten connections within 10 ms, held for a while.
fn held(connections: u64, millis: u64) -> Load {
    Load::Hold {
        connections,
        rate: crate::units::Rate::per_second(1_000.0).unwrap(),
        hold_for: Duration::from_millis(millis),
        timeout: Duration::from_secs(1),
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_pool_serves_as_many_at_once_as_it_has_workers() {
    let spec = server(Accept::Pool { threads: 3 });
    let load = client(held(10, 100));
    let run = TestRun::begin(workload(vec![spec], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.established"), 10);
    let accepted = timeline.series("web.accepted").unwrap();
    // When the client closes, the workers are free for those that wait.
    let before_that = Offset::from_duration(Duration::from_millis(90));
    assert_eq!(accepted.at(before_that), Some(3));
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_select_serves_no_more_descriptors_than_its_set_has_bits() {
    let load = Load::Hold {
        connections: 1_200,
        rate: crate::units::Rate::per_second(10_000.0).unwrap(),
        hold_for: Duration::from_millis(50),
        timeout: Duration::from_secs(1),
    };
    let spec = server(Accept::Select);
    let run = TestRun::begin(workload(vec![spec], vec![client(load)]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.established"), 1_200);
    assert_eq!(last(&timeline, "web.accepted"), 1_200);
    let without_bit = last(&timeline, "web.errors.EINVAL");
    assert!((176..200).contains(&without_bit), "{without_bit}");
}

/// Two runs: the same requests on persistent connections, the second to a server without the limit.
#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_select_answers_nobody_beyond_its_set() {
    for (accept, answered) in [(Accept::Select, 1_000..1_024), (Accept::Poll, 1_200..1_201)] {
        let mut load = client(Load::Hold {
            connections: 1_200,
            rate: crate::units::Rate::per_second(5_000.0).unwrap(),
            hold_for: Duration::from_millis(50),
            timeout: Duration::from_secs(5),
        });
        load.exchange = true;
        let run = TestRun::begin(workload(vec![server(accept.clone())], vec![load]));
        run.wait();
        let timeline = run.finish();
        let replies = last(&timeline, "load.status.200");
        assert!(answered.contains(&replies), "{accept:?}: {replies}");
        assert_eq!(replies + last(&timeline, "load.failed"), 1_200);
        assert!(last(&timeline, "web.cpu") > 0);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_port_in_use_is_reported() {
    let netns = loopback::namespace();
    let mut second = server(Accept::Never);
    second.name = "second".into();
    let lab = crate::lab::Lab::of(vec![crate::lab::LiveNode {
        name: "here".into(),
        netns,
        nofile: None,
    }]);
    let listener = crate::traffic::tests::TestRecorder::start();
    let spec =
        crate::traffic::tests::spec(workload(vec![server(Accept::Epoll), second], Vec::new()));
    let error = crate::traffic::Traffic::prepare(&spec, &lab, &listener.recorder()).unwrap_err();
    assert_eq!(error.to_string(), "make `second` ready on node `here`");
    let source = std::error::Error::source(&error).unwrap();
    assert!(
        source.to_string().contains("Address already in use"),
        "{source}"
    );
}

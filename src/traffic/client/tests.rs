//! Clients against servers, with real namespaces.

mod hosted;
mod lasting;
mod stopping;

use std::net::SocketAddr;

use super::*;

use crate::names::ActorName;
use crate::record::Offset;
use crate::scenario::workload::{Accept, ClientClose, Load, PortChoice, ServerClose, StopHow};
use crate::sys::loopback;
use crate::traffic::tests::{
    ESTABLISHED as ESTAB, TIME_WAIT, TestRun, client, connect, errors, last, server, workload,
};

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_refused_attempt_fails_with_econnrefused() {
    let run = TestRun::begin(workload(
        Vec::new(),
        vec![client(connect(50, 5_000.0, ClientClose::Client))],
    ));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.failed"), 50);
    assert_eq!(last(&timeline, "load.errors.ECONNREFUSED"), 50);
    assert_eq!(last(&timeline, "load.established"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_exchange_without_a_reply_times_out() {
    let mut load = client(connect(5, 1_000.0, ClientClose::Client));
    load.exchange = true;
    if let Load::Connect { timeout, .. } = &mut load.load {
        *timeout = Duration::from_millis(50);
    }
    let run = TestRun::begin(workload(vec![server(Accept::Never)], vec![load]));
    run.wait();
    let ended = run.clock.now();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.established"), 5);
    assert_eq!(last(&timeline, "load.failed"), 5);
    assert_eq!(last(&timeline, "load.errors.ETIMEDOUT"), 5);
    assert!(
        ended >= Offset::from_duration(Duration::from_millis(54)),
        "{ended}"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_end_that_closes_first_has_time_wait_and_a_reset_leaves_none() {
    for (close, exchange, at_client, at_server) in [
        (ClientClose::Client, false, 40, 0),
        (ClientClose::Client, true, 40, 0),
        (ClientClose::Server, true, 0, 40),
        (ClientClose::Server, false, 0, 40),
        (ClientClose::Reset, false, 0, 0),
        (ClientClose::Reset, true, 0, 0),
    ] {
        let mut load = client(connect(40, 2_000.0, close));
        load.exchange = exchange;
        let netns = loopback::namespace();
        let workload = workload(vec![server(Accept::Epoll)], vec![load]);
        let run = TestRun::begin_in(netns, workload);
        run.wait();
        let ends = || {
            let all = run.sockets(TIME_WAIT, None);
            let server = run.sockets(TIME_WAIT, Some(80));
            (all - server, server)
        };
        // The server may not have acknowledged the last FIN yet.
        let deadline = Instant::now() + Duration::from_secs(5);
        while ends() != (at_client, at_server) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(ends(), (at_client, at_server), "{close:?} {exchange}");
        let timeline = run.finish();
        assert_eq!(last(&timeline, "load.completed"), 40, "{close:?}");
        assert_eq!(last(&timeline, "load.failed"), 0, "{close:?}");
        assert_eq!(last(&timeline, "web.accepted"), 40, "{close:?}");
        let [by_client, by_server] = match close {
            ClientClose::Server => [0, 40],
            _ => [40, 0],
        };
        assert_eq!(
            last(&timeline, "load.closed-first.client"),
            by_client,
            "{close:?}"
        );
        assert_eq!(
            last(&timeline, "load.closed-first.server"),
            by_server,
            "{close:?}"
        );
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_server_that_closes_first_has_time_wait_whatever_the_client_does() {
    let mut load = client(connect(40, 2_000.0, ClientClose::Server));
    load.exchange = true;
    let mut web = server(Accept::Epoll);
    web.close = ServerClose::First;
    let run = TestRun::begin(workload(vec![web], vec![load]));
    run.wait();
    assert_eq!(run.sockets(TIME_WAIT, Some(80)), 40);
    assert_eq!(run.sockets(TIME_WAIT, None), 40);
    run.finish();
}

/// A namespace with the ephemeral ports 40000 to 40099.
fn with_a_hundred_ports() -> crate::sys::NetNs {
    let netns = loopback::namespace();
    let set = || std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40099");
    netns.run(set).unwrap().unwrap();
    let set = || std::fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "0");
    netns.run(set).unwrap().unwrap();
    netns
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_sequential_ports_run_out_right_after_the_last() {
    for sources in [1, 3] {
        let netns = with_a_hundred_ports();
        let mut load = client(connect(400, 2_000.0, ClientClose::Client));
        load.port = PortChoice::Sequential;
        load.sources = (1..=sources).map(|host| [127, 0, 1, host].into()).collect();
        let expected = 100 * i64::from(sources);
        let run = TestRun::begin_in(netns, workload(vec![server(Accept::Epoll)], vec![load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(timeline.loads[0].port_choice, "sequential");
        assert_eq!(last(&timeline, "load.established"), expected);
        assert_eq!(last(&timeline, "load.errors.EADDRNOTAVAIL"), 400 - expected);
        let failed = timeline.series("load.errors.EADDRNOTAVAIL").unwrap();
        let (first, _) = failed.changes.iter().find(|(_, count)| *count > 0).unwrap();
        let due = f64::from(sources) * 100.0 / 2_000.0;
        assert!(
            (first.as_secs_f64() - due).abs() < 0.02,
            "{first} for {due}"
        );
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_sequential_ports_repeat_if_they_may_be_reused() {
    let netns = with_a_hundred_ports();
    // Slow enough for the last ACK of each to arrive before its port is reused, also on a busy machine.
    // If the server closes first, TIME_WAIT is on its side and the client's ports are free.
    let mut load = client(connect(250, 500.0, ClientClose::Server));
    load.port = PortChoice::Sequential;
    let run = TestRun::begin_in(netns, workload(vec![server(Accept::Epoll)], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(
        last(&timeline, "load.completed"),
        250,
        "{}",
        errors(&timeline)
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_ports_chosen_by_the_kernel_run_out_too() {
    let netns = with_a_hundred_ports();
    let load = client(connect(150, 2_000.0, ClientClose::Client));
    let run = TestRun::begin_in(netns, workload(vec![server(Accept::Epoll)], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(timeline.loads[0].port_choice, "kernel");
    assert_eq!(last(&timeline, "load.established"), 100);
    assert_eq!(last(&timeline, "load.errors.EADDRNOTAVAIL"), 50);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_ports_chosen_at_bind_are_taken_for_every_destination() {
    for (choice, established, errno) in [
        (PortChoice::Bind, 50, "EADDRINUSE"),
        (PortChoice::Kernel, 100, "EADDRNOTAVAIL"),
    ] {
        let netns = with_a_hundred_ports();
        // 100 ports, 50 of which another destination uses.
        let mut held = client(connect(50, 2_000.0, ClientClose::Hold));
        let mut load = client(connect(150, 1_000.0, ClientClose::Hold));
        (held.port, load.port) = (choice, choice);
        held.sources = vec![[127, 0, 0, 1].into()];
        load.sources.clone_from(&held.sources);
        held.name = ActorName::new("held");
        held.target.set_port(81);
        load.start = Duration::from_millis(200);
        let mut other = server(Accept::Epoll);
        (other.name, other.port) = (ActorName::new("other"), 81);
        let servers = vec![server(Accept::Epoll), other];
        let run = TestRun::begin_in(netns, workload(servers, vec![held, load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(last(&timeline, "held.established"), 50);
        assert_eq!(
            last(&timeline, "load.established"),
            established,
            "{choice:?}"
        );
        let failed = last(&timeline, &format!("load.errors.{errno}"));
        assert_eq!(failed, 150 - established, "{choice:?}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_held_connections_stay_established_until_released() {
    let load = client(connect(500, 5_000.0, ClientClose::Hold));
    let run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![load]));
    run.wait();
    assert!(run.traffic.has_ended());
    assert_eq!(run.sockets(ESTAB, None), 1_000);
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.established"), 500);
    assert_eq!(last(&timeline, "load.in-flight"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_more_connections_than_one_table_holds_are_held() {
    // Twice this process's hard limit, but never more than a test should open.
    let room = process_room();
    if room > 25_000 {
        return;
    }
    let load = Load::Hold {
        connections: room + 2_000,
        rate: crate::units::Rate::per_second(20_000.0).unwrap(),
        hold_for: Duration::from_millis(200),
        timeout: Duration::from_secs(20),
    };
    let run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![client(load)]));
    run.wait();
    // Released after their time; the server answers the last of them later.
    let deadline = Instant::now() + Duration::from_secs(5);
    while run.sockets(ESTAB, None) > 0 {
        assert!(Instant::now() < deadline, "{}", run.sockets(ESTAB, None));
    }
    let timeline = run.finish();
    let expected = i64::try_from(room + 2_000).unwrap();
    assert_eq!(last(&timeline, "load.established"), expected);
    assert_eq!(last(&timeline, "web.accepted"), expected);
    assert_eq!(last(&timeline, "web.errors.EMFILE"), 0);
}

fn process_room() -> u64 {
    crate::sys::process::raise_nofile().unwrap().hard
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_closed_loop_makes_all_its_requests() {
    for (keep_alive, connections) in [(false, 1_000), (true, 5)] {
        let load = client(Load::Loop {
            concurrency: 5,
            requests: 1_000,
            keep_alive,
            think: Duration::ZERO,
            timeout: Duration::from_secs(5),
        });
        let run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(last(&timeline, "load.attempted"), 1_000);
        assert_eq!(last(&timeline, "load.completed"), 1_000);
        assert_eq!(last(&timeline, "load.established"), connections);
        assert_eq!(last(&timeline, "load.bytes"), 1_000 * 1024);
        assert_eq!(last(&timeline, "web.accepted"), connections);
        assert_eq!(last(&timeline, "web.replies"), 1_000);
        let latency = timeline.series("load.latency").unwrap();
        let counted: u64 = latency
            .histograms
            .iter()
            .flat_map(|(_, v)| v)
            .map(|(_, n)| n)
            .sum();
        assert_eq!(counted, 1_000);
        let values = latency
            .histograms
            .iter()
            .flat_map(|(_, v)| v)
            .map(|(value, _)| value);
        assert!(
            values.clone().min().unwrap() > &1_000,
            "no exchange takes less than a microsecond"
        );
        assert!(
            values.max().unwrap() > &10_000,
            "and not all take less than ten"
        );
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_bulk_transfer_sends_exactly_its_bytes() {
    for accept in [Accept::Epoll, Accept::Poll, Accept::Pool { threads: 2 }] {
        let load = client(Load::Bulk {
            bytes: crate::units::ByteCount(30_000_001),
            streams: 2,
            write: crate::units::ByteCount(65_536),
            nodelay: false,
            timeout: Duration::from_secs(20),
        });
        let run = TestRun::begin(workload(vec![server(accept)], vec![load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(last(&timeline, "load.completed"), 2);
        assert_eq!(last(&timeline, "load.bytes"), 60_000_002);
        assert_eq!(last(&timeline, "web.bytes"), 60_000_002 + 2 * 1024);
        // The bytes over the time of the transfer, without the silence after it.
        assert!(last(&timeline, "load.throughput") > 1_000_000);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_transfer_with_one_byte_per_write_sends_exactly_its_bytes() {
    for nodelay in [false, true] {
        let load = client(Load::Bulk {
            bytes: crate::units::ByteCount(20_000),
            streams: 1,
            write: crate::units::ByteCount(1),
            nodelay,
            timeout: Duration::from_secs(20),
        });
        let run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![load]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(last(&timeline, "load.bytes"), 20_000);
        assert_eq!(last(&timeline, "web.bytes"), 20_000 + 1_024);
        // A system call takes a tenth of a microsecond at the least.
        assert!(last(&timeline, "load.cpu") > 2_000_000);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_open_loop_starts_every_attempt_and_reports_its_delay() {
    let run = TestRun::begin(workload(
        vec![server(Accept::Epoll)],
        vec![client(connect(2_000, 2_000.0, ClientClose::Reset))],
    ));
    run.wait();
    let timeline = run.finish();
    let report = &timeline.loads[0];
    assert_eq!((report.scheduled, report.started), (2_000, 2_000));
    assert!(
        (report.achieved_rate / 2_000.0 - 1.0).abs() < 0.05,
        "{report:?}"
    );
    assert!(report.late_p50 <= report.late_p99 && report.late_p99 <= report.late_max);
    assert!(report.cpu > 0 && report.open_loop, "{report:?}");
    let samples = timeline.series("load.attempted").unwrap().changes.len();
    assert!(samples < 200, "{samples} samples in a second: coalesced");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_truncated_reply_fails_with_enodata() {
    let netns = loopback::namespace();
    let listening = netns
        .run(|| std::net::TcpListener::bind("127.0.0.1:80"))
        .unwrap()
        .unwrap();
    let breaks_off = std::thread::spawn(move || {
        let (mut stream, _) = listening.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap();
        std::io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        )
        .unwrap();
    });
    let mut load = client(connect(1, 1_000.0, ClientClose::Client));
    load.exchange = true;
    load.target = SocketAddr::from(([127, 0, 0, 1], 80));
    let run = TestRun::begin_in(netns, workload(Vec::new(), vec![load]));
    run.wait();
    breaks_off.join().unwrap();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.errors.ENODATA"), 1);
    assert_eq!(last(&timeline, "load.completed"), 0);
    assert_eq!(last(&timeline, "load.bytes"), 3);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_requests_of_a_loop_that_are_served_too_late_time_out() {
    let load = client(Load::Loop {
        concurrency: 4,
        requests: 9,
        keep_alive: false,
        think: Duration::ZERO,
        timeout: Duration::from_millis(50),
    });
    let web = server(Accept::Delay(Duration::from_millis(30)));
    let run = TestRun::begin(workload(vec![web], vec![load]));
    run.wait();
    let timeline = run.finish();
    // One accept per 30 ms, four at once, 50 ms each: some are served, others not, and none is lost.
    let (completed, failed) = (
        last(&timeline, "load.completed"),
        last(&timeline, "load.failed"),
    );
    assert_eq!(completed + failed, 9);
    assert_eq!(last(&timeline, "load.errors.ETIMEDOUT"), failed);
    assert!(completed >= 1 && failed >= 1, "{completed} {failed}");
    assert_eq!(last(&timeline, "load.in-flight"), 0);
    assert_eq!(last(&timeline, "load.established"), 9);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_loop_whose_server_is_stopped_is_refused() {
    let load = client(Load::Loop {
        concurrency: 4,
        requests: 1_000_000_000,
        keep_alive: false,
        think: Duration::ZERO,
        timeout: Duration::from_secs(1),
    });
    let mut run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![load]));
    let sleep = |millis| {
        let until = run
            .clock
            .instant(Offset::from_duration(Duration::from_millis(millis)));
        while Instant::now() < until {
            std::thread::yield_now();
        }
    };
    sleep(100);
    assert!(run.traffic.stop(&"web".into(), StopHow::Fin).unwrap());
    sleep(200);
    assert!(run.traffic.stop(&"load".into(), StopHow::Fin).unwrap());
    assert!(!run.traffic.stop(&"nobody".into(), StopHow::Fin).unwrap());
    assert!(run.traffic.has_ended());
    let timeline = run.finish();
    let refused = last(&timeline, "load.errors.ECONNREFUSED");
    assert!(refused > 100, "{}", errors(&timeline));
    assert!(last(&timeline, "load.completed") > 100);
}

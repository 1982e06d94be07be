//! Many clients, which share threads.

use std::time::Duration;

use crate::scenario::workload::{Accept, ClientClose, ClientSpec, Load};
use crate::traffic::tests::{TestRun, client, connect, errors, last, server, workload};
use crate::units::Rate;

/// `TCP_CLOSE_WAIT` as /proc/net/tcp shows it.
const CLOSE_WAIT: &str = "08";

fn named(number: usize, load: Load) -> ClientSpec {
    ClientSpec {
        name: format!("load{number}").as_str().into(),
        ..client(load)
    }
}

/// Counts the threads of this process that clients share. Other tests may run at the same time.
fn shared_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "clients").count()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_many_clients_share_a_few_threads_and_each_has_its_own_counts() {
    let clients = (0..100).map(|number| named(number, connect(4, 20.0, ClientClose::Client)));
    let mut clients: Vec<ClientSpec> = clients.collect();
    clients[7].target.set_port(81);
    // Keeps its thread until the end.
    clients[9].load = connect(4, 20.0, ClientClose::Hold);
    clients[8].load = Load::Loop {
        concurrency: 2,
        requests: 6,
        keep_alive: true,
        think: Duration::from_millis(10),
        timeout: Duration::from_secs(5),
    };
    let run = TestRun::begin(workload(vec![server(Accept::Epoll)], clients));
    assert!((1..=16).contains(&shared_threads()), "{}", shared_threads());
    run.wait();
    // What the server has not accepted yet, its client has closed.
    while run.sockets(CLOSE_WAIT, Some(80)) > 0 {
        std::thread::yield_now();
    }
    let timeline = run.finish();
    for number in (0..100).filter(|number| ![7, 8].contains(number)) {
        let established = last(&timeline, &format!("load{number}.established"));
        assert_eq!(established, 4, "load{number}: {}", errors(&timeline));
        assert_eq!(last(&timeline, &format!("load{number}.in-flight")), 0);
    }
    assert_eq!(last(&timeline, "load7.errors.ECONNREFUSED"), 4);
    assert_eq!(last(&timeline, "load8.completed"), 6);
    assert_eq!(last(&timeline, "load8.established"), 2);
    assert_eq!(last(&timeline, "web.accepted"), 98 * 4 + 2);
    assert_eq!(timeline.loads.len(), 100);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_clients_on_shared_threads_hold_connections_for_their_time_or_until_the_end() {
    let held = Load::Hold {
        connections: 3,
        rate: Rate::per_second(100.0).unwrap(),
        hold_for: Duration::from_millis(200),
        timeout: Duration::from_secs(1),
    };
    let clients = (0..30).map(|number| match number % 2 {
        0 => named(number, held.clone()),
        _ => named(number, connect(3, 100.0, ClientClose::Hold)),
    });
    let run = TestRun::begin(workload(vec![server(Accept::Epoll)], clients.collect()));
    run.wait();
    assert_eq!(
        run.sockets(super::ESTAB, Some(80)),
        15 * 3,
        "those without a time"
    );
    let timeline = run.finish();
    assert_eq!(
        last(&timeline, "web.accepted"),
        30 * 3,
        "{}",
        errors(&timeline)
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_clients_on_shared_threads_stop_at_once() {
    let clients = (0..40).map(|number| named(number, connect(1_000_000, 5.0, ClientClose::Hold)));
    let run = TestRun::begin(workload(vec![server(Accept::Epoll)], clients.collect()));
    while run.sockets(super::ESTAB, Some(80)) < 100 {
        std::thread::yield_now();
    }
    let before = std::time::Instant::now();
    let timeline = run.finish();
    // The clients stop within a second; the rest is for other tests that run at the same time.
    assert!(
        before.elapsed() < Duration::from_secs(3),
        "{:?}",
        before.elapsed()
    );
    assert!(last(&timeline, "load39.established") > 0);
}

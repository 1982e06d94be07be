//! Connections that last: pauses of a loop, exchanges, pools.

use std::time::Duration;

use crate::scenario::workload::{
    Accept, ClientSpec, ConnectionPool, ExchangeStep, Load, PoolOrder, ReplyPace, Schedule,
    ServerClose, ServerSpec,
};
use crate::traffic::tests::{TestRun, client, errors, last, server, workload};
use crate::units::{ByteCount, Rate};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn schedule(rate: f64, count: u64) -> Schedule {
    let rate = Rate::per_second(rate).unwrap();
    Schedule {
        from: rate,
        to: rate,
        count,
    }
}

fn run(server: ServerSpec, client: ClientSpec) -> crate::record::Timeline {
    let run = TestRun::begin(workload(vec![server], vec![client]));
    run.wait();
    run.finish()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_workers_of_a_loop_pause_with_and_without_a_connection() {
    for (keep_alive, established) in [(true, 2), (false, 8)] {
        let load = client(Load::Loop {
            concurrency: 2,
            requests: 8,
            keep_alive,
            think: millis(100),
            timeout: Duration::from_secs(5),
        });
        let begun = std::time::Instant::now();
        let timeline = run(server(Accept::Epoll), load);
        assert_eq!(
            last(&timeline, "load.completed"),
            8,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "load.established"), established);
        let took = begun.elapsed();
        assert!(
            took > millis(300) && took < millis(1_500),
            "three pauses each: {took:?}"
        );
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_exchange_goes_through_its_steps_on_each_connection() {
    let within = ExchangeStep::Reply {
        timeout: Duration::from_secs(5),
    };
    let load = client(Load::Exchange {
        steps: vec![
            ExchangeStep::Send(ByteCount(1024)),
            within.clone(),
            ExchangeStep::Pause(millis(150)),
            ExchangeStep::Send(ByteCount(100_000)),
            within,
        ],
        connections: 3,
        timeout: Duration::from_secs(5),
    });
    for accept in [Accept::Epoll, Accept::Pool { threads: 4 }] {
        let timeline = run(server(accept), load.clone());
        assert_eq!(
            last(&timeline, "load.completed"),
            3,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "load.established"), 3);
        assert_eq!(last(&timeline, "load.status.200"), 6);
        assert_eq!(last(&timeline, "load.bytes"), 6 * 1024);
        assert_eq!(last(&timeline, "web.accepted"), 3);
        assert_eq!(
            last(&timeline, "web.bytes"),
            3 * (1024 + 100_000 + 2 * 1024)
        );
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_step_of_an_exchange_has_its_own_timeout() {
    let load = client(Load::Exchange {
        steps: vec![
            ExchangeStep::Send(ByteCount(1)),
            ExchangeStep::Reply {
                timeout: millis(50),
            },
        ],
        connections: 2,
        timeout: Duration::from_secs(5),
    });
    let slow = ServerSpec {
        reply_pace: ReplyPace {
            after: millis(300),
            rate: None,
        },
        ..server(Accept::Epoll)
    };
    let timeline = run(slow, load);
    assert_eq!(last(&timeline, "load.errors.ETIMEDOUT"), 2);
    assert_eq!(last(&timeline, "load.in-flight"), 0);
}

fn pooled(size: u32, check: bool, rate: f64, count: u64) -> ClientSpec {
    client(Load::Requests {
        schedule: schedule(rate, count),
        timeout: Duration::from_secs(2),
        pool: ConnectionPool {
            size,
            idle: Duration::from_secs(60),
            order: PoolOrder::Lifo,
            check,
        },
    })
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_requests_wait_for_a_connection_of_the_pool() {
    let slow = ServerSpec {
        reply_pace: ReplyPace {
            after: millis(50),
            rate: None,
        },
        ..server(Accept::Epoll)
    };
    // Two connections carry 40 requests per second.
    let timeline = run(slow, pooled(2, false, 200.0, 20));
    assert_eq!(
        last(&timeline, "load.completed"),
        20,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "load.attempted"), 20);
    assert_eq!(last(&timeline, "load.established"), 2);
    assert_eq!(last(&timeline, "load.in-flight"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_pool_hands_out_dead_connections_unless_it_checks_them() {
    for (check, completed, failed) in [(false, 2, 2), (true, 4, 0)] {
        let impatient = ServerSpec {
            keep_alive: millis(50),
            ..server(Accept::Epoll)
        };
        let timeline = run(impatient, pooled(1, check, 5.0, 4));
        assert_eq!(
            last(&timeline, "load.completed"),
            completed,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "load.failed"), failed);
        assert_eq!(last(&timeline, "load.in-flight"), 0);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_requests_of_a_pool_go_on_if_the_server_closes_each_connection() {
    let closes = ServerSpec {
        close: ServerClose::First,
        ..server(Accept::Epoll)
    };
    let timeline = run(closes, pooled(1, false, 200.0, 20));
    assert_eq!(
        last(&timeline, "load.completed"),
        20,
        "{}",
        errors(&timeline)
    );
    assert_eq!(last(&timeline, "load.established"), 20);
}

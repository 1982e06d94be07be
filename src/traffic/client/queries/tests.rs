//! Queries against servers over UDP, with real namespaces.

use std::time::Duration;

use crate::record::Timeline;
use crate::scenario::workload::{
    Accept, Answer, ClientSpec, Load, Protocol, QUERY_BYTES, Queries, QuerySockets, ReplyPace,
    Schedule, ServerSpec,
};
use crate::traffic::tests::{TestRun, client, errors, last, server, workload};
use crate::units::{ByteCount, Rate};

fn asks(count: u64, at_once: u32, retries: u32, sockets: QuerySockets) -> ClientSpec {
    let rate = Rate::per_second(200.0).unwrap();
    ClientSpec {
        name: "q".into(),
        ..client(Load::Queries(Queries {
            schedule: Schedule {
                from: rate,
                to: rate,
                count,
            },
            timeout: Duration::from_millis(100),
            retries,
            sockets,
            at_once,
            threads: false,
            bytes: u32::try_from(QUERY_BYTES).unwrap(),
        }))
    }
}

fn dns(answer: Answer) -> ServerSpec {
    ServerSpec {
        name: "dns".into(),
        protocol: Protocol::Udp,
        answer,
        reply: ByteCount(100),
        ..server(Accept::Epoll)
    }
}

fn run(servers: Vec<ServerSpec>, q: ClientSpec) -> Timeline {
    let run = TestRun::begin(workload(servers, vec![q]));
    run.wait();
    run.finish()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_every_query_is_answered_from_one_socket_or_many() {
    for (sockets, answer, bytes) in [
        (QuerySockets::Each, Answer::Bytes, 4_000),
        (QuerySockets::One, Answer::Bytes, 4_000),
        (QuerySockets::One, Answer::Echo, 40 * 28),
    ] {
        let timeline = run(vec![dns(answer)], asks(20, 2, 0, sockets));
        assert_eq!(last(&timeline, "q.answered"), 40, "{}", errors(&timeline));
        assert_eq!(last(&timeline, "q.sent"), 40);
        assert_eq!(last(&timeline, "q.failed"), 0);
        assert_eq!(last(&timeline, "q.in-flight"), 0);
        assert_eq!(last(&timeline, "q.bytes"), bytes);
        assert_eq!(last(&timeline, "dns.received"), 40);
        assert_eq!(last(&timeline, "dns.replies"), 40);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_threads_send_each_query_once_and_again_after_a_timeout() {
    for (answer, retries, sent) in [(Answer::Bytes, 0, 80), (Answer::Never, 1, 160)] {
        let mut q = asks(20, 4, retries, QuerySockets::Each);
        if let Load::Queries(queries) = &mut q.load {
            queries.threads = true;
        }
        let timeline = run(vec![dns(answer)], q);
        assert_eq!(last(&timeline, "q.sent"), sent, "{}", errors(&timeline));
        assert_eq!(last(&timeline, "dns.received"), sent);
        assert_eq!(last(&timeline, "q.retries"), sent - 80);
        assert_eq!(last(&timeline, "q.in-flight"), 0);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_query_without_an_answer_is_sent_again_and_then_fails() {
    let timeline = run(vec![dns(Answer::Never)], asks(5, 1, 2, QuerySockets::Each));
    assert_eq!(last(&timeline, "q.sent"), 15);
    assert_eq!(last(&timeline, "q.retries"), 10);
    assert_eq!(last(&timeline, "q.errors.ETIMEDOUT"), 5);
    assert_eq!(last(&timeline, "q.failed"), 5);
    assert_eq!(last(&timeline, "dns.received"), 15);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_icmp_port_unreachable_is_econnrefused() {
    for sockets in [QuerySockets::Each, QuerySockets::One] {
        let timeline = run(Vec::new(), asks(5, 1, 1, sockets));
        assert_eq!(
            last(&timeline, "q.errors.ECONNREFUSED"),
            5,
            "{}",
            errors(&timeline)
        );
        assert_eq!(last(&timeline, "q.retries"), 5);
        assert_eq!(last(&timeline, "q.failed"), 5);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_answer_after_the_timeout_is_late_or_counts_for_a_later_try() {
    let slow = ServerSpec {
        reply_pace: ReplyPace {
            after: Duration::from_millis(150),
            rate: None,
        },
        ..dns(Answer::Bytes)
    };
    let timeline = run(vec![slow.clone()], asks(3, 1, 1, QuerySockets::One));
    assert_eq!(last(&timeline, "q.answered"), 3, "{}", errors(&timeline));
    assert_eq!(last(&timeline, "q.retries"), 3);
    let timeline = run(vec![slow], asks(60, 1, 0, QuerySockets::One));
    assert_eq!(last(&timeline, "q.errors.ETIMEDOUT"), 60);
    assert!(
        last(&timeline, "q.late") > 10,
        "{}",
        last(&timeline, "q.late")
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_server_that_starts_late_refuses_before() {
    let late = ServerSpec {
        start: Duration::from_millis(250),
        ..dns(Answer::Echo)
    };
    let timeline = run(vec![late], asks(100, 1, 0, QuerySockets::Each));
    let refused = last(&timeline, "q.errors.ECONNREFUSED");
    assert!((40..=60).contains(&refused), "{refused}");
    assert_eq!(last(&timeline, "q.answered"), 100 - refused);
}

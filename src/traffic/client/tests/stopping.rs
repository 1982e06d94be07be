//! How actors stop, and floods.

use std::time::Instant;

use super::*;
use crate::scenario::workload::{Accept, ClientClose, Load, Schedule, StopHow};
use crate::sys::loopback;
use crate::traffic::tests::{
    ESTABLISHED as ESTAB, TIME_WAIT, TestRun, client, connect, errors, last, server, workload,
};
use crate::units::Rate;

/// Sockets in a state, once they are as many as expected, or are not in time.
fn sockets(run: &TestRun, state: &str, expected: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(5);
    while run.sockets(state, None) != expected && Instant::now() < deadline {
        std::thread::yield_now();
    }
    run.sockets(state, None)
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_what_is_stopped_by_reset_leaves_nothing_and_by_fin_it_leaves_time_wait() {
    for accept in [Accept::Epoll, Accept::Pool { threads: 20 }] {
        for actor in ["load", "web"] {
            for (how, time_wait) in [(StopHow::Fin, 20), (StopHow::Reset, 0)] {
                // A client's connections end with its server's only once it hears of it; it holds them.
                if actor == "web" && how == StopHow::Fin {
                    continue;
                }
                let load = client(connect(20, 2_000.0, ClientClose::Hold));
                let web = server(accept.clone());
                let netns = loopback::namespace();
                let mut run = TestRun::begin_in(netns, workload(vec![web], vec![load]));
                run.wait();
                assert_eq!(sockets(&run, ESTAB, 40), 40);
                assert!(run.traffic.stop(&actor.into(), how).unwrap());
                assert_eq!(sockets(&run, ESTAB, 0), 0);
                assert_eq!(
                    sockets(&run, TIME_WAIT, time_wait),
                    time_wait,
                    "{actor} {how:?}"
                );
                run.finish();
            }
        }
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_flood_sends_what_its_schedule_says_and_establishes_nothing() {
    for (target, first) in [("127.0.0.1:80", "127.64.0.1"), ("[::1]:80", "fd00:2::1")] {
        let rate = Rate::per_second(1_000.0).unwrap();
        let mut attack = client(Load::Flood {
            schedule: Schedule {
                from: rate,
                to: rate,
                count: 100,
            },
            first: first.parse().unwrap(),
            sources: 10,
        });
        attack.target = target.parse().unwrap();
        let run = TestRun::begin(workload(vec![server(Accept::Epoll)], vec![attack]));
        run.wait();
        let timeline = run.finish();
        assert_eq!(last(&timeline, "load.sent"), 100, "{}", errors(&timeline));
        assert_eq!(last(&timeline, "web.accepted"), 0);
        let load = &timeline.loads[0];
        assert_eq!(
            (load.started, load.open_loop, load.engine.as_str()),
            (100, true, "raw")
        );
    }
}

//! Stopping actors, and floods.

use std::time::Instant;

use super::*;
use crate::scenario::workload::{Accept, ClientClose, Load, Schedule, StopHow};
use crate::sys::loopback;
use crate::traffic::tests::{
    ESTABLISHED as ESTAB, TIME_WAIT, TestRun, client, connect, errors, last, server, workload,
};
use crate::units::Rate;

/// Returns the number of sockets in a state, once it is the expected one or the time is up.
fn sockets(run: &TestRun, state: &str, expected: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(5);
    while run.sockets(state, None) != expected && Instant::now() < deadline {
        std::thread::yield_now();
    }
    run.sockets(state, None)
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_reset_leaves_nothing_and_a_fin_leaves_time_wait() {
    for accept in [Accept::Epoll, Accept::Pool { threads: 20 }] {
        for actor in ["load", "web"] {
            for (how, time_wait) in [(StopHow::Fin, 20), (StopHow::Reset, 0)] {
                // The client holds its connections until it receives the server's FIN.
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
fn kernel_a_flood_follows_its_schedule_and_establishes_nothing() {
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

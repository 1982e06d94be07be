//! Tests of the reasons for losses: only counters that rose at that time count.

use std::time::Duration;

use super::lab::Script;
use crate::ladder::{LadderRow, LossReason, PacketFate};
use crate::record::{Event, Offset};
use crate::scenario::Place;
use crate::scenario::workload::{StepAction, StepSpec};

/// Returns the reason for a SYN that leaves after 150 ms and is seen at this many link ends.
fn reason(seen: usize, prepare: impl FnOnce(&mut Script)) -> Option<String> {
    let mut script = Script::with_port(40_000);
    prepare(&mut script);
    script.send(150.0, "> SYN 0", seen).until(5000);
    let ladder = script.draw("load").unwrap();
    match &ladder.rows[0] {
        LadderRow::Packet(packet) => match &packet.fate {
            PacketFate::Vanished { reason, .. } => reason.as_ref().map(|reason| match reason {
                LossReason::Inferred(reason) => reason.clone(),
                LossReason::Kernel(reason, _) => panic!("the run was not traced: {reason}"),
            }),
            other => panic!("{other:?}"),
        },
        LadderRow::LeftOut(_) | LadderRow::State(_) => None,
    }
}

#[test]
fn router_counters_explain_losses() {
    let conntrack = |counter: &'static str, entries: i64| {
        reason(2, |script| {
            script
                .series(
                    &format!("nat.conntrack.{counter}"),
                    false,
                    &[(0, 5), (200, 7)],
                )
                .series("nat.conntrack.entries", false, &[(0, entries)])
                .series("nat.conntrack.max", false, &[(0, 1000)]);
        })
    };
    assert_eq!(
        conntrack("drop", 1000).unwrap(),
        "table full, counted in nat.conntrack.drop; nat.conntrack.entries 1000 of 1000"
    );
    assert_eq!(
        conntrack("drop", 500).unwrap(),
        "dropped by connection tracking, counted in nat.conntrack.drop"
    );
    assert_eq!(
        conntrack("insert_failed", 500).unwrap(),
        "connection tracking could not insert it: its translated address and port are taken, \
         counted in nat.conntrack.insert_failed"
    );
    assert_eq!(conntrack("found", 1000), None);
}

#[test]
fn server_counters_explain_losses() {
    let counted = |counters: &[&str]| {
        reason(4, |script| {
            for counter in counters {
                script.series(&format!("server.{counter}"), false, &[(0, 0), (200, 1)]);
            }
        })
    };
    // A full accept queue counts both.
    assert_eq!(
        counted(&["TcpExtListenDrops", "TcpExtListenOverflows"]).unwrap(),
        "accept queue full, counted in server.TcpExtListenOverflows"
    );
    assert_eq!(
        counted(&["TcpExtListenDrops", "TcpExtTCPReqQFullDrop"]).unwrap(),
        "SYN queue full, counted in server.TcpExtTCPReqQFullDrop"
    );
    assert_eq!(
        counted(&["TcpExtListenDrops"]).unwrap(),
        "dropped by the listener, counted in server.TcpExtListenDrops"
    );
    assert_eq!(
        counted(&["TcpExtPAWSPassive"]).unwrap(),
        "PAWS: older timestamp, counted in server.TcpExtPAWSPassive"
    );
    assert_eq!(counted(&["TcpExtTW"]), None);
}

#[test]
fn a_counter_that_rose_at_another_time_is_not_a_reason() {
    let rose = |values: &[(u64, i64)]| {
        reason(4, |script| {
            script.series("server.TcpExtListenOverflows", false, values);
        })
    };
    assert!(rose(&[(0, 0), (200, 1)]).is_some());
    assert_eq!(rose(&[(0, 0), (100, 1)]), None);
    assert_eq!(rose(&[(0, 0), (900, 1)]), None);
}

#[test]
fn a_late_sample_still_explains_a_loss() {
    let late = reason(4, |script| {
        script.series("server.TcpExtListenOverflows", false, &[(0, 0), (900, 1)]);
        for (t, probe) in [
            (100, "server.counters"),
            (900, "server.counters"),
            (200, "client.counters"),
        ] {
            script.timeline.add(Event::Looked {
                t: Offset(t * 1_000_000),
                probe: probe.to_owned(),
                cost: 0,
            });
        }
    });
    assert_eq!(
        late.unwrap(),
        "accept queue full, counted in server.TcpExtListenOverflows"
    );
}

#[test]
fn a_link_that_is_down_carries_nothing() {
    let down = |at: u64, up: bool| StepSpec {
        at: Duration::from_millis(at),
        action: StepAction::LinkState { link: 1, up },
        place: Place::default(),
    };
    let reason_after =
        |steps: Vec<StepSpec>| reason(3, |script| script.spec.workload.steps = steps);
    assert_eq!(
        reason_after(vec![down(100, false)]).unwrap(),
        "the link is down"
    );
    assert_eq!(reason_after(vec![down(100, false), down(120, true)]), None);
    assert_eq!(reason_after(vec![down(200, false)]), None);
}

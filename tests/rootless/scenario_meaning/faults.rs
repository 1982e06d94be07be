//! The meaning of faults and of the steps that change links.

use super::*;
use nslab::scenario::fault::{FaultAction, SegmentFlags};
use nslab::scenario::workload::{Load, StepAction, StopHow};

#[test]
fn every_fault_is_on_its_link_and_ends_are_in_the_link_s_order() {
    let run = &read("faults").runs[0];
    let [first, second] = run.topology.links.as_slice() else {
        panic!()
    };
    let names = |link: &nslab::scenario::topology::LinkSpec| {
        let faults = link.faults.iter().map(|fault| fault.name.to_string());
        faults.collect::<Vec<String>>()
    };
    assert_eq!(names(first), ["lost-answer"]);
    assert_eq!(names(second), ["late-fin", "twice", "stale", "forged"]);
    let FaultAction::Drop(of) = &first.faults[0].action else {
        panic!()
    };
    let syn_ack = SegmentFlags {
        syn: true,
        ack: true,
        ..SegmentFlags::default()
    };
    // `router` is the second end of the first link, and the first of the second.
    assert_eq!(
        (of.from, of.flags, of.nth),
        (Some(1), Some(syn_ack), Some([1, 1]))
    );
    let FaultAction::Delay { of, .. } = &second.faults[0].action else {
        panic!()
    };
    assert_eq!(of.from, Some(0));
    let FaultAction::Inject(forged) = &second.faults[3].action else {
        panic!()
    };
    assert_eq!(
        (forged.to, forged.connection, forged.sequence.ahead),
        (1, 3, 10)
    );
    // A forged segment that is still to come keeps the run going.
    assert!(run.watch_until >= forged.at);
}

#[test]
fn a_link_has_from_the_start_everything_it_needs_later() {
    let run = &read("faults").runs[0];
    assert!(
        run.topology
            .links
            .iter()
            .all(|link| link.changes && link.max_segments() == Some(1))
    );
    let actions: Vec<&StepAction> = run.workload.steps.iter().map(|step| &step.action).collect();
    assert!(
        matches!(
            actions[..],
            [
                StepAction::LinkImpair { link: 0, .. },
                StepAction::LinkState { link: 0, up: false },
                StepAction::LinkImpair { link: 0, .. },
                StepAction::LinkState { link: 0, up: true },
                StepAction::Stop {
                    how: StopHow::Reset,
                    ..
                },
                // Its node vanishes before it stops; otherwise its peers would receive a FIN.
                StepAction::Vanish { .. },
                StepAction::Stop {
                    how: StopHow::Vanish,
                    ..
                },
            ]
        ),
        "{actions:?}"
    );
    let plain = &read("clients").runs[0];
    assert!(plain.topology.links.iter().all(|link| !link.changes));
}

#[test]
fn answers_to_a_flood_are_routed_to_its_node_and_nowhere_local() {
    let run = &read("flood").runs[0];
    let route = |node: &str, to: &str| {
        let routes = &run.topology.nodes[node].routes;
        let found = routes.iter().find(|route| route.to.to_string() == to);
        found.map(|route| route.via.to_string())
    };
    assert_eq!(route("router", "10.64.0.0/16").unwrap(), "10.0.0.1");
    assert_eq!(route("server", "10.65.0.0/16").unwrap(), "10.0.1.1");
    assert_eq!(route("attacker", "10.64.0.0/16"), None);
    assert_eq!(run.topology.nodes["attacker"].source_prefix, None);
    let Load::Flood {
        schedule,
        first,
        sources,
    } = &client(run, "attack").load
    else {
        panic!()
    };
    assert_eq!((schedule.count, *sources), (400, 1_000));
    assert_eq!(first.to_string(), "10.64.0.1");
    let more = &client(run, "more").load;
    assert!(
        matches!(more, Load::Flood { sources: 65_535, first, .. } if first.to_string() == "10.65.0.1")
    );
}

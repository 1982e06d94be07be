//! Tests of what runs are estimated to need.

use std::collections::BTreeMap;
use std::time::Duration;

use super::demand::{Demand, LogUse, load_time};
use super::durations::expected;
use super::path::is_paced_by_links;

/// Returns the processor time of all phases of a run that lasts ten seconds.
fn busy_for(more: &str) -> f64 {
    let text = format!(
        "nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b] }}]\n\
         servers: {{ web: {{ node: b, port: 80 }} }}\n{more}\n"
    );
    let scenario = crate::scenario::parse("busy", &text, &BTreeMap::new()).unwrap();
    let phases = Demand::of(&scenario.runs[0]).phases;
    let all = phases.iter();
    all.map(|phase| phase.processors * phase.length(Duration::from_secs(10)).as_secs_f64())
        .sum()
}

#[test]
fn a_program_that_generates_load_counts_for_more_than_others() {
    let program = |run: &str| busy_for(&format!("commands: {{ it: {{ node: a, run: [{run}] }} }}"));
    assert!(program("/usr/bin/ab, -n, '9', 'http://10.0.0.2/'") > 4.0 * program("ip, link"));
    let far = |run: &str| {
        let text = format!(
            "nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b], delay: 20ms }}]\n\
             commands: {{ it: {{ node: a, run: [{run}] }} }}\n"
        );
        let scenario = crate::scenario::parse("far", &text, &BTreeMap::new()).unwrap();
        let phases = Demand::of(&scenario.runs[0]).phases;
        phases.iter().map(|phase| phase.processors).sum::<f64>()
    };
    assert!(far("iperf3, --client, x") > far("ip, link") + 0.1);
}

#[test]
fn the_cost_of_a_connection_falls_with_the_rate() {
    let clients = |rate: u32| {
        busy_for(&format!(
            "clients: {{ it: {{ node: a, to: web, connect: {{ rate: {rate}/s, for: 5s }} }} }}"
        ))
    };
    let start = busy_for("");
    let (few, many) = (clients(100) - start, clients(1000) - start);
    assert!(few < many && many < 4.0 * few, "{few} and {many}");
}

#[test]
fn a_transfer_over_a_slow_link_is_expected_to_end() {
    let spec = "clients: { it: { node: a, to: web, bulk: { bytes: 1MiB } } }";
    let limited = spec.to_owned() + "\nlinks: [{ between: [a, b], rate: 10Mbit/s }]";
    let text = format!(
        "nodes: {{ a: {{}}, b: {{}} }}\nservers: {{ web: {{ node: b, port: 80 }} }}\n{limited}\n"
    );
    let scenario = crate::scenario::parse("slow", &text, &BTreeMap::new()).unwrap();
    let phases = Demand::of(&scenario.runs[0]).phases;
    assert!(
        phases.iter().all(|phase| phase.until.is_some()),
        "{phases:?}"
    );
}

/// A transfer that a firewall holds up waits for its timeout, and needs no processor meanwhile.
#[test]
fn a_transfer_takes_no_more_than_its_bytes_do() {
    let time = |bytes: &str| {
        let text = format!(
            "nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b] }}]\n\
             servers: {{ web: {{ node: b, port: 80 }} }}\n\
             clients: {{ it: {{ node: a, to: web, bulk: {{ bytes: {bytes}, timeout: 30s }} }} }}\n\
             expect: [ it.completed == 1 at 29s ]\n"
        );
        let scenario = crate::scenario::parse("held", &text, &BTreeMap::new()).unwrap();
        load_time(&scenario.runs[0])
    };
    let (few, many) = (time("256KiB"), time("256MiB"));
    assert!(few + 1.0 < many, "{few} and {many}");
}

/// A run that reads the kernel's log would count the messages of others.
#[test]
fn a_run_that_logs_martians_does_not_go_beside_one_that_reads_the_log() {
    let log = |more: &str| {
        let text =
            format!("nodes: {{ a: {{ {more} }}, b: {{}} }}\nlinks: [{{ between: [a, b] }}]\n");
        let scenario = crate::scenario::parse("log", &text, &BTreeMap::new()).unwrap();
        Demand::of(&scenario.runs[0]).log
    };
    assert_eq!(log(""), LogUse::Unused);
    assert_eq!(
        log("sysctls: { net.ipv4.conf.all.log_martians: 0 }"),
        LogUse::Unused
    );
    assert_eq!(
        log("sysctls: { net.ipv4.conf.all.log_martians: 1 }"),
        LogUse::Fills
    );
}

/// The answers of a server come when the path allows.
#[test]
fn a_delay_that_a_step_sets_prolongs_a_run() {
    let takes = |delay: &str| {
        let text = format!(
            "nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b] }}]\n\
             servers: {{ dns: {{ node: b, port: 53, protocol: udp }} }}\n\
             clients: {{ it: {{ node: a, to: dns, start: 1s, queries: {{ rate: 10/s, count: 10, timeout: 40s }} }} }}\n\
             steps: [{{ at: 500ms, link: {{ between: [a, b], delay: {delay} }} }}]\n"
        );
        let scenario = crate::scenario::parse("late", &text, &BTreeMap::new()).unwrap();
        expected(&scenario.runs[0])
    };
    assert_eq!(
        takes("10s") - takes("1ms"),
        Duration::from_millis(2 * 9_999)
    );
}

#[test]
fn a_long_round_trip_or_a_slow_link_paces_a_run() {
    let paced = |link: &str| {
        let text = format!("nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b]{link} }}]\n");
        let scenario = crate::scenario::parse("path", &text, &BTreeMap::new()).unwrap();
        is_paced_by_links(&scenario.runs[0])
    };
    assert!(paced(", delay: 25ms") && paced(", delay: 1ms, rate: 20Mbit/s"));
    assert!(!paced("") && !paced(", delay: 20ms, rate: 100Mbit/s"));
}

/// An attempt that is given up takes its timeout, and a step that stops the server ends a transfer.
#[test]
fn attempts_that_are_given_up_prolong_a_run_and_steps_shorten_a_transfer() {
    let scenario = |more: &str| {
        let text = format!(
            "nodes: {{ a: {{}}, b: {{}} }}\nlinks: [{{ between: [a, b] }}]\n\
             servers: {{ web: {{ node: b, port: 80 }} }}\n{more}\n"
        );
        crate::scenario::parse("given-up", &text, &BTreeMap::new()).unwrap()
    };
    let connects = |claim: &str| {
        let load = "it: { node: a, to: web, connect: { rate: 1000/s, count: 500, timeout: 30s } }";
        let scenario = scenario(&format!("clients: {{ {load} }}\nexpect: [ {claim} ]"));
        let run = &scenario.runs[0];
        (expected(run), load_time(run))
    };
    let [none, some] =
        ["== 0", "== 500"].map(|claim| connects(&format!("it.errors.ETIMEDOUT {claim}")));
    assert_eq!(some.0 - none.0, Duration::from_secs(30));
    // An attempt that waits takes no processor; only the samples do.
    assert!(some.1 - none.1 < 0.3, "{} and {}", some.1, none.1);

    let transfer = "clients: { it: { node: a, to: web, bulk: { bytes: 800MiB, timeout: 60s } } }";
    let stop = "steps: [ { at: 200ms, stop: { actor: web, how: vanish } } ]";
    let work = |more: &str| {
        let phases = Demand::of(&scenario(&format!("{transfer}\n{more}")).runs[0]).phases;
        let all = phases
            .iter()
            .map(|phase| phase.processors * phase.length(Duration::from_secs(60)).as_secs_f64());
        all.sum::<f64>()
    };
    assert!(
        work(stop) < 1.0 && work("") > 5.0,
        "{} and {}",
        work(stop),
        work("")
    );
}

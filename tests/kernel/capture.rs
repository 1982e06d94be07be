//! Captures of real connections in a lab, and the ladders drawn from them.
//!
//! The kernel chooses addresses, ports and times, so only the shape is compared.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::Trial;
use nslab::ladder::{self, Ladder};
use nslab::record::{self, Privileges, Recorder, Timeline};
use nslab::run::{self, CancelToken, WorkOrder};
use nslab::scenario::{self, RunSpec};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        root_only(
            "a_connection_through_a_translation_is_drawn_at_all_three_nodes",
            a_connection_through_a_translation_is_drawn_at_all_three_nodes,
        ),
        root_only("syns_vanish_at_a_full_table", syns_vanish_at_a_full_table),
        root_only(
            "a_full_accept_queue_is_the_reason_for_silence",
            a_full_accept_queue_is_the_reason_for_silence,
        ),
        root_only(
            "a_port_without_a_listener_refuses",
            a_port_without_a_listener_refuses,
        ),
        root_only(
            "packets_of_ipv6_over_a_lossy_link_are_followed",
            packets_of_ipv6_over_a_lossy_link_are_followed,
        ),
        root_only(
            "tshark_reads_a_capture_without_complaint",
            tshark_reads_a_capture_without_complaint,
        ),
        root_only(
            "captures_are_kept_always_or_for_runs_that_did_not_pass",
            captures_are_kept_always_or_for_runs_that_did_not_pass,
        ),
    ]
}

/// A test that builds a lab in its own process, for which it must be root.
fn root_only(name: &str, test: fn()) -> Trial {
    let test = move || {
        test();
        Ok(())
    };
    let unprivileged = !nix::unistd::geteuid().is_root();
    Trial::test(name, test).with_ignored_flag(unprivileged)
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The results of a run.
struct Ran {
    spec: RunSpec,
    timeline: Timeline,
    file: Vec<u8>,
}

/// Runs a scenario with a capture, as a worker does.
fn run(scenario: &str) -> Ran {
    let parsed = scenario::parse("captured.yaml", scenario, &BTreeMap::new());
    let order = WorkOrder::new(parsed.unwrap().runs.remove(0));
    let events = Kept::default();
    let mut file = tempfile::tempfile().unwrap();
    let packets = Some(file.try_clone().unwrap());
    let (recorder, written) = Recorder::start(events.clone()).expect("a thread");
    run::run(
        &order,
        Privileges::Root,
        packets,
        &recorder,
        &CancelToken::default(),
    )
    .unwrap();
    drop(recorder);
    written.wait().unwrap();
    let timeline = Timeline::read(events.0.lock().unwrap().as_slice()).unwrap();
    let notes = timeline.notes.iter().map(|(_, note)| note);
    let of_capture: Vec<_> = notes.filter(|note| note.contains("capture")).collect();
    assert!(of_capture.is_empty(), "{of_capture:?}");
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    Ran {
        spec: order.spec,
        timeline,
        file: bytes,
    }
}

impl Ran {
    fn draw(&self, which: &str) -> Ladder {
        let capture = record::Capture::parse(self.file.as_slice()).unwrap();
        let which = which.parse().unwrap();
        ladder::draw(&capture, &self.spec, &self.timeline, &which).unwrap()
    }

    /// Returns the packets of a ladder, one line each, with the fate of those that vanished.
    fn shape(&self, which: &str) -> (String, Vec<String>) {
        let ladder = self.draw(which);
        let text = nslab::report::ladder::text(&ladder, 80, false);
        let lines = text.lines().filter_map(|line| {
            // Between the time and the lifelines there are only packets and their fates.
            let inner = line.split_once("│ ")?.1.trim_matches(['│', ' ']);
            (inner.starts_with('✗') || line.starts_with("  ") && line.contains("seq "))
                .then_some(inner)
        });
        let lines = lines.map(|line| {
            line.replace('│', " ")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        });
        let lines = lines.collect();
        (text, lines)
    }
}

fn a_connection_through_a_translation_is_drawn_at_all_three_nodes() {
    let ran = run("
name: whole
title: Whole
nodes: { client: {}, nat: { nat: { snat: { toward: server, ports: 20000-20099 } } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80, reply: 512B } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, count: 5, timeout: 1s, close: client } } }
expect: [ load.established == 5 ]
");
    let ladder = ran.draw("load:5");
    let (text, lines) = ran.shape("load:5");
    assert_eq!((ladder.attempt, ladder.attempts), (5, 5), "{text}");
    assert!(
        ladder.links[1].translated && ladder.links[1].addresses[0].contains(":200"),
        "{text}"
    );
    assert_eq!(
        lines[..3],
        ["SYN seq 0", "SYN-ACK seq 0 ack 1", "ACK seq 1 ack 1"],
        "{text}"
    );
    assert!(
        text.contains("SYN_SENT") && text.contains("ESTABLISHED"),
        "{text}"
    );
    assert!(text.contains("TIME_WAIT"), "{text}");
    assert!(!text.contains('✗'), "{text}");
    // Each packet was seen on both links, from end to end.
    for row in &ladder.rows {
        let ladder::LadderRow::Packet(packet) = row else {
            panic!("{text}")
        };
        assert_eq!(packet.hops.len(), 2, "{text}");
        assert!(
            packet.hops.iter().all(|hop| hop.transit.is_some()),
            "{text}"
        );
    }
}

fn syns_vanish_at_a_full_table() {
    let ran = run("
name: full
title: Full
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } }, conntrack: { room: 3 } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, count: 6, timeout: 4s, close: hold } } }
expect: [ load.established == 3, nat.conntrack.drop >= 3 ]
");
    let ladder = ran.draw("load");
    let (text, lines) = ran.shape("load");
    assert_eq!((ladder.attempt, ladder.attempts), (4, 6), "{text}");
    assert_eq!(lines[0], "SYN seq 0", "{text}");
    assert!(lines[1].starts_with("✗ lost in nat: table full"), "{text}");
    // The reason may take several lines of the drawing.
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == '│')
        .collect();
    let words = words.into_iter().filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join(" ");
    assert!(words.contains("counted in nat.conntrack.drop"), "{text}");
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("SYN retry 1, seq 0"))
            .count(),
        1,
        "{text}"
    );
    assert!(ladder.links[1].addresses.is_empty(), "{text}");
}

fn a_full_accept_queue_is_the_reason_for_silence() {
    let ran = run("
name: queue
title: Queue
nodes: { client: {}, server: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80, backlog: 2, accept: never } }
clients: { load: { node: client, to: web, connect: { rate: 20/s, count: 8, timeout: 1500ms, close: hold } } }
expect: [ load.established == 3, server.TcpExtListenOverflows >= 1 ]
");
    let ladder = ran.draw("load");
    let (text, lines) = ran.shape("load");
    assert_eq!((ladder.attempt, ladder.attempts), (4, 8), "{text}");
    assert!(
        lines[1].starts_with("✗ ignored by server: accept queue full"),
        "{text}"
    );
    assert_eq!(lines[0], "SYN seq 0", "{text}");
}

fn a_port_without_a_listener_refuses() {
    let ran = run("
name: refused
title: Refused
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
commands: { once: { node: client, run: [bash, -c, 'exec 3<>/dev/tcp/10.0.0.2/81'], timeout: 5s } }
expect: [ once.exit == 1 ]
");
    let (text, lines) = ran.shape("once");
    assert_eq!(lines, ["SYN seq 0", "RST-ACK seq 0 ack 1"], "{text}");
    assert!(text.contains("refused after"), "{text}");
}

fn packets_of_ipv6_over_a_lossy_link_are_followed() {
    let ran = run("
name: lossy
title: Lossy
seed: 7
ip: 6
nodes: { client: {}, router: {}, server: {} }
links: [ { between: [client, router] }, { between: [router, server], delay: 20ms, loss: 20% } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, count: 20, timeout: 8s, close: client } } }
expect: [ load.attempted == 20 ]
");
    let capture = record::Capture::parse(ran.file.as_slice()).unwrap();
    assert!(capture.packets().count() > 100);
    let all: Vec<_> = (1..=20)
        .map(|number| ran.draw(&format!("load:{number}")))
        .collect();
    let rows = all.iter().flat_map(|ladder| &ladder.rows);
    let packets = rows.filter_map(|row| match row {
        ladder::LadderRow::Packet(packet) => Some(packet),
        ladder::LadderRow::LeftOut(_) | ladder::LadderRow::State(_) => None,
    });
    let mut lost = 0;
    for packet in packets {
        match &packet.fate {
            ladder::PacketFate::Vanished { at, reason } => {
                assert_eq!(*at, ladder::LossPoint::Link(1), "{packet:#?}");
                let expected = "the link drops 20 % of all packets".to_owned();
                assert_eq!(*reason, Some(ladder::LossReason::Inferred(expected)));
                lost += 1;
            }
            ladder::PacketFate::Arrived => {
                let transit = packet
                    .hops
                    .iter()
                    .find(|hop| hop.link == 1)
                    .unwrap()
                    .transit;
                assert!(transit.unwrap() >= Duration::from_millis(20), "{packet:#?}");
            }
            ladder::PacketFate::InFlight => {}
        }
    }
    assert!(lost > 0);
}

fn tshark_reads_a_capture_without_complaint() {
    let ran = run("
name: read-elsewhere
title: Read elsewhere
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 50/s, count: 10, timeout: 1s, close: client } } }
expect: [ load.established == 10 ]
");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &ran.file).unwrap();
    let fields = [
        "-T",
        "fields",
        "-e",
        "frame.interface_name",
        "-e",
        "tcp.flags",
        "-e",
        "_ws.malformed",
        "-Y",
        "tcp.flags.syn==1 && tcp.flags.ack==0",
        "-r",
    ];
    let output = Command::new("tshark")
        .args(fields)
        .arg(file.path())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<_> = complaints
        .lines()
        .filter(|line| !line.contains("Running as user"))
        .collect();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints:?}"
    );
    let shown = String::from_utf8(output.stdout).unwrap();
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for line in shown.lines() {
        let (interface, rest) = line.split_once('\t').unwrap();
        assert!(rest.ends_with('\t'), "malformed: {line}");
        *count.entry(interface).or_default() += 1;
    }
    let ends = ["client:eth0", "nat:eth0", "nat:eth1", "server:eth0"];
    assert_eq!(count, ends.map(|end| (end, 10)).into());
}

/// Runs the program on a scenario whose one expectation holds or not. Returns its output and the names of the captures.
fn run_program(holds: bool, when: &str) -> (std::process::Output, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let expected = if holds { 5 } else { 6 };
    let scenario = format!(
        "
name: wanted
title: Wanted
nodes: {{ client: {{}}, server: {{}} }}
links: [ {{ between: [client, server] }} ]
servers: {{ web: {{ node: server, port: 80 }} }}
clients: {{ load: {{ node: client, to: web, connect: {{ rate: 50/s, count: 5, timeout: 1s }} }} }}
expect: [ load.established == {expected} ]
"
    );
    let file = folder.path().join("wanted.yaml");
    std::fs::write(&file, scenario).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
        .args([
            "run",
            "--no-progress",
            "--capture",
            "kept",
            "--capture-when",
            when,
        ])
        .arg(&file)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let kept = std::fs::read_dir(folder.path().join("kept"))
        .into_iter()
        .flatten();
    let kept = kept.map(|entry| entry.unwrap().path());
    let names = kept.map(|path| {
        let capture = record::Capture::read(&path).unwrap();
        assert!(!capture.ends_early && capture.packets().count() > 20);
        path.file_name().unwrap().to_string_lossy().into_owned()
    });
    (output, names.collect())
}

fn captures_are_kept_always_or_for_runs_that_did_not_pass() {
    for (holds, when, kept) in [
        (true, "always", true),
        (true, "on-failure", false),
        (false, "on-failure", true),
    ] {
        let (output, names) = run_program(holds, when);
        assert_eq!(output.status.success(), holds, "{output:?}");
        // A second attempt, on a busy machine, has a capture of its own.
        let is_wanted = |name: &String| name.starts_with("wanted") && name.ends_with(".pcapng");
        assert_eq!(!names.is_empty(), kept, "{when}, {holds}: {output:?}");
        assert!(names.iter().all(is_wanted) && names.len() <= 2, "{names:?}");
    }
}

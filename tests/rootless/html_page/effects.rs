//! Three effects and their reasons, found in a browser by keyboard alone, in what a screen reader announces.

use std::path::Path;

use nslab::report::html::{Views, render_view};
use nslab::suite::replay::{StoredRun, replay};
use serde_json::Value;

use crate::html_page::browser::look_at_effects;
use crate::html_page::ladders;
use crate::html_page::view::open;

/// Runs with a capture and a trace: `nslab run --record . --capture .` of a client with 8 ports, and of `table-full
/// --variant full --set room=6 --set attempts=10 --set held=10 --set rate=20/s`.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/records/effects");

fn page(record: &str) -> String {
    let record = StoredRun::read(&Path::new(FOLDER).join(record)).unwrap();
    let result = replay(&[record]).result;
    render_view(&result, &Views::of_all(&result, open))
}

/// Returns what is announced at the first stop of a kind at which `part` is heard: after its key, and after Enter.
fn announced(seen: &Value, kind: &str, part: &str) -> (String, String) {
    let stops = seen[kind].as_array().unwrap();
    let text = |stop: &Value, key: &str| stop[key].as_str().unwrap().to_owned();
    let stop = stops.iter().find(|stop| text(stop, "heard").contains(part));
    let stop = stop.unwrap_or_else(|| panic!("no {kind} with {part}: {stops:#?}"));
    assert!(!text(stop, "closed").contains("Why?"), "Escape closes it");
    (text(stop, "heard"), text(stop, "why"))
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn a_full_accept_queue_is_explained_by_keyboard_alone() {
    let result = ladders::captured();
    let page = render_view(&result, &Views::of_all(&result, open));
    let Some(seen) = look_at_effects("effect-queue", &page) else {
        return;
    };
    let (heard, why) = announced(&seen, "drops", "lost in server");
    has(
        &heard,
        &["burst:10: SYN", "client to server", "accept queue full"],
    );
    has(
        &why,
        &[
            "does not call accept(2) fast enough",
            "net.core.somaxconn = ",
            "nslab learn handshake",
        ],
    );
    has(seen["nothing"].as_str().unwrap(), &["nothing to explain"]);
}

#[test]
fn ports_that_ran_out_are_explained_by_keyboard_alone() {
    let Some(seen) = look_at_effects("effect-ports", &page("ports-run-out.nslab.jsonl")) else {
        return;
    };
    assert_eq!(
        seen["drops"],
        Value::Array(Vec::new()),
        "nothing was sent that could be lost"
    );
    for kind in ["expectations", "counters"] {
        let (_, why) = announced(&seen, kind, "EADDRNOTAVAIL");
        has(
            &why,
            &[
                "found no free local port",
                "load.errors.EADDRNOTAVAIL = ",
                "net.ipv4.ip_local_port_range = 40000 40007 on client",
                "nslab learn timewait-arithmetic",
            ],
        );
    }
}

#[test]
fn a_full_connection_tracking_table_is_explained_by_keyboard_alone() {
    let Some(seen) = look_at_effects("effect-nat", &page("table-full-full.nslab.jsonl")) else {
        return;
    };
    let (heard, why) = announced(&seen, "drops", "lost in nat");
    has(
        &heard,
        &["load:7: SYN", "NETFILTER_DROP (the kernel's reason)"],
    );
    has(
        &why,
        &[
            "no room for another entry",
            "nat.conntrack.drop",
            "nslab learn nat-table",
        ],
    );
    let (heard, why) = announced(&seen, "entries", "makes the entry tcp");
    has(&heard, &["SYN_SENT, timeout 120 s"]);
    has(&why, &["nf_conntrack_tcp_timeout_syn_sent = 120 on nat"]);
    // The six connections that the table has room for have an entry, the others none.
    let entries = seen["entries"].as_array().unwrap();
    let made = entries
        .iter()
        .filter(|entry| entry["heard"].as_str().unwrap().contains("makes"));
    assert_eq!(made.count(), 6);
}

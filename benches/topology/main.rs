//! Measures how fast labs are built and torn down, next to the kernel's own cost and to other tools:
//! `cargo bench --bench topology`.
//!
//! ```text
//! c ---- r ---- s      3 namespaces, 2 links, 4 addresses, 2 routes, 8 settings, masquerade
//! ```
//!
//! The floors are one thread that creates three namespaces, and one that also sends the messages for their links,
//! addresses and routes: no settings, no address translation. Variants take turns in one run. It needs root, `ip`,
//! `nft` and `unshare`, and uses `python3-pyroute2` if installed. The cost of scripts excludes the shell and the
//! namespaces that keep them from leaving anything behind.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../support/bench.rs"]
mod bench;
#[path = "../support/figures.rs"]
mod figures;
mod floors;
mod peers;
#[path = "../support/processor.rs"]
mod processor;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/settle.rs"]
mod settle;
#[path = "../support/table.rs"]
mod table;

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nslab::lab::{Lab, LabScope};
use nslab::scenario::RunSpec;

use bench::{Measured, bench, option};
use figures::Figures;

const LAB: &str = "
nodes:
  c: { sysctls: { net.ipv4.tcp_tw_reuse: 0, net.ipv4.ip_local_port_range: 40000 40999, net.ipv4.tcp_syn_retries: 3 } }
  r:
    nat: { masquerade: { toward: s } }
    sysctls: { net.ipv4.ip_forward: 1, net.netfilter.nf_conntrack_tcp_timeout_established: 3600 }
  s: { sysctls: { net.ipv4.tcp_syncookies: 0, net.ipv4.tcp_fin_timeout: 10, net.core.somaxconn: 128 } }
links:
  - between: [c, r]
  - between: [r, s]
";
/// Namespaces of the large lab.
const MANY: usize = 500;
const FLOOR: &str = "3 x unshare";
const FLOOR_CPU: &str = "3 x unshare, processor time";
const WIRED: &str = "3 x unshare, links, addresses, routes";
const SET_UP: &str = "set-up";
const WIRED_CPU: &str = "3 x unshare, links, addresses, routes, processor time";
const SET_UP_CPU: &str = "set-up and drop, processor time";
const DROP: &str = "drop";
const MANY_FLOOR: &str = "500 x unshare";
const MANY_SET_UP: &str = "500 namespaces, set-up";
const MANY_DROP: &str = "500 namespaces, drop";

fn main() -> ExitCode {
    bench("Topology", || {
        let (small, large) = (script::spec(LAB)?, star()?);
        let mut took = Figures::default();
        // Other namespaces come and go, and a few always wait in the kernel's caches.
        let before = settle::namespaces().map(|count| count + 5);
        for round in 0..option("--rounds", 31) {
            floor(&mut took)?;
            settle::until(before);
            wired(&mut took)?;
            settle::until(before);
            lab(&small, &mut took)?;
            settle::until(before);
            // Slow variants take part in every sixth round.
            if round % 6 == 0 {
                many(&large, &mut took, before)?;
                others(&mut took, before)?;
            }
        }
        print(&took);
        Ok(())
    })
}

fn floor(took: &mut Figures) -> Measured {
    let spent = processor::spent();
    took.add(FLOOR, milliseconds(floors::bare(3)?));
    took.add(FLOOR_CPU, milliseconds(processor::spent() - spent));
    Ok(())
}

fn wired(took: &mut Figures) -> Measured {
    let spent = processor::spent();
    took.add(WIRED, milliseconds(floors::wired()?));
    took.add(WIRED_CPU, milliseconds(processor::spent() - spent));
    Ok(())
}

fn lab(spec: &RunSpec, took: &mut Figures) -> Measured {
    let spent = processor::spent();
    let (up, down) = stood(spec)?;
    took.add(SET_UP_CPU, milliseconds(processor::spent() - spent));
    took.add(SET_UP, milliseconds(up));
    took.add(DROP, milliseconds(down));
    Ok(())
}

fn many(spec: &RunSpec, took: &mut Figures, before: Option<u64>) -> Measured {
    took.add(MANY_FLOOR, milliseconds(floors::bare(MANY)?));
    settle::until(before);
    let (up, down) = stood(spec)?;
    took.add(MANY_SET_UP, milliseconds(up));
    took.add(MANY_DROP, milliseconds(down));
    settle::until(before);
    Ok(())
}

fn others(took: &mut Figures, before: Option<u64>) -> Measured {
    let nothing = peers::nothing().build()?;
    settle::until(before);
    for peer in peers::peers() {
        let whole = peer.build()?;
        took.add(peer.name, milliseconds(whole.saturating_sub(nothing)));
        settle::until(before);
    }
    Ok(())
}

fn print(took: &Figures) {
    let time = |name: &str| format!("{:.3} ms", took.median(name));
    let ratio = took.ratio(SET_UP, FLOOR);
    let cpu = took.ratio(SET_UP_CPU, FLOOR_CPU);
    let to_wired = took.ratio(SET_UP, WIRED);
    let cpu_to_wired = took.ratio(SET_UP_CPU, WIRED_CPU);
    let (many, drop) = (took.median(MANY_SET_UP), took.median(DROP));
    let many_target = Some(("<= 500 ms", many <= 500.0));
    let ratio_target = Some(("<= 2.0", ratio.median <= 2.0));
    let mut rows = vec![
        table::figure(FLOOR, None, time(FLOOR)),
        table::figure(WIRED, None, time(WIRED)),
        table::figure(SET_UP, None, time(SET_UP)),
        table::figure("set-up / 3 x unshare", ratio_target, ratio.to_string()),
        table::figure(
            "the same in processor time, with drop",
            None,
            cpu.to_string(),
        ),
        table::figure(
            "set-up / 3 x unshare, links, addresses, routes",
            None,
            to_wired.to_string(),
        ),
        table::figure(
            "the same in processor time, with drop",
            None,
            cpu_to_wired.to_string(),
        ),
        table::figure(DROP, Some(("<= 0.1 ms", drop <= 0.1)), time(DROP)),
        table::figure(MANY_FLOOR, None, time(MANY_FLOOR)),
        table::figure(MANY_SET_UP, many_target, time(MANY_SET_UP)),
        table::figure(MANY_DROP, None, time(MANY_DROP)),
    ];
    for peer in peers::peers() {
        let times = took.median(peer.name) / took.median(SET_UP);
        let target = peer
            .target
            .map(|target| (format!(">= {target}"), times >= target));
        let target = target.as_ref().map(|(text, met)| (text.as_str(), *met));
        let what = format!("{} / set-up", peer.name);
        rows.push(table::figure(peer.name, None, time(peer.name)));
        rows.push(table::figure(&what, target, format!("{times:.1}")));
    }
    table::print(&["what", "target", "measured", ""], &rows);
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures the time to build a lab and to let go of it.
fn stood(spec: &RunSpec) -> Measured<(Duration, Duration)> {
    let started = Instant::now();
    let (lab, ..) = Lab::build(spec, LabScope::default())?;
    let up = started.elapsed();
    let started = Instant::now();
    lab.shutdown();
    Ok((up, started.elapsed()))
}

/// One node in the middle, linked with all others. No node has routes.
fn star() -> Measured<RunSpec> {
    let (mut nodes, mut links) = ("nodes:\n  hub: {}\n".to_owned(), "links:\n".to_owned());
    for leaf in 1..MANY {
        writeln!(nodes, "  n{leaf}: {{}}")?;
        writeln!(links, "  - between: [hub, n{leaf}]")?;
    }
    let mut spec = script::spec(&(nodes + &links))?;
    for node in spec.topology.nodes.values_mut() {
        node.routes.clear();
    }
    Ok(spec)
}

//! Fills connection tracking tables, next to `conntrack -R`, and checks that the free space is exact:
//! `cargo bench --bench conntrack`.
//!
//! Each table belongs to a new namespace and is filled to the host's `nf_conntrack_max`. The host's own table
//! and that of a sibling are read before and after. `conntrack -R` (Debian: `apt install conntrack`) reads a
//! file with as many entries.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/kernel_memory.rs"]
mod kernel_memory;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/script.rs"]
mod script;
#[path = "support/series.rs"]
mod series;
#[path = "support/settle.rs"]
mod settle;
#[path = "support/table.rs"]
mod table;
#[path = "support/whole.rs"]
mod whole;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nslab::lab;
use nslab::sys::NetNs;
use nslab::sys::conntrack::{Conntrack, TableSize};

use bench::{Measured, bench, option};
use figures::Figures;

/// Clients behind a node whose table has space for some of them.
const SCENARIO: &str = "
nodes:
  client: { sysctls: { net.ipv4.ip_local_port_range: 1024 65535 } }
  nat: { nat: { masquerade: { toward: server } }, conntrack: { room: ROOM } }
  server: {}
links:
  - between: [client, nat]
  - between: [nat, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
clients:
  load: { node: client, to: web, connect: { rate: 5000/s, count: COUNT, timeout: 2s, close: hold } }
";

const ROOMS: [u32; 2] = [1_000, 5_000];
/// Connects for which the table has no space.
const BEYOND: u32 = 500;
/// The number of entries of the target: the kernel's `nf_conntrack_max` on a machine with enough memory.
const TARGET_ENTRIES: f64 = 262_144.0;

fn main() -> ExitCode {
    bench("Conntrack", || {
        fills(option("--rounds", 5))?;
        rooms()
    })
}

fn fills(rounds: u64) -> Measured {
    let sibling = NetNs::create()?;
    let bystanders = || -> Measured<_> { Ok((size(&NetNs::current()?)?, size(&sibling)?)) };
    let max = size(&sibling)?.max;
    let folder = tempfile::tempdir()?;
    let file = entries(folder.path(), max)?;
    let peer = Command::new("conntrack").arg("--version").output().is_ok();
    if !peer {
        println!("`conntrack` is not on PATH: `apt install conntrack`.\n");
    }
    let mut figures = Figures::default();
    let (mut disturbed, mut short) = (0, 0);
    let namespaces = settle::namespaces();
    for _ in 0..rounds {
        let before = bystanders()?;
        let slab = kernel_memory::slab()?;
        let netns = NetNs::create()?;
        let begun = Instant::now();
        let made = lab::leave_free_entries(&netns, 0, false)?;
        figures.add("fill", begun.elapsed().as_secs_f64());
        figures.add(
            "memory",
            (kernel_memory::slab()? - slab) / f64::from(made.filled),
        );
        short += u32::from(size(&netns)?.count != max);
        let after = bystanders()?;
        // The host's own traffic may add or remove a few.
        disturbed += u32::from(after.0.count.abs_diff(before.0.count) > 100 || after.1 != before.1);
        let begun = Instant::now();
        lab::flush_conntrack(&netns)?;
        figures.add("flush", begun.elapsed().as_secs_f64());
        drop(netns);
        settle::until(namespaces);
        if peer {
            figures.add("conntrack -R", restore(&file, max)?.as_secs_f64());
            settle::until(namespaces);
        }
    }
    let scaled = figures.median("fill") * TARGET_ENTRIES / f64::from(max);
    println!("{max} entries, medians of {rounds} rounds.\n");
    let ratio = if peer {
        figures.ratio("conntrack -R", "fill").to_string()
    } else {
        "-".to_owned()
    };
    table::print(
        &["what", "target", "measured", ""],
        &[
            table::figure(
                "262,144 entries",
                Some(("<= 0.6 s", scaled <= 0.6)),
                format!("{scaled:.3} s"),
            ),
            table::figure(
                "filled to the last entry",
                Some(("always", short == 0)),
                format!("{short} rounds short"),
            ),
            table::figure(
                "flush",
                Some(("<= 0.3 s", figures.median("flush") <= 0.3)),
                format!("{:.3} s", figures.median("flush")),
            ),
            table::figure(
                "host's and sibling's counts",
                Some(("unchanged", disturbed == 0)),
                format!("{disturbed} rounds changed"),
            ),
            table::figure("`conntrack -R` to ours", None, ratio),
            table::figure(
                "slab an entry",
                None,
                format!("{:.0} bytes", figures.median("memory")),
            ),
        ],
    );
    Ok(())
}

/// Checks that exactly as many connections were established as there was space for.
fn rooms() -> Measured {
    println!("\n### Room\n");
    let mut rows = Vec::new();
    for room in ROOMS {
        let count = room + BEYOND;
        let scenario = SCENARIO.replace("ROOM", &room.to_string());
        let timeline = whole::run(&scenario.replace("COUNT", &count.to_string()))?;
        let established = series::last(&timeline, "load.established");
        let timed_out = series::last(&timeline, "load.errors.ETIMEDOUT");
        let exact = established == f64::from(room) && timed_out == f64::from(BEYOND);
        rows.push(table::figure(
            &format!("{count} connects, room for {room}"),
            Some((&format!("{room} + {BEYOND} timed out"), exact)),
            format!("{established:.0} + {timed_out:.0}"),
        ));
    }
    table::print(&["what", "target", "measured", ""], &rows);
    Ok(())
}

fn size(netns: &NetNs) -> Measured<TableSize> {
    Ok(netns.run(|| Conntrack::open()?.size())??)
}

/// Writes a file from which `conntrack -R` makes this many entries, like those that the lab makes.
fn entries(folder: &Path, count: u32) -> Measured<PathBuf> {
    let mut text = String::new();
    for index in 0..count {
        let (high, low, port) = (index >> 18 & 255, index >> 10 & 255, 1024 + (index & 1023));
        writeln!(
            text,
            "-A -s 198.18.{high}.{low} -d 198.19.0.1 -p tcp --sport {port} --dport 9 \
             --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 432000"
        )?;
    }
    let file = folder.join("entries");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// Measures the time that `conntrack -R` takes in a new namespace.
fn restore(file: &Path, max: u32) -> Measured<Duration> {
    let file = file.to_owned();
    let netns = NetNs::create()?;
    let work = move || -> std::io::Result<_> {
        let begun = Instant::now();
        let mut restore = Command::new("conntrack");
        let output = restore.arg("-R").arg(file).stdin(Stdio::null()).output()?;
        Ok((begun.elapsed(), output))
    };
    let (took, output) = netns.run(work)??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("conntrack -R: {}", said.lines().last().unwrap_or_default()).into());
    }
    let made = size(&netns)?.count;
    netns.run(|| Conntrack::open()?.flush())??;
    if made != max {
        return Err(format!("conntrack -R made only {made} entries").into());
    }
    Ok(took)
}

//! Measures the cost of watching: samples of a lab with three nodes, and listing sockets next to `ss`:
//! `cargo bench --bench sampling`.
//!
//! ```text
//! client ---- nat ---- server
//! ```
//!
//! A sample reads a node's counters, socket states and, on `nat`, its connection tracking table. Its processor
//! time is in every record. The floor reads `netstat`, `snmp` and `sockstat` of a namespace at the same rate,
//! through descriptors that stay open, and on `nat` the counters of the table, `stat/nf_conntrack`. For comparison, a
//! script runs `nstat` and `ss -s` instead. The floor of a listing sends the same request and throws the answer away.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/live_lab.rs"]
mod live_lab;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/script.rs"]
mod script;
#[path = "support/table.rs"]
mod table;
#[path = "support/whole.rs"]
mod whole;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nslab::record::{RunClock, Timeline};
use nslab::sys::NetNs;
use nslab::sys::netlink::NetlinkError;
use nslab::sys::procfs::NetFile;
use nslab::sys::sock_diag::{SockDiag, TcpStates};
use nslab::sys::timer::thread_cpu_time;
use nslab::tcp::TcpState;

use bench::{Measured, bench, option};
use figures::{Figures, quantile};
use live_lab::{LEAD, LiveLab};

const WATCHED: &str = "
nodes:
  client: {}
  nat: { nat: { masquerade: { toward: server } } }
  server: {}
links:
  - between: [client, nat]
  - between: [nat, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
WORK
";
const IDLE: &str = "commands: { wait: { node: client, run: [sleep, 10], timeout: 1m } }";
const LOADED: &str = "clients: { load: { node: client, to: web, connect: { rate: 1000/s, for: 10s, timeout: 1s } } }";
const NODES: [&str; 3] = ["client", "nat", "server"];

/// The interval at which probes sample by default.
const EVERY: Duration = Duration::from_millis(100);
/// The files that the floor reads.
const FILES: [&str; 3] = ["netstat", "snmp", "sockstat"];
const FILES_OF_ROUTER: [&str; 4] = ["netstat", "snmp", "sockstat", "stat/nf_conntrack"];
/// Number of samples of the floor.
const FLOOR_LOOKS: u32 = 50;

const LISTED: &str = "
nodes:
  # A stray RST does not end TIME_WAIT before its time.
  client: { sysctls: { net.ipv4.tcp_rfc1337: 1 } }
  server: {}
links:
  - between: [client, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
clients:
  load: { node: client, to: web, sources: 4, connect: { rate: 10000/s, count: 30000, timeout: 10s, close: CLOSE } }
";
const SOCKETS: u32 = 30_000;

fn main() -> ExitCode {
    bench("Sampling", || {
        looks()?;
        for (state, close) in [("ESTABLISHED", "hold"), ("TIME_WAIT", "client")] {
            listing(state, close, option("--rounds", 15))?;
        }
        Ok(())
    })
}

fn looks() -> Measured {
    println!("### Looks at three nodes, every 100 ms\n");
    let floor_of = |files: &'static [&str], every| -> Measured<f64> {
        let costs = NetNs::create()?.run(move || floor(files, every))??;
        Ok(quantile(&costs, 0.5))
    };
    let (floor, hot) = (floor_of(&FILES, EVERY)?, floor_of(&FILES, Duration::ZERO)?);
    let of_router = floor_of(&FILES_OF_ROUTER, EVERY)?;
    let of_node = |node| match node {
        "nat" => of_router,
        _ => floor,
    };
    let mut rows = Vec::new();
    let mut judged = Vec::new();
    for (name, work) in [("idle", IDLE), ("1,000 connections/s", LOADED)] {
        let timeline = whole::run(&WATCHED.replace("WORK", work))?;
        for node in NODES {
            let costs = costs(&timeline, node);
            let p50 = quantile(&costs, 0.5);
            rows.push(vec![
                name.to_owned(),
                node.to_owned(),
                costs.len().to_string(),
                format!("{p50:.0} / {:.0}", quantile(&costs, 0.99)),
                format!("{:.2}", p50 / of_node(node)),
            ]);
        }
        let all: Vec<f64> = NODES
            .iter()
            .flat_map(|node| costs(&timeline, node))
            .collect();
        let to_floor: Vec<f64> = NODES
            .iter()
            .flat_map(|node| {
                costs(&timeline, node)
                    .into_iter()
                    .map(|cost| cost / of_node(node))
            })
            .collect();
        let ratio = quantile(&to_floor, 0.5);
        let share = all.iter().sum::<f64>() / 1e6 / timeline.now.as_secs_f64() * 100.0;
        judged.push(table::figure(
            &format!("a look to the floor, {name}"),
            Some(("<= 1.15", ratio <= 1.15)),
            format!("{ratio:.2}"),
        ));
        judged.push(table::figure(
            &format!("three nodes at 100 ms, {name}"),
            Some(("<= 0.5 % of a core", share <= 0.5)),
            format!("{share:.2} %"),
        ));
    }
    table::print(
        &[
            "load",
            "node",
            "looks",
            "processor p50 / p99, us",
            "p50 to the floor",
        ],
        &rows,
    );
    println!(
        "\nFloor: {floor:.0} us, of a router {of_router:.0} us; {hot:.0} us one after the other, with everything in \
         the processor's caches."
    );
    if let Some(script) = script()? {
        println!("`nstat -asz` and `ss -s`: {script:.0} us.");
    }
    println!();
    table::print(&["what", "target", "measured", ""], &judged);
    Ok(())
}

/// Returns the processor time of a node's samples, in microseconds, without the first, which declares every series.
fn costs(timeline: &Timeline, node: &str) -> Vec<f64> {
    let looks = timeline.looks.get(node).into_iter().flatten().skip(1);
    looks.map(|(_, cost)| *cost as f64 / 1e3).collect()
}

/// Returns the processor time of reading these files, in microseconds.
fn floor(names: &[&str], every: Duration) -> std::io::Result<Vec<f64>> {
    let mut files = Vec::new();
    for name in names {
        files.push(NetFile::open(name)?);
    }
    let mut costs = Vec::new();
    for _ in 0..FLOOR_LOOKS {
        std::thread::sleep(every);
        let before = thread_cpu_time()?;
        for file in &mut files {
            std::hint::black_box(file.read()?);
        }
        costs.push((thread_cpu_time()? - before).as_secs_f64() * 1e6);
    }
    Ok(costs)
}

/// Returns the processor time of the programs that a script would run, in microseconds; `None` if they are not
/// installed.
fn script() -> Measured<Option<f64>> {
    let netns = NetNs::create()?;
    let mut costs = Vec::new();
    for _ in 0..FLOOR_LOOKS {
        let before = processor::spent();
        let run = || -> std::io::Result<()> {
            let mut nstat = Command::new("nstat");
            nstat.arg("-asz").stdout(Stdio::null()).status()?;
            Command::new("ss")
                .arg("-s")
                .stdout(Stdio::null())
                .status()?;
            Ok(())
        };
        if netns.run(run)?.is_err() {
            return Ok(None);
        }
        costs.push((processor::spent() - before).as_secs_f64() * 1e6);
    }
    Ok(Some(quantile(&costs, 0.5)))
}

fn listing(state: &str, close: &str, rounds: u64) -> Measured {
    let live_lab = LiveLab::build(&LISTED.replace("CLOSE", close))?;
    let clock = RunClock::starting_in(LEAD);
    let running = live_lab.start(&["web", "load"], clock)?;
    while !running.has_ended() {
        std::thread::sleep(EVERY);
    }
    let netns = live_lab
        .lab
        .node(&"client".into())
        .ok_or("no such node")?
        .netns
        .clone();
    let mut figures = Figures::default();
    let mut listed = 0;
    for _ in 0..rounds {
        let (count, took, cost) = netns.run(list)??;
        listed = count;
        figures.add("ours", took);
        figures.add("ours, processor", cost);
        let (took, cost) = netns.run(throw_away)??;
        figures.add("floor", took);
        figures.add("floor, processor", cost);
        let before = processor::spent();
        let ss = || {
            let begun = Instant::now();
            let status = Command::new("ss")
                .arg("-tan")
                .stdout(Stdio::null())
                .status();
            status.map(|_| begun.elapsed().as_secs_f64() * 1e3)
        };
        match netns.run(ss)? {
            Ok(took) => figures.add("ss", took),
            Err(error) => println!("`ss` cannot be run (`apt install iproute2`): {error}"),
        }
        let cost = processor::spent().saturating_sub(before);
        figures.add("ss, processor", cost.as_secs_f64() * 1e3);
    }
    running.stop()?;
    println!("\n### Listing {listed} sockets in {state}, {rounds} rounds\n");
    let ratio = figures.ratio("ss", "ours");
    let processor = figures.ratio("ss, processor", "ours, processor");
    let to_floor = figures.ratio("ours, processor", "floor, processor");
    let most = figures.ratio("ss, processor", "floor, processor");
    table::print(
        &["what", "target", "measured", ""],
        &[
            table::figure(
                "ours",
                None,
                format!(
                    "{:.1} ms, processor {:.1} ms",
                    figures.median("ours"),
                    figures.median("ours, processor")
                ),
            ),
            table::figure(
                "`ss -tan`",
                None,
                format!(
                    "{:.1} ms, processor {:.1} ms",
                    figures.median("ss"),
                    figures.median("ss, processor")
                ),
            ),
            table::figure(
                "`ss` to ours",
                Some((">= 5", ratio.median >= 5.0)),
                ratio.to_string(),
            ),
            table::figure(
                "the same in processor time",
                Some((">= 5", processor.median >= 5.0)),
                processor.to_string(),
            ),
            table::figure(
                "floor",
                None,
                format!(
                    "{:.1} ms, processor {:.1} ms",
                    figures.median("floor"),
                    figures.median("floor, processor")
                ),
            ),
            table::figure("processor time to the floor's", None, to_floor.to_string()),
            table::figure(
                "processor time of `ss` to the floor's",
                None,
                most.to_string(),
            ),
            table::figure(
                "all are listed",
                Some((&SOCKETS.to_string(), listed == SOCKETS)),
                listed.to_string(),
            ),
        ],
    );
    Ok(())
}

/// Returns the number of sockets, and the time and processor time of listing them, in milliseconds.
fn list() -> Result<(u32, f64, f64), NetlinkError> {
    let spent = || thread_cpu_time().unwrap_or_default();
    let (begun, before) = (Instant::now(), spent());
    let counts = SockDiag::open()?.count(TcpStates::all(), false)?;
    let took = (begun.elapsed(), spent().saturating_sub(before));
    let count = TcpState::LISTED.iter().map(|state| counts.of(*state)).sum();
    Ok((
        count,
        took.0.as_secs_f64() * 1e3,
        took.1.as_secs_f64() * 1e3,
    ))
}

/// Sends the request of [`list`] and reads the answer up to its end, but none of its sockets. Returns the time and
/// processor time in milliseconds.
fn throw_away() -> std::io::Result<(f64, f64)> {
    /// `TCPDIAG_GETSOCK` (Linux `include/uapi/linux/inet_diag.h`).
    const GET_SOCKETS: u16 = 18;
    /// Bytes of `struct inet_diag_req` before the states, and after them.
    const AROUND_STATES: [usize; 2] = [52, 4];
    let spent = || thread_cpu_time().unwrap_or_default();
    let (begun, before) = (Instant::now(), spent());
    let mut socket = netlink_sys::Socket::new(libc::NETLINK_SOCK_DIAG as isize)?;
    socket.bind_auto()?;
    let states: u32 = TcpState::LISTED
        .iter()
        .map(|state| 1 << *state as u32)
        .sum();
    let mut body = vec![0; AROUND_STATES[0]];
    body.extend(states.to_ne_bytes());
    body.resize(body.len() + AROUND_STATES[1], 0);
    let mut request = (16 + body.len() as u32).to_ne_bytes().to_vec();
    request.extend(GET_SOCKETS.to_ne_bytes());
    request.extend(((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    socket.send_to(&request, &netlink_sys::SocketAddr::new(0, 0), 0)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = socket.recv(&mut &mut buffer[..], 0)?;
        let mut rest = &buffer[..length];
        let mut last = 0;
        while let [a, b, c, d, e, f, ..] = *rest {
            last = i32::from(u16::from_ne_bytes([e, f]));
            let size = u32::from_ne_bytes([a, b, c, d]) as usize;
            rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
        if [libc::NLMSG_DONE, libc::NLMSG_ERROR].contains(&last) {
            break;
        }
    }
    let took = (begun.elapsed(), spent().saturating_sub(before));
    Ok((took.0.as_secs_f64() * 1e3, took.1.as_secs_f64() * 1e3))
}

//! Connections a second and what each costs the client, beside `ab`, `wrk` and `oha`: `cargo bench --bench connections`.
//!
//! ```text
//! client ------------ server     one request a connection, 64 at once, the server closes
//! bounded -----------            (the same from a node whose bound on descriptors keeps io_uring out)
//! inside ---- nat ---            (the same through masquerade)
//! ```
//!
//! All take turns in one run, in one lab, against the same nginx (Debian: `apt install nginx-light`; the built-in server where it is
//! not installed). Clients have one processor and the server has another. Processor time is that of the whole process, its start
//! included, as the kernel counts it (getrusage(2)); much of it is the kernel's, and what the kernel does for the server while a
//! packet is delivered is part of it, for all alike. `neper` and `tcpkali` are not in Debian and not measured here.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage.rs"]
mod stage;
#[path = "support/table.rs"]
mod table;
#[path = "support/told.rs"]
mod told;

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nslab::lab;
use nslab::record::{LoadReport, Timeline};
use nslab::sys::timer::thread_cpu_time;
use socket2::SockRef;

use bench::{Measured, bench, option};
use figures::Figures;
use peers::{PEERS, Peer, is_program};
use stage::{Acting, Stage};

const CAST: &str = r#"
nodes:
  client: {}
  # Below the bound a built-in client runs in a process of its own, with the portable engine.
  bounded: { limits: { nofile: 4096 } }
  inside: {}
  # Entries of connections that have ended would stay for two minutes and fill the table.
  nat: { nat: { masquerade: { toward: server } }, sysctls: { net.netfilter.nf_conntrack_tcp_timeout_time_wait: 1 } }
  server: {}
links:
  - between: [client, server]
  - between: [bounded, server]
  - between: [inside, nat]
  - between: [nat, server]
servers:
  web: { node: server, port: 80 }
  bare: { node: server, port: 81, backlog: 4096 }
clients:
  fast: { node: client, to: web, loop: { concurrency: 64, requests: REQUESTS, keep-alive: false } }
  portable: { node: bounded, to: web, loop: { concurrency: 64, requests: REQUESTS, keep-alive: false } }
  translated: { node: inside, to: web, loop: { concurrency: 64, requests: REQUESTS, keep-alive: false } }
  flood: { node: client, to: bare, connect: { rate: 200000/s, count: REQUESTS, timeout: 10s, close: reset } }
commands:
  ab: { node: client, run: [ab, -q, -c, "64", -n, "REQUESTS", "http://10.0.0.2:80/"], timeout: 60s }
  wrk: { node: client, run: [wrk, -t, "1", -c, "64", -d, 2s, -H, "Connection: close", "http://10.0.0.2:80/"], timeout: 60s }
  oha:
    node: client
    run: [oha, --no-tui, --output-format, json, --disable-keepalive, -c, "64", -n, "REQUESTS", "http://10.0.0.2:80/"]
    timeout: 60s
  nginx: { node: server, run: [nginx, -c, CONFIGURATION], timeout: 1h }
"#;

/// One process, no log, a reply of three bytes: little else than the kernel's work.
const NGINX: &str = "
daemon off; master_process off; worker_processes 1;
error_log stderr crit; pid FOLDER/nginx.pid;
events { worker_connections 8192; multi_accept on; }
http {
  access_log off;
  client_body_temp_path FOLDER; proxy_temp_path FOLDER; fastcgi_temp_path FOLDER;
  uwsgi_temp_path FOLDER; scgi_temp_path FOLDER;
  server { listen 80 backlog=4096; location / { return 200 \"ok\\n\"; } }
}
";

/// The server's address on the link to `client`, and its ports: `nslab run --plan` gives addresses out so.
const WEB: ([u8; 4], u16) = ([10, 0, 0, 2], 80);
const BARE: ([u8; 4], u16) = ([10, 0, 0, 2], 81);

/// How often it is looked whether everything has ended: some 10 us of processor time each.
const LOOK: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    // The lab runs actors of a bounded node in a process of their own: this program again.
    if std::env::args().nth(1).as_deref() == Some("agent") {
        return nslab::cli::main();
    }
    bench("Connections", || {
        let rounds = option("--rounds", 9);
        let requests = option("--requests", 40_000);
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("nginx.conf");
        let place = folder.path().display().to_string();
        std::fs::write(&configuration, NGINX.replace("FOLDER", &place))?;
        let cast = CAST.replace("REQUESTS", &requests.to_string());
        let cast = cast.replace("CONFIGURATION", &configuration.display().to_string());
        let stage = Stage::build(&cast)?;
        loops(&stage, rounds)?;
        floods(&stage, rounds, requests)
    })
}

/// A rate and what a connection costs the client, by who made it.
#[derive(Default)]
struct Costs {
    rates: Figures,
    costs: Figures,
    failed: f64,
}

impl Costs {
    fn add(&mut self, who: &str, rate: f64, cost: Duration, made: f64) {
        self.rates.add(who, rate);
        self.costs.add(who, cost.as_secs_f64() * 1e6 / made);
    }
}

/// Requests in a closed loop, a connection each.
fn loops(stage: &Stage, rounds: u64) -> Measured {
    let external = is_program("nginx");
    let server = serve(stage, external)?;
    let there: Vec<&Peer> = PEERS.iter().filter(|peer| peer.is_there()).collect();
    for peer in PEERS.iter().filter(|peer| !peer.is_there()) {
        println!("`{}` is not on PATH: `{}`.\n", peer.program, peer.package);
    }
    let mut costs = Costs::default();
    let mut engines = Vec::new();
    // The first round fills the server's TIME_WAIT up to its bound, for all alike.
    for round in 0..=rounds {
        let mut this = Costs::default();
        for client in ["fast", "portable", "translated"] {
            let load = client_act(stage, client, external, &mut this)?;
            engines.push((client, load.engine));
        }
        for peer in &there {
            let act = drive(stage, &[peer.program])?;
            let said = peer.said(&act.told)?;
            this.failed += said.failed;
            this.add(peer.program, said.rate, act.processor, said.made);
        }
        if round > 0 {
            for who in [&["fast", "portable", "translated"], &programs(&there)[..]].concat() {
                costs.rates.add(who, this.rates.median(who));
                costs.costs.add(who, this.costs.median(who));
            }
            costs.failed += this.failed;
        }
    }
    server.stop()?;
    let engine = |client| {
        let of = engines.iter().rev().find(|(name, _)| *name == client);
        of.map_or("", |(_, engine)| engine.as_str())
    };
    let with = if external {
        "nginx"
    } else {
        "the built-in server (nginx is not installed)"
    };
    println!("### A request a connection, against {with}\n");
    println!("{rounds} rounds; ratios are medians of the rounds' own, with quartiles.\n");
    let rows = programs(&there).into_iter().flat_map(|peer| {
        ["fast", "portable"].map(|ours| {
            vec![
                format!("{} : {peer}", engine(ours)),
                format!(
                    "{:.0} : {:.0}",
                    costs.rates.median(ours),
                    costs.rates.median(peer)
                ),
                costs.rates.ratio(ours, peer).to_string(),
                format!(
                    "{:.1} : {:.1}",
                    costs.costs.median(ours),
                    costs.costs.median(peer)
                ),
                costs.costs.ratio(ours, peer).to_string(),
            ]
        })
    });
    table::print(
        &[
            "engine : peer",
            "connections/s",
            "ratio",
            "client processor, us each",
            "ratio",
        ],
        &rows.collect::<Vec<_>>(),
    );
    println!("\nRequests that failed: {}.\n", costs.failed);
    let mut judged = Vec::new();
    for peer in programs(&there) {
        let (rate, cost) = (
            costs.rates.ratio("fast", peer),
            costs.costs.ratio("fast", peer),
        );
        let what = format!("rate against {peer}");
        judged.push(table::judged(
            &what,
            ">= 1.3",
            rate.to_string(),
            rate.median >= 1.3,
        ));
        let what = format!("processor time against {peer}");
        judged.push(table::judged(
            &what,
            "<= 0.75",
            cost.to_string(),
            cost.median <= 0.75,
        ));
    }
    let through = costs.rates.ratio("translated", "fast");
    let met = through.median >= 0.65;
    judged.push(table::judged(
        "through NAT against direct",
        ">= 0.65",
        through.to_string(),
        met,
    ));
    table::print(&["what", "target", "measured", ""], &judged);
    Ok(())
}

fn programs<'a>(there: &[&'a Peer]) -> Vec<&'a str> {
    there.iter().map(|peer| peer.program).collect()
}

/// The server on a processor of its own; whatever is started after it has the other.
fn serve(stage: &Stage, external: bool) -> Measured<Acting> {
    processor::stay_on(1)?;
    let server = stage.start(&[if external { "nginx" } else { "web" }])?;
    processor::stay_on(0)?;
    wait_for(stage, WEB)?;
    Ok(server)
}

/// Runs one of our clients. With a server in this process, only the client's own threads are counted.
fn client_act(
    stage: &Stage,
    client: &str,
    external: bool,
    costs: &mut Costs,
) -> Measured<LoadReport> {
    let nat = stage.lab.node(&"nat".into()).ok_or("no such node")?;
    lab::flush_room(&nat.netns)?;
    let act = drive(stage, &[client])?;
    let load = told::load(&act.told)?;
    let made = told::last(&act.told, &format!("{client}.completed"));
    costs.failed += told::last(&act.told, &format!("{client}.failed"));
    let own = Duration::from_nanos(load.cpu);
    let processor = if external { act.processor } else { own };
    costs.add(client, load.achieved_rate, processor, made);
    Ok(load)
}

/// Connections that are reset as soon as they are established: as many a second as go.
fn floods(stage: &Stage, rounds: u64, count: u64) -> Measured {
    processor::stay_on(1)?;
    let server = stage.start(&["bare"])?;
    processor::stay_on(0)?;
    wait_for(stage, BARE)?;
    let mut costs = Costs::default();
    let mut engine = String::new();
    for _ in 0..rounds {
        let act = drive(stage, &["flood"])?;
        let load = told::load(&act.told)?;
        let made = told::last(&act.told, "flood.established");
        costs.failed += told::last(&act.told, "flood.failed");
        let rate = made / act.took.as_secs_f64();
        costs.add("flood", rate, Duration::from_nanos(load.cpu), made);
        engine = load.engine;
        let (took, cost) = bare_loop(stage, count)?;
        costs.add(
            "floor",
            count as f64 / took.as_secs_f64(),
            cost,
            count as f64,
        );
    }
    server.stop()?;
    println!("\n### Connect and reset, against the built-in server\n");
    println!(
        "The floor is a loop of connect(2) and close(2) with SO_LINGER 0 that does and counts nothing else.\n"
    );
    let row = |who: &str, name: String| {
        vec![
            name,
            format!("{:.0}", costs.rates.median(who)),
            costs.rates.ratio(who, "floor").to_string(),
            format!("{:.1}", costs.costs.median(who)),
            costs.costs.ratio(who, "floor").to_string(),
        ]
    };
    table::print(
        &[
            "who",
            "connections/s",
            "to the floor",
            "client processor, us each",
            "to the floor",
        ],
        &[
            row("floor", "floor".to_owned()),
            row("flood", format!("{engine}, open loop")),
        ],
    );
    println!("\nConnects that failed: {}.", costs.failed);
    Ok(())
}

/// The least that a connection costs a program that makes one after the other: time and processor time.
fn bare_loop(stage: &Stage, count: u64) -> Measured<(Duration, Duration)> {
    let client = stage.lab.node(&"client".into()).ok_or("no such node")?;
    let work = move || -> std::io::Result<_> {
        let (begun, before) = (Instant::now(), thread_cpu_time()?);
        for _ in 0..count {
            let stream = TcpStream::connect(SocketAddr::from(BARE))?;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok((begun.elapsed(), thread_cpu_time()?.saturating_sub(before)))
    };
    Ok(client.netns.run(work)??)
}

/// What a selection of actors did.
struct Act {
    /// Everything that was told.
    told: Timeline,
    /// From the start of the clock until the last had ended.
    took: Duration,
    /// Processor time of this process and of programs that ended, in that time.
    processor: Duration,
}

/// Has these actors do what they do, to its end.
fn drive(stage: &Stage, actors: &[&str]) -> Measured<Act> {
    let before = processor::spent();
    let acting = stage.start(actors)?;
    while !acting.has_ended() {
        std::thread::sleep(LOOK);
    }
    let took = acting.clock.now().as_duration();
    // A client's own process ends with it, and counts from then on.
    let told = acting.stop()?;
    let processor = processor::spent().saturating_sub(before);
    Ok(Act {
        told,
        took,
        processor,
    })
}

/// Waits until something listens, seen from the client.
fn wait_for(stage: &Stage, address: impl Into<SocketAddr>) -> Measured {
    let (node, address) = (
        stage.lab.node(&"client".into()).ok_or("no such node")?,
        address.into(),
    );
    let connect = move || {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err("nothing listens after 10 s");
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    };
    Ok(node.netns.run(connect)??)
}

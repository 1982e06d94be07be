//! The lab and the server that all clients share.
//!
//! ```text
//! client ------------ server     one request per connection, 64 at once, the server closes
//! inside ---- nat ---            (the same through masquerade)
//! ```

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use nslab::record::{LoadReport, RunClock, Timeline};
use nslab::sys::NetNs;

use super::bench::Measured;
use super::floor::{self, Floor};
use super::live_lab::{LEAD, LiveLab, RunningActors};
use super::peers::is_program;
use super::processor;

const SCENARIO: &str = r#"
nodes:
  client: {}
  inside: {}
  # Entries of connections that have ended would stay for two minutes and fill the table.
  nat: { nat: { masquerade: { toward: server } }, sysctls: { net.netfilter.nf_conntrack_tcp_timeout_time_wait: 1 } }
  server: {}
links:
  - between: [client, server]
  - between: [inside, nat]
  - between: [nat, server]
servers:
  web: { node: server, port: 80, backlog: 4096 }
  bare: { node: server, port: 81, backlog: 4096 }
clients:
  direct: { node: client, to: web, loop: { concurrency: 64, requests: REQUESTS, keep-alive: false } }
  translated: { node: inside, to: web, loop: { concurrency: 64, requests: REQUESTS, keep-alive: false } }
  flood: { node: client, to: bare, connect: { rate: 200000/s, count: REQUESTS, timeout: 10s, close: reset } }
commands:
  ab: { node: client, run: [ab, -q, -c, "64", -n, "REQUESTS", "http://10.0.0.2:80/"], timeout: 60s }
  wrk:
    node: client
    run: [wrk, -t, "1", -c, "64", -d, 2s, -H, "Connection: close", "http://10.0.0.2:80/"]
    timeout: 60s
  oha:
    node: client
    run: [oha, --no-tui, --output-format, json, --disable-keepalive, -c, "64", -n, "REQUESTS", "http://10.0.0.2:80/"]
    timeout: 60s
  # One process, no log, a reply of three bytes: little more than the kernel's work.
  nginx:
    node: server
    run: [nginx, -e, stderr, -c, "${files}/nginx.conf"]
    timeout: 1h
    files:
      nginx.conf: |
        daemon off;
        master_process off;
        worker_processes 1;
        error_log stderr crit;
        pid ${files}/nginx.pid;
        events { worker_connections 8192; multi_accept on; }
        http {
          access_log off;
          client_body_temp_path ${files}/body;
          proxy_temp_path ${files}/proxy;
          fastcgi_temp_path ${files}/fastcgi;
          uwsgi_temp_path ${files}/uwsgi;
          scgi_temp_path ${files}/scgi;
          server { listen 80 backlog=4096; location / { return 200 "ok\n"; } }
        }
"#;

/// The server's address on its link to `client`, as `nslab run --plan` shows.
const SERVER: [u8; 4] = [10, 0, 0, 2];
/// The interval at which the end of all actors is checked. A check costs about 10 us, which would count as the
/// client's.
const LOOK: Duration = Duration::from_millis(20);

/// All actors, in a lab that is up.
pub(crate) struct Contestants {
    pub(crate) live_lab: LiveLab,
    /// True if the server is a process of its own, nginx.
    pub(crate) has_nginx: bool,
}

/// The results of a selection of actors.
pub(crate) struct Measurement {
    /// Everything that was recorded.
    pub(crate) timeline: Timeline,
    /// Processor time used meanwhile by this process and by programs that have ended.
    pub(crate) processor: Duration,
}

impl Contestants {
    /// Builds the lab for clients that make this many requests.
    pub(crate) fn start(requests: u64) -> Measured<Self> {
        let scenario = SCENARIO.replace("REQUESTS", &requests.to_string());
        Ok(Self {
            live_lab: LiveLab::build(&scenario)?,
            has_nginx: is_program("nginx"),
        })
    }

    /// Starts the HTTP server and returns once it listens.
    pub(crate) fn web(&self) -> Measured<RunningActors> {
        let server = if self.has_nginx { "nginx" } else { "web" };
        self.serve(server, SocketAddr::from((SERVER, 80)))
    }

    /// Starts a built-in server that receives no requests, and returns its address once it listens.
    pub(crate) fn bare(&self) -> Measured<(RunningActors, SocketAddr)> {
        let address = SocketAddr::from((SERVER, 81));
        Ok((self.serve("bare", address)?, address))
    }

    /// Starts a server on a processor of its own; everything started later gets the other. Returns once it listens.
    fn serve(&self, server: &str, address: SocketAddr) -> Measured<RunningActors> {
        stay_on(1)?;
        let running = self
            .live_lab
            .start(&[server], RunClock::starting_in(LEAD))?;
        stay_on(0)?;
        let connect = move || {
            let deadline = Instant::now() + Duration::from_secs(10);
            while TcpStream::connect(address).is_err() {
                if Instant::now() > deadline {
                    return Err("the server does not listen after 10 s");
                }
                std::thread::sleep(LOOK);
            }
            Ok(())
        };
        self.netns("client")?.run(connect)??;
        Ok(running)
    }

    /// Runs an actor to its end.
    pub(crate) fn drive(&self, actor: &str) -> Measured<Measurement> {
        let before = processor::spent();
        let running = self.live_lab.start(&[actor], RunClock::starting_in(LEAD))?;
        while !running.has_ended() {
            std::thread::sleep(LOOK);
        }
        // A client's own process ends here, and counts from then on.
        let record = running.stop()?;
        let processor = processor::spent().saturating_sub(before);
        let timeline = record.timeline()?;
        Ok(Measurement {
            timeline,
            processor,
        })
    }

    /// Makes requests in a bare loop, on the clients' node and processor.
    pub(crate) fn floor(&self, requests: u64) -> Measured<Floor> {
        let bare = move || -> std::io::Result<Floor> {
            stay_on(0).map_err(std::io::Error::other)?;
            floor::requests(SocketAddr::from((SERVER, 80)), requests)
        };
        Ok(self.netns("client")?.run(bare)??)
    }

    /// Returns the namespace of a node.
    pub(crate) fn netns(&self, node: &str) -> Measured<&NetNs> {
        let node = self.live_lab.lab.node(&node.into()).ok_or("no such node")?;
        Ok(&node.netns)
    }
}

impl Measurement {
    /// Returns the load report of the only client.
    pub(crate) fn load(&self) -> Measured<&LoadReport> {
        Ok(self.timeline.loads.first().ok_or("no load was reported")?)
    }
}

/// Restricts the calling thread, and everything that it starts from now on, to one processor. On a machine with one
/// processor, that is the only one.
fn stay_on(processor: usize) -> nix::Result<()> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(processor % processors)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

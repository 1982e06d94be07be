//! A network lab inside your own tests: nodes and links from a few lines of YAML, with your code and your programs
//! running on the nodes. Works with root and without.
//!
//! Three steps make a test:
//!
//! 1. [`isolated`] runs the test in a process of its own, inside new namespaces, so nothing is left behind.
//! 2. [`Testbed::build`] builds the lab that the YAML text describes; [`Testbed::host`] returns one of its nodes.
//! 3. [`Host::run`], [`Host::spawn`], [`Host::start`] and [`Host::output`] run your code or a program on a node.
//!
//! ```ignore
//! use std::io::Read;
//! use std::net::{TcpListener, TcpStream};
//! use nslab::testbed::{self, Testbed};
//!
//! #[test]
//! #[ignore = "needs network namespaces"]
//! fn the_server_sees_the_routers_address() -> testbed::Result {
//!     testbed::isolated(|| {
//!         let bed = Testbed::build("
//! nodes: { client: {}, router: { nat: { masquerade: { toward: server } } }, server: {} }
//! links: [{ between: [client, router] }, { between: [router, server] }]
//! ")?;
//!         let server = bed.host("server")?;
//!         let listener = server.run(|| TcpListener::bind("0.0.0.0:80"))??;
//!         let to = (server.address(), 80);
//!         let client = bed.host("client")?.spawn(move || TcpStream::connect(to)?.read(&mut [0; 1]))?;
//!         let (connection, from) = listener.accept()?;
//!         // The server does not see the client's own address, because the router has translated it.
//!         assert_ne!(from.ip(), bed.host("client")?.address());
//!         drop(connection);
//!         assert_eq!(client.join().expect("no panic")??, 0);
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # Built-in traffic and expectations
//!
//! The text has the format of a scenario file (`docs/scenarios.md`), without `variants` and `matrix`. If it describes
//! servers, clients, commands or steps, they act between [`Testbed::begin`] and [`Testbed::finish`]. `finish` then
//! judges the text's `expect` and returns what was [`Observed`]:
//!
//! ```ignore
//! # use nslab::testbed::{self, Testbed};
//! # fn main() -> testbed::Result {
//! # testbed::isolated(|| {
//! let mut bed = Testbed::build("
//! nodes: { client: {}, server: {} }
//! links: [{ between: [client, server] }]
//! servers: { web: { node: server, port: 80, backlog: 8, accept: never } }
//! clients: { burst: { node: client, to: web, connect: { rate: 40/s, count: 20, timeout: 500ms } } }
//! expect: [burst.established == 9, server.TcpExtListenOverflows >= 1]
//! ")?;
//! bed.begin()?;
//! let observed = bed.finish()?;
//! observed.check()?;
//! assert_eq!(observed.last("burst.attempted"), Some(20));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Services, firewalls and segments
//!
//! Everything that a scenario can have works here too. A port of a router leads to your own code with
//! `dnat: { to: 'NODE:PORT' }`, and rules are counted. Without built-in clients, there is nothing to begin:
//! `finish` judges what has happened since the lab was built.
//!
//! ```ignore
//! # use std::net::UdpSocket;
//! # use nslab::testbed::{self, Testbed};
//! # fn main() -> testbed::Result {
//! # testbed::isolated(|| {
//! let bed = Testbed::build("
//! segments: { lan: [client, router, server] }
//! nodes:
//!   client: {}
//!   router: { nat: { masquerade: { toward: server }, dnat: { port: 5353, protocol: udp, to: 'server:53' } } }
//!   server: { firewall: [{ name: others, drop: { port: 53, protocol: udp, from: client } }] }
//! expect: [server.rules.others.packets == 0]
//! ")?;
//! let dns = bed.host("server")?.run(|| UdpSocket::bind("0.0.0.0:53"))??;
//! let service = (bed.host("router")?.address(), 5353);
//! let client = bed.host("client")?.run(|| UdpSocket::bind("0.0.0.0:0"))??;
//! client.send_to(b"query", service)?;
//! // The server sees the router, which translates the source too.
//! assert_eq!(dns.recv_from(&mut [0; 9])?.1.ip(), service.0);
//! bed.finish()?.check()?;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Machines that forbid namespaces
//!
//! A lab needs network namespaces: root with CAP_NET_ADMIN and CAP_SYS_ADMIN, or a kernel that lets an unprivileged
//! user create user namespaces. Some containers and distributions allow neither.
//!
//! On such a machine the test **fails**; nothing is skipped silently. [`isolated`] returns
//! [`IsolationError::Failed`] with exit code 126, and its output names the missing privilege and the setting that
//! grants it. Rust's test harness cannot skip a test that has already started, so choose the tests beforehand:
//!
//! * Mark them `#[ignore = "needs network namespaces"]`, as above. A plain `cargo test` then reports them as ignored,
//!   and `cargo test -- --include-ignored` runs them on machines that allow namespaces.
//! * Or begin their names with a common prefix such as `kernel_`, and leave them out with
//!   `cargo test -- --skip kernel_`.
//!
//! * Or call [`isolated_or_skip`], which prints `SKIPPED name: reason` on such a machine and returns. The harness then
//!   counts the test as passed, unless `NSLAB_TESTBED_REQUIRED=1` is set.
//!
//! All of them also work with nextest.
//!
//! # Not here
//!
//! Suites, record files and reports: use the `nslab` program for those.

mod error;
mod host;
mod isolated;
mod observed;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use indexmap::IndexMap;

use crate::record::{Privileges, Recorder, RecorderClosed, Timeline};
use crate::run::{CancelToken, LabScope, LiveRun, RunError, WorkOrder};
use crate::scenario::{self, RunSpec};
use crate::sys::sandbox;

pub use error::{NotPassed, TestbedError};
pub use host::Host;
pub use isolated::{IsolationError, isolated, isolated_or_skip};
pub use observed::Observed;

/// The return type of a test: `Ok(())`, or any error.
pub type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// A live lab. The kernel removes all of it when the value is dropped, or when the process ends for any reason.
#[derive(Debug)]
pub struct Testbed {
    spec: RunSpec,
    hosts: IndexMap<String, Host>,
    state: TestbedState,
    cancel: CancelToken,
    recorder: Recorder,
    written: RecorderClosed,
    events: EventBuffer,
}

/// The progress of a testbed.
#[derive(Debug)]
enum TestbedState {
    Ready(Box<LiveRun>),
    Running(JoinHandle<std::result::Result<(), RunError>>),
    Broken,
}

impl Testbed {
    /// Builds the lab that a scenario's text describes. When this returns, its servers are listening and its clients
    /// are waiting for [`Testbed::begin`].
    ///
    /// Call it inside [`isolated`], or in a process that may create network namespaces (CAP_SYS_ADMIN and
    /// CAP_NET_ADMIN).
    ///
    /// # Errors
    ///
    /// * [`TestbedError::Scenario`] lists every mistake in the text.
    /// * [`TestbedError::ManyRuns`] if the text has `variants` or a `matrix`.
    /// * [`TestbedError::Nofile`] if a node has `limits`.
    /// * [`TestbedError::Run`] if this machine or kernel cannot provide such a lab, with the reason.
    /// * [`TestbedError::Thread`] if a thread cannot be started.
    pub fn build(text: &str) -> std::result::Result<Self, TestbedError> {
        let spec = only_run(text)?;
        let order = WorkOrder {
            scope: LabScope {
                own_netns: isolated::is_inside(),
                ..LabScope::default()
            },
            ..WorkOrder::new(spec.clone())
        };
        let privileges = if sandbox::in_user_namespace() {
            Privileges::Rootless
        } else {
            Privileges::Root
        };
        let events = EventBuffer::default();
        let (recorder, written) = Recorder::start(events.clone()).map_err(TestbedError::Thread)?;
        let cancel = CancelToken::default();
        let live = LiveRun::prepare(&order, privileges, None, &recorder, &cancel)?;
        let hosts = live.lab().nodes().map(|node| {
            let topology = &spec.topology;
            (node.name.to_string(), Host::new(node, topology))
        });
        Ok(Self {
            hosts: hosts.collect(),
            state: TestbedState::Ready(Box::new(live)),
            spec,
            cancel,
            recorder,
            written,
            events,
        })
    }

    /// Returns the node with this name.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NoHost`] if the text has no such node; the message lists the names it has.
    pub fn host(&self, name: &str) -> std::result::Result<&Host, TestbedError> {
        self.hosts.get(name).ok_or_else(|| TestbedError::NoHost {
            name: name.to_owned(),
            known: self.hosts.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Starts the clock: from now on the scenario's clients, commands and steps act, and probes sample the kernel.
    /// Returns at once; the run goes on in the background until [`Testbed::finish`].
    ///
    /// # Errors
    ///
    /// * [`TestbedError::AlreadyBegun`] on the second call.
    /// * [`TestbedError::Thread`] if a thread cannot be started.
    pub fn begin(&mut self) -> std::result::Result<(), TestbedError> {
        let TestbedState::Ready(mut live) =
            std::mem::replace(&mut self.state, TestbedState::Broken)
        else {
            return Err(TestbedError::AlreadyBegun);
        };
        let cancel = self.cancel.clone();
        let clock = live.begin();
        let running = std::thread::Builder::new().name("testbed".to_owned());
        let running = running.spawn(move || {
            let interrupted = live.wait(clock, &cancel)?;
            live.finish(clock, interrupted)
        });
        self.state = TestbedState::Running(running.map_err(TestbedError::Thread)?);
        Ok(())
    }

    /// Waits until all clients and commands have ended and the time window of every expectation has passed. Then takes
    /// a last sample, removes the lab and judges the expectations.
    ///
    /// Calls [`Testbed::begin`] first if you have not.
    ///
    /// # Errors
    ///
    /// Only faults of the lab itself: [`TestbedError::Run`], [`TestbedError::Panicked`], [`TestbedError::Write`],
    /// [`TestbedError::Read`]. Whatever the kernel did to the traffic is not an error; it is in [`Observed`], and
    /// [`Observed::check`] turns a failed expectation into an error.
    pub fn finish(mut self) -> std::result::Result<Observed, TestbedError> {
        if matches!(self.state, TestbedState::Ready(_)) {
            self.begin()?;
        }
        let TestbedState::Running(running) =
            std::mem::replace(&mut self.state, TestbedState::Broken)
        else {
            return Err(TestbedError::AlreadyBegun);
        };
        running.join().map_err(|_| TestbedError::Panicked)??;
        drop(self.recorder);
        self.written.wait().map_err(TestbedError::Write)?;
        let events = self.events.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timeline = Timeline::read(events.as_slice()).map_err(TestbedError::Read)?;
        Ok(Observed::new(&self.spec, timeline))
    }
}

/// Parses a scenario that describes exactly one run.
fn only_run(text: &str) -> std::result::Result<RunSpec, TestbedError> {
    let scenario = scenario::parse_beside_code("testbed.yaml", text)
        .map_err(|problems| TestbedError::Scenario(Box::new(problems)))?;
    let [run] = <[RunSpec; 1]>::try_from(scenario.runs)
        .map_err(|runs| TestbedError::ManyRuns { count: runs.len() })?;
    // A server or client on such a node runs in a process of the nslab program, and a test binary is not that program.
    match run
        .topology
        .nodes
        .iter()
        .find(|(_, node)| node.nofile.is_some())
    {
        Some((node, _)) => Err(TestbedError::Nofile {
            node: node.to_string(),
        }),
        None => Ok(run),
    }
}

/// The events written so far, as JSON lines.
#[derive(Debug, Clone, Default)]
struct EventBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for EventBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

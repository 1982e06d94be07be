//! A lab within a test of yours: nodes and links from a few lines of YAML, your code and your programs on the nodes, clients,
//! servers and expectations where you want them. With root and without.
//!
//! ```ignore
//! use std::io::Read;
//! use std::net::{TcpListener, TcpStream};
//! use nslab::testbed::{self, Testbed};
//!
//! # fn main() -> testbed::Result {
//! // In a #[test] function; a process of its own, in which nothing can be left behind.
//! testbed::isolated(|| {
//!     let bed = Testbed::build("
//! nodes: { client: {}, router: { nat: { masquerade: { toward: server } } }, server: {} }
//! links: [{ between: [client, router] }, { between: [router, server] }]
//! ")?;
//!     let server = bed.host("server")?;
//!     let listener = server.run(|| TcpListener::bind("0.0.0.0:80"))??;
//!     let to = (server.address(), 80);
//!     let client = bed.host("client")?.spawn(move || TcpStream::connect(to)?.read(&mut [0; 1]))?;
//!     let (connection, from) = listener.accept()?;
//!     // Not the client's own address: the router has translated it.
//!     assert_ne!(from.ip(), bed.host("client")?.address());
//!     drop(connection);
//!     assert_eq!(client.join().expect("no panic")??, 0);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The text is that of a scenario file (`docs/scenarios.md`) without variants and matrix. Its clients and servers act between
//! [`Testbed::begin`] and [`Testbed::finish`], which judges its `expect`:
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
//! Not here: suites, records on disk, reports; for those use the program.

mod error;
mod host;
mod isolated;
mod observed;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use indexmap::IndexMap;

use crate::record::{Privileges, Recorder, RecorderClosed, Timeline};
use crate::run::{CancelToken, Ground, LiveRun, RunError, WorkOrder};
use crate::scenario::{self, RunSpec};
use crate::sys::sandbox;

pub use error::{NotPassed, TestbedError};
pub use host::Host;
pub use isolated::{IsolationError, isolated};
pub use observed::Observed;

/// What a test gives.
pub type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// A live lab. Dropped, or its process killed, the kernel clears it away.
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

/// How far it has come.
#[derive(Debug)]
enum TestbedState {
    Ready(Box<LiveRun>),
    Running(JoinHandle<std::result::Result<(), RunError>>),
    Broken,
}

impl Testbed {
    /// Builds the lab that a scenario's text describes; its servers listen when this returns, its clients wait. Call it within
    /// [`isolated`], or in a process that may create network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN).
    ///
    /// # Errors
    /// [`TestbedError::Scenario`] with every mistake in the text; [`TestbedError::Run`] where this machine or kernel cannot
    /// have such a lab, and why.
    pub fn build(text: &str) -> std::result::Result<Self, TestbedError> {
        let spec = only_run(text)?;
        let order = WorkOrder {
            spec: spec.clone(),
            ground: Ground {
                own_netns: isolated::is_inside(),
                ..Ground::default()
            },
            capture: None,
            guest: None,
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

    /// The node of this name.
    ///
    /// # Errors
    /// [`TestbedError::NoHost`], with the names that there are.
    pub fn host(&self, name: &str) -> std::result::Result<&Host, TestbedError> {
        self.hosts.get(name).ok_or_else(|| TestbedError::NoHost {
            name: name.to_owned(),
            known: self.hosts.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Starts the clock: the scenario's clients, commands and steps act, probes watch. Returns at once.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn begin(&mut self) -> std::result::Result<(), TestbedError> {
        let TestbedState::Ready(mut live) =
            std::mem::replace(&mut self.state, TestbedState::Broken)
        else {
            return Err(TestbedError::Begun);
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

    /// Waits until clients and commands have come to their end and every window of an expectation has passed; then looks a last
    /// time, takes the lab down and judges. Begins first where that has not been done.
    ///
    /// # Errors
    /// Where the lab itself broke. What the kernel did is never an error; it is in [`Observed`].
    pub fn finish(mut self) -> std::result::Result<Observed, TestbedError> {
        if matches!(self.state, TestbedState::Ready(_)) {
            self.begin()?;
        }
        let TestbedState::Running(running) =
            std::mem::replace(&mut self.state, TestbedState::Broken)
        else {
            return Err(TestbedError::Begun);
        };
        running.join().map_err(|_| TestbedError::Panicked)??;
        drop(self.recorder);
        self.written.wait().map_err(TestbedError::Write)?;
        let events = self.events.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timeline = Timeline::read(events.as_slice()).map_err(TestbedError::Read)?;
        Ok(Observed::new(&self.spec, timeline))
    }
}

/// What the text describes, where that is one run.
fn only_run(text: &str) -> std::result::Result<RunSpec, TestbedError> {
    let scenario = scenario::parse("testbed.yaml", text, &BTreeMap::new())
        .map_err(|problems| TestbedError::Scenario(Box::new(problems)))?;
    let [run] = <[RunSpec; 1]>::try_from(scenario.runs)
        .map_err(|runs| TestbedError::ManyRuns { count: runs.len() })?;
    // Such an actor is a process of the program's, which a test's program is not.
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

/// What was events so far.
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

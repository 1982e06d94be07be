//! Drives clients and servers on the nodes of a lab: built-in ones, and real commands.
//!
//! [`Traffic::prepare`] starts every server and prepares every client; [`Traffic::begin`] passes them the clock;
//! [`Traffic::ended`] waits for all that end by themselves; [`Traffic::finish`] stops the rest. The actors
//! count attempts, replies and errors in the series that `client`, `server` and `command` describe.
//!
//! Every thread of a built-in server or client has a descriptor table of its own. So a process forked next to it never
//! holds its connections open, and it has the whole of `RLIMIT_NOFILE` to itself.
//!
//! Not here: building nodes (`lab`), watching them (`probe`), judging (`expect`).

mod actor;
mod actor_metrics;
pub mod agent;
mod client;
mod command;
mod error;
mod few_values;
mod flusher;
mod hosting;
mod http;
mod local_ports;
mod seats;
mod server;
mod slab;
mod socket_options;

pub use error::TrafficError;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use self::actor::{Actor, OnEnd, Unfinished};
use self::actor_metrics::ActorMetrics;
use self::client::ClientResources;
use self::client::host::ClientHost;
use self::flusher::{Flusher, Wakeup};
use self::seats::ServerSeat;
use crate::lab::{Lab, LiveNode};
use crate::metrics::{self, Metric};
use crate::names::{ActorName, NodeName};
use crate::record::{Event, Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::workload::{
    ClientSpec, CommandSpec, Load, Protocol, ServerSpec, StopHow, Workload,
};
use crate::sys::process::{self, NofileLimit};
use crate::sys::sched;
use crate::sys::tcp_clock::TcpClockShift;
use crate::units::as_nanos;

/// All servers, clients and commands of a run. They are stopped when this is dropped.
#[derive(Debug)]
pub struct Traffic {
    /// Declared before the actors: dropping it releases threads that never began.
    hosts: Vec<ClientHost>,
    /// Clients, and commands that end by themselves.
    actors: Vec<Actor>,
    /// Servers, and commands that run until the end. Stopped after the others, in reverse order of start.
    last_to_stop: Vec<Actor>,
    metrics: Vec<Arc<ActorMetrics>>,
    /// The means to start each server again.
    seats: Vec<ServerSeat>,
    /// The node of each actor.
    homes: BTreeMap<ActorName, NodeName>,
    clock: Arc<OnceLock<RunClock>>,
    recorder: Recorder,
    unfinished: watch::Receiver<usize>,
    on_end: Arc<OnEnd>,
    /// Declared after the actors, so that it records their last counts.
    flusher: Flusher,
}

impl Traffic {
    /// Starts the servers and waits until each of them listens; prepares clients and commands, and declares their
    /// series.
    ///
    /// # Errors
    /// [`TrafficError::NoProgram`] makes the run not applicable; all others are errors.
    pub fn prepare(spec: &RunSpec, lab: &Lab, recorder: &Recorder) -> Result<Self, TrafficError> {
        Self::prepare_in(HostProcess::Worker, spec, lab, recorder)
    }

    fn prepare_in(
        process: HostProcess,
        spec: &RunSpec,
        lab: &Lab,
        recorder: &Recorder,
    ) -> Result<Self, TrafficError> {
        let mut factory = ActorFactory::new(process, spec, lab, recorder)?;
        let workload = &spec.workload;
        // Report a missing program before anything is started.
        let commands = workload
            .commands
            .iter()
            .map(|command| factory.find(command));
        let commands = commands.collect::<Result<Vec<_>, _>>()?;
        let commands = workload.commands.iter().zip(commands);
        let (serving, others): (Vec<_>, Vec<_>) =
            commands.partition(|(command, _)| command.ready.is_some());
        let servers = workload.servers.iter().map(|server| factory.server(server));
        let mut last_to_stop = servers.collect::<Result<Vec<_>, _>>()?;
        // In the order of the file, because one may need another.
        for (command, program) in serving {
            last_to_stop.push(factory.command(command, program)?);
        }
        let mut actors = Vec::new();
        let (hosted, own): (Vec<_>, Vec<_>) = factory.hosted_clients();
        for client in own {
            actors.push(factory.client(client)?);
        }
        let (hosts, on_hosts) = factory.host(&hosted)?;
        actors.extend(on_hosts);
        for (command, program) in others {
            let actor = factory.command(command, program)?;
            if command.background {
                last_to_stop.push(actor);
            } else {
                actors.push(actor);
            }
        }
        Ok(Self {
            hosts,
            actors,
            last_to_stop,
            recorder: recorder.clone(),
            seats: factory.seats,
            homes: seats::homes(workload),
            clock: factory.clock,
            unfinished: factory.unfinished.watch(),
            on_end: factory.unfinished.on_end(),
            flusher: Flusher::start(&factory.wakeup, factory.metrics.clone())
                .map_err(TrafficError::Prepare)?,
            metrics: factory.metrics,
        })
    }

    /// Passes the clock to every actor; start times count from its zero.
    pub fn begin(&mut self, clock: RunClock) {
        let _given_before = self.clock.set(clock);
        for metrics in &self.metrics {
            metrics.begin();
        }
        for host in &mut self.hosts {
            host.begin(clock);
        }
        for actor in self.actors.iter_mut().chain(&mut self.last_to_stop) {
            actor.begin(clock);
        }
    }

    /// Returns true if every client and command has ended. A client that holds connections until the end of the run
    /// counts as ended when all its attempts have ended.
    pub fn has_ended(&self) -> bool {
        *self.unfinished.borrow() == 0
    }

    /// Sets the function that is called, on any thread, whenever a client or command ends. Only the first one set
    /// is called.
    pub fn call_at_each_end(&self, call: impl Fn() + Send + Sync + 'static) {
        self.on_end.set(call);
    }

    /// Waits until [`Self::has_ended`]. Cancel-safe.
    pub async fn ended(&self) {
        let mut unfinished = self.unfinished.clone();
        // An error means that no actor is left to change the count.
        let _all_dropped = unfinished.wait_for(|count| *count == 0).await;
    }

    /// Stops one actor abruptly, as if its process were killed, or resets the connections of a server or client.
    /// Returns once it has stopped, or false if there is no actor with this name.
    ///
    /// # Errors
    /// [`TrafficError::Broken`] if an error of the lab itself had already stopped it.
    pub fn stop(&mut self, name: &ActorName, how: StopHow) -> Result<bool, TrafficError> {
        let mut actors = self.actors.iter_mut().chain(&mut self.last_to_stop);
        let Some(actor) = actors.find(|actor| actor.name == *name) else {
            return Ok(false);
        };
        match how {
            StopHow::Reset => actor.reset(),
            // The lab decides if the other end receives anything of it.
            StopHow::Fin | StopHow::Vanish => actor.stop(),
        }
        end(actor)?;
        Ok(true)
    }

    /// Stops all actors, closes held connections, and records the last counts.
    ///
    /// # Errors
    /// [`TrafficError::Broken`] for the first actor that an error of the lab itself had stopped.
    pub fn finish(self) -> Result<(), TrafficError> {
        self.finish_as(StopHow::Fin)
    }

    fn finish_as(mut self, how: StopHow) -> Result<(), TrafficError> {
        // Read while the servers still run. Skipped if the kernel does not report it.
        if let Ok((ran, waited, turns)) = sched::processor_time() {
            let (ran, waited) = (as_nanos(ran), as_nanos(waited));
            self.recorder
                .record(Event::Processor { ran, waited, turns });
        }
        for actor in &mut self.actors {
            match how {
                StopHow::Reset => actor.reset(),
                StopHow::Fin | StopHow::Vanish => actor.stop(),
            }
        }
        let mut result = Ok(());
        for actor in &mut self.actors {
            result = result.and(end(actor));
        }
        for actor in self.last_to_stop.iter_mut().rev() {
            actor.stop();
            result = result.and(end(actor));
        }
        drop(self.flusher);
        for metrics in &self.metrics {
            metrics.finish();
        }
        result
    }
}

fn end(actor: &mut Actor) -> Result<(), TrafficError> {
    actor.join().map_err(|source| TrafficError::Broken {
        actor: actor.name.clone(),
        source,
    })
}

/// The kind of process that the actors run in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HostProcess {
    /// The worker, which runs the scenario.
    Worker,
    /// An agent with a limit on descriptors, which no actor may evade by using several threads.
    Bounded,
}

/// Creates the actors of a run, and holds what they share.
struct ActorFactory<'a> {
    process: HostProcess,
    spec: &'a RunSpec,
    lab: &'a Lab,
    recorder: &'a Recorder,
    clock: Arc<OnceLock<RunClock>>,
    wakeup: Arc<Wakeup>,
    metrics: Vec<Arc<ActorMetrics>>,
    seats: Vec<ServerSeat>,
    unfinished: Unfinished,
    /// The limit for commands. Built-in servers and clients have the soft limit raised to the hard one.
    nofile: NofileLimit,
}

impl<'a> ActorFactory<'a> {
    fn new(
        process: HostProcess,
        spec: &'a RunSpec,
        lab: &'a Lab,
        recorder: &'a Recorder,
    ) -> Result<Self, TrafficError> {
        Ok(Self {
            process,
            spec,
            lab,
            recorder,
            clock: Arc::default(),
            wakeup: Arc::default(),
            metrics: Vec::new(),
            seats: Vec::new(),
            unfinished: Unfinished::new(),
            nofile: process::raise_nofile().map_err(TrafficError::Prepare)?,
        })
    }

    fn node(&self, actor: &ActorName, node: &NodeName) -> Result<&'a LiveNode, TrafficError> {
        self.lab.node(node).ok_or_else(|| TrafficError::NoNode {
            actor: actor.clone(),
            node: node.clone(),
        })
    }

    fn metrics(&mut self, actor: &ActorName, declared: &[&[&'static Metric]]) -> Arc<ActorMetrics> {
        let metrics = ActorMetrics::new(
            actor,
            self.recorder,
            &self.clock,
            &self.wakeup,
            declared.iter().flat_map(|table| table.iter().copied()),
        );
        let metrics = Arc::new(metrics);
        self.metrics.push(Arc::clone(&metrics));
        metrics
    }

    fn server(&mut self, spec: &ServerSpec) -> Result<Actor, TrafficError> {
        let node = self.node(&spec.name, &spec.node)?;
        if let Some(nofile) = node.nofile {
            let workload = Workload {
                servers: vec![spec.clone()],
                ..Workload::default()
            };
            return self.agent(&spec.name, node, nofile, workload, || ());
        }
        let declared: &[_] = match (spec.protocol, &spec.forward) {
            (Protocol::Udp, _) => &[metrics::queries::OF_SERVER],
            (Protocol::Tcp, Some(_)) => {
                &[metrics::server::COUNTED, metrics::server::COUNTED_BY_PROXY]
            }
            (Protocol::Tcp, None) => &[metrics::server::COUNTED],
        };
        let seat = ServerSeat {
            metrics: self.metrics(&spec.name, declared),
            spec: spec.clone(),
            node: node.clone(),
            ip: self.spec.topology.ip,
            may_add_threads: self.process == HostProcess::Worker,
        };
        let actor = seat.start(spec.start);
        self.seats.push(seat);
        actor
    }

    fn client(&mut self, spec: &ClientSpec) -> Result<Actor, TrafficError> {
        let node = self.node(&spec.name, &spec.node)?;
        let unfinished = self.unfinished.one_more();
        let ended = move || drop(unfinished);
        if let Some(nofile) = node.nofile {
            let workload = Workload {
                clients: vec![spec.clone()],
                ..Workload::default()
            };
            return self.agent(&spec.name, node, nofile, workload, ended);
        }
        if let Load::Flood { .. } = spec.load {
            let metrics = self.metrics(&spec.name, &[metrics::command::OF_FLOOD]);
            let spec = spec.clone();
            return Actor::start(&spec.name.clone(), node, move |signals| {
                let ready = signals.ready();
                client::flood::run(&spec, &metrics, &signals.stop, &signals.begin, ready, ended)
            });
        }
        if let Load::Queries(_) = spec.load {
            let metrics = self.metrics(&spec.name, &[metrics::queries::COUNTED]);
            let spec = spec.clone();
            return Actor::start(&spec.name.clone(), node, move |signals| {
                let ready = signals.ready();
                let (stop, begin) = (&signals.stop, &signals.begin);
                client::queries::run(&spec, &metrics, stop, begin, ready, ended)
            });
        }
        let clock = self.clock_of(spec)?;
        let metrics = self.metrics(&spec.name, &[metrics::client::COUNTED]);
        let spec = spec.clone();
        let resources = ClientResources {
            table: (self.process == HostProcess::Worker).then_some(self.nofile.hard),
            clock,
        };
        Actor::start(&spec.name.clone(), node, move |signals| {
            let ready = signals.ready();
            client::run(
                &spec,
                resources,
                &metrics,
                &signals.stop,
                &signals.begin,
                ready,
                ended,
            )
        })
    }

    /// Returns the shift of a client's timestamps: its node's `clock`, unless the node's wires shift them already.
    fn clock_of(&self, client: &ClientSpec) -> Result<Option<TcpClockShift>, TrafficError> {
        let topology = &self.spec.topology;
        let node = topology.nodes.get(&client.node);
        let seconds = node.map_or(0, |node| node.clock_shift);
        if seconds == 0 || topology.has_own_clock(&client.node) {
            return Ok(None);
        }
        let clock = TcpClockShift::by(seconds).map_err(TrafficError::Prepare)?;
        if clock.is_none() {
            self.recorder.record(Event::Note {
                t: None,
                text: format!(
                    "the clock of `{}` is not shifted: since Linux 4.10 timestamps begin at a random offset \
                     for each pair of addresses",
                    client.node
                ),
            });
        }
        Ok(clock)
    }

    /// Starts a built-in actor in a process of its own.
    fn agent(
        &self,
        name: &ActorName,
        node: &LiveNode,
        nofile: u64,
        workload: Workload,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<Actor, TrafficError> {
        let recorder = self.recorder.clone();
        let order = RunSpec {
            workload,
            ..self.spec.clone()
        };
        Actor::start(name, node, move |signals| {
            agent::supervise(&order, nofile, recorder, &signals, ended)
        })
    }

    fn find(&self, spec: &CommandSpec) -> Result<command::Program, TrafficError> {
        command::Program::find(spec)
    }

    fn command(
        &mut self,
        spec: &CommandSpec,
        program: command::Program,
    ) -> Result<Actor, TrafficError> {
        let node = self.node(&spec.name, &spec.node)?;
        let streams = command::CommandSeries::declare(spec, self.recorder, &self.clock);
        let unfinished = (!spec.background).then(|| self.unfinished.one_more());
        let brings = self.spec.brings.clone();
        let (spec, ip) = (spec.clone(), self.spec.topology.ip);
        let nofile = node.nofile.map_or(self.nofile, |bound| NofileLimit {
            soft: bound,
            hard: bound,
        });
        Actor::start(&spec.name.clone(), node, move |signals| {
            let _unfinished = unfinished;
            command::run((&spec, &brings), &program, nofile, ip, &streams, &signals)
        })
    }
}

#[cfg(test)]
mod tests;

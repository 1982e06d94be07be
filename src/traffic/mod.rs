//! Clients and servers: built-in ones, and real commands, driven on the nodes of a lab.
//!
//! [`Traffic::prepare`] brings every server up and every client to its mark; [`Traffic::begin`] gives them the clock;
//! [`Traffic::ended`] says when everything that comes to an end by itself has; [`Traffic::finish`] ends the rest.
//! What they meet goes to the record: see `client`, `server` and `command` for the series.
//!
//! Every thread of a built-in server or client has a descriptor table of its own. So a process that is forked beside it does not hold
//! its connections open for a moment, and its room under `RLIMIT_NOFILE` is its own.
//!
//! Not here: building nodes (`lab`), watching them (`probe`), judging (`expect`).

mod actor;
mod actor_metrics;
pub mod agent;
mod client;
mod command;
mod error;
mod flusher;
mod http;
mod server;
mod slab;

pub use error::TrafficError;

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use self::actor::{Actor, Unfinished};
use self::actor_metrics::{ActorMetrics, Declared};
use self::client::ClientResources;
use self::flusher::{Flusher, Wakeup};
use crate::lab::{Lab, LiveNode};
use crate::names::{ActorName, NodeName};
use crate::record::{Event, Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::workload::{ClientSpec, CommandSpec, Load, ServerSpec, StopHow, Workload};
use crate::sys::process::{self, NofileLimit};
use crate::sys::sched;
use crate::sys::tcp_clock::TcpClockShift;
use crate::units::as_nanos;

/// Everything that acts in a run. Stopped when dropped.
#[derive(Debug)]
pub struct Traffic {
    /// Clients and commands that come to an end by themselves.
    actors: Vec<Actor>,
    /// Servers, and commands that run until the lab ends: stopped after the others, the last first.
    last_to_stop: Vec<Actor>,
    metrics: Vec<Arc<ActorMetrics>>,
    clock: Arc<OnceLock<RunClock>>,
    recorder: Recorder,
    unfinished: watch::Receiver<usize>,
    /// After the actors: it tells what they count last.
    flusher: Flusher,
}

impl Traffic {
    /// Starts the servers and returns once every one of them listens; makes clients and commands ready, declares their series.
    ///
    /// # Errors
    /// [`TrafficError::NoProgram`] makes the run not applicable; the others are errors.
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
        // A missing program is known before anything is started.
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
        // In the order of the file: one may need another.
        for (command, program) in serving {
            last_to_stop.push(factory.command(command, program)?);
        }
        let mut actors = Vec::new();
        for client in &workload.clients {
            actors.push(factory.client(client)?);
        }
        for (command, program) in others {
            let actor = factory.command(command, program)?;
            if command.background {
                last_to_stop.push(actor);
            } else {
                actors.push(actor);
            }
        }
        Ok(Self {
            actors,
            last_to_stop,
            recorder: recorder.clone(),
            clock: factory.clock,
            unfinished: factory.unfinished.watch(),
            flusher: Flusher::start(&factory.wakeup, factory.metrics.clone())
                .map_err(TrafficError::Prepare)?,
            metrics: factory.metrics,
        })
    }

    /// Gives everyone the clock: starts count from its zero.
    pub fn begin(&mut self, clock: RunClock) {
        let _given_before = self.clock.set(clock);
        for metrics in &self.metrics {
            metrics.begin();
        }
        for actor in self.actors.iter_mut().chain(&mut self.last_to_stop) {
            actor.begin(clock);
        }
    }

    /// Whether every client and command has come to its end. A client that holds connections to the end of the run has when all its
    /// attempts have ended.
    pub fn has_ended(&self) -> bool {
        *self.unfinished.borrow() == 0
    }

    /// Waits until [`Self::has_ended`]; may be dropped at any time.
    pub async fn ended(&self) {
        let mut unfinished = self.unfinished.clone();
        // An error says that nobody is left who could change the count.
        let _everyone_is_gone = unfinished.wait_for(|count| *count == 0).await;
    }

    /// Stops one actor, as its process would be killed: a server with its listener and connections, a client, a command; or resets the
    /// connections of a server or client. Returns once it has stopped. False where there is none of this name.
    ///
    /// # Errors
    /// [`TrafficError::Broken`] where it had stopped before because of an error of the lab's.
    pub fn stop(&mut self, name: &ActorName, how: StopHow) -> Result<bool, TrafficError> {
        let mut actors = self.actors.iter_mut().chain(&mut self.last_to_stop);
        let Some(actor) = actors.find(|actor| actor.name == *name) else {
            return Ok(false);
        };
        match how {
            StopHow::Reset => actor.reset(),
            // Whether anyone hears of it is up to the lab.
            StopHow::Fin | StopHow::Vanish => actor.stop(),
        }
        end(actor)?;
        Ok(true)
    }

    /// Stops everyone, closes what was held, tells what was counted last.
    ///
    /// # Errors
    /// [`TrafficError::Broken`] for the first of those that stopped because of an error of the lab's.
    pub fn finish(self) -> Result<(), TrafficError> {
        self.finish_as(StopHow::Fin)
    }

    fn finish_as(mut self, how: StopHow) -> Result<(), TrafficError> {
        // While the servers are still there. A kernel that does not tell leaves it untold.
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

/// Which process this is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HostProcess {
    /// The one that runs the scenario.
    Worker,
    /// An agent, under a bound on descriptors: no actor may get around it with several threads.
    Bounded,
}

/// What is common to the making of all actors.
struct ActorFactory<'a> {
    process: HostProcess,
    spec: &'a RunSpec,
    lab: &'a Lab,
    recorder: &'a Recorder,
    clock: Arc<OnceLock<RunClock>>,
    wakeup: Arc<Wakeup>,
    metrics: Vec<Arc<ActorMetrics>>,
    unfinished: Unfinished,
    /// What commands get; built-in servers and clients have the soft limit raised to the hard one.
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

    fn metrics(
        &mut self,
        actor: &ActorName,
        series: &[Declared],
        has_latency: bool,
    ) -> Arc<ActorMetrics> {
        let metrics = ActorMetrics::new(
            actor,
            self.recorder,
            &self.clock,
            &self.wakeup,
            series,
            has_latency,
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
        let metrics = self.metrics(&spec.name, server::series(spec), false);
        let (spec, ip) = (spec.clone(), self.spec.topology.ip);
        let may_add_threads = self.process == HostProcess::Worker;
        Actor::start(&spec.name.clone(), node, move |signals| {
            server::run(
                &spec,
                ip,
                may_add_threads,
                &metrics,
                &signals.stop,
                signals.ready(),
            )
        })
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
            let metrics = self.metrics(&spec.name, &client::flood::SERIES, false);
            let spec = spec.clone();
            return Actor::start(&spec.name.clone(), node, move |signals| {
                let ready = signals.ready();
                client::flood::run(&spec, &metrics, &signals.stop, &signals.begin, ready, ended)
            });
        }
        let clock = self.clock_of(spec)?;
        let metrics = self.metrics(&spec.name, &client::SERIES, true);
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

    /// How far a client shifts its timestamps: by its node's `clock`, unless the node's wires do that.
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
                    "the clock of `{}` is not shifted: since Linux 4.10 timestamps begin at a random offset for each pair of addresses",
                    client.node
                ),
            });
        }
        Ok(clock)
    }

    /// One built-in actor in a process of its own.
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
        let (spec, ip) = (spec.clone(), self.spec.topology.ip);
        let nofile = node.nofile.map_or(self.nofile, |bound| NofileLimit {
            soft: bound,
            hard: bound,
        });
        Actor::start(&spec.name.clone(), node, move |signals| {
            let _unfinished = unfinished;
            command::run(&spec, &program, nofile, ip, &streams, &signals)
        })
    }
}

#[cfg(test)]
mod tests;

//! What a run needs of the machine and how long it takes, estimated from its load.

use std::time::Duration;

use crate::backend::RunShare;
use crate::names::ActorName;
use crate::scenario::RunSpec;
use crate::scenario::topology::Impairment;
use crate::scenario::workload::{ClientSpec, CommandSpec, Load};
use crate::units::Rate;

/// Processor time that a paced connection costs both ends, a router with translation and the client's own, seconds, where each is
/// begun by a wake-up of its own (measured: 430 µs, half of it wake-ups).
const CONNECTION_COST: f64 = 450e-6;
/// The same where several go at once: 30 µs were measured for both ends, 1.4 times that behind masquerade.
const CONNECTION_COST_OF_MANY: f64 = 100e-6;
/// Processor time of a forged SYN, seconds, with the answer to it (measured: 80 µs).
const SYN_COST: f64 = 100e-6;
/// Up to this rate, connections a second, each has a wake-up of its own.
const FEW: f64 = 500.0;
/// RunShare of a processor that a run costs while it waits: samples, ten a second (measured: 0.007 with two nodes).
const IDLE_COST: f64 = 0.007 * SLOWER;
/// RunShare of a processor at a run's begin, for its process and its lab. It takes a fifth of that, most of it in the kernel
/// under a lock that all namespaces share (`rtnl_lock`): many at once hold each other up.
const SET_UP_COST: f64 = 0.1;
/// How long that takes.
const SET_UP: Duration = Duration::from_millis(500);
/// RunShare of a processor in that time for a conntrack table that is filled (measured: 0.6 s).
const FILL_COST: f64 = 1.2;
/// What a build without optimisation costs more, where the time is not the kernel's.
const SLOWER: f64 = if cfg!(debug_assertions) { 3.0 } else { 1.0 };
/// Processors that a closed loop or a transfer fills: one for each end.
const CLOSED_LOOP: f64 = 2.0;
/// The same on a link whose delay or losses hold it up, and of a program there (measured: 0.01 to 0.11).
const HELD_UP: f64 = 0.1;
/// Processor time of a transferred byte, seconds, through the wire that makes a rate (measured: 64 ns).
const BYTE_COST: f64 = 80e-9;
/// Bytes a second of a transfer that nothing holds up, at least. On an idle machine it is a thousand million.
const BYTE_RATE: f64 = 50e6;
/// Processor time of a write, seconds, however small (measured: 1.7 µs, and 8 µs with `TCP_NODELAY`).
const WRITE_COST: f64 = 10e-6;
/// Requests a second that each of a closed loop's makes at least. On an idle machine it is some ten thousand.
const LOOP_RATE: f64 = 1000.0;
/// Processors that a program fills of which nothing is known: it has one thread, as most have, and waits as long as it works.
const PROGRAM: f64 = 0.5;
/// How long the kernel counts messages together to limit them (`net.core.message_cost`, 5 s by default).
const LOG_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of a run's processes, without any connection: 12 MiB were measured with two nodes, and threads' stacks add to that.
const RUN_MEMORY: f64 = 32.0 * 1024.0 * 1024.0;
/// Bytes of a node: its namespace with its tables and its thread. 1,000 nodes took 400 MiB (measured).
const NODE_MEMORY: f64 = 400.0 * 1024.0;
/// Bytes of kernel memory that an established connection takes at both ends together, with what the lab notes of it.
/// 6.8 to 7.8 KiB were measured in the kernel, over a million of them.
const CONNECTION_MEMORY: f64 = 9.0 * 1024.0;
/// Bytes of a transfer's stream: its sockets' buffers grow up to the baseline's 6 MiB to read and 4 MiB to write (`tcp_rmem`,
/// `tcp_wmem`).
const STREAM_MEMORY: f64 = 10.0 * 1024.0 * 1024.0;
/// Bytes that a closed connection takes in TIME_WAIT (measured).
const TIME_WAIT_MEMORY: f64 = 350.0;
/// Bytes of a full conntrack table: 262,144 entries, the kernel's default from 4 GiB of memory on
/// (`nf_conntrack_init_start`, Linux `net/netfilter/nf_conntrack_core.c`), of 385 bytes each (measured).
const CONNTRACK_MEMORY: f64 = 262_144.0 * 385.0;
/// How long what ends by itself is guessed to take: transfers, programs.
const GUESS: Duration = Duration::from_secs(5);

/// Longest estimate, which keeps sums of estimates from overflowing.
const DAY: Duration = Duration::from_secs(86_400);

/// How much of the machine a run needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demand {
    /// Processors, all the time.
    pub(super) idle: f64,
    /// When it needs more than that.
    pub(super) phases: Vec<BusyPhase>,
    /// Bytes.
    pub(super) memory: f64,
    /// What it has to do with the kernel's log.
    pub(super) log: KernelLog,
    /// Whether no other run may go beside it.
    pub(super) exclusive: bool,
}

/// What a run has to do with the kernel's log. The kernel bounds the network messages of the whole machine together, so that one
/// that reads them is not busy while others make the kernel write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KernelLog {
    /// Nothing.
    Unused,
    /// It makes the kernel write much.
    Fills,
    /// It reads what the kernel writes.
    Reads,
}

/// A time of a run in which it does something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BusyPhase {
    /// Whose it is, where it is over once that has ended.
    pub(super) of: Option<ActorName>,
    /// From when, after the run began.
    pub(super) from: Duration,
    /// Until when; as long as the run lasts where absent.
    pub(super) until: Option<Duration>,
    /// Processors.
    pub(super) processors: f64,
}

impl BusyPhase {
    /// Whether it is on so long after the run began.
    pub(super) fn is_on(&self, after: Duration) -> bool {
        self.from <= after && self.until.is_none_or(|until| after < until)
    }

    /// How long it is in a run that takes so long.
    pub(super) fn length(&self, took: Duration) -> Duration {
        let until = self.until.map_or(took, |until| until.min(took));
        until.saturating_sub(self.from)
    }
}

impl Demand {
    /// Estimates it from the run's load.
    pub(super) fn of(spec: &RunSpec) -> Self {
        let (nodes, load) = (&spec.topology.nodes, &spec.workload);
        let fills = nodes
            .values()
            .filter(|node| node.conntrack_room.is_some())
            .count();
        let connections: f64 = load.clients.iter().map(memory).sum();
        let reads_log = (spec.watched.iter()).any(|series| series.as_str() == "kernel.log");
        let log = match fills {
            _ if reads_log => KernelLog::Reads,
            0 => KernelLog::Unused,
            _ => KernelLog::Fills,
        };
        Self {
            idle: IDLE_COST,
            phases: phases(spec, fills, log),
            memory: RUN_MEMORY
                + NODE_MEMORY * count(nodes.len())
                + connections
                + CONNTRACK_MEMORY * count(fills),
            log,
            exclusive: spec.exclusive,
        }
    }

    /// Returns the demand of a run that takes the same share from start to end. `one_processor` is what the scheduler
    /// counts for a whole processor.
    pub(super) fn constant(share: RunShare, one_processor: f64) -> Self {
        Self {
            idle: 0.0,
            phases: vec![BusyPhase {
                of: None,
                from: Duration::ZERO,
                until: None,
                processors: share.processors * one_processor,
            }],
            memory: share.memory,
            log: KernelLog::Unused,
            exclusive: false,
        }
    }

    /// What those actors do that have ended is over, so long after the run began. Whether that is news.
    pub(super) fn end(&mut self, has_ended: impl Fn(&ActorName) -> bool, after: Duration) -> bool {
        let until = after + tail(self.log);
        let over = self
            .phases
            .iter_mut()
            .filter(|phase| phase.of.as_ref().is_some_and(&has_ended));
        let mut news = false;
        for phase in over {
            phase.of = None;
            phase.until = Some(phase.until.map_or(until, |planned| planned.min(until)));
            news = true;
        }
        news
    }

    /// The same, with no other run beside it.
    pub(super) fn alone(self) -> Self {
        Self {
            exclusive: true,
            ..self
        }
    }
}

/// How long the kernel counts what a run that shares its log has done.
fn tail(log: KernelLog) -> Duration {
    match log {
        KernelLog::Unused => Duration::ZERO,
        KernelLog::Fills | KernelLog::Reads => LOG_LIMIT,
    }
}

/// When a run does something: its set-up, each client's load, each program.
fn phases(spec: &RunSpec, fills: usize, log: KernelLog) -> Vec<BusyPhase> {
    let set_up = BusyPhase {
        of: None,
        from: Duration::ZERO,
        until: Some(SET_UP),
        processors: SET_UP_COST + FILL_COST * count(fills),
    };
    let clients = spec.workload.clients.iter().map(|client| BusyPhase {
        of: Some(client.name.clone()),
        from: client.start,
        until: busy_for(spec, client).map(|busy| client.start + SET_UP + busy),
        processors: processors(spec, client),
    });
    let commands = spec.workload.commands.iter().map(|command| BusyPhase {
        of: Some(command.name.clone()),
        from: command.start,
        until: Some(command.start + program(command)),
        processors: if is_held_up(spec) { HELD_UP } else { PROGRAM },
    });
    let phases = clients.chain(commands).map(|phase| BusyPhase {
        until: phase.until.map(|until| until + tail(log)),
        ..phase
    });
    [set_up].into_iter().chain(phases).collect()
}

/// How long a program is busy.
fn program(command: &CommandSpec) -> Duration {
    // One that serves has its start-up; then it does what others ask of it.
    let serves = command.background || command.ready.is_some();
    command.timeout.min(if serves { SET_UP } else { GUESS })
}

/// How long a run is expected to take: its load, programs, steps and windows.
pub(super) fn expected(spec: &RunSpec) -> Duration {
    let clients = spec
        .workload
        .clients
        .iter()
        .map(|client| client.start + busy(client));
    let command = |command: &CommandSpec| command.start + program(command);
    let commands = spec.workload.commands.iter().map(command);
    let steps = spec.workload.steps.iter().map(|step| step.at);
    let parts = clients.chain(commands).chain(steps);
    parts
        .fold(spec.watch_until, Duration::max)
        .min(spec.timeout)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn processors(spec: &RunSpec, client: &ClientSpec) -> f64 {
    let peak = client.load.peak_rate().map_or(0.0, Rate::as_per_second);
    match &client.load {
        Load::Connect { .. } | Load::Hold { .. } => at_rate(peak),
        Load::Flood { .. } => peak * SYN_COST,
        // One request at a time is under way at one end or at the other.
        Load::Loop { concurrency, .. } => CLOSED_LOOP.min(f64::from(*concurrency)),
        Load::Bulk { .. } => transfer(spec),
    }
}

fn at_rate(rate: f64) -> f64 {
    let few = rate.min(FEW);
    few * CONNECTION_COST + (rate - few) * CONNECTION_COST_OF_MANY
}

/// A transfer is as fast as its slowest link lets it.
fn transfer(spec: &RunSpec) -> f64 {
    let links = || spec.topology.links.iter().map(|link| &link.impairment);
    let rates = links().filter_map(|link| link.rate);
    let by_rate = rates.map(|rate| rate.as_per_second() / 8.0 * BYTE_COST);
    let most = if is_held_up(spec) {
        HELD_UP
    } else {
        CLOSED_LOOP
    };
    by_rate.fold(most, f64::min)
}

fn is_held_up(spec: &RunSpec) -> bool {
    let mut links = spec.topology.links.iter().map(|link| &link.impairment);
    links.any(|link| link.delay.is_some() || link.loss.is_some())
}

/// Returns the bytes that a client's connections take, if at worst each stays open until its timeout.
fn memory(client: &ClientSpec) -> f64 {
    let connection = match client.load {
        Load::Bulk { .. } => STREAM_MEMORY,
        _ => CONNECTION_MEMORY,
    };
    let (open, closed) = (
        client.load.open_at_most(),
        client.load.leaves_in_time_wait(),
    );
    open as f64 * connection + closed as f64 * TIME_WAIT_MEMORY
}

/// Returns the time that a client's load is expected to take.
fn busy(client: &ClientSpec) -> Duration {
    let hold = client.load.hold_for().unwrap_or_default();
    paced(client).unwrap_or(GUESS).saturating_add(hold)
}

/// How long a client takes of the processors, where that is known beforehand.
fn busy_for(spec: &RunSpec, client: &ClientSpec) -> Option<Duration> {
    let mut links = spec.topology.links.iter().map(|link| &link.impairment);
    match &client.load {
        // What nothing holds up is as fast as that. What takes longer waits: for an answer that does not come.
        Load::Bulk {
            bytes,
            streams,
            write,
            ..
        } if links.all(|link| *link == Impairment::default()) => {
            let bytes = bytes.0 as f64;
            let stream = bytes / BYTE_RATE + bytes / write.0 as f64 * WRITE_COST;
            Some(seconds(f64::from(*streams) * stream))
        }
        _ => paced(client),
    }
}

/// Returns the time that a client's attempts take to start, if that is known beforehand.
fn paced(client: &ClientSpec) -> Option<Duration> {
    match &client.load {
        Load::Loop {
            concurrency,
            requests,
            ..
        } => Some(seconds(
            *requests as f64 / f64::from(*concurrency) / LOOP_RATE,
        )),
        load => load.schedule().map(|schedule| schedule.duration().min(DAY)),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(DAY)
}

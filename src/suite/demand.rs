//! Estimates, from a run's load, what it needs of the machine.

use std::time::Duration;

use super::durations::{LOG_LIMIT, SET_UP, busy, busy_for, expected, program};
use super::path::{WRITE_COST, along_links, is_held_up};
use crate::backend::RunShare;
use crate::names::ActorName;
use crate::scenario::RunSpec;
use crate::scenario::topology::{Impairment, LinkSpec};
use crate::scenario::workload::{ClientSpec, CommandSpec, Load};
use crate::units::Rate;

/// Processor time of a paced connection, seconds, at both ends, if each has a wake-up of its own. 500 µs were measured
/// in a build without optimisation on a busy machine.
const CONNECTION_COST: f64 = 350e-6;
/// Processor time of a paced connection, seconds, if one wake-up starts several: 30 µs were measured for both ends, 1.4
/// times that behind masquerade, and 80 µs without optimisation on a busy machine.
const CONNECTION_COST_OF_MANY: f64 = 80e-6;
/// Processor time of a forged SYN and its answer, seconds (measured: 80 µs).
const SYN_COST: f64 = 100e-6;
/// Processor time of a query and its answer, seconds, with a socket of its own and a wake-up at both ends (assumed
/// to be half that of a connection).
const QUERY_COST: f64 = 175e-6;
/// Up to this rate, connections per second, each has a wake-up of its own. (With this value, the estimates of 100 and
/// of 1,000 per second are both near what was measured.)
const FEW: f64 = 150.0;
/// Processor time of a look at one node, seconds, with its share of what else a waiting run does (measured on a busy
/// machine: 60 to 100 µs, and 236 µs without optimisation).
const LOOK_COST: f64 = if cfg!(debug_assertions) {
    250e-6
} else {
    100e-6
};
/// Share of a processor at the start of a run, for its process and its lab. The process uses about half of that
/// (measured: 12 to 30 ms), most of it in the kernel under a lock that all namespaces share (`rtnl_lock`), so many at
/// once hold each other up; removing the lab takes the kernel as long.
const SET_UP_COST: f64 = 0.07;
/// The time that filling a conntrack table keeps a processor busy (measured: 0.6 s, and 2 s without optimisation).
const FILL: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 700 });
/// Step by which the phase of building a lab is prolonged if it takes longer than expected.
const PROLONGED: Duration = Duration::from_millis(200);
/// Processors that a closed loop or a transfer keeps busy: one for each end.
const CLOSED_LOOP: f64 = 2.0;
/// Processors that a program keeps busy on a link with delay or loss, which limits it, and a transfer whose duration is
/// not known (measured: 0.005 to 0.05).
const HELD_UP: f64 = 0.04;
/// Processors that a load generator and its server keep busy on such a link (measured: 0.16).
const HELD_UP_GENERATOR: f64 = 0.16;
/// Processor time of a transferred byte, seconds, through the lab's rate-limiting wire (measured: 42 ns, and 64 ns
/// without optimisation).
const BYTE_COST: f64 = if cfg!(debug_assertions) { 80e-9 } else { 45e-9 };
/// The part of that which does not decrease if packets carry several segments (measured, all in all: 7 ns with 13 of
/// them and 3 ns with 43).
const PACKED_BYTE_COST: f64 = if cfg!(debug_assertions) { 8e-9 } else { 4e-9 };
/// Programs that generate load as fast as they can.
const LOAD_GENERATORS: [&str; 8] = [
    "ab", "h2load", "hey", "iperf", "iperf3", "netperf", "oha", "wrk",
];
/// Processors that a load generator keeps busy: it waits for the other end as long as it works.
const GENERATOR: f64 = 0.5;
/// Programs that start quickly (measured: 3 to 20 ms of processor time, for a shell with what it runs, too).
const SMALL_PROGRAMS: [&str; 12] = [
    "cat", "echo", "false", "ip", "nft", "perl", "sh", "sleep", "ss", "sysctl", "tc", "true",
];
/// Processors that such a program keeps busy while it starts.
const SMALL_START: f64 = 0.04;
/// Processors that any other program keeps busy while it starts (measured: 0.03 to 0.15 s of processor time).
const PROGRAM_START: f64 = 0.3;
/// Processors that it keeps busy after that; it mostly waits.
const PROGRAM: f64 = 0.01;
/// Bytes of a run's processes without any connection: 12 MiB were measured with two nodes, and threads'
/// stacks add to that.
const RUN_MEMORY: f64 = 32.0 * 1024.0 * 1024.0;
/// Bytes of a node: its namespace with its tables and its thread. 1,000 nodes took 400 MiB (measured).
const NODE_MEMORY: f64 = 400.0 * 1024.0;
/// Processor time that building and watching a node takes, seconds. A run of 600 nodes took 2.7 s (measured).
const NODE_COST: f64 = 4.5e-3;
/// Up to this many nodes, their cost is not worth a word.
const FEW_NODES: usize = 100;
/// Bytes of kernel memory for both ends of an established connection, including the lab's own bookkeeping. 6.8 to
/// 7.8 KiB were measured in the kernel, over a million of them.
const CONNECTION_MEMORY: f64 = 9.0 * 1024.0;
/// Bytes of a transfer's stream: its sockets' buffers grow up to the baseline's 6 MiB to read and 4 MiB
/// to write (`tcp_rmem`, `tcp_wmem`).
const STREAM_MEMORY: f64 = 10.0 * 1024.0 * 1024.0;
/// Bytes of a closed connection in TIME_WAIT (measured).
const TIME_WAIT_MEMORY: f64 = 350.0;
/// Bytes of a full conntrack table: 262,144 entries, the kernel's default from 4 GiB of memory on
/// (`nf_conntrack_init_start`, Linux `net/netfilter/nf_conntrack_core.c`), of 385 bytes each (measured).
const CONNTRACK_MEMORY: f64 = 262_144.0 * 385.0;
/// Time added to the priority of a run that is hard to schedule.
const HARD_TO_PLACE: Duration = Duration::from_secs(60);

/// The share of the machine that a run needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demand {
    /// Processors at all times.
    pub(super) idle: f64,
    /// The times at which it needs more.
    pub(super) phases: Vec<BusyPhase>,
    /// Bytes of memory at the peak.
    pub(super) memory: f64,
    /// Its use of the kernel's log.
    pub(super) log: LogUse,
    /// True if no other run may run at the same time.
    pub(super) exclusive: bool,
    /// True if other runs must leave processors free at the same time.
    pub(super) quiet: bool,
}

/// A run's use of the kernel's log. The kernel limits the network messages of the whole machine together, so a run
/// that reads them must not be busy while others make the kernel write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogUse {
    Unused,
    /// It makes the kernel write many messages.
    Fills,
    /// It reads the messages.
    Reads,
}

/// The part of a run that a phase belongs to. The phase ends with it, if that is sooner than expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PhaseOf {
    /// The building of the lab. The phase lasts until it is complete.
    Building,
    Actor(ActorName),
}

/// A part of a run during which it is busy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BusyPhase {
    pub(super) of: Option<PhaseOf>,
    /// The start, measured from the start of the run.
    pub(super) from: Duration,
    /// The end; absent if it lasts until the end of the run.
    pub(super) until: Option<Duration>,
    pub(super) processors: f64,
}

impl BusyPhase {
    /// Returns true if the phase is active at this time after the start of the run.
    pub(super) fn is_on(&self, after: Duration) -> bool {
        self.from <= after && self.until.is_none_or(|until| after < until)
    }

    /// Returns the length of the phase in a run that takes this long.
    pub(super) fn length(&self, took: Duration) -> Duration {
        let until = self.until.map_or(took, |until| until.min(took));
        until.saturating_sub(self.from)
    }
}

impl Demand {
    /// Estimates the demand from the run's load.
    pub(super) fn of(spec: &RunSpec) -> Self {
        let (nodes, load) = (&spec.topology.nodes, &spec.workload);
        let fills = nodes
            .values()
            .filter(|node| node.conntrack_room.is_some())
            .count();
        let connections: f64 = load.clients.iter().map(memory).sum();
        let log = match fills {
            _ if spec.reads_log() => LogUse::Reads,
            0 if !logs_martians(spec) => LogUse::Unused,
            _ => LogUse::Fills,
        };
        Self {
            idle: idle(spec),
            phases: phases(spec, fills),
            memory: RUN_MEMORY
                + NODE_MEMORY * count(nodes.len())
                + connections
                + CONNTRACK_MEMORY * count(fills),
            log,
            exclusive: spec.exclusive,
            quiet: spec.quiet,
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
            log: LogUse::Unused,
            exclusive: false,
            quiet: false,
        }
    }

    /// Ends the phases of what has ended by this time after the start of the run. Returns true if that changed
    /// anything.
    pub(super) fn end(&mut self, has_ended: impl Fn(&PhaseOf) -> bool, after: Duration) -> bool {
        let mut news = false;
        for phase in &mut self.phases {
            if phase.of.take_if(|of| has_ended(of)).is_none() {
                continue;
            }
            phase.until = Some(phase.until.map_or(after, |planned| planned.min(after)));
            news = true;
        }
        news
    }

    /// Prolongs the phase of building the lab if it should be over by this time after the start of the run and is not.
    /// Returns true if that changed anything.
    pub(super) fn prolong(&mut self, after: Duration) -> bool {
        let mut news = false;
        for phase in &mut self.phases {
            let is_late = phase.until.is_some_and(|until| until <= after);
            if is_late && phase.of == Some(PhaseOf::Building) {
                phase.until = Some(after + PROLONGED);
                news = true;
            }
        }
        news
    }

    /// Returns the scheduling priority of a run that is expected to take this long: the longest starts first, so that
    /// none is left over at the end. A run that reads the kernel's log, or is quiet, fits less easily once others have
    /// started.
    pub(super) fn priority(&self, expected: Duration) -> Duration {
        match self.log == LogUse::Reads || self.quiet {
            true => expected + HARD_TO_PLACE,
            false => expected,
        }
    }

    /// Returns true if messages of the run count towards the kernel's limit at this time after its start: while it is
    /// busy, and for some time after.
    pub(super) fn is_logging(&self, after: Duration) -> bool {
        let counts = |phase: &BusyPhase| {
            let until = phase.until.map(|until| until + LOG_LIMIT);
            phase.from <= after && until.is_none_or(|until| after < until)
        };
        self.log != LogUse::Unused && self.phases.iter().any(counts)
    }

    /// Returns the times after the start of the run at which its use changes, in order.
    pub(super) fn changes(&self) -> Vec<Duration> {
        let tail = (self.log != LogUse::Unused).then_some(LOG_LIMIT);
        let of_phase = |phase: &BusyPhase| {
            let counts_until = tail.and_then(|tail| Some(phase.until? + tail));
            [Some(phase.from), phase.until, counts_until]
        };
        let mut all: Vec<Duration> = self.phases.iter().flat_map(of_phase).flatten().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the same demand, but exclusive.
    pub(super) fn alone(self) -> Self {
        Self {
            exclusive: true,
            quiet: false,
            ..self
        }
    }
}

/// Returns true if a node of the run logs packets with impossible addresses.
fn logs_martians(spec: &RunSpec) -> bool {
    let nodes = spec.topology.nodes.values();
    let mut sysctls = nodes.flat_map(|node| &node.sysctls);
    sysctls.any(|sysctl| sysctl.key.ends_with(".log_martians") && sysctl.value.trim() != "0")
}

/// Returns the share of a processor that a run uses while it waits.
fn idle(spec: &RunSpec) -> f64 {
    LOOK_COST * count(spec.topology.nodes.len()) / spec.sample_every.as_secs_f64().max(1e-3)
}

/// Returns what the nodes of a run cost, if there are many.
pub(crate) fn cost_of_nodes(spec: &RunSpec) -> Option<String> {
    let nodes = spec.topology.nodes.len();
    let memory = NODE_MEMORY * count(nodes) / (1024.0 * 1024.0);
    let time = NODE_COST * count(nodes);
    (nodes > FEW_NODES).then(|| {
        format!(
            "{nodes} nodes take about {memory:.0} MiB of memory and {time:.1} s of processor time"
        )
    })
}

/// Returns the busy phases of a run: its start, each client's load, each program.
fn phases(spec: &RunSpec, fills: usize) -> Vec<BusyPhase> {
    let start = |until: Duration, processors: f64| BusyPhase {
        of: None,
        from: Duration::ZERO,
        until: Some(until),
        processors,
    };
    let filling = (fills > 0).then(|| BusyPhase {
        of: Some(PhaseOf::Building),
        ..start(FILL, count(fills))
    });
    let set_up = [start(SET_UP, SET_UP_COST)].into_iter().chain(filling);
    let clients = spec.workload.clients.iter().map(|client| BusyPhase {
        of: Some(PhaseOf::Actor(client.name.clone())),
        from: client.start,
        until: busy_for(spec, client).map(|busy| client.start + SET_UP + busy),
        processors: spread(spec, client),
    });
    let commands = (spec.workload.commands.iter()).flat_map(|command| of_program(spec, command));
    set_up.chain(clients).chain(commands).collect()
}

/// Returns the busy phases of a program.
fn of_program(spec: &RunSpec, command: &CommandSpec) -> Vec<BusyPhase> {
    let phase = |until: Duration, processors: f64| BusyPhase {
        of: Some(PhaseOf::Actor(command.name.clone())),
        from: command.start,
        until: Some(command.start + until),
        processors,
    };
    let until = program(command);
    let name = command.run.first().map(String::as_str).unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let starting = match SMALL_PROGRAMS.contains(&name) {
        true => SMALL_START,
        false => PROGRAM_START,
    };
    match (is_held_up(spec), LOAD_GENERATORS.contains(&name)) {
        (true, true) => vec![phase(until, HELD_UP_GENERATOR)],
        (true, false) => vec![phase(until, HELD_UP)],
        (false, true) => vec![phase(until, GENERATOR)],
        (false, false) => {
            let start = phase(until.min(SET_UP), starting - PROGRAM);
            vec![start, phase(until, PROGRAM)]
        }
    }
}

/// The time after which runs mostly wait, and take few samples.
const FULL_SAMPLING: Duration = Duration::from_secs(20);

/// Returns the processor time that the clients and samples of a run are expected to use on this kernel, seconds.
pub(super) fn load_time(spec: &RunSpec) -> f64 {
    let takes = expected(spec);
    let client = |client: &ClientSpec| {
        let busy = busy(spec, client).min(takes);
        (processors(spec, client) * busy.as_secs_f64()).min(bytes_time(spec, client))
    };
    let clients = spec.workload.clients.iter().map(client);
    // A run that waits takes fewer samples.
    idle(spec) * takes.min(FULL_SAMPLING).as_secs_f64() + clients.sum::<f64>()
}

/// Returns the most processor time that the bytes of a transfer take, seconds: one that does not end waits for packets
/// that do not arrive.
fn bytes_time(spec: &RunSpec, client: &ClientSpec) -> f64 {
    match &client.load {
        Load::Bulk {
            bytes,
            streams,
            write,
            ..
        } => {
            let each = byte_cost(spec) + WRITE_COST / write.0 as f64;
            f64::from(*streams) * bytes.0 as f64 * each
        }
        _ => f64::INFINITY,
    }
}

/// Returns the processor time of a transferred byte, seconds.
fn byte_cost(spec: &RunSpec) -> f64 {
    let segments = spec
        .topology
        .links
        .iter()
        .filter_map(LinkSpec::max_segments);
    match segments.min() {
        None | Some(1) => BYTE_COST,
        Some(several) => BYTE_COST / f64::from(several) + PACKED_BYTE_COST,
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn processors(spec: &RunSpec, client: &ClientSpec) -> f64 {
    let peak = client.load.peak_rate().map_or(0.0, Rate::as_per_second);
    match &client.load {
        Load::Connect { .. } | Load::Hold { .. } | Load::Requests { .. } => at_rate(peak),
        // Its connections wait for most of the time.
        Load::Exchange { .. } => HELD_UP,
        Load::Flood { .. } => peak * SYN_COST,
        Load::Queries(queries) => peak * f64::from(queries.at_once) * QUERY_COST,
        // Each worker has one request in flight, which keeps one of the two ends busy.
        Load::Loop {
            concurrency, think, ..
        } => match think.as_secs_f64() {
            0.0 => CLOSED_LOOP.min(f64::from(*concurrency)),
            think => CLOSED_LOOP.min(at_rate(f64::from(*concurrency) / think)),
        },
        Load::Bulk { .. } => transfer(spec, client),
    }
}

/// Returns the processors that a client keeps busy on average over its phase. The phase allows for a late start of the
/// run: that of a burst of one millisecond is half a second long.
fn spread(spec: &RunSpec, client: &ClientSpec) -> f64 {
    let most = processors(spec, client);
    match (&client.load, busy_for(spec, client)) {
        (Load::Bulk { .. }, _) | (_, None) => most,
        (_, Some(busy)) => most * busy.div_duration_f64(SET_UP + busy),
    }
}

fn at_rate(rate: f64) -> f64 {
    let few = rate.min(FEW);
    few * CONNECTION_COST + (rate - few) * CONNECTION_COST_OF_MANY
}

/// Returns the processors that a transfer keeps busy: it is as fast as its slowest link, and as its round trips allow.
/// Without any link that limits it, it keeps both ends busy for a part of its phase.
fn transfer(spec: &RunSpec, client: &ClientSpec) -> f64 {
    let links = || spec.topology.links.iter().map(|link| &link.impairment);
    let rates = links().filter_map(|link| link.rate);
    let by_rate = rates.map(|rate| rate.as_per_second() / 8.0 * byte_cost(spec));
    let most = match along_links(spec, client) {
        Some(takes) if is_held_up(spec) => bytes_time(spec, client) / takes.as_secs_f64(),
        None if is_held_up(spec) => HELD_UP,
        _ if links().all(|link| *link == Impairment::default()) => {
            let takes = busy_for(spec, client).unwrap_or(SET_UP);
            CLOSED_LOOP * takes.div_duration_f64(SET_UP + takes)
        }
        _ => CLOSED_LOOP,
    };
    by_rate.fold(most.min(CLOSED_LOOP), f64::min)
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

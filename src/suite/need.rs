//! What a run needs of the machine and how long it takes, estimated from its load.

use std::time::Duration;

use super::schedule::FILL;
use crate::scenario::RunSpec;
use crate::scenario::workload::{ClientSpec, CommandSpec, Load, Schedule};

/// Processor time that a paced connection costs both ends, a router with translation and the client's own, seconds.
/// Measured at 30 µs for both ends, 1.4 times that behind masquerade, and twice that again for a debug build's own share.
const CONNECTION_COST: f64 = 100e-6;
/// Share of a processor that a run costs without any load: set-up, sampling, its process.
pub(super) const RUN_COST: f64 = 0.05;
/// Processors that a closed loop or a transfer fills: one for each end.
const CLOSED_LOOP: f64 = 2.0;
/// Processors that a program fills of which nothing is known: it has one thread, as most have.
const PROGRAM: f64 = 1.0;
/// Bytes of a run's processes, without any connection: 12 MiB were measured with two nodes, and threads' stacks add to that.
const RUN_MEMORY: f64 = 32.0 * 1024.0 * 1024.0;
/// Bytes of a node: its namespace with its tables and its thread. 1,000 nodes took 400 MiB (measured).
const NODE_MEMORY: f64 = 400.0 * 1024.0;
/// Bytes of kernel memory that an established connection takes at both ends together, with what the lab notes of it.
/// 6.8 to 7.8 KiB were measured in the kernel, over a million of them.
const CONNECTION_MEMORY: f64 = 9.0 * 1024.0;
/// Bytes that a closed connection takes in TIME_WAIT (measured).
const TIME_WAIT_MEMORY: f64 = 350.0;
/// How long it stays there, seconds (`TCP_TIMEWAIT_LEN`, Linux `include/net/tcp.h`).
const TIME_WAIT: f64 = 60.0;
/// Bytes of a full conntrack table: 262,144 entries, the kernel's default from 4 GiB of memory on
/// (`nf_conntrack_init_start`, Linux `net/netfilter/nf_conntrack_core.c`), of 385 bytes each (measured).
const CONNTRACK_MEMORY: f64 = 262_144.0 * 385.0;
/// Bytes of a machine in QEMU: a guest's 512 MiB, its share of QEMU's own (measured: 90 MiB).
const GUEST_MEMORY: f64 = 640.0 * 1024.0 * 1024.0;
/// How long what ends by itself is guessed to take: closed loops, transfers, programs.
const GUESS: Duration = Duration::from_secs(5);

/// How much of the machine a run needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Need {
    /// Processors.
    pub(super) processors: f64,
    /// Bytes.
    pub(super) memory: f64,
    /// Whether it reads the kernel's log, or makes the kernel write much into it: the kernel bounds the network messages
    /// of the whole machine together, so that such runs go one after the other.
    pub(super) log: bool,
    /// Whether no other run may go beside it.
    pub(super) exclusive: bool,
}

impl Need {
    /// Estimates it from the run's load.
    pub(super) fn of(spec: &RunSpec) -> Self {
        let (nodes, load) = (&spec.topology.nodes, &spec.workload);
        let fills = nodes
            .values()
            .filter(|node| node.conntrack_room.is_some())
            .count();
        let clients = load.clients.iter().map(processors);
        // What runs in the background does what others ask of it.
        let foreground = load.commands.iter().filter(|command| !command.background);
        let programs = PROGRAM * count(foreground.count());
        let connections: f64 = load.clients.iter().map(memory).sum();
        Self {
            processors: RUN_COST + clients.sum::<f64>() + programs,
            memory: RUN_MEMORY
                + NODE_MEMORY * count(nodes.len())
                + connections
                + CONNTRACK_MEMORY * count(fills),
            log: fills > 0
                || spec
                    .watched
                    .iter()
                    .any(|series| series.as_str() == "kernel.log"),
            exclusive: spec.exclusive,
        }
    }

    /// What a guest needs: a processor of its own, which it keeps busy whenever it does not wait, and its memory.
    pub(super) fn of_guest() -> Self {
        Self {
            processors: FILL,
            memory: GUEST_MEMORY,
            log: false,
            exclusive: false,
        }
    }

    /// The same, with no other run beside it.
    pub(super) fn alone(self) -> Self {
        Self {
            exclusive: true,
            ..self
        }
    }
}

/// How long a run is expected to take: its load, programs, steps and windows.
pub(super) fn expected(spec: &RunSpec) -> Duration {
    let clients = spec
        .workload
        .clients
        .iter()
        .map(|client| client.start + busy(client));
    let command = |command: &CommandSpec| command.start + command.timeout.min(GUESS);
    let commands = spec.workload.commands.iter().map(command);
    let steps = spec.workload.steps.iter().map(|step| step.at);
    let parts = clients.chain(commands).chain(steps);
    parts
        .fold(spec.watch_until, Duration::max)
        .min(spec.timeout)
}

/// How long the run's load goes on, where it has one.
pub(super) fn loaded(spec: &RunSpec) -> Option<Duration> {
    spec.workload
        .clients
        .iter()
        .map(busy)
        .max()
        .filter(|busy| !busy.is_zero())
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn highest_rate(schedule: &Schedule) -> f64 {
    schedule
        .from
        .as_per_second()
        .max(schedule.to.as_per_second())
}

fn processors(client: &ClientSpec) -> f64 {
    match &client.load {
        Load::Connect { schedule, .. } | Load::Flood { schedule, .. } => {
            highest_rate(schedule) * CONNECTION_COST
        }
        Load::Hold { rate, .. } => rate.as_per_second() * CONNECTION_COST,
        Load::Loop { .. } | Load::Bulk { .. } => CLOSED_LOOP,
    }
}

fn memory(client: &ClientSpec) -> f64 {
    match &client.load {
        Load::Connect {
            schedule, timeout, ..
        } => {
            let rate = highest_rate(schedule);
            let count = schedule.count as f64;
            // At worst each stays until its timeout.
            let open = count.min(rate * timeout.as_secs_f64());
            open * CONNECTION_MEMORY + count.min(rate * TIME_WAIT) * TIME_WAIT_MEMORY
        }
        Load::Hold { connections, .. } => *connections as f64 * CONNECTION_MEMORY,
        Load::Loop {
            concurrency,
            requests,
            ..
        } => f64::from(*concurrency) * CONNECTION_MEMORY + *requests as f64 * TIME_WAIT_MEMORY,
        // What it leaves is bounded by the listener's backlog.
        Load::Flood { .. } => 0.0,
        // A socket's buffers grow up to the baseline's 6 MiB to read and 4 MiB to write (`tcp_rmem`, `tcp_wmem`).
        Load::Bulk { streams, .. } => f64::from(*streams) * 10.0 * 1024.0 * 1024.0,
    }
}

/// How long a client's load goes on.
fn busy(client: &ClientSpec) -> Duration {
    match &client.load {
        Load::Connect { schedule, .. } | Load::Flood { schedule, .. } => {
            let mean = (schedule.from.as_per_second() + schedule.to.as_per_second()) / 2.0;
            seconds(schedule.count as f64 / mean)
        }
        Load::Hold {
            connections,
            rate,
            hold_for,
            ..
        } => seconds(*connections as f64 / rate.as_per_second()) + *hold_for,
        Load::Loop { .. } | Load::Bulk { .. } => GUESS,
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(86_400))
}

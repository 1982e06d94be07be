//! The thread that watches many nodes that no expectation names.
//!
//! With a thread for each node and ten looks per second, watching a thousand nodes would take more processors than most
//! machines have, and delay the load. What the thread opens stays in the namespace that it was opened in, so it enters
//! each of them once, at the start.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ProbeError;
use super::sampler::{NodeProbes, Watch};
use crate::names::NodeName;
use crate::record::{Offset, Recorder, RunClock};
use crate::sys::{NetNs, fdtable};

/// Up to this many nodes, each is watched by a thread of its own.
pub(super) const OWN_THREADS: usize = 50;
/// Nodes of one thread: each takes up to 9 descriptors of its table, and an unprivileged process may have 4,096.
const NODES: usize = 400;
/// Looks per second of all these threads together. A look takes about 0.1 ms.
const LOOKS: f64 = 500.0;

/// A running thread.
#[derive(Debug)]
pub(super) struct SharedSampler {
    first: NodeName,
    /// Sends the clock to begin; dropping it stops the thread.
    begin: Sender<RunClock>,
    prepared: Receiver<Result<(), ProbeError>>,
    thread: JoinHandle<Result<(), ProbeError>>,
}

/// Starts the threads for these nodes.
pub(super) fn spawn(
    watches: Vec<(Watch, NetNs)>,
    recorder: &Recorder,
) -> Result<Vec<SharedSampler>, ProbeError> {
    let apart = Duration::from_secs_f64(watches.len() as f64 / LOOKS);
    let mut samplers = Vec::new();
    let mut left = watches;
    while !left.is_empty() {
        let rest = left.split_off(left.len().min(NODES));
        let share = std::mem::replace(&mut left, rest);
        samplers.push(SharedSampler::spawn(share, apart, recorder)?);
    }
    Ok(samplers)
}

impl SharedSampler {
    fn spawn(
        watches: Vec<(Watch, NetNs)>,
        apart: Duration,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let first = watches[0].0.node.clone();
        let (begin, clock) = mpsc::channel();
        let (ready, prepared) = mpsc::sync_channel(1);
        let recorder = recorder.clone();
        let thread = std::thread::Builder::new()
            .name("probe-many".to_owned())
            .spawn(move || watch_nodes(&watches, apart, &recorder, &ready, &clock))
            .map_err(ProbeError::Thread)?;
        Ok(Self {
            first,
            begin,
            prepared,
            thread,
        })
    }

    /// Waits for the baselines.
    pub(super) fn prepared(self) -> Result<Self, ProbeError> {
        match self.prepared.recv() {
            Ok(Ok(())) => Ok(self),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ProbeError::Panicked { node: self.first }),
        }
    }

    pub(super) fn begin(&self, clock: RunClock) {
        // If the thread has ended, joining it returns the reason.
        let _ended = self.begin.send(clock);
    }

    /// Requests the last look at each node. The returned function waits for it.
    pub(super) fn stop(self) -> impl FnOnce() -> Result<(), ProbeError> {
        drop(self.begin);
        let (thread, node) = (self.thread, self.first);
        move || thread.join().unwrap_or(Err(ProbeError::Panicked { node }))
    }
}

/// The body of the thread.
fn watch_nodes(
    watches: &[(Watch, NetNs)],
    apart: Duration,
    recorder: &Recorder,
    ready: &SyncSender<Result<(), ProbeError>>,
    clock: &Receiver<RunClock>,
) -> Result<(), ProbeError> {
    let mut probes = match open(watches, recorder) {
        Ok(probes) => probes,
        Err(error) => {
            let _nobody_waits = ready.send(Err(error));
            return Ok(());
        }
    };
    let _nobody_waits = ready.send(Ok(()));
    let Ok(run) = clock.recv() else {
        return Ok(());
    };
    // Looks are spread over the interval, so that they never hold up the load together.
    let every = watches[0].0.every.max(apart);
    let first = |place: usize| every.mul_f64(place as f64 / watches.len() as f64);
    let mut due: BTreeSet<(Offset, usize)> = (0..probes.len())
        .map(|place| (Offset::from_duration(first(place)), place))
        .collect();
    while let Some((at, place)) = due.pop_first() {
        match clock.recv_timeout(run.until(at)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(_) | Err(RecvTimeoutError::Disconnected) => break,
        }
        probes[place].look(run.now(), false)?;
        let next = (at.as_duration() + every).max(run.now().as_duration());
        due.insert((Offset::from_duration(next), place));
    }
    for probe in &mut probes {
        probe.look(run.now(), true)?;
    }
    Ok(())
}

fn open(watches: &[(Watch, NetNs)], recorder: &Recorder) -> Result<Vec<NodeProbes>, ProbeError> {
    let of_node = |node: &NodeName, source: io::Error| ProbeError::Namespace {
        node: node.clone(),
        source,
    };
    let keep: Vec<_> = watches.iter().map(|(_, netns)| netns.as_fd()).collect();
    fdtable::unshare_keeping(&keep).map_err(ProbeError::Thread)?;
    let open = |(watch, netns): &(Watch, NetNs)| {
        netns
            .enter()
            .map_err(|source| of_node(&watch.node, source))?;
        NodeProbes::open(watch, recorder)
    };
    watches.iter().map(open).collect()
}

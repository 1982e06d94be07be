//! The thread that watches one node from inside its namespace.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ProbeError;
use super::activity::NodeActivity;
use super::actors::{Destination, WatchedActor};
use super::conntrack::ConntrackTable;
use super::counters::Counters;
use super::listed::Listed;
use super::rules::RuleCounters;
use super::slabs::Slabs;
use super::sockets::Sockets;
use super::watched::Changes;
use crate::names::NodeName;
use crate::record::{Event, Offset, Recorder, RunClock};
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::sched::thread_time;

/// The metrics to record of a node, and the interval.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) node: NodeName,
    /// Metrics of the node that expectations name.
    pub(super) named: BTreeSet<String>,
    /// Actors on the node with metrics that expectations name.
    pub(super) actors: Vec<WatchedActor>,
    /// Servers toward which occupied ports are counted.
    pub(super) destinations: Vec<Destination>,
    /// Metrics of the kernel that expectations name, if this sampler is the one that reads them.
    pub(super) of_kernel: BTreeSet<String>,
    pub(super) speaks_ipv6: bool,
    /// Names of the rules of the node's firewall.
    pub(super) rules: Vec<String>,
    /// True if the node has a connection tracking table.
    pub(super) conntrack: bool,
    /// The interval between looks.
    pub(super) every: Duration,
}

/// A running sampler thread.
#[derive(Debug)]
pub(super) struct Sampler {
    node: NodeName,
    /// Sends the clock to begin, and asks for looks; dropping it stops the thread.
    orders: Sender<Order>,
    prepared: Receiver<Result<(), ProbeError>>,
    thread: Thread,
}

/// A message to a sampler.
#[derive(Debug)]
enum Order {
    /// Begin to look.
    Begin(RunClock),
    /// Look now, and reply whether TCP on the node is at rest.
    Rest(SyncSender<bool>),
}

/// The outer error is a failure to enter the namespace, the inner one a failure to watch.
type Thread = JoinHandle<io::Result<Result<(), ProbeError>>>;

impl Watch {
    /// Returns true if an expectation names something of the node, of its actors, or of the kernel if it reads that.
    pub(super) fn is_named(&self) -> bool {
        !self.named.is_empty()
            || !self.actors.is_empty()
            || !self.destinations.is_empty()
            || !self.of_kernel.is_empty()
    }
}

impl Sampler {
    /// Starts the thread in the node's namespace, where it opens its files and takes the baseline.
    pub(super) fn spawn(
        watch: Watch,
        netns: &NetNs,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let node = watch.node.clone();
        let (orders, given) = mpsc::channel();
        let (ready, prepared) = mpsc::sync_channel(1);
        let recorder = recorder.clone();
        let thread = netns
            .spawn(&format!("probe-{node}"), move || {
                watch_node(&watch, &recorder, &ready, &given)
            })
            .map_err(ProbeError::Thread)?;
        Ok(Self {
            node,
            orders,
            prepared,
            thread,
        })
    }

    /// Waits for the baseline.
    pub(super) fn prepared(self) -> Result<Self, ProbeError> {
        match self.prepared.recv() {
            Ok(Ok(())) => Ok(self),
            Ok(Err(error)) => Err(error),
            // The thread ended before it was ready; joining it returns the reason.
            Err(_) => {
                let node = self.node.clone();
                self.stop().join()?;
                Err(ProbeError::Panicked { node })
            }
        }
    }

    pub(super) fn begin(&self, clock: RunClock) {
        // If the thread has ended, joining it returns the reason.
        let _ended = self.orders.send(Order::Begin(clock));
    }

    /// Asks for a look now. The reply is true if no TCP socket of the node is on its way to another state and TCP's
    /// counters have not changed since the look before.
    pub(super) fn ask_for_rest(&self) -> Receiver<bool> {
        let (reply, replied) = mpsc::sync_channel(1);
        // If the thread has ended, there is no reply.
        let _ended = self.orders.send(Order::Rest(reply));
        replied
    }

    /// Requests the last look.
    pub(super) fn stop(self) -> Stopping {
        drop(self.orders);
        Stopping {
            node: self.node,
            thread: self.thread,
        }
    }
}

/// A sampler that is taking its last look.
#[derive(Debug)]
pub(super) struct Stopping {
    node: NodeName,
    thread: Thread,
}

impl Stopping {
    pub(super) fn join(self) -> Result<(), ProbeError> {
        let node = self.node;
        match self.thread.join() {
            Ok(Ok(ended)) => ended,
            Ok(Err(source)) => Err(ProbeError::Namespace { node, source }),
            Err(_) => Err(ProbeError::Panicked { node }),
        }
    }
}

/// The body of the thread.
fn watch_node(
    watch: &Watch,
    recorder: &Recorder,
    ready: &SyncSender<Result<(), ProbeError>>,
    orders: &Receiver<Order>,
) -> Result<(), ProbeError> {
    let mut eyes = match NodeProbes::open(watch, recorder) {
        Ok(eyes) => eyes,
        Err(error) => {
            let _nobody_waits = ready.send(Err(error));
            return Ok(());
        }
    };
    let _nobody_waits = ready.send(Ok(()));
    let run = loop {
        match orders.recv() {
            Ok(Order::Begin(run)) => break run,
            Ok(Order::Rest(reply)) => {
                let _nobody_waits = reply.send(false);
            }
            Err(_) => return Ok(()),
        }
    };
    let mut due = Offset::ZERO;
    loop {
        match orders.recv_timeout(run.until(due)) {
            Err(RecvTimeoutError::Timeout) => {
                eyes.look(run.now(), false)?;
            }
            Ok(Order::Rest(reply)) => {
                let unchanged = !eyes.look(run.now(), true)?;
                let _nobody_waits = reply.send(unchanged && eyes.sockets.are_at_rest());
            }
            Ok(Order::Begin(_)) | Err(RecvTimeoutError::Disconnected) => {
                eyes.look(run.now(), true)?;
                return Ok(());
            }
        }
        due = next_due(run.now(), watch.every);
    }
}

/// Returns the next moment of the schedule `0, every, 2 * every, ...`. Moments that a long look has missed are skipped.
fn next_due(now: Offset, every: Duration) -> Offset {
    let every = Offset::from_duration(every).0.max(1);
    Offset((now.0 / every + 1).saturating_mul(every))
}

/// The probes of one node.
#[derive(Debug)]
pub(super) struct NodeProbes {
    node: NodeName,
    recorder: Recorder,
    activity: NodeActivity,
    counters: Counters,
    sockets: Sockets,
    conntrack: Option<ConntrackTable>,
    rules: Option<RuleCounters>,
    listed: Option<Listed>,
    slabs: Option<Slabs>,
    first: bool,
}

impl NodeProbes {
    pub(super) fn open(watch: &Watch, recorder: &Recorder) -> Result<Self, ProbeError> {
        let Watch { node, named, .. } = watch;
        let conntrack = watch
            .conntrack
            .then(|| ConntrackTable::open(node, named, recorder))
            .transpose()?;
        let ip = match watch.speaks_ipv6 {
            true => IpVersion::V6,
            false => IpVersion::V4,
        };
        let rules = (!watch.rules.is_empty())
            .then(|| RuleCounters::open(node, &watch.rules, ip, recorder))
            .transpose()?;
        Ok(Self {
            node: node.clone(),
            recorder: recorder.clone(),
            activity: NodeActivity::new(),
            counters: Counters::open(node, named, watch.speaks_ipv6, recorder)?,
            sockets: Sockets::open(node, named, recorder)?,
            conntrack,
            rules,
            listed: Listed::open(node, named, &watch.actors, &watch.destinations, recorder)?,
            slabs: Slabs::open(&watch.of_kernel, recorder),
            first: true,
        })
    }

    /// Reads everything, and records what has changed and what the look cost. With `all`, it lists sockets whatever
    /// that costs. Returns true if TCP's counters have changed or connections are established.
    pub(super) fn look(&mut self, t: Offset, all: bool) -> Result<bool, ProbeError> {
        let before = thread_time();
        let mut changes = Changes::new();
        let first = std::mem::take(&mut self.first);
        if first {
            self.counters.first(&mut changes);
        }
        // The first look is dated to the start of the clock, so that every series has a value from there on.
        let t = if first && !all { Offset::ZERO } else { t };
        self.activity.begin(t, all);
        let stat = self.sockets.read_sockstat(&mut self.activity)?;
        let tcp = self.counters.look(&mut self.activity, &mut changes)?;
        let is_active = tcp.changed || tcp.established > 0;
        if let Some(conntrack) = &mut self.conntrack {
            conntrack.look(&self.activity, &mut changes)?;
        }
        if let Some(rules) = &mut self.rules {
            rules.look(&mut changes)?;
        }
        self.sockets
            .look(t, all, (tcp, stat), &self.activity, &mut changes)?;
        if let Some(listed) = &mut self.listed {
            listed.look(t, all, &mut changes)?;
        }
        if let Some(slabs) = &mut self.slabs {
            slabs.look(&mut changes);
        }
        if !changes.is_empty() {
            self.recorder.record(Event::Sample { t, v: changes });
        }
        let cost = thread_time().saturating_sub(before);
        self.recorder.record(Event::Looked {
            t,
            probe: self.node.as_str().to_owned(),
            cost: Offset::from_duration(cost).0,
        });
        Ok(is_active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn looks_keep_to_the_schedule_and_leave_out_what_was_missed() {
        let every = Duration::from_millis(100);
        let due = |now| next_due(Offset(now * MILLISECOND), every).0 / MILLISECOND;
        assert_eq!(due(0), 100);
        assert_eq!(due(103), 200);
        assert_eq!(due(199), 200);
        assert_eq!(due(200), 300);
        assert_eq!(due(950), 1000);
    }
}

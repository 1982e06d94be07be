//! Counts the TCP sockets of a node by state, and the memory that they hold.
//!
//! Listing sockets costs the kernel a walk over its hash and a message per socket, so only those are listed that
//! are not known otherwise. Sockets in TIME_WAIT and ESTABLISHED, often the most, are known from counters.
//! Nothing is listed while nothing can have changed.

use std::collections::BTreeSet;

use super::ProbeError;
use super::activity::{NodeActivity, SELDOM};
use super::budget::Budget;
use super::counters::TcpLine;
use super::watched::{Changes, Watched};
use crate::metrics::node as node_metrics;
use crate::names::NodeName;
use crate::record::{Offset, Recorder};
use crate::sys::procfs::{
    NetFile, TcpSockstat, counts_tw_by_namespace, tcp_sockstat, used_sockets,
};
use crate::sys::sched::thread_time;
use crate::sys::sock_diag::{SockDiag, SocketCounts, TcpStates};
use crate::tcp::TcpState;

/// States that no expectation names are listed for at most a 200th (0.5 %) of a processor. On two processors, what this
/// costs a client and a server delays fewer starts of a paced load than its 99th percentile of lateness shows. If no
/// expectation names any state of the node, no chart shows them, and they are listed at most once per second.
const UNNAMED: u32 = 200;
/// States that an expectation names are listed at every look, up to a quarter of a processor (60,000 sockets ten times
/// per second, at 0.4 µs each, Linux 6.18). More would disturb the measurement.
const NAMED: u32 = 4;

/// States that a socket leaves by a timer or by close(2), without any segment.
const RESTLESS: [TcpState; 6] = [
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::LastAck,
    TcpState::Closing,
];

#[derive(Debug)]
pub(super) struct Sockets {
    node: NodeName,
    diag: SockDiag,
    sockstat: NetFile,
    sockstat6: Option<NetFile>,
    /// True if `sockstat` counts TIME_WAIT per namespace, so that those sockets need not be listed.
    counts_tw: bool,
    states: [(TcpState, Watched); TcpState::LISTED.len()],
    memory: Option<Watched>,
    all_budget: Budget,
    /// States that expectations name.
    named: TcpStates,
    named_budget: Budget,
    /// All sockets of the namespace, and those of TCP, at the last look.
    in_use: Option<(u64, TcpSockstat)>,
    /// True if a socket was in CLOSE_WAIT at the last listing, because `CurrEstab` may count it with those in
    /// ESTABLISHED.
    close_wait: bool,
    /// The result of the last listing of all states.
    known: Option<Known>,
}

/// The counts of all states at a look.
#[derive(Debug)]
struct Known {
    counts: SocketCounts,
    /// IPv4 and IPv6 sockets in use just before, from `sockstat` and `sockstat6`.
    inuse: u64,
    inuse6: u64,
    /// True if TCP's own counters have changed since.
    stirred: bool,
}

impl Sockets {
    /// Opens the files and sockets in the calling thread's namespace and declares the series.
    pub(super) fn open(
        node: &NodeName,
        named: &BTreeSet<String>,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let counts_tw = counts_tw_by_namespace();
        let memory = named.contains(node_metrics::TCP_MEMORY.name);
        let states = named
            .iter()
            .filter_map(|name| node_metrics::TCP.value_in(name));
        let named = if memory {
            TcpStates::all()
        } else {
            {
                let states = states.filter_map(TcpState::from_name);
                states
                    .filter(|state| TcpState::LISTED.contains(state))
                    .collect()
            }
        };
        Ok(Self {
            node: node.clone(),
            diag: SockDiag::open().map_err(|source| ProbeError::sockets(node, source))?,
            sockstat: NetFile::open("sockstat")
                .map_err(|source| ProbeError::file(node, "sockstat", source))?,
            sockstat6: NetFile::open("sockstat6").ok(),
            counts_tw,
            states: TcpState::LISTED.map(|state| {
                let series = recorder.metric_of(&node_metrics::TCP, node.as_str(), state.as_str());
                (state, Watched::new(series))
            }),
            memory: memory
                .then(|| Watched::new(recorder.metric(&node_metrics::TCP_MEMORY, node.as_str()))),
            all_budget: match named.is_empty() {
                true => Budget::one_in(UNNAMED).apart(SELDOM),
                false => Budget::one_in(UNNAMED),
            },
            named,
            named_budget: Budget::one_in(NAMED),
            in_use: None,
            close_wait: false,
            known: None,
        })
    }

    /// Adds the values that have changed since the last look. `tcp` and `stat` were read just before. The last look
    /// lists everything.
    pub(super) fn look(
        &mut self,
        t: Offset,
        last: bool,
        (tcp, stat): (TcpLine, TcpSockstat),
        activity: &NodeActivity,
        changes: &mut Changes,
    ) -> Result<(), ProbeError> {
        if let Some(known) = &mut self.known {
            known.stirred |= tcp.changed;
        }
        if !last && self.are_still(stat, activity)? {
            if self.counts_tw {
                // None of them is in FIN_WAIT2, which is one of the restless states.
                self.see(TcpState::TimeWait, stat.tw, changes);
            }
            return Ok(());
        }
        let before = thread_time();
        if last || self.all_budget.is_due(t) {
            // Read before the listing, so that later changes show at the next look.
            let inuse6 = self.inuse6()?;
            let counts = self.record(TcpStates::all(), tcp, stat, changes)?;
            self.all_budget
                .spent(t, thread_time().saturating_sub(before));
            self.known = Some(Known {
                counts,
                inuse: stat.inuse,
                inuse6,
                stirred: false,
            });
        } else if !self.named.is_empty() && self.named_budget.is_due(t) {
            self.record(self.named, tcp, stat, changes)?;
            self.named_budget
                .spent(t, thread_time().saturating_sub(before));
        }
        Ok(())
    }

    /// Returns true if all states are still as they were listed. IPv6 sockets can change without a sign elsewhere: one
    /// that exists begins to listen. Without other activity, that is seen within a second.
    fn are_still(
        &mut self,
        stat: TcpSockstat,
        activity: &NodeActivity,
    ) -> Result<bool, ProbeError> {
        let Some(known) = &self.known else {
            return Ok(false);
        };
        if self.memory.is_some() || !known.is_still(stat, self.counts_tw) {
            return Ok(false);
        }
        let inuse6 = known.inuse6;
        Ok(!activity.wants_all() || self.inuse6()? == inuse6)
    }

    /// Returns true if, at the last look at all states, no socket was on its way to another state: there were only
    /// listening and closed ones, and those in TIME_WAIT.
    pub(super) fn are_at_rest(&self) -> bool {
        let moving = |counts: &SocketCounts| {
            let mut states = RESTLESS.into_iter().chain([TcpState::CloseWait]);
            states.any(|state| counts.of(state) > 0)
        };
        self.known
            .as_ref()
            .is_some_and(|known| !moving(&known.counts))
    }

    /// Adds the changed values of these states, listing those that counters do not show. Returns the listed counts.
    fn record(
        &mut self,
        states: TcpStates,
        tcp: TcpLine,
        stat: TcpSockstat,
        changes: &mut Changes,
    ) -> Result<SocketCounts, ProbeError> {
        let mut listed = states;
        let time_wait_known = self.counts_tw && states.contains(TcpState::TimeWait);
        if time_wait_known {
            listed = listed.without(TcpState::TimeWait).with(TcpState::FinWait2);
        }
        // Their memory is only known from a listing.
        let established_known =
            states.contains(TcpState::Established) && self.memory.is_none() && !self.close_wait;
        if established_known {
            listed = listed
                .without(TcpState::Established)
                .with(TcpState::CloseWait);
        }
        let counts = self.count(listed)?;
        for state in TcpState::LISTED {
            if listed.contains(state) {
                self.see(state, u64::from(counts.of(state)), changes);
            }
        }
        if time_wait_known {
            let small = u64::from(counts.fin_wait2_small);
            self.see(TcpState::TimeWait, stat.tw.saturating_sub(small), changes);
        }
        if listed.contains(TcpState::CloseWait) {
            self.close_wait = counts.of(TcpState::CloseWait) > 0;
        }
        if established_known {
            let established = if self.close_wait {
                let established = [TcpState::Established].into_iter().collect();
                u64::from(self.count(established)?.of(TcpState::Established))
            } else {
                tcp.established.max(0).cast_unsigned()
            };
            self.see(TcpState::Established, established, changes);
        }
        if let Some(memory) = &mut self.memory {
            memory.see(counts.memory.cast_signed(), changes);
        }
        Ok(counts)
    }

    fn count(&mut self, states: TcpStates) -> Result<SocketCounts, ProbeError> {
        let counts = self.diag.count(states, self.memory.is_some());
        counts.map_err(|source| ProbeError::sockets(&self.node, source))
    }

    fn see(&mut self, state: TcpState, count: u64, changes: &mut Changes) {
        for (watched_state, watched) in &mut self.states {
            if *watched_state == state {
                watched.see(count.cast_signed(), changes);
            }
        }
    }

    /// Reads the cheap counters.
    pub(super) fn read_sockstat(
        &mut self,
        activity: &mut NodeActivity,
    ) -> Result<TcpSockstat, ProbeError> {
        let text = self.sockstat.read();
        let text = text.map_err(|source| ProbeError::file(&self.node, "sockstat", source))?;
        let stat = tcp_sockstat(text).unwrap_or_default();
        // `alloc` belongs to the whole machine.
        let in_use = (
            used_sockets(text).unwrap_or_default(),
            TcpSockstat { alloc: 0, ..stat },
        );
        activity.see(self.in_use.replace(in_use) != Some(in_use));
        Ok(stat)
    }

    fn inuse6(&mut self) -> Result<u64, ProbeError> {
        let Some(file) = &mut self.sockstat6 else {
            return Ok(0);
        };
        let text = file.read();
        let text = text.map_err(|source| ProbeError::file(&self.node, "sockstat6", source))?;
        Ok(tcp_sockstat(text).unwrap_or_default().inuse)
    }
}

impl Known {
    /// Returns true if all states are still the same. Established connections, those in CLOSE_WAIT and listeners
    /// change only with a segment, with TCP's own counters (`CurrEstab`, `EstabResets`) or with the number in
    /// use. Sockets in a restless state can change at any time.
    fn is_still(&self, stat: TcpSockstat, counts_tw: bool) -> bool {
        let restless = RESTLESS.into_iter().any(|state| self.counts.of(state) > 0)
            || !counts_tw && self.counts.of(TcpState::TimeWait) > 0;
        !self.stirred && self.inuse == stat.inuse && !restless
    }
}

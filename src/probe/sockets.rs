//! How many TCP sockets of a node are in which state, and what memory they hold.
//!
//! Listing sockets costs the kernel a walk over its hash and a message a socket, so it is asked for only what is not known
//! otherwise: TIME_WAIT, often the most, comes from `sockstat`; and nothing is listed while nothing can have changed.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ProbeError;
use super::budget::Budget;
use super::cpu::thread_time;
use super::watched::{Changes, Watched};
use crate::names::{NodeName, SeriesName};
use crate::record::{Offset, Recorder, SeriesKind, SeriesUnit};
use crate::sys::procfs::{NetFile, TcpSockstat, counts_tw_by_namespace, tcp_sockstat};
use crate::sys::sock_diag::{SockDiag, SocketCounts, TcpState, TcpStates};

/// States that no expectation names are listed for at most a 200th (0.5 %) of a processor: on a machine with two, what a
/// client and a server cost so together delays fewer starts of a paced load than its 99th percentile of lateness shows.
const UNNAMED: u32 = 200;
/// States that an expectation names are listed at every look, up to a quarter of a processor (60,000 sockets ten times a
/// second, at 0.4 µs each, Linux 6.18): beyond it, looking would be what is measured.
const NAMED: u32 = 4;

/// States that a socket leaves by a timer or by close(2) without any segment.
const RESTLESS: [TcpState; 6] = [
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::LastAck,
    TcpState::Closing,
];

/// The TCP sockets of one node.
#[derive(Debug)]
pub(super) struct Sockets {
    node: NodeName,
    diag: SockDiag,
    sockstat: NetFile,
    sockstat6: Option<NetFile>,
    /// Whether `sockstat` tells this namespace's TIME_WAIT, so that they need not be listed.
    tells_tw: bool,
    states: [(TcpState, Watched); TcpState::ALL.len()],
    memory: Option<Watched>,
    /// What is listed when all is due.
    all: TcpStates,
    all_budget: Budget,
    /// What is listed for the sake of the expectations.
    named: TcpStates,
    named_budget: Budget,
    /// What the last listing of all gave.
    known: Option<Known>,
}

/// All states at some look.
#[derive(Debug)]
struct Known {
    counts: SocketCounts,
    /// What the cheap counters said just before.
    in_use: InUse,
    /// Whether TCP's own counters have changed since.
    stirred: bool,
}

/// IPv4 and IPv6 sockets in use, as `sockstat` and `sockstat6` give them.
type InUse = [u64; 2];

impl Sockets {
    /// Opens what is needed in the calling thread's namespace and declares the series.
    pub(super) fn open(
        node: &NodeName,
        named: &BTreeSet<String>,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let series = |name: &str, unit| {
            let name = SeriesName::new(format!("{node}.{name}"));
            Watched::new(recorder.series(name, SeriesKind::Gauge, unit))
        };
        let tells_tw = counts_tw_by_namespace();
        let memory = named.contains("memory.tcp");
        let states = named.iter().filter_map(|name| name.strip_prefix("tcp."));
        let named = if memory {
            TcpStates::all()
        } else {
            states.filter_map(TcpState::from_name).collect()
        };
        Ok(Self {
            node: node.clone(),
            diag: SockDiag::open().map_err(|source| ProbeError::sockets(node, source))?,
            sockstat: NetFile::open("sockstat")
                .map_err(|source| ProbeError::file(node, "sockstat", source))?,
            sockstat6: NetFile::open("sockstat6").ok(),
            tells_tw,
            states: TcpState::ALL.map(|state| {
                let name = format!("tcp.{}", state.as_str());
                (state, series(&name, SeriesUnit::Count))
            }),
            memory: memory.then(|| series("memory.tcp", SeriesUnit::Bytes)),
            all: to_list(TcpStates::all(), tells_tw),
            all_budget: Budget::one_in(UNNAMED),
            named: to_list(named, tells_tw),
            named_budget: Budget::one_in(NAMED),
            known: None,
        })
    }

    /// Adds what has changed since the last look. `tcp_changed`: whether TCP's own counters say that a segment has come
    /// or gone since, or a connection begun or ended. The last look lists all.
    pub(super) fn look(
        &mut self,
        t: Offset,
        tcp_changed: bool,
        last: bool,
        changes: &mut Changes,
    ) -> Result<(), ProbeError> {
        // Read before the listing: what changes from here on shows at the next look.
        let stat = self.read_sockstat()?;
        let in_use = [stat.inuse, self.inuse6()?];
        if let Some(known) = &mut self.known {
            known.stirred |= tcp_changed;
            if !last && self.memory.is_none() && known.is_still(in_use, self.tells_tw) {
                if self.tells_tw {
                    // None of them is in FIN_WAIT2, which is restless.
                    self.see(TcpState::TimeWait, stat.tw, changes);
                }
                return Ok(());
            }
        }
        if last || self.all_budget.is_due(t) {
            let (counts, cost) = self.list(self.all, stat, changes)?;
            self.all_budget.spent(t, cost);
            self.known = Some(Known {
                counts,
                in_use,
                stirred: false,
            });
        } else if !self.named.is_empty() && self.named_budget.is_due(t) {
            let (_, cost) = self.list(self.named, stat, changes)?;
            self.named_budget.spent(t, cost);
        }
        Ok(())
    }

    /// Lists the sockets in these states; adds what has changed. Gives their counts and what it took.
    fn list(
        &mut self,
        states: TcpStates,
        stat: TcpSockstat,
        changes: &mut Changes,
    ) -> Result<(SocketCounts, Duration), ProbeError> {
        let before = thread_time();
        let counts = self
            .diag
            .count(states, self.memory.is_some())
            .map_err(|source| ProbeError::sockets(&self.node, source))?;
        let cost = thread_time().saturating_sub(before);
        for state in TcpState::ALL {
            if states.contains(state) {
                self.see(state, u64::from(counts.of(state)), changes);
            }
        }
        if self.tells_tw && states.contains(TcpState::FinWait2) {
            let time_wait = stat.tw.saturating_sub(u64::from(counts.fin_wait2_small));
            self.see(TcpState::TimeWait, time_wait, changes);
        }
        if let Some(memory) = &mut self.memory {
            memory.see(counts.memory.cast_signed(), changes);
        }
        Ok((counts, cost))
    }

    fn see(&mut self, state: TcpState, count: u64, changes: &mut Changes) {
        for (watched_state, watched) in &mut self.states {
            if *watched_state == state {
                watched.see(count.cast_signed(), changes);
            }
        }
    }

    fn read_sockstat(&mut self) -> Result<TcpSockstat, ProbeError> {
        let text = self.sockstat.read();
        let text = text.map_err(|source| ProbeError::file(&self.node, "sockstat", source))?;
        Ok(tcp_sockstat(text).unwrap_or_default())
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
    /// Whether all states are still as they were. Established connections, those in CLOSE_WAIT and listeners change only
    /// with a segment, with TCP's own counters (`CurrEstab`, `EstabResets`) or with the number in use; where some socket
    /// is in a state that it can leave without, nothing is known.
    fn is_still(&self, in_use: InUse, tells_tw: bool) -> bool {
        let restless = RESTLESS.into_iter().any(|state| self.counts.of(state) > 0)
            || !tells_tw && self.counts.of(TcpState::TimeWait) > 0;
        !self.stirred && self.in_use == in_use && !restless
    }
}

/// What must be listed to know these states: in place of TIME_WAIT, where `sockstat` tells it, those of its small sockets
/// that are in FIN_WAIT2.
fn to_list(states: TcpStates, tells_tw: bool) -> TcpStates {
    if tells_tw && states.contains(TcpState::TimeWait) {
        states.without(TcpState::TimeWait).with(TcpState::FinWait2)
    } else {
        states
    }
}

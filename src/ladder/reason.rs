//! Finds the likely reason for a lost packet in the counters that rose at that time. A counter shows that packets were
//! dropped, but not which ones, so the reason names the counter and the reader can judge.

use std::time::Duration;

use super::account::Account;
use super::fate::{LossPoint, LossReason};
use super::path::Path;
use super::travel::Travel;
use crate::names::NodeName;
use crate::record::{Offset, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::topology::Impairment;
use crate::scenario::workload::StepAction;

/// The delay that a sampler may have on a busy machine.
const LATE: Duration = Duration::from_millis(50);
/// Share of the limit from which a table counts as full: entries are sampled a little before or after the drop.
const NEARLY_FULL: f64 = 0.95;

/// The parts of a record that explain losses.
#[derive(Debug)]
pub(super) struct LossReasons<'a> {
    pub(super) spec: &'a RunSpec,
    pub(super) timeline: &'a Timeline,
    pub(super) path: &'a Path,
    /// Wall-clock time at the zero of the run's clock; without it, no reason can be given.
    pub(super) zero: Option<u64>,
    /// The kernel's own account, if the run was traced.
    pub(super) account: Option<Account<'a>>,
}

/// Counters of drops at the receiver, each with its meaning. The first that rose is the reason.
const AT_RECEIVER: [(&str, &str); 4] = [
    // tcp_conn_request and tcp_v4_syn_recv_sock count both for a full accept queue
    // (Linux `net/ipv4/tcp_input.c`, `tcp_ipv4.c`).
    ("TcpExtListenOverflows", "accept queue full"),
    // Linux before 4.12, tcp_conn_request: the peer had sent newer timestamps before (tcp_tw_recycle).
    ("TcpExtPAWSPassive", "PAWS: older timestamp"),
    ("TcpExtTCPReqQFullDrop", "SYN queue full"),
    ("TcpExtListenDrops", "dropped by the listener"),
];

impl LossReasons<'_> {
    /// Returns the reason for the loss at this place of a packet that was last seen at `time`.
    pub(super) fn of(&self, at: LossPoint, travel: &Travel) -> Option<LossReason> {
        let (_, time) = travel.last_seen();
        let kernel = || match at {
            LossPoint::Node(node) => {
                let node = self.path.nodes.get(node)?;
                let account = self.account.as_ref()?;
                account.drop_reason(node, &travel.segment, time)
            }
            LossPoint::Link(_) => None,
        };
        let inferred = || self.inferred(at, travel.forward, time);
        kernel().or_else(|| inferred().map(LossReason::Inferred))
    }

    /// Returns the likely reason.
    pub(super) fn inferred(&self, at: LossPoint, forward: bool, time: u64) -> Option<String> {
        let t = Offset(time.checked_sub(self.zero?)?);
        match at {
            LossPoint::Node(0) => None,
            LossPoint::Node(node) if node + 1 == self.path.nodes.len() => {
                let node = &self.path.nodes[node];
                let mut counters = AT_RECEIVER.iter();
                let (counter, reason) = counters.find_map(|(counter, meaning)| {
                    Some((*counter, self.rose(node, counter, t, meaning)?))
                })?;
                let queue = (counter == AT_RECEIVER[0].0).then(|| self.accept_queue(node, t));
                Some(match queue.flatten() {
                    Some(queue) => format!("{reason}; {queue}"),
                    None => reason,
                })
            }
            LossPoint::Node(node) => self.on_router(&self.path.nodes[node], t),
            LossPoint::Link(link) => self.on_link(link, forward, t),
        }
    }

    fn on_router(&self, node: &NodeName, t: Offset) -> Option<String> {
        let insert =
            "connection tracking could not insert it: its translated address and port are taken";
        self.rose(node, "conntrack.insert_failed", t, insert)
            .or_else(|| {
                let full = self.table_is_full(node, t);
                let meaning = if full {
                    "table full"
                } else {
                    "dropped by connection tracking"
                };
                let reason = self.rose(node, "conntrack.drop", t, meaning)?;
                let names = ["conntrack.entries", "conntrack.max"];
                let [entries, max] = names.map(|name| format!("{node}.{name}"));
                Some(match self.level(node, [&entries, &max], t) {
                    Some(level) if full => format!("{reason}; {level}"),
                    _ => reason,
                })
            })
    }

    /// Returns whether the node's connection tracking table was full; true if its size is unknown.
    fn table_is_full(&self, node: &NodeName, t: Offset) -> bool {
        let at = |what: &str| {
            let series = self.timeline.series(&format!("{node}.conntrack.{what}"))?;
            series.at(self.next_look(node, t)).or(series.last())
        };
        at("entries")
            .zip(at("max"))
            .is_none_or(|(entries, max)| entries as f64 >= max as f64 * NEARLY_FULL)
    }

    /// Returns the level of the accept queue of the node's server, if it has one, or its limit if the queue was not
    /// recorded: `web.accept_queue 6 of 5`.
    fn accept_queue(&self, node: &NodeName, t: Offset) -> Option<String> {
        let servers = self.spec.workload.servers.iter();
        let mut servers = servers.filter(|server| server.node == *node);
        let (server, None) = (servers.next()?, servers.next()) else {
            return None;
        };
        let name = format!("{}.accept_queue", server.name);
        let recorded = self.level(node, [&name, &format!("{name}.limit")], t);
        recorded.or_else(|| {
            let environment = self.timeline.environment.as_ref()?;
            let settings = environment.sysctls.get(node.as_str())?;
            let most: u32 = settings.get("net.core.somaxconn")?.parse().ok()?;
            Some(format!("its limit is {}", server.backlog.min(most)))
        })
    }

    /// Returns a level and its limit in the sample after `t`, if both were recorded.
    fn level(&self, node: &NodeName, names: [&str; 2], t: Offset) -> Option<String> {
        let then = self.next_look(node, t);
        let [level, limit] = names.map(|name| {
            let series = self.timeline.series(name)?;
            series.at(then).or(series.last())
        });
        Some(format!("{} {} of {}", names[0], level?, limit?))
    }

    fn on_link(&self, link: usize, forward: bool, t: Offset) -> Option<String> {
        let receiver = if forward { link + 1 } else { link };
        // The features that a node emulates sit on the wire in front of it.
        let paws = self.rose(
            &self.path.nodes[receiver],
            AT_RECEIVER[1].0,
            t,
            AT_RECEIVER[1].1,
        );
        let paws = paws.filter(|_| self.emulates(&self.path.nodes[receiver]));
        paws.or_else(|| {
            let link = self.path.links[link];
            let steps = self.spec.workload.steps.iter();
            let steps = steps.take_while(|step| step.at <= t.as_duration());
            let mut down = false;
            let mut impairment = &self.spec.topology.links.get(link)?.impairment;
            for step in steps {
                match &step.action {
                    StepAction::LinkState { link: of, up } if *of == link => down = !up,
                    StepAction::LinkImpair {
                        link: of,
                        impairment: new,
                    } if *of == link => {
                        impairment = new;
                    }
                    _ => {}
                }
            }
            if down {
                return Some("the link is down".to_owned());
            }
            lossy(impairment)
        })
    }

    fn emulates(&self, node: &NodeName) -> bool {
        let spec = self.spec.topology.nodes.get(node);
        spec.is_some_and(|spec| !spec.emulate.is_empty())
    }

    /// Returns the meaning of a counter if it rose around this time:
    /// `accept queue full, counted in server.TcpExtListenOverflows`.
    fn rose(&self, node: &NodeName, counter: &str, t: Offset, meaning: &str) -> Option<String> {
        let name = format!("{node}.{counter}");
        let series = self.timeline.series(&name)?;
        let before = series.at(t).unwrap_or(0);
        let after = series.at(self.next_look(node, t)).unwrap_or(0);
        if after <= before {
            return None;
        }
        let emulated = if series.declaration.emulated {
            " (emulated)"
        } else {
            ""
        };
        Some(format!("{meaning}{emulated}, counted in {name}"))
    }

    /// Returns a time by which the node's counters include everything that happened at `t`.
    fn next_look(&self, node: &NodeName, t: Offset) -> Offset {
        let prefix = format!("{node}.");
        let looks = self.timeline.looks.iter();
        let looks = looks.filter(|(probe, _)| probe.starts_with(&prefix));
        let next = looks.filter_map(|(_, looks)| {
            let next = looks.partition_point(|(when, _)| *when <= t);
            looks.get(next).map(|(when, _)| *when)
        });
        let usual = Offset::from_duration(t.as_duration() + self.spec.sample_every + LATE);
        next.max().unwrap_or(usual).max(usual)
    }
}

/// Returns how the link's impairment loses packets.
fn lossy(impairment: &Impairment) -> Option<String> {
    if let Some(loss) = impairment.loss {
        let percent = loss.as_fraction() * 100.0;
        return Some(format!("the link drops {percent} % of all packets"));
    }
    impairment
        .queue
        .map(|queue| format!("the link's queue of {} bytes was full", queue.0))
}

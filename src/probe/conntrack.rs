//! A node's connection tracking table: its size, and its statistics since the baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::ProbeError;
use super::activity::NodeActivity;
use super::watched::{Changes, Watched};
use crate::metrics::conntrack;
use crate::names::NodeName;
use crate::record::Recorder;
use crate::sys::conntrack::{Conntrack, TableCounters};
use crate::sys::conntrack_stat::ConntrackStat;
use crate::sys::netlink::NetlinkError;

#[derive(Debug)]
pub(super) struct ConntrackTable {
    node: NodeName,
    conntrack: Conntrack,
    /// The cheaper source, if the kernel has it and no expectation names a metric that it lacks.
    stat: Option<ConntrackStat>,
    entries: Watched,
    max: Watched,
    counters: BTreeMap<&'static str, Counter>,
}

#[derive(Debug)]
struct Counter {
    baseline: u64,
    watched: Watched,
}

impl ConntrackTable {
    /// Opens the table of the calling thread's namespace, takes the baseline and declares the series.
    pub(super) fn open(
        node: &NodeName,
        named: &BTreeSet<String>,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let failed = |source| ProbeError::conntrack(node, source);
        let mut conntrack = Conntrack::open().map_err(failed)?;
        let series = |metric| Watched::new(recorder.metric(metric, node.as_str()));
        let counted = conntrack.counters().map_err(failed)?;
        let counters = counted.iter().map(|(metric, baseline)| {
            let watched = series(metric);
            (metric.name, Counter { baseline, watched })
        });
        let lacks = [&conntrack::MAX, &conntrack::CHAINTOOLONG];
        let is_enough = !lacks.iter().any(|metric| named.contains(metric.name));
        Ok(Self {
            node: node.clone(),
            stat: is_enough.then(ConntrackStat::open).and_then(Result::ok),
            counters: counters.collect(),
            conntrack,
            entries: series(&conntrack::ENTRIES),
            max: series(&conntrack::MAX),
        })
    }

    /// Adds the values that have changed since the last look.
    pub(super) fn look(
        &mut self,
        activity: &NodeActivity,
        changes: &mut Changes,
    ) -> Result<(), ProbeError> {
        if !activity.is_full()
            && let Some(Ok(Some((entries, counters)))) = self.stat.as_mut().map(ConntrackStat::read)
        {
            self.entries.see(i64::from(entries), changes);
            self.see(&counters, changes);
            return Ok(());
        }
        self.read(changes)
            .map_err(|source| ProbeError::conntrack(&self.node, source))
    }

    fn read(&mut self, changes: &mut Changes) -> Result<(), NetlinkError> {
        let size = self.conntrack.size()?;
        self.entries.see(i64::from(size.count), changes);
        self.max.see(i64::from(size.max), changes);
        let counters = self.conntrack.counters()?;
        self.see(&counters, changes);
        Ok(())
    }

    fn see(&mut self, counters: &TableCounters, changes: &mut Changes) {
        for (metric, value) in counters.iter() {
            if let Some(counter) = self.counters.get_mut(metric.name) {
                let counted = value.wrapping_sub(counter.baseline).cast_signed();
                counter.watched.see(counted, changes);
            }
        }
    }
}

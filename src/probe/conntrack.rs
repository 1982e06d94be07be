//! A node's connection tracking table: its size, and its statistics since the baseline.

use std::collections::BTreeMap;

use super::ProbeError;
use super::watched::{Changes, Watched};
use crate::metrics::conntrack;
use crate::names::NodeName;
use crate::record::Recorder;
use crate::sys::conntrack::Conntrack;
use crate::sys::netlink::NetlinkError;

#[derive(Debug)]
pub(super) struct ConntrackTable {
    node: NodeName,
    conntrack: Conntrack,
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
    pub(super) fn open(node: &NodeName, recorder: &Recorder) -> Result<Self, ProbeError> {
        let failed = |source| ProbeError::conntrack(node, source);
        let mut conntrack = Conntrack::open().map_err(failed)?;
        let series = |metric| Watched::new(recorder.metric(metric, node.as_str()));
        let counted = conntrack.counters().map_err(failed)?;
        let counters = counted.iter().map(|(metric, baseline)| {
            let watched = series(metric);
            (metric.name, Counter { baseline, watched })
        });
        Ok(Self {
            node: node.clone(),
            counters: counters.collect(),
            conntrack,
            entries: series(&conntrack::ENTRIES),
            max: series(&conntrack::MAX),
        })
    }

    /// Adds the values that have changed since the last look.
    pub(super) fn look(&mut self, changes: &mut Changes) -> Result<(), ProbeError> {
        self.read(changes)
            .map_err(|source| ProbeError::conntrack(&self.node, source))
    }

    fn read(&mut self, changes: &mut Changes) -> Result<(), NetlinkError> {
        let size = self.conntrack.size()?;
        self.entries.see(i64::from(size.count), changes);
        self.max.see(i64::from(size.max), changes);
        for (metric, value) in self.conntrack.counters()?.iter() {
            if let Some(counter) = self.counters.get_mut(metric.name) {
                let counted = value.wrapping_sub(counter.baseline).cast_signed();
                counter.watched.see(counted, changes);
            }
        }
        Ok(())
    }
}

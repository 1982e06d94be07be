//! The counters of a node's firewall, rule by rule.

use std::collections::BTreeMap;

use super::ProbeError;
use super::watched::{Changes, Watched};
use crate::lab::rules::{TABLE, family};
use crate::metrics::firewall;
use crate::names::NodeName;
use crate::record::Recorder;
use crate::scenario::topology::IpVersion;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::nft::{TableFamily, rule_counts};

#[derive(Debug)]
pub(super) struct RuleCounters {
    node: NodeName,
    netlink: Netlink,
    family: TableFamily,
    rules: BTreeMap<String, Counted>,
}

#[derive(Debug)]
struct Counted {
    packets: Watched,
    bytes: Watched,
    /// The counts at the start of the clock.
    before: (u64, u64),
}

impl RuleCounters {
    /// Opens the table of the calling thread's namespace, takes the baseline and declares the series.
    pub(super) fn open(
        node: &NodeName,
        rules: &[String],
        ip: IpVersion,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let series = |metric: &'static crate::metrics::Metric, rule: &str| {
            let name = metric.series_of(node.as_str(), rule);
            Watched::new(recorder.series(name, metric.kind, metric.unit))
        };
        let rules = rules.iter().map(|rule| {
            let counted = Counted {
                packets: series(&firewall::PACKETS, rule),
                bytes: series(&firewall::BYTES, rule),
                before: (0, 0),
            };
            (rule.clone(), counted)
        });
        let failed = |source| ProbeError::Rules {
            node: node.clone(),
            source,
        };
        let mut counters = Self {
            node: node.clone(),
            netlink: Netlink::open(libc::NETLINK_NETFILTER).map_err(failed)?,
            family: family(ip),
            rules: rules.collect(),
        };
        for (rule, now) in counters.read().map_err(failed)? {
            if let Some(counted) = counters.rules.get_mut(&rule) {
                counted.before = now;
            }
        }
        Ok(counters)
    }

    /// Adds the values that have changed since the last look.
    pub(super) fn look(&mut self, changes: &mut Changes) -> Result<(), ProbeError> {
        let counts = self.read().map_err(|source| ProbeError::Rules {
            node: self.node.clone(),
            source,
        })?;
        for (rule, (packets, bytes)) in counts {
            let Some(counted) = self.rules.get_mut(&rule) else {
                continue;
            };
            let since = |now: u64, before: u64| now.wrapping_sub(before).cast_signed();
            counted
                .packets
                .see(since(packets, counted.before.0), changes);
            counted.bytes.see(since(bytes, counted.before.1), changes);
        }
        Ok(())
    }

    /// Returns packets and bytes by rule, added up over the rules of the kernel.
    fn read(&mut self) -> Result<BTreeMap<String, (u64, u64)>, NetlinkError> {
        let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for count in rule_counts(&mut self.netlink, self.family, TABLE)? {
            let sum = sums.entry(count.name).or_default();
            sum.0 += count.packets;
            sum.1 += count.bytes;
        }
        Ok(sums)
    }
}

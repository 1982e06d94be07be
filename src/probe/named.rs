//! Which series the expectations of a run name: those are looked at more closely.

use std::collections::BTreeSet;

use crate::names::{NodeName, SeriesName};
use crate::scenario::RunSpec;

/// The names of series that are read of a run.
#[derive(Debug, Default)]
pub(super) struct NamedSeries(BTreeSet<SeriesName>);

impl NamedSeries {
    /// Those of a run.
    pub(super) fn of(spec: &RunSpec) -> Self {
        Self(spec.watched.iter().cloned().collect())
    }

    /// Whether the kernel's log is read.
    pub(super) fn kernel_log(&self) -> bool {
        self.0.contains("kernel.log")
    }

    /// What is named of a node: `tcp.TIME_WAIT`, `TcpExtListenDrops`.
    pub(super) fn of_node(&self, node: &NodeName) -> BTreeSet<String> {
        self.of_owner(node.as_str())
    }

    /// What is named of a node, an actor or the kernel.
    pub(super) fn of_owner(&self, owner: &str) -> BTreeSet<String> {
        let name = |series: &SeriesName| {
            let rest = series.as_str().strip_prefix(owner)?;
            rest.strip_prefix('.').map(str::to_owned)
        };
        self.0.iter().filter_map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_of_a_node_is_not_that_of_one_whose_name_begins_alike() {
        let names = ["client.tcp.TIME_WAIT", "client2.TcpInSegs", "client"];
        let named = NamedSeries(names.map(SeriesName::from).into());
        let of_client = named.of_node(&NodeName::from("client"));
        assert_eq!(of_client, BTreeSet::from(["tcp.TIME_WAIT".to_owned()]));
    }
}

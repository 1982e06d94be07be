//! The series that the expectations of a run name. They are read more often than others, or only because they are
//! named.

use std::collections::BTreeSet;

use crate::metrics::sockets::{ACCEPT_QUEUE, ACCEPT_QUEUE_LIMIT};
use crate::names::{NodeName, SeriesName};
use crate::scenario::RunSpec;
use crate::scenario::workload::Protocol;

/// The most servers whose queues are recorded without an expectation that names them.
const MOST_QUEUES: usize = 16;

/// The names of the series that expectations read.
#[derive(Debug, Default)]
pub(super) struct NamedSeries(BTreeSet<SeriesName>);

impl NamedSeries {
    /// Collects the names of a run.
    pub(super) fn of(spec: &RunSpec) -> Self {
        Self(spec.watched.iter().cloned().collect())
    }

    /// Adds the accept queues of the servers, which people want to see beside the packets of a run.
    pub(super) fn with_queues(mut self, spec: &RunSpec) -> Self {
        let workload = &spec.workload;
        let servers = workload.servers.iter();
        let servers = servers.filter(|server| server.protocol == Protocol::Tcp);
        let servers = servers.map(|server| &server.name);
        let programs = workload.commands.iter();
        let programs = programs.filter(|command| command.ready.is_some());
        let all = servers.chain(programs.map(|command| &command.name));
        for name in all.take(MOST_QUEUES) {
            for queue in [&ACCEPT_QUEUE, &ACCEPT_QUEUE_LIMIT] {
                self.0
                    .insert(SeriesName::new(format!("{name}.{}", queue.name)));
            }
        }
        self
    }

    pub(super) fn kernel_log(&self) -> bool {
        self.0.contains("kernel.log")
    }

    /// Returns the named metrics of a node: `tcp.TIME_WAIT`, `TcpExtListenDrops`.
    pub(super) fn of_node(&self, node: &NodeName) -> BTreeSet<String> {
        self.of_owner(node.as_str())
    }

    /// Returns the named metrics of a node, an actor or the kernel.
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
    fn names_of_a_node_do_not_include_those_of_a_node_with_a_longer_name() {
        let names = ["client.tcp.TIME_WAIT", "client2.TcpInSegs", "client"];
        let named = NamedSeries(names.map(SeriesName::from).into());
        let of_client = named.of_node(&NodeName::from("client"));
        assert_eq!(of_client, BTreeSet::from(["tcp.TIME_WAIT".to_owned()]));
    }
}

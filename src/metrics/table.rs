//! The tables of metrics with the subjects that have them, and the search through them.

use super::{
    Metric, Subject, client, command, conntrack, firewall, kernel, node, queries, server, sockets,
    tcp_info, traced, wire,
};

/// Metrics that the same subjects have.
pub(super) type Table = (&'static [Subject], &'static [&'static Metric]);

use Subject::{
    Client, Command, Connection, Fault, Flood, Kernel, Node, Proxy, QueryClient, Server,
    ServingCommand, UdpServer, Wire,
};

/// In the order in which help and reference list them.
pub(super) const TABLES: [Table; 19] = [
    (&[Client], client::COUNTED),
    (&[Server, Proxy], server::COUNTED),
    (&[Proxy], server::COUNTED_BY_PROXY),
    (&[QueryClient], queries::COUNTED),
    (&[UdpServer], queries::OF_SERVER),
    (&[Flood], command::OF_FLOOD),
    (&[Fault], command::OF_FAULT),
    (
        &[Client, QueryClient, Server, UdpServer, Proxy, Flood],
        client::ERRORS_TABLE,
    ),
    (&[Client], client::STATUS_TABLE),
    (&[Command, ServingCommand], command::OF_COMMAND),
    (&[Server, Proxy, ServingCommand], sockets::QUEUES),
    (&[Client, Server, Proxy, ServingCommand], tcp_info::FIELDS),
    (&[Node], node::ALL),
    (&[Node], conntrack::ALL),
    (&[Node], traced::ALL),
    (&[Connection], traced::OF_CONNECTION),
    (&[Node], firewall::ALL),
    (&[Kernel], kernel::ALL),
    (&[Wire], wire::ALL),
];

/// Returns the metrics of a subject, without the counters of the kernel (`kernel_counters`).
pub(crate) fn of(subject: Subject) -> impl Iterator<Item = &'static Metric> {
    TABLES
        .into_iter()
        .filter(move |(subjects, _)| subjects.contains(&subject))
        .flat_map(|(_, metrics)| metrics.iter().copied())
}

/// Finds the metric of a subject by its name, with a value in place of a parameter: `errors.ECONNREFUSED`.
pub(crate) fn find(subject: Subject, name: &str) -> Option<&'static Metric> {
    of(subject).find(|metric| metric.is_called(name))
}

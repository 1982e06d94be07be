//! Decides which clients share threads, and starts those threads.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use super::actor::Actor;
use super::client::ClientResources;
use super::client::host::{ClientHost, HostedClient};
use super::{ActorFactory, HostProcess, TrafficError};
use crate::metrics;
use crate::scenario::workload::{ClientSpec, Load};
use crate::sys::wake::StopFlag;

/// Up to this many clients, each has a thread of its own, which keeps the schedule of one from waiting for another.
const OWN_THREADS: usize = 24;
/// Connections that a client on a shared thread may have open, so that many fit into its descriptor table.
const MOST_OPEN: u64 = 1_000;
/// Attempts per second of a client on a shared thread.
const MOST_RATE: f64 = 100.0;
/// Descriptors of a client on a shared thread that are not connections: namespace, stop flag, epoll, timer.
const DESCRIPTORS: u64 = 4;
/// Most shared threads, unless their descriptor tables need more. They wait for most of the time.
const MOST_HOSTS: usize = 4;
/// The share of a descriptor table that is planned for.
const FILL: f64 = 0.8;

impl<'a> ActorFactory<'a> {
    /// Splits the clients into those that share threads, and the others.
    pub(super) fn hosted_clients(&self) -> (Vec<&'a ClientSpec>, Vec<&'a ClientSpec>) {
        let clients = &self.spec.workload.clients;
        if clients.len() <= OWN_THREADS || self.process != HostProcess::Worker {
            return (Vec::new(), clients.iter().collect());
        }
        clients.iter().partition(|client| {
            let node = self.lab.node(&client.node);
            let is_bounded = node.is_none_or(|node| node.nofile.is_some());
            let is_slow =
                (client.load.peak_rate()).is_none_or(|rate| rate.as_per_second() <= MOST_RATE);
            let of_this_engine = !matches!(client.load, Load::Flood { .. } | Load::Queries(_));
            of_this_engine && is_slow && !is_bounded && client.load.open_at_most() <= MOST_OPEN
        })
    }

    /// Starts the clients that share threads, in the order of the file.
    pub(super) fn host(
        &mut self,
        clients: &[&'a ClientSpec],
    ) -> Result<(Vec<ClientHost>, Vec<Actor>), TrafficError> {
        if clients.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let number = self.number_of_hosts(clients);
        let mut shares: Vec<Vec<HostedClient>> = Vec::new();
        shares.resize_with(number, Vec::new);
        let mut actors = Vec::new();
        for (place, spec) in clients.iter().enumerate() {
            let node = self.node(&spec.name, &spec.node)?;
            let unfinished = self.unfinished.one_more();
            let stop = Arc::new(StopFlag::new().map_err(TrafficError::Prepare)?);
            let (sender, result) = mpsc::channel();
            let resources = ClientResources {
                table: Some(self.nofile.hard),
                clock: self.clock_of(spec)?,
            };
            actors.push(Actor::on_shared_thread(
                &spec.name,
                Arc::clone(&stop),
                result,
            ));
            shares[place % number].push(HostedClient {
                spec: (*spec).clone(),
                netns: node.netns.clone(),
                resources,
                metrics: self.metrics(&spec.name, &[metrics::client::COUNTED]),
                stop,
                ended: Box::new(move || drop(unfinished)),
                result: sender,
            });
        }
        let mut hosts = Vec::new();
        for (first, share) in shares.into_iter().enumerate() {
            let host = ClientHost::start(share).map_err(|(place, source)| {
                let client = clients.get(first + place * number);
                self.cannot_host(client.copied(), source)
            })?;
            hosts.push(host);
        }
        Ok((hosts, actors))
    }

    fn cannot_host(&self, client: Option<&ClientSpec>, source: io::Error) -> TrafficError {
        match client {
            Some(client) => TrafficError::not_ready(&client.name, &client.node, source),
            None => TrafficError::Prepare(source),
        }
    }

    /// Returns the number of threads: a few, or more if their descriptor tables would not hold all connections.
    fn number_of_hosts(&self, clients: &[&ClientSpec]) -> usize {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let each = |client: &&ClientSpec| client.load.open_at_most() + DESCRIPTORS;
        let descriptors: u64 = clients.iter().map(each).sum();
        let table = (self.nofile.hard as f64 * FILL).max(1.0);
        let needed = (descriptors as f64 / table).ceil() as usize;
        processors.min(MOST_HOSTS).max(needed).min(clients.len())
    }
}

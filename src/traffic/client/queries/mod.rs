//! The load `queries`: questions over UDP that expect an answer each, as a resolver sends them.
//!
//! A client `q` has these series: counters `q.sent` (datagrams sent, tries after the first included), `.retries` (those
//! tries), `.answered`, `.failed` (queries that ended without an answer; `.errors.ERRNO` gives the reason of the last
//! try: ETIMEDOUT, ECONNREFUSED after an ICMP port unreachable, EAGAIN if no local port is free), `.late` (answers to
//! queries that had ended), `.bytes` (received), the gauge `.in-flight`, and the distribution `.latency`, from the
//! scheduled start until the answer, all tries included.

mod engine;
mod message;
mod senders;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use self::engine::QueryEngine;
use super::report::LoadStats;
use crate::metrics::queries::CPU;
use crate::record::{Event, Offset, RunClock};
use crate::scenario::workload::{ClientSpec, Load, Queries, SocketOption};
use crate::sys::wake::StopFlag;
use crate::sys::{fdtable, sockopt};
use crate::traffic::actor_metrics::ActorMetrics;
use crate::traffic::socket_options;

/// The parts of a client's specification that the engine needs.
#[derive(Debug)]
struct QueryPlan {
    target: SocketAddr,
    sources: Vec<IpAddr>,
    queries: Queries,
    begin: Offset,
    options: Vec<SocketOption>,
}

/// Runs a client on its thread from start to end: prepares, reports ready, waits for the clock, sends its queries.
pub(in crate::traffic) fn run(
    spec: &ClientSpec,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
    begin: &Receiver<RunClock>,
    ready: impl FnOnce(),
    done: impl FnOnce(),
) -> io::Result<()> {
    let Load::Queries(queries) = &spec.load else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    fdtable::unshare_keeping(&[stop.as_fd()])?;
    let plan = QueryPlan {
        target: spec.target,
        sources: spec.sources.clone(),
        queries: queries.clone(),
        begin: Offset::from_duration(spec.start),
        options: spec.options.clone(),
    };
    if !plan.options.is_empty() {
        let (socket, ip) = (sockopt::udp_socket(plan.target.ip())?, plan.target.ip());
        socket_options::check(&plan.options, &socket, ip, metrics)?;
    }
    ready();
    // If the channel is closed, the run ended before it began.
    if let Ok(clock) = begin.recv() {
        let stats = QueryEngine::new(&plan, metrics, stop, clock)?.run()?;
        finish(spec, &stats, metrics);
    }
    done();
    Ok(())
}

fn finish(spec: &ClientSpec, stats: &LoadStats, metrics: &ActorMetrics) {
    metrics.update(metrics.now(), |counts| {
        counts.set(&CPU, i64::try_from(stats.cpu).unwrap_or(i64::MAX));
    });
    metrics.finish();
    let report = stats.report(metrics.actor(), spec.load.starts());
    metrics.recorder().record(Event::Load(report));
}

#[cfg(test)]
mod tests;

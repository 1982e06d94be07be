//! Measures what this machine can do, with runs of one second: the rates at which connections start on time, requests,
//! held connections, and the cost of a lab and its probes.
//!
//! Not here: the comparison of nslab with other programs, which `cargo bench` makes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use crate::record::{Outcome, Timeline};
use crate::scenario;
use crate::suite::{Options, ScenarioFile, run_suite};

/// Connections per second that are tried, in this order.
const RATES: [u64; 7] = [200, 500, 1_000, 2_000, 5_000, 10_000, 20_000];
const LOOP: &str = "loop: { concurrency: 64, requests: 10000, keep-alive: false }";
const HOLD: &str = "connect: { rate: 10000/s, count: 10000, timeout: 10s, close: hold }";

/// A rate of connections, with the way in which this machine kept it.
#[derive(Debug, Clone, Serialize)]
pub struct BenchedRate {
    /// Connections per second in the schedule.
    pub rate: u64,
    /// Connections per second that were started.
    pub achieved: f64,
    /// Delay of starts against the schedule, nanoseconds: median, 99th percentile, greatest.
    pub late: [u64; 3],
    /// Processor time of the client for each connection, nanoseconds.
    pub cost: u64,
    /// Absent if a run at this rate is conclusive here; otherwise the reason why it is not.
    pub problem: Option<String>,
}

/// A figure that has no rate.
#[derive(Debug, Clone, Serialize)]
pub struct BenchedFigure {
    /// The quantity, in words.
    pub what: &'static str,
    /// Its value; absent if it could not be measured.
    pub value: Option<f64>,
    /// The unit of the value, as JSON and people read it.
    pub unit: &'static str,
}

/// A result, in the order of measurement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benched {
    /// Connections that start on a schedule.
    Rate(BenchedRate),
    /// Any other figure.
    Figure(BenchedFigure),
}

/// A run that came to its end, or the reason why it did not.
struct BenchRun {
    timeline: Timeline,
    outcome: Outcome,
    reason: Option<String>,
}

/// Measures everything and passes each result on as soon as it is known. Ends early when `stop` becomes true.
///
/// # Errors
/// The reason why no lab can be built here.
pub async fn bench(
    stop: watch::Receiver<bool>,
    mut each: impl FnMut(Benched),
) -> Result<(), String> {
    let mut costs = Vec::new();
    for (position, rate) in RATES.into_iter().enumerate() {
        let run = run(&at_rate(rate), &stop).await?;
        if *stop.borrow() {
            return Ok(());
        }
        if position == 0 {
            let built = run.timeline.built.as_ref();
            let took = built.map(|built| built.took as f64 / 1e6);
            each(figure("set-up of a lab with two nodes", took, "ms"));
        }
        costs.extend(looks(&run.timeline));
        let benched = of_rate(rate, &run).ok_or_else(|| why(&run))?;
        each(Benched::Rate(benched));
    }
    let requests = run(LOOP, &stop).await?;
    if *stop.borrow() {
        return Ok(());
    }
    let span = requests.timeline.loads.first().map(|load| load.span);
    let completed = last(&requests.timeline, "load.completed");
    let rate = completed
        .zip(span)
        .map(|(count, span)| count * 1e9 / span as f64);
    each(figure(
        "requests, one per connection, 64 at once",
        rate,
        "per second",
    ));
    let held = run(HOLD, &stop).await?;
    let established = last(&held.timeline, "load.established");
    each(figure(
        "connections held, of 10,000",
        established,
        "connections",
    ));
    costs.sort_unstable();
    let median = costs.get(costs.len() / 2).map(|cost| *cost as f64 / 1e3);
    each(figure(
        "processor time to sample a node, median",
        median,
        "us",
    ));
    Ok(())
}

fn figure(what: &'static str, value: Option<f64>, unit: &'static str) -> Benched {
    Benched::Figure(BenchedFigure { what, value, unit })
}

fn of_rate(rate: u64, run: &BenchRun) -> Option<BenchedRate> {
    let load = run.timeline.loads.first()?;
    Some(BenchedRate {
        rate,
        achieved: load.achieved_rate,
        late: [load.late_p50, load.late_p99, load.late_max],
        cost: load.cpu.checked_div(load.started).unwrap_or_default(),
        problem: (run.outcome != Outcome::Passed).then(|| why(run)),
    })
}

fn why(run: &BenchRun) -> String {
    let reason = run.reason.clone();
    reason.unwrap_or_else(|| "the run gave no result".to_owned())
}

/// Returns the last value of a series.
fn last(timeline: &Timeline, series: &str) -> Option<f64> {
    let value = timeline.series(series)?.last()?;
    Some(value as f64)
}

/// Returns the processor time of every look at a node but the first, which declares all series.
fn looks(timeline: &Timeline) -> impl Iterator<Item = u64> + '_ {
    let of_nodes = timeline.looks.values();
    of_nodes.flat_map(|looks| looks.iter().skip(1).map(|(_, cost)| *cost))
}

fn at_rate(rate: u64) -> String {
    format!("connect: {{ rate: {rate}/s, for: 1s, timeout: 1s, close: reset }}")
}

/// Returns a scenario of a client with this load and a server of its own.
fn scenario_file(load: &str) -> Result<ScenarioFile, String> {
    let text = format!(
        "title: What this machine can do\n\
         nodes: {{ client: {{ sysctls: {{ net.ipv4.ip_local_port_range: 1024 65535 }} }}, server: {{}} }}\n\
         links: [{{ between: [client, server] }}]\n\
         servers: {{ web: {{ node: server, port: 80, backlog: 4096 }} }}\n\
         clients: {{ load: {{ node: client, to: web, {load} }} }}\n\
         expect: [load.failed == 0]\n"
    );
    let set = BTreeMap::new();
    let parsed = scenario::parse("bench.yaml", &text, &set);
    Ok(ScenarioFile {
        label: "bench.yaml".to_owned(),
        scenario: parsed.map_err(|problems| problems.render(false))?,
        text,
        set,
    })
}

async fn run(load: &str, stop: &watch::Receiver<bool>) -> Result<BenchRun, String> {
    let options = Options {
        timeout: Some(Duration::from_secs(30)),
        ..Options::default()
    };
    let files = vec![Arc::new(scenario_file(load)?)];
    let suite = run_suite(files, &options, stop.clone(), |_| {}).await;
    let run = suite.scenarios.first().and_then(|each| each.runs.first());
    // Only an interrupted suite has no run.
    let Some(run) = run else {
        return Err("interrupted".to_owned());
    };
    let verdict = &run.verdict;
    match verdict.outcome {
        Outcome::NotApplicable | Outcome::Errored => {
            Err(verdict.reason.clone().unwrap_or_default())
        }
        outcome => Ok(BenchRun {
            timeline: run.timeline.clone(),
            outcome,
            reason: verdict.reason.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_valid() {
        let rates = RATES.into_iter().map(at_rate);
        for load in rates.chain([LOOP.to_owned(), HOLD.to_owned()]) {
            let file = scenario_file(&load).unwrap();
            assert_eq!(file.scenario.runs.len(), 1, "{load}");
        }
    }
}

//! Runs that go side by side do not change each other's measurements.

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::program::{command, scratch, transcript};

/// The share by which a client's count may differ: its attempts follow a schedule.
const NEAR: f64 = 0.02;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "verdicts_and_key_figures_are_the_same_with_one_slot_and_with_all",
        || same().map_err(Failed::from),
    )]
}

fn same() -> Result<(), String> {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    for number in 0..6 {
        fs::write(
            folder.path().join(format!("own-{number}.yaml")),
            scenario(number),
        )
        .unwrap();
    }
    let one = suite(folder.path(), &["--jobs", "1"])?;
    let all = suite(folder.path(), &[])?;
    let (one_figures, all_figures) = (figures(&one), figures(&all));
    assert_eq!(one_figures.len(), all_figures.len());
    assert!(one_figures.len() > 20, "{one_figures:?}");
    for ((name, alone), (other, together)) in one_figures.iter().zip(&all_figures) {
        assert_eq!(name, other);
        let differ = match (alone.as_f64(), together.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() > NEAR * a.abs().max(b.abs()),
            _ => alone != together,
        };
        if differ {
            return Err(format!("{name}: {alone} alone, {together} beside others"));
        }
    }
    // The runs did overlap; otherwise this would show nothing.
    let took = |report: &Value| report["took"].as_f64().unwrap();
    assert!(
        took(&all) < took(&one) * 0.8,
        "{} and {}",
        took(&one),
        took(&all)
    );
    Ok(())
}

/// A queue that overflows or a load that gets through, at different rates.
fn scenario(number: u32) -> String {
    let (accept, expected) = match number % 2 {
        0 => ("never", "burst.established == 9"),
        _ => ("epoll", "burst.established == burst.attempted"),
    };
    format!(
        "nodes: {{ a: {{}}, b: {{ sysctls: {{ net.ipv4.tcp_syncookies: 0 }} }} }}\n\
         links: [{{ between: [a, b] }}]\n\
         servers: {{ web: {{ node: b, port: 80, backlog: 8, accept: {accept} }} }}\n\
         clients: {{ burst: {{ node: a, to: web, connect: {{ rate: {}/s, for: 1s, timeout: 1s }} }} }}\n\
         expect:\n  - {expected}\n  - b.TcpExtListenOverflows >= 0\n",
        20 + number * 10
    )
}

fn suite(folder: &Path, more: &[&str]) -> Result<Value, String> {
    let report = folder.join("report.json");
    let output = command()
        .args(["run", "--no-progress", "--no-record", "--report"])
        .arg(format!("json={}", report.display()))
        .args(more)
        .arg(folder)
        .arg("accept-queue-overflow")
        .output()
        .unwrap();
    if output.status.code() != Some(0) {
        return Err(transcript(&output));
    }
    Ok(serde_json::from_slice(&fs::read(&report).unwrap()).unwrap())
}

/// Returns the outcomes of runs and expectations, and the counts of every client.
fn figures(report: &Value) -> Vec<(String, Value)> {
    let mut figures = Vec::new();
    for scenario in report["scenarios"].as_array().unwrap() {
        for run in scenario["runs"].as_array().unwrap() {
            let name = format!("{} {}", scenario["name"], run["variant"]);
            figures.push((name.clone(), run["outcome"].clone()));
            for each in run["expectations"].as_array().unwrap() {
                figures.push((format!("{name} {}", each["text"]), each["outcome"].clone()));
            }
            for (metric, value) in run["metrics"].as_object().unwrap() {
                let counted = ["attempted", "established", "failed"];
                if metric
                    .rsplit('.')
                    .next()
                    .is_some_and(|last| counted.contains(&last))
                {
                    figures.push((format!("{name} {metric}"), value.clone()));
                }
            }
        }
    }
    figures
}

//! The condition in which a measurement holds, in words: the load and the path of the run. Pure.

use std::time::Duration;

use crate::scenario::RunSpec;
use crate::scenario::workload::{ClientSpec, Load, Starts};
use crate::units::Unit;
use crate::units::show::{grouped, spaced};

/// Describes the load and the path of a run, as in `for a transfer of 4 MiB over 20 Mbit/s x 100 ms`.
pub(super) fn of_run(spec: &RunSpec) -> String {
    let clients = || spec.workload.clients.iter();
    let floods = |client: &&ClientSpec| matches!(client.load, Load::Flood { .. });
    let mut parts: Vec<String> = clients()
        .filter(|each| !floods(each))
        .map(of_client)
        .collect();
    parts.dedup();
    parts.truncate(1);
    parts.extend(clients().filter(floods).take(1).map(of_client));
    if parts.is_empty() {
        parts.push(match spec.workload.commands.first() {
            Some(command) => format!("under the load of `{}`", command.name),
            None => "without load".to_owned(),
        });
    }
    format!("{}{}", parts.join(", "), path(spec))
}

fn of_client(client: &ClientSpec) -> String {
    let load = &client.load;
    if let Load::Bulk { bytes, streams, .. } = load {
        let size = spaced(bytes.0 as f64, Unit::Bytes);
        return match streams {
            1 => format!("for a transfer of {size}"),
            many => format!("for {many} transfers of {size} at once"),
        };
    }
    if let Load::Hold { connections, .. } = load {
        let count = grouped(*connections as f64, 0);
        return format!("with {count} connections held open");
    }
    let is_flood = matches!(load, Load::Flood { .. });
    match load.starts() {
        Starts::Paced(schedule) => {
            let rate = grouped(schedule.peak_rate().as_per_second(), 1);
            if is_flood {
                format!("under a flood of {rate} SYNs/s")
            } else if schedule.from < schedule.to {
                format!("up to {rate} connections/s")
            } else {
                format!("at {rate} connections/s")
            }
        }
        Starts::Closed { at_once, .. } => {
            format!("with {} requests at a time", grouped(at_once as f64, 0))
        }
    }
}

/// Describes the slowest link, the round trip and the loss, if the links have any.
fn path(spec: &RunSpec) -> String {
    let links = || spec.topology.links.iter().map(|link| &link.impairment);
    let rate = links()
        .filter_map(|link| link.rate)
        .map(|rate| rate.as_per_second())
        .min_by(f64::total_cmp);
    let one_way: Duration = links().filter_map(|link| link.delay).sum();
    let round_trip =
        (!one_way.is_zero()).then(|| spaced(2.0 * one_way.as_secs_f64(), Unit::Seconds));
    let loss = links()
        .filter_map(|link| link.loss)
        .map(|loss| loss.as_fraction())
        .max_by(f64::total_cmp);
    let parts = [rate.map(bits), round_trip];
    let product: Vec<String> = parts.into_iter().flatten().collect();
    let mut text = String::new();
    if !product.is_empty() {
        text.push_str(&format!(" over {}", product.join(" x ")));
    }
    if let Some(loss) = loss {
        text.push_str(&format!(" with {} % loss", grouped(loss * 100.0, 2)));
    }
    text
}

/// Writes a bandwidth with its decimal multiple, as in `20 Mbit/s`.
fn bits(rate: f64) -> String {
    let steps = [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")];
    let step = steps.into_iter().find(|(size, _)| rate >= *size);
    let (size, name) = step.unwrap_or((1.0, "bit/s"));
    format!("{} {name}", grouped(rate / size, 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn described(clients: &str, link: &str) -> String {
        let text = format!(
            "nodes: {{ client: {{}}, server: {{}} }}\n\
             links: [ {{ between: [client, server]{link} }} ]\n\
             servers: {{ web: {{ node: server, port: 80 }} }}\n\
             clients: {{ {clients} }}\n"
        );
        let scenario = crate::scenario::parse("a.yaml", &text, &BTreeMap::new())
            .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        of_run(&scenario.runs[0])
    }

    #[test]
    fn the_load_and_the_path_are_in_words() {
        let client = |load: &str| format!("load: {{ node: client, to: web, {load} }}");
        assert_eq!(
            described(&client("connect: { rate: 2500/s, for: 2s }"), ""),
            "at 2,500 connections/s"
        );
        assert_eq!(
            described(
                &client("bulk: { bytes: 4MiB }"),
                ", delay: 50ms, rate: 20Mbit/s, loss: 1%"
            ),
            "for a transfer of 4 MiB over 20 Mbit/s x 100 ms with 1 % loss"
        );
        assert_eq!(
            described(
                &client("hold: { connections: 1000, rate: 500/s, for: 1s }"),
                ""
            ),
            "with 1,000 connections held open"
        );
        let flood = "a: { node: client, to: web, flood: { rate: 500/s, for: 1s, sources: 10 } }";
        let both = format!(
            "{flood}, {}",
            client("loop: { concurrency: 5, requests: 50 }")
        );
        assert_eq!(
            described(&both, ""),
            "with 5 requests at a time, under a flood of 500 SYNs/s"
        );
    }
}

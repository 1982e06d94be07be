//! The condition in which a measurement holds, in words: the load and the path of the run. Pure.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::names::NodeName;
use crate::scenario::RunSpec;
use crate::scenario::topology::{LinkSpec, NodeSpec};
use crate::scenario::workload::{ClientSpec, Load, Starts};
use crate::units::Unit;
use crate::units::show::{grouped, spaced};

/// Describes the load and the path of a run, as in `for a transfer of 4 MiB over 20 Mbit/s x 100 ms`.
pub(super) fn of_run(spec: &RunSpec) -> String {
    let [client, flood] = described(spec);
    let parts: Vec<String> = [client, flood]
        .into_iter()
        .flatten()
        .map(of_client)
        .collect();
    let load = match (parts.is_empty(), spec.workload.commands.first()) {
        (false, _) => parts.join(", "),
        (true, Some(command)) => format!("under the load of `{}`", command.name),
        (true, None) => "without load".to_owned(),
    };
    format!("{load}{}", path(spec, client.or(flood)))
}

/// Returns the first client that makes connections, and the first that only sends SYNs.
fn described(spec: &RunSpec) -> [Option<&ClientSpec>; 2] {
    let floods = |client: &&ClientSpec| matches!(client.load, Load::Flood { .. });
    let mut clients = spec.workload.clients.iter();
    let client = clients.clone().find(|each| !floods(each));
    [client, clients.find(floods)]
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
        return match connections {
            1 => "with one connection held open".to_owned(),
            many => format!("with {} connections held open", grouped(*many as f64, 0)),
        };
    }
    let is_flood = matches!(load, Load::Flood { .. });
    match load.starts() {
        Starts::Paced(schedule) => {
            let rate = grouped(schedule.peak_rate().as_per_second(), 1);
            let (one, many) = match load {
                Load::Queries(_) => ("query", "queries"),
                Load::Requests { .. } => ("request", "requests"),
                _ => ("connection", "connections"),
            };
            if is_flood {
                format!("under a flood of {rate} SYNs/s")
            } else if schedule.from < schedule.to {
                format!("up to {rate} {many}/s")
            } else {
                let noun = if rate == "1" { one } else { many };
                format!("at {rate} {noun}/s")
            }
        }
        Starts::Closed { at_once: 1, .. } => "with one request at a time".to_owned(),
        Starts::Closed { at_once, .. } => {
            format!("with {} requests at a time", grouped(at_once as f64, 0))
        }
    }
}

/// Describes the slowest link, the round trip and the loss between the client and its server, if the links have any.
fn path(spec: &RunSpec, client: Option<&ClientSpec>) -> String {
    let links = links_of_path(spec, client);
    let links = || links.iter().map(|link| &link.impairment);
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

/// Returns the links between a client and its server, on the way with the fewest links. Without a client, only a single
/// link is certain to be the path.
fn links_of_path<'s>(spec: &'s RunSpec, client: Option<&'s ClientSpec>) -> Vec<&'s LinkSpec> {
    let links = &spec.topology.links;
    let Some((client, server)) = client.and_then(|each| Some((each, node_of_server(spec, each)?)))
    else {
        let only = (links.len() == 1).then(|| links.iter().collect());
        return only.unwrap_or_default();
    };
    let mut ways: VecDeque<(&NodeName, Vec<&LinkSpec>)> =
        VecDeque::from([(&client.node, Vec::new())]);
    let mut seen = BTreeSet::from([&client.node]);
    while let Some((at, way)) = ways.pop_front() {
        if at == server {
            return way;
        }
        for link in links {
            let next = match &link.between {
                [a, b] if a == at => b,
                [a, b] if b == at => a,
                _ => continue,
            };
            if seen.insert(next) {
                let mut longer = way.clone();
                longer.push(link);
                ways.push_back((next, longer));
            }
        }
    }
    Vec::new()
}

fn node_of_server<'s>(spec: &'s RunSpec, client: &ClientSpec) -> Option<&'s NodeName> {
    let mut servers = spec.workload.servers.iter();
    let named = servers.find(|server| client.to.as_ref() == Some(&server.name));
    let addressed = || {
        let owns = |node: &NodeSpec| {
            let mut own = node.interfaces.iter().flat_map(|each| &each.addresses);
            own.any(|prefix| prefix.address == client.target.ip())
        };
        let mut nodes = spec.topology.nodes.iter();
        nodes.find(|(_, node)| owns(node)).map(|(name, _)| name)
    };
    named.map(|server| &server.node).or_else(addressed)
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
        in_words(&text)
    }

    fn in_words(text: &str) -> String {
        let scenario = crate::scenario::parse("a.yaml", text, &BTreeMap::new())
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
                &client("requests: { rate: 20/s, for: 2s, pool: { size: 1 } }"),
                ""
            ),
            "at 20 requests/s"
        );
        let to_dns = "servers: { dns: { node: server, port: 53, protocol: udp } }\n\
                      clients: { q: { node: client, to: dns, queries: { rate: 1/s, for: 2s } } }\n";
        let nodes = "nodes: { client: {}, server: {} }\nlinks: [ { between: [client, server] } ]\n";
        assert_eq!(in_words(&format!("{nodes}{to_dns}")), "at 1 query/s");
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

    #[test]
    fn only_the_links_between_the_client_and_its_server_are_the_path() {
        //  client ---10 ms--- router ---20 ms--- server
        //                        |
        //                     500 ms, 1 Mbit/s
        //                        |
        //                      other
        let text = "\
nodes: { client: {}, router: {}, server: {}, other: {} }
links:
  - { between: [client, router], delay: 10ms }
  - { between: [other, router], delay: 500ms, rate: 1Mbit/s, loss: 5% }
  - { between: [router, server], delay: 20ms, rate: 20Mbit/s }
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, for: 1s } } }
";
        assert_eq!(in_words(text), "at 10 connections/s over 20 Mbit/s x 60 ms");
        let no_client = text.split("clients:").next().unwrap_or_default();
        assert_eq!(in_words(no_client), "without load");
    }
}

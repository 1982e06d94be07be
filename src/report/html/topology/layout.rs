//! Places the nodes in columns by their distance from the clients, and near their neighbours within a column.

use std::collections::{BTreeSet, VecDeque};

use indexmap::IndexSet;

use crate::scenario::RunSpec;

/// Returns columns of nodes as topology indices, from the top. Columns longer than `most` are split.
pub(super) fn columns(spec: &RunSpec, most: usize) -> Vec<Vec<usize>> {
    let neighbours = neighbours(spec);
    let layers = layers(spec, &neighbours);
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for mut layer in layers {
        if let Some(before) = columns.last() {
            let place = |node: usize| mean_place(&neighbours[node], before);
            layer.sort_by(|a, b| place(*a).total_cmp(&place(*b)));
        }
        columns.push(layer);
    }
    // One pass backwards: nodes on the left follow their neighbours on the right, unless they already have a place.
    for index in (0..columns.len().saturating_sub(1)).rev() {
        let (left, right) = columns.split_at_mut(index + 1);
        let (layer, after) = (&mut left[index], &right[0]);
        layer.sort_by(|a, b| {
            mean_place(&neighbours[*a], after).total_cmp(&mean_place(&neighbours[*b], after))
        });
    }
    columns
        .into_iter()
        .flat_map(|column| {
            column
                .chunks(most.max(1))
                .map(<[_]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Returns nodes by distance from the clients; unreachable nodes start again at the left.
fn layers(spec: &RunSpec, neighbours: &[IndexSet<usize>]) -> Vec<Vec<usize>> {
    let index = |name| spec.topology.nodes.get_index_of(name);
    let clients = spec.workload.clients.iter().map(|client| &client.node);
    let commands = spec.workload.commands.iter().map(|command| &command.node);
    let servers: BTreeSet<usize> = spec
        .workload
        .servers
        .iter()
        .filter_map(|server| index(&server.node))
        .collect();
    // A command may run on the server that it inspects, which does not make it a source of load.
    let mut seeds: Vec<usize> = clients
        .chain(commands)
        .filter_map(index)
        .filter(|node| !servers.contains(node))
        .collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mut distance: Vec<Option<usize>> = vec![None; neighbours.len()];
    let mut queue = VecDeque::from(seeds);
    for seed in &queue {
        distance[*seed] = Some(0);
    }
    for node in 0..=neighbours.len() {
        while let Some(from) = queue.pop_front() {
            for to in &neighbours[from] {
                if distance[*to].is_none() {
                    distance[*to] = distance[from].map(|steps| steps + 1);
                    queue.push_back(*to);
                }
            }
        }
        if node < neighbours.len() && distance[node].is_none() {
            distance[node] = Some(0);
            queue.push_back(node);
        }
    }
    let last = distance.iter().flatten().max().map_or(0, |most| most + 1);
    let mut layers = vec![Vec::new(); last];
    for (node, steps) in distance.iter().enumerate() {
        if let Some(steps) = steps {
            layers[*steps].push(node);
        }
    }
    layers
}

/// Returns each node's neighbours, in the order of the links.
pub(super) fn neighbours(spec: &RunSpec) -> Vec<IndexSet<usize>> {
    let mut neighbours = vec![IndexSet::new(); spec.topology.nodes.len()];
    for link in &spec.topology.links {
        let [a, b] = link
            .between
            .each_ref()
            .map(|name| spec.topology.nodes.get_index_of(name));
        if let (Some(a), Some(b)) = (a, b) {
            neighbours[a].insert(b);
            neighbours[b].insert(a);
        }
    }
    neighbours
}

/// Returns the mean position of a node's neighbours in a column, from 0 at the top to 1 at the bottom; 0.5 without any.
fn mean_place(neighbours: &IndexSet<usize>, column: &[usize]) -> f64 {
    let places: Vec<f64> = column
        .iter()
        .enumerate()
        .filter(|(_, node)| neighbours.contains(*node))
        .map(|(place, _)| (place as f64 + 0.5) / column.len() as f64)
        .collect();
    if places.is_empty() {
        0.5
    } else {
        places.iter().sum::<f64>() / places.len() as f64
    }
}

//! Topologies of every size: full drawings, names only, a list.

use nslab::record::Timeline;
use nslab::scenario::workload::{Accept, Workload};
use nslab::suite::SuiteResult;

use crate::html_page::world::*;

/// A chain of five, a tree of ten, a star of forty, and 150 nodes in a row.
pub fn suite_of_topologies() -> SuiteResult {
    let names = |count: usize| -> Vec<String> { (0..count).map(|n| format!("node-{n}")).collect() };
    let chain = |count| (1..count).map(|n| (n - 1, n)).collect::<Vec<_>>();
    let tree = (1..10).map(|n| ((n - 1) / 2, n)).collect::<Vec<_>>();
    let star = (1..40).map(|n| (0, n)).collect::<Vec<_>>();
    let mut cross = chain(5);
    cross.extend([(0, 2), (1, 4), (0, 4), (1, 3)]);
    let shapes = [
        ("chain", 5, chain(5)),
        ("cross", 5, cross),
        ("tree", 10, tree),
        ("star", 40, star),
        ("row", 60, chain(60)),
        ("crowd", 150, chain(150)),
    ];
    let runs = shapes.into_iter().map(|(shape, count, links)| {
        let names = names(count);
        let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
        let links: Vec<(&str, &str)> = links.iter().map(|(a, b)| (nodes[*a], nodes[*b])).collect();
        let last = nodes[count - 1];
        let mut clients = vec![client(
            "load",
            nodes[if shape == "star" { 1 } else { 0 }],
            10.0,
            30,
        )];
        if shape == "tree" {
            clients = (5..9)
                .map(|n| client(&format!("from-{n}"), nodes[n], 10.0, 30))
                .collect();
        }
        let workload = Workload {
            servers: vec![server("web", last, Accept::Epoll)],
            clients,
            ..Workload::default()
        };
        run(
            "shapes",
            Some(shape),
            topology(&nodes, &links),
            workload,
            Timeline::default(),
            Vec::new(),
        )
    });
    suite(vec![scenario(
        "shapes",
        "Shapes",
        "They are drawn.",
        "shapes.yaml",
        "name: shapes\n",
        "A lesson.",
        runs.collect(),
    )])
}

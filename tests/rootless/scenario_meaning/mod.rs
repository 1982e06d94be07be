//! The meaning of valid scenario files: each form of the format, read from a file as an author would write it.

mod faults;
mod runs;
mod topology;
mod workload;

use nslab::scenario::topology::NodeSpec;
use nslab::scenario::workload::ClientSpec;
use nslab::scenario::{RunSpec, Scenario, parse};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn good(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/scenarios/good")
        .join(format!("{name}.yaml"))
}

pub(crate) fn read_with(name: &str, set: &[(&str, &str)]) -> Scenario {
    let set = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let text = fs::read_to_string(good(name)).unwrap();
    parse(&format!("{name}.yaml"), &text, &set)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

pub(crate) fn read(name: &str) -> Scenario {
    read_with(name, &[])
}

pub(crate) fn text(text: &str) -> Scenario {
    parse("test.yaml", text, &BTreeMap::new())
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

pub(crate) fn node<'r>(run: &'r RunSpec, name: &str) -> &'r NodeSpec {
    run.topology.nodes.get(name).unwrap()
}

pub(crate) fn client<'r>(run: &'r RunSpec, name: &str) -> &'r ClientSpec {
    run.workload
        .clients
        .iter()
        .find(|client| client.name.as_str() == name)
        .unwrap()
}

pub(crate) fn addresses(node: &NodeSpec) -> Vec<String> {
    node.interfaces
        .iter()
        .flat_map(|interface| {
            interface
                .addresses
                .iter()
                .map(|address| format!("{} {address}", interface.name))
        })
        .collect()
}

pub(crate) fn routes(node: &NodeSpec) -> Vec<String> {
    node.routes
        .iter()
        .map(|route| format!("{} via {}", route.to, route.via))
        .collect()
}

//! Snapshots of plans, and labs on the real kernel.
//!
//! Most labs here look like this:
//!
//! ```text
//! client eth0 ---- eth0 router eth1 ---- eth0 server
//!       10.0.0.1    10.0.0.2  10.0.1.1    10.0.1.2
//! ```

mod firewall;
mod live;
mod plans;
mod sandboxed;
mod sysctls;

use crate::fixtures::run_spec;
use std::net::IpAddr;
use std::time::Duration;

use indexmap::IndexMap;

use super::{Lab, LabScope};
use crate::names::{IfName, NodeName};
use crate::scenario::topology::{
    Impairment, InterfaceSpec, IpVersion, LinkSpec, NodeSpec, Prefix, RouteSpec, SysctlSpec,
    Topology,
};
use crate::scenario::{Place, RunSpec};
use crate::sys::NetNs;

fn address(ip: IpVersion, link: usize, host: usize) -> IpAddr {
    match ip {
        IpVersion::V4 => format!("10.{}.{}.{host}", link / 256, link % 256)
            .parse()
            .unwrap(),
        IpVersion::V6 => format!("fd00:0:0:{link}::{host}").parse().unwrap(),
    }
}

fn network(ip: IpVersion, link: usize) -> Prefix {
    prefix(ip, address(ip, link, 0))
}

fn prefix(ip: IpVersion, address: IpAddr) -> Prefix {
    Prefix {
        address,
        length: if ip == IpVersion::V4 { 24 } else { 64 },
    }
}

/// Returns a topology of nodes in a row, each linked with the next.
pub(super) fn row(ip: IpVersion, names: &[&str]) -> Topology {
    let mut nodes: IndexMap<NodeName, NodeSpec> = names
        .iter()
        .map(|name| (NodeName::from(*name), NodeSpec::default()))
        .collect();
    let mut links = Vec::new();
    for (link, pair) in names.windows(2).enumerate() {
        let mut interfaces = Vec::new();
        for (end, name) in pair.iter().enumerate() {
            let spec = nodes.get_mut(*name).unwrap();
            let interface = IfName::new(format!("eth{}", spec.interfaces.len()));
            spec.interfaces.push(InterfaceSpec {
                name: interface.clone(),
                link,
                peer: NodeName::from(pair[1 - end]),
                addresses: vec![prefix(ip, address(ip, link, end + 1))],
            });
            interfaces.push(interface);
        }
        links.push(LinkSpec::plain(
            [pair[0].into(), pair[1].into()],
            [interfaces[0].clone(), interfaces[1].clone()],
        ));
    }
    for (position, spec) in nodes.values_mut().enumerate() {
        spec.forwards = spec.interfaces.len() > 1;
        for link in 0..links.len() {
            let via = if link + 1 < position {
                address(ip, position - 1, 1)
            } else if link > position {
                address(ip, position, 2)
            } else {
                continue;
            };
            spec.routes.push(RouteSpec {
                to: network(ip, link),
                via,
                mtu: None,
            });
        }
    }
    Topology {
        ip,
        nodes,
        links,
        ..Topology::default()
    }
}

fn set(topology: &mut Topology, name: &str, key: &str, value: &str) {
    topology.nodes[name].sysctls.push(SysctlSpec {
        key: key.to_owned(),
        value: value.to_owned(),
        place: Place {
            line: 7,
            column: 21,
        },
    });
}

fn run_of(topology: Topology) -> RunSpec {
    RunSpec {
        topology,
        timeout: Duration::from_secs(10),
        ..run_spec("test")
    }
}

fn build(topology: Topology) -> Lab {
    Lab::build(&run_of(topology), LabScope::default())
        .unwrap()
        .0
}

fn netns(lab: &Lab, name: &str) -> NetNs {
    lab.node(&NodeName::from(name)).unwrap().netns.clone()
}

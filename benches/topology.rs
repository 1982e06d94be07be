//! How fast labs stand and fall, beside the kernel's own cost and beside shell scripts. Needs root; `ip`, `nft`, `unshare`.
//!
//! `cargo bench --bench topology`. A lab is client - router - server: 3 namespaces, 2 links, 4 addresses, 2 routes, 8 settings,
//! masquerade. Variants take turns in one run; the figures are medians, and the ratios are what to compare.
//! On a busy machine look at processor time: `cpu` is that of this process.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be made says why and ends"
)]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nslab::lab::{Ground, Lab};
use nslab::names::{IfName, NodeName};
use nslab::scenario::topology::{
    Impairment, InterfaceSpec, IpVersion, LinkSpec, NatSpec, NodeSpec, Prefix, RouteSpec,
    SysctlSpec, Topology,
};
use nslab::scenario::workload::Workload;
use nslab::scenario::{Place, Requires, RunId, RunSpec};
use nslab::sys::NetNs;

const ROUNDS: usize = 31;
const SHELL_ROUNDS: usize = 5;

fn main() {
    if let Err(error) = NetNs::create() {
        println!("skipped: cannot create a network namespace: {error}");
        return;
    }
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut took = |name, time| times.entry(name).or_default().push(time);
    let (small, large) = (run_of(small()), run_of(star(499)));
    let before = namespaces();
    for round in 0..ROUNDS {
        let cpu = processor_time();
        took("3 x unshare", bare(3));
        took("3 x unshare, cpu", processor_time() - cpu);
        settle(before);
        let cpu = processor_time();
        let (up, down) = lab(&small);
        took("lab, cpu", processor_time() - cpu);
        took("lab, set-up", up);
        took("lab, drop", down);
        settle(before);
        if round < SHELL_ROUNDS {
            took("500 x unshare", bare(500));
            settle(before);
            let (up, down) = lab(&large);
            took("500 namespaces, set-up", up);
            took("500 namespaces, drop", down);
            settle(before);
            for (name, script) in [
                ("shell: a process a step", script()),
                ("shell: ip -batch", batches()),
                ("shell: nothing", "true".to_owned()),
            ] {
                took(name, shell(&script));
                settle(before);
            }
        }
    }
    let median = |name: &str| {
        let mut sorted = times[name].clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2].as_secs_f64() * 1e3
    };
    for name in times.keys() {
        println!("{name:28} {:9.3} ms", median(name));
    }
    let cpu = median("lab, cpu") / median("3 x unshare, cpu");
    let lab = median("lab, set-up");
    let empty = median("shell: nothing");
    println!(
        "lab / 3 x unshare            {:9.2}   at most 2.2",
        lab / median("3 x unshare")
    );
    println!("the same in processor time   {cpu:9.2}");
    for (name, target) in [("shell: a process a step", 25), ("shell: ip -batch", 10)] {
        println!(
            "{name:23} / lab {:9.1}   at least {target}",
            (median(name) - empty) / lab
        );
    }
}

/// Namespaces that were dropped are cleared away by a worker of the kernel, which would run beside what is measured next:
/// waits until as many are left as at the start, or nearly, as others may come and go.
fn settle(before: Option<u64>) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while namespaces() > before.map(|count| count + 3) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many network namespaces the kernel has, where slabinfo tells.
fn namespaces() -> Option<u64> {
    let slabs = std::fs::read_to_string("/proc/slabinfo").ok()?;
    let line = slabs
        .lines()
        .find_map(|line| line.strip_prefix("net_namespace "))?;
    line.split_whitespace().next()?.parse().ok()
}

fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let duration = |time: TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), 0)
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    duration(usage.user_time()) + duration(usage.system_time())
}

fn bare(count: usize) -> Duration {
    std::thread::spawn(move || {
        let started = Instant::now();
        let held: Vec<_> = (0..count)
            .map(|_| {
                unshare(CloneFlags::CLONE_NEWNET).unwrap();
                NetNs::current().unwrap()
            })
            .collect();
        let took = started.elapsed();
        drop(held);
        took
    })
    .join()
    .unwrap()
}

fn lab(run: &RunSpec) -> (Duration, Duration) {
    let started = Instant::now();
    let (lab, ..) = Lab::build(run, Ground::default()).unwrap();
    let up = started.elapsed();
    let started = Instant::now();
    lab.shutdown();
    (up, started.elapsed())
}

/// Runs a script where it can leave nothing behind.
fn shell(script: &str) -> Duration {
    let started = Instant::now();
    let status = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-ec"])
        .arg(format!("mount -t tmpfs none /run\n{script}"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    started.elapsed()
}

const NODES: [&str; 3] = ["c", "r", "s"];
/// Node, interface and address.
const ADDRESSES: [(&str, &str, &str); 4] = [
    ("c", "eth0", "10.0.0.1/24"),
    ("r", "eth0", "10.0.0.2/24"),
    ("r", "eth1", "10.0.1.1/24"),
    ("s", "eth0", "10.0.1.2/24"),
];
const ROUTES: [(&str, &str, &str); 2] = [
    ("c", "10.0.1.0/24", "10.0.0.2"),
    ("s", "10.0.0.0/24", "10.0.1.1"),
];
const SETTINGS: [(&str, &str, &str); 8] = [
    ("c", "net.ipv4.tcp_tw_reuse", "0"),
    ("c", "net.ipv4.ip_local_port_range", "40000 40999"),
    ("c", "net.ipv4.tcp_syn_retries", "3"),
    ("r", "net.ipv4.ip_forward", "1"),
    (
        "r",
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "3600",
    ),
    ("s", "net.ipv4.tcp_syncookies", "0"),
    ("s", "net.ipv4.tcp_fin_timeout", "10"),
    ("s", "net.core.somaxconn", "128"),
];
const LINKS: [&str; 2] = [
    "link add eth0 netns c type veth peer name eth0 netns r",
    "link add eth1 netns r type veth peer name eth0 netns s",
];
const MASQUERADE: &str = "add table ip t; add chain ip t p { type nat hook postrouting priority srcnat; }; \
     add rule ip t p oifname eth1 masquerade";

fn script() -> String {
    let mut script = String::new();
    for node in NODES {
        script += &format!("ip netns add {node}\nip -n {node} link set lo up\n");
    }
    for link in LINKS {
        script += &format!("ip {link}\n");
    }
    for (node, interface, address) in ADDRESSES {
        script += &format!("ip -n {node} address add {address} dev {interface}\n");
        script += &format!("ip -n {node} link set {interface} up\n");
    }
    for (node, to, via) in ROUTES {
        script += &format!("ip -n {node} route add {to} via {via}\n");
    }
    for (node, key, value) in SETTINGS {
        script += &format!("ip netns exec {node} sysctl -qw '{key}={value}'\n");
    }
    script + &format!("ip netns exec r nft '{MASQUERADE}'\n")
}

fn batches() -> String {
    let mut first = String::new();
    for node in NODES {
        first += &format!("netns add {node}\n");
    }
    for link in LINKS {
        first += &format!("{link}\n");
    }
    let mut script = format!("ip -batch - <<E\n{first}E\n");
    for node in NODES {
        script += &format!("ip -n {node} -batch - <<E\nlink set lo up\n");
        for (of, interface, address) in ADDRESSES {
            if of == node {
                script += &format!("address add {address} dev {interface}\n");
                script += &format!("link set {interface} up\n");
            }
        }
        for (of, to, via) in ROUTES {
            if of == node {
                script += &format!("route add {to} via {via}\n");
            }
        }
        let settings: String = SETTINGS
            .iter()
            .filter(|(of, ..)| *of == node)
            .map(|(_, key, value)| format!(" '{key}={value}'"))
            .collect();
        script += &format!("E\nip netns exec {node} sysctl -qw{settings}\n");
    }
    script + &format!("ip netns exec r nft '{MASQUERADE}'\n")
}

fn small() -> Topology {
    let mut nodes: IndexMap<NodeName, NodeSpec> = NODES
        .iter()
        .map(|name| (NodeName::from(*name), node()))
        .collect();
    for (position, (name, interface, address)) in ADDRESSES.into_iter().enumerate() {
        nodes[name].interfaces.push(InterfaceSpec {
            name: interface.into(),
            link: position / 2,
            peer: ADDRESSES[position ^ 1].0.into(),
            addresses: vec![prefix(address)],
        });
    }
    for (name, to, via) in ROUTES {
        let via = via.parse().unwrap();
        nodes[name].routes.push(RouteSpec {
            to: prefix(to),
            via,
        });
    }
    for (name, key, value) in SETTINGS {
        nodes[name].sysctls.push(SysctlSpec {
            key: key.to_owned(),
            value: value.to_owned(),
            place: Place::default(),
        });
    }
    nodes["r"].forwards = true;
    nodes["r"].nat = vec![NatSpec::Masquerade { out: "eth1".into() }];
    let links = vec![
        link(["c", "r"], ["eth0".into(), "eth0".into()]),
        link(["r", "s"], ["eth1".into(), "eth0".into()]),
    ];
    Topology {
        ip: IpVersion::V4,
        nodes,
        links,
    }
}

/// One node in the middle, linked with all others.
fn star(leaves: usize) -> Topology {
    let mut nodes = IndexMap::from([(NodeName::from("hub"), node())]);
    let mut links = Vec::new();
    for leaf in 0..leaves {
        let (name, interface) = (format!("n{leaf}"), IfName::new(format!("eth{leaf}")));
        let end = |name: IfName, peer: &str, host| InterfaceSpec {
            name,
            link: leaf,
            peer: peer.into(),
            addresses: vec![prefix(&format!(
                "10.{}.{}.{host}/24",
                leaf / 256,
                leaf % 256
            ))],
        };
        nodes["hub"]
            .interfaces
            .push(end(interface.clone(), &name, 1));
        let mut spec = node();
        spec.interfaces.push(end("eth0".into(), "hub", 2));
        nodes.insert(NodeName::from(name.as_str()), spec);
        links.push(link(["hub", &name], [interface, "eth0".into()]));
    }
    Topology {
        ip: IpVersion::V4,
        nodes,
        links,
    }
}

fn node() -> NodeSpec {
    NodeSpec {
        sysctls: Vec::new(),
        nofile: None,
        conntrack_room: None,
        nat: Vec::new(),
        emulate: Vec::new(),
        clock_shift: 0,
        forwards: false,
        interfaces: Vec::new(),
        source_prefix: None,
        routes: Vec::new(),
    }
}

fn link(between: [&str; 2], interfaces: [IfName; 2]) -> LinkSpec {
    LinkSpec {
        between: between.map(NodeName::from),
        interfaces,
        mtu: None,
        impairment: Impairment::default(),
        by: Default::default(),
        faults: Vec::new(),
        changes: false,
        place: Place::default(),
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix {
        address: address.parse().unwrap(),
        length: length.parse().unwrap(),
    }
}

fn run_of(topology: Topology) -> RunSpec {
    RunSpec {
        id: RunId {
            scenario: "benchmark".to_owned(),
            variant: None,
            case: Vec::new(),
            repetition: None,
        },
        params: BTreeMap::new(),
        topology,
        workload: Workload::default(),
        requires: Requires::default(),
        kernel_sysctls: BTreeMap::new(),
        expect: Vec::new(),
        timeout: Duration::from_secs(60),
        watched: Vec::new(),
        watch_until: Duration::ZERO,
        sample_every: Duration::from_millis(100),
        seed: 1,
        exclusive: false,
    }
}

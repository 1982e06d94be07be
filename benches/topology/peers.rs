//! The same lab as others build it: with a script of programs, in batches, and from Python.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bench::Measured;

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// A shell script that builds the lab.
    pub(crate) script: String,
    /// The target: at least this many times as slow as nslab.
    pub(crate) target: Option<f64>,
}

impl Peer {
    fn new(name: &'static str, script: String, target: Option<f64>) -> Self {
        Self {
            name,
            script,
            target,
        }
    }

    /// Builds the lab once, in namespaces that leave nothing behind, and returns the time taken.
    pub(crate) fn build(&self) -> Measured<Duration> {
        let started = Instant::now();
        let status = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-ec"])
            .arg(format!("mount -t tmpfs none /run\n{}", self.script))
            .stdout(Stdio::null())
            .status()?;
        let took = started.elapsed();
        if !status.success() {
            return Err(format!("{}: {status}", self.name).into());
        }
        Ok(took)
    }
}

/// Does nothing: the cost of the shell and its namespaces.
pub(crate) fn nothing() -> Peer {
    Peer::new("nothing", "true".to_owned(), None)
}

/// All peers that are installed.
pub(crate) fn peers() -> Vec<Peer> {
    let mut peers = vec![
        Peer::new("shell, a process a step", script(), Some(25.0)),
        Peer::new("`ip -batch`", batches(), Some(9.0)),
    ];
    if has_pyroute2() {
        peers.push(Peer::new("pyroute2", python(), None));
    }
    peers
}

/// Debian's Python, for which its packages are.
const PYTHON: &str = "/usr/bin/python3";

/// Debian: `apt install python3-pyroute2`.
fn has_pyroute2() -> bool {
    let asked = Command::new(PYTHON)
        .args(["-c", "import pyroute2"])
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
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

/// One process; only the ruleset is left to another, `nft`.
fn python() -> String {
    let list = |items: &[String]| format!("[{}]", items.join(", "));
    let addresses = ADDRESSES.map(|(node, interface, address)| {
        let (host, bits) = address.split_once('/').unwrap_or((address, "24"));
        format!("('{node}', '{interface}', '{host}', {bits})")
    });
    let routes = ROUTES.map(|(node, to, via)| format!("('{node}', '{to}', '{via}')"));
    let settings = SETTINGS
        .map(|(node, key, value)| format!("('{node}', '{}', '{value}')", key.replace('.', "/")));
    let program = include_str!("lab.py")
        .replace("ADDRESSES", &list(&addresses))
        .replace("ROUTES", &list(&routes))
        .replace("SETTINGS", &list(&settings))
        .replace("RULES", MASQUERADE);
    format!("{PYTHON} - <<'E'\n{program}E\n")
}

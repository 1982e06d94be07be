//! The kernel's own defaults, by version and, where the kernel derives them from memory, by the size of memory.
//!
//! A fresh namespace does not show them all: it copies `tcp_rmem`, `tcp_wmem`, the congestion control and
//! `conf.*` from the host, and lacks what belongs to the host.

use super::catalogue::{Setting, find};
use serde::{Deserialize, Serialize};

use super::version::KernelVersion;

/// The machine that a default is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The release of its kernel.
    pub kernel: KernelVersion,
    /// Bytes of memory, as MemTotal of proc_meminfo(5) counts them.
    pub memory: u64,
}

/// The value that a kernel gives a setting by itself; `None` if it is not known.
pub fn default(key: &str, machine: Machine) -> Option<String> {
    of(find(key)?, machine)
}

fn of(setting: &Setting, machine: Machine) -> Option<String> {
    let mut value = None;
    for part in setting.defaults.split(';') {
        match part.split_once('=') {
            Some((since, later))
                if since
                    .parse()
                    .is_ok_and(|since: KernelVersion| since <= machine.kernel) =>
            {
                value = (!later.is_empty()).then_some(later);
            }
            Some(_) => {}
            None => value = (!part.is_empty()).then_some(part),
        }
    }
    let value = value?;
    match value.strip_prefix('@') {
        Some(name) => formula(name, machine),
        None => Some(value.to_owned()),
    }
}

/// Bytes of a page on the architectures that nslab runs on.
const PAGE: u64 = 4096;

fn formula(name: &str, machine: Machine) -> Option<String> {
    let pages = machine.memory / PAGE;
    let since = |major, minor| machine.kernel >= KernelVersion { major, minor };
    Some(match name {
        // tcp_init() in net/ipv4/tcp.c: a 128th of the memory, at most 4 and 6 MiB; 32 MiB since commit
        // 572be9bf9d0d.
        "tcp_rmem" => {
            let most = if since(6, 16) { 32 << 20 } else { 6 << 20 };
            let begin = if since(4, 20) { 131_072 } else { 87_380 };
            format!("4096 {begin} {}", share(pages).clamp(begin, most))
        }
        "tcp_wmem" => format!("4096 16384 {}", share(pages).clamp(64 << 10, 4 << 20)),
        // tcp_init_mem() in net/ipv4/tcp.c.
        "tcp_mem" => thirds((pages / 16).max(128)),
        // udp_table_init() and __udp_sysctl_init() in net/ipv4/udp.c.
        "udp_mem" => thirds((pages / 8).max(128)),
        // tcp_init() in net/ipv4/tcp.c, tcp_sk_init() in net/ipv4/tcp_ipv4.c.
        "tcp_max_orphans" | "tcp_max_tw_buckets" => (established_hash(pages) / 2).to_string(),
        "tcp_max_syn_backlog" => (established_hash(pages) / 128).max(128).to_string(),
        // nf_conntrack_init_start() in net/netfilter/nf_conntrack_core.c; the maximum is the number of buckets
        // since 5.15.
        "nf_conntrack_buckets" => conntrack_buckets(machine).to_string(),
        "nf_conntrack_max" => {
            let each = if since(5, 15) { 1 } else { 4 };
            (conntrack_buckets(machine) * each).to_string()
        }
        _ => return None,
    })
}

/// `nr_free_buffer_pages() << (PAGE_SHIFT - 7)`: bytes of a 128th of the memory.
fn share(pages: u64) -> u64 {
    pages * PAGE / 128
}

fn thirds(limit: u64) -> String {
    let low = limit / 4 * 3;
    format!("{low} {limit} {}", low * 2)
}

/// Entries of the hash of established connections: one for each 128 KiB, a power of two, at most 524,288
/// (alloc_large_system_hash() as tcp_init() calls it, Linux 6.18).
fn established_hash(pages: u64) -> u64 {
    let scale = if pages >= 128 * 1024 { 17 } else { 18 };
    ((pages * PAGE) >> scale)
        .max(1)
        .next_power_of_two()
        .min(512 * 1024)
}

fn conntrack_buckets(machine: Machine) -> u64 {
    let memory = machine.memory;
    let large = if machine.kernel
        >= (KernelVersion {
            major: 5,
            minor: 15,
        }) {
        262_144
    } else {
        65_536
    };
    match memory >> 30 {
        4.. => large,
        1..4 => 65_536.min(large),
        0 => (memory / 16_384 / 8).max(1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(kernel: &str, gib: u64) -> Machine {
        Machine {
            kernel: kernel.parse().unwrap(),
            memory: gib << 30,
        }
    }

    #[test]
    fn defaults_follow_the_version() {
        let says = |key, kernel| default(key, on(kernel, 24)).unwrap();
        assert_eq!(says("net.core.somaxconn", "4.19"), "128");
        assert_eq!(says("net.core.somaxconn", "5.4"), "4096");
        assert_eq!(says("net.ipv4.tcp_tw_reuse", "6.18"), "2");
        assert_eq!(says("net.ipv4.tcp_rmem", "6.12"), "4096 131072 6291456");
        assert_eq!(says("net.ipv4.tcp_rmem", "6.18"), "4096 131072 33554432");
        assert_eq!(says("net.ipv4.conf.eth0.rp_filter", "6.18"), "0");
        assert_eq!(says("net.core.netdev_budget_usecs", "4.19"), "2000");
        for unknown in [
            "net.ipv4.tcp_limit_output_bytes",
            // Two ticks of the clock, whose rate a distribution chooses.
            "net.core.netdev_budget_usecs",
        ] {
            assert_eq!(default(unknown, on("6.18", 24)), None);
        }
    }

    /// Seen on a machine of 24 GiB with Linux 6.18 and in guests of 1 GiB.
    #[test]
    fn defaults_follow_the_memory() {
        let says = |key, gib| default(key, on("6.18", gib)).unwrap();
        assert_eq!(says("net.ipv4.tcp_max_tw_buckets", 24), "131072");
        assert_eq!(says("net.ipv4.tcp_max_tw_buckets", 1), "4096");
        assert_eq!(says("net.ipv4.tcp_max_syn_backlog", 24), "2048");
        assert_eq!(says("net.netfilter.nf_conntrack_max", 24), "262144");
        assert_eq!(says("net.ipv4.tcp_mem", 16), "196608 262144 393216");
    }
}

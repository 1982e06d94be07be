//! The baseline: every per-namespace setting that outcomes depend on, with the value that a new namespace gets.
//!
//! A new namespace is not the same everywhere. Some settings follow the machine's memory (`tcp_max_tw_buckets`,
//! `tcp_max_syn_backlog`), some are copied from the host (`tcp_congestion_control`, `tcp_rmem`, all of `net.ipv4.conf`), some
//! changed their default from one kernel to the next. Pinned, an outcome is the kernel's and not the machine's. The values are
//! the kernel's own defaults of a machine with memory enough, unless a line says otherwise (Linux 6.18: `tcp_sk_init` in
//! `net/ipv4/tcp_ipv4.c`, `Documentation/networking/ip-sysctl.rst`).
//!
//! New namespaces of one kernel are alike, so the settings are read in the first one of a lab, those that are constants in the first
//! of a process, and what is off there is written in each. A key that the kernel lacks is left out; one that it keeps at another value is recorded with that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::sys::sysctl::{Key, Sysctls, same};

/// What a setting is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// This value.
    Value(&'static str),
    /// The first of these that the kernel accepts.
    FirstOf(&'static [&'static str]),
    /// What the kernel gives: a constant in its sources, neither copied from the host nor derived from memory.
    AsFound,
}

/// A setting of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin {
    /// Key with dots.
    pub(super) key: &'static str,
    /// Its value.
    pub(super) to: To,
    /// What a new namespace gets.
    found: Origin,
}

/// What a new namespace gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A constant in the kernel's sources.
    Constant,
    /// What the host has now, or what the size of the socket hash makes of it.
    Now,
}

const fn pin(key: &'static str, value: &'static str) -> Pin {
    Pin {
        key,
        to: To::Value(value),
        found: Origin::Constant,
    }
}

const fn pin_now(key: &'static str, value: &'static str) -> Pin {
    Pin {
        found: Origin::Now,
        ..pin(key, value)
    }
}

/// What new namespaces get of the constants, once that was seen: a kernel has them for as long as it runs.
static SEEN: Mutex<BTreeMap<&'static str, Option<String>>> = Mutex::new(BTreeMap::new());

/// Pinned in the namespace of each node.
pub(super) const NODE: &[Pin] = &[
    // Bounds listen(2)'s backlog: SOMAXCONN, 4096 since 5.4, 128 before.
    pin("net.core.somaxconn", "4096"),
    // By default max(128, established hash / 128): depends on memory. As large as the accept queue may be.
    pin_now("net.ipv4.tcp_max_syn_backlog", "4096"),
    // By default half the established hash: 4,096 on 1 GiB, where TIME_WAIT silently overflows. Room for 60 s at 4,369/s.
    pin_now("net.ipv4.tcp_max_tw_buckets", "262144"),
    // Copied from the host, where it may be anything. A host that does not list cubic in tcp_allowed_congestion_control
    // keeps other namespaces from it; reno is always there.
    Pin {
        key: "net.ipv4.tcp_congestion_control",
        to: To::FirstOf(&["cubic", "reno"]),
        found: Origin::Now,
    },
    // Copied from the host; by default derived from memory, with these as the greatest values (tcp_init).
    pin_now("net.ipv4.tcp_rmem", "4096 131072 6291456"),
    pin_now("net.ipv4.tcp_wmem", "4096 16384 4194304"),
    pin("net.ipv4.ip_local_port_range", "32768 60999"),
    // Copied from the host, which forwards where containers run; on where a node has two links.
    pin_now("net.ipv4.ip_forward", "0"),
    // 2, loopback only, since 4.19; 0 before. An older kernel would take a 2 for a 1.
    Pin {
        key: "net.ipv4.tcp_tw_reuse",
        to: To::AsFound,
        found: Origin::Constant,
    },
    // Milliseconds. Since 6.14.
    pin("net.ipv4.tcp_tw_reuse_delay", "1000"),
    // Random timestamp offset for each pair of addresses.
    pin("net.ipv4.tcp_timestamps", "1"),
    pin("net.ipv4.tcp_window_scaling", "1"),
    pin("net.ipv4.tcp_sack", "1"),
    // Accepts ECN where the peer asks for it.
    pin("net.ipv4.tcp_ecn", "2"),
    // Client side only.
    pin("net.ipv4.tcp_fastopen", "1"),
    // Cookies once the SYN queue is full.
    pin("net.ipv4.tcp_syncookies", "1"),
    pin("net.ipv4.tcp_abort_on_overflow", "0"),
    // The kernel's own is 0: there a late ACK that meets TIME_WAIT is answered, the answer is met by a RST, and that ends
    // TIME_WAIT before its time (RFC 1337). Up to 2 % of them went so at 20,000/s (measured): no count would be exact.
    pin("net.ipv4.tcp_rfc1337", "1"),
    // SYNs after the first: 1, 2, 3, 4 s (linear since 6.5), then doubling.
    pin("net.ipv4.tcp_syn_retries", "6"),
    pin("net.ipv4.tcp_syn_linear_timeouts", "4"),
    pin("net.ipv4.tcp_synack_retries", "5"),
    pin("net.ipv4.tcp_retries1", "3"),
    pin("net.ipv4.tcp_retries2", "15"),
    // 0 stands for 8.
    pin("net.ipv4.tcp_orphan_retries", "0"),
    // Seconds in FIN_WAIT_2 without owner; TIME_WAIT is a constant.
    pin("net.ipv4.tcp_fin_timeout", "60"),
    pin("net.ipv4.tcp_keepalive_time", "7200"),
    pin("net.ipv4.tcp_keepalive_intvl", "75"),
    pin("net.ipv4.tcp_keepalive_probes", "9"),
    pin("net.ipv4.tcp_slow_start_after_idle", "1"),
    pin("net.ipv4.tcp_moderate_rcvbuf", "1"),
    // Round trip and window of a closed connection are kept for the next to the same address, as Linux does. What is kept
    // belongs to the namespace: a fresh lab has none of it.
    pin("net.ipv4.tcp_no_metrics_save", "0"),
    // Half the segment size is one of an Ethernet's; nothing probes for it.
    pin("net.ipv4.tcp_mtu_probing", "0"),
    // ICMP errors to one address: one in so many milliseconds. It bounds what a client learns of unreachable ports.
    pin("net.ipv4.icmp_ratelimit", "1000"),
    // All of net.ipv4.conf is copied from the host (devinet_init_net). Strict source checks drop what takes another way back;
    // log lines about odd addresses end up among the lines that are judged.
    pin_now("net.ipv4.conf.all.rp_filter", "0"),
    pin_now("net.ipv4.conf.default.rp_filter", "0"),
    pin_now("net.ipv4.conf.all.log_martians", "0"),
    pin_now("net.ipv4.conf.all.arp_ignore", "0"),
    pin_now("net.ipv4.conf.all.arp_announce", "0"),
    pin_now("net.ipv4.conf.all.arp_filter", "0"),
];

/// Pinned besides where connections are tracked: the timeouts of TCP, in seconds (`tcp_timeouts`, Linux
/// `net/netfilter/nf_conntrack_proto_tcp.c`), and what is let through untracked.
pub(super) const CONNTRACK: &[Pin] = &[
    pin("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "120"),
    pin("net.netfilter.nf_conntrack_tcp_timeout_syn_recv", "60"),
    pin(
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "432000",
    ),
    pin("net.netfilter.nf_conntrack_tcp_timeout_fin_wait", "120"),
    pin("net.netfilter.nf_conntrack_tcp_timeout_close_wait", "60"),
    pin("net.netfilter.nf_conntrack_tcp_timeout_last_ack", "30"),
    pin("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "120"),
    pin("net.netfilter.nf_conntrack_tcp_timeout_close", "10"),
    // Takes up connections whose start it has not seen.
    pin("net.netfilter.nf_conntrack_tcp_loose", "1"),
    pin("net.netfilter.nf_conntrack_tcp_be_liberal", "0"),
];

/// Pinned besides where IPv6 is spoken: addresses are usable at once and no router is asked for more of them.
pub(super) const IPV6: &[Pin] = &[
    pin_now("net.ipv6.conf.all.disable_ipv6", "0"),
    pin_now("net.ipv6.conf.default.disable_ipv6", "0"),
    pin_now("net.ipv6.conf.default.accept_dad", "0"),
    pin_now("net.ipv6.conf.default.accept_ra", "0"),
    pin_now("net.ipv6.conf.default.router_solicitations", "0"),
    pin_now("net.ipv6.conf.default.autoconf", "0"),
];

/// Pinned besides for the whole kernel, where the lab owns it: by default all of these follow the machine's memory.
const KERNEL: &[Pin] = &[
    // Sockets without owner: half the established hash. As much as there is room for in TIME_WAIT.
    pin("net.ipv4.tcp_max_orphans", "262144"),
    // Pages: those of a machine of 16 GiB (tcp_init_mem, Linux net/ipv4/tcp.c). The kernel only counts up to them.
    pin("net.ipv4.tcp_mem", "196608 262144 393216"),
    // Packets that wait for a processor; a constant that hosts raise.
    pin("net.core.netdev_max_backlog", "1000"),
    // Set before its buckets, which would raise it.
    pin("net.netfilter.nf_conntrack_max", "262144"),
    // Early drop looks at eight of them. Could not be written before 4.8.
    pin("net.netfilter.nf_conntrack_buckets", "65536"),
];

/// Brings the kernel to the baseline, from the initial namespace of a kernel that the lab owns: what is host-wide today, and what was
/// so once. Before 4.11 most of what a node has was of the whole kernel.
pub(super) fn pin_kernel() -> BTreeMap<&'static str, String> {
    let mut sysctls = Sysctls::new();
    let mut pinned = PinnedSettings::take_anew(NODE, &mut sysctls);
    pinned.extend(PinnedSettings::take_anew(CONNTRACK, &mut sysctls));
    pinned.extend(PinnedSettings::take_anew(KERNEL, &mut sysctls));
    pinned.values
}

/// What a key reads; nothing where the kernel lacks it.
fn read(_: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    sysctls.read(key).ok()
}

/// The same in a new namespace, where a constant has to be read but once.
fn seen(pin: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    if pin.found == Origin::Now {
        return read(pin, key, sysctls);
    }
    let known = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().get(pin.key) {
        return found.clone();
    }
    let found = read(pin, key, sysctls);
    known().insert(pin.key, found.clone());
    found
}

/// The pins of a namespace as they are, and what had to be written for it.
#[derive(Debug, Clone, Default)]
pub(super) struct PinnedSettings {
    /// Each key that the kernel has, as read back.
    pub(super) values: BTreeMap<&'static str, String>,
    /// Of these, those that are not at their pinned value.
    pub(super) off: Vec<&'static str>,
    /// What the topology needs, as read back.
    pub(super) needed: BTreeMap<&'static str, String>,
    /// What is not the kernel's own choice.
    written: Vec<(&'static str, &'static str)>,
}

impl PinnedSettings {
    /// Pins settings in the calling thread's new namespace: looks at each, writes what is off and reads that back.
    pub(super) fn take(pins: &'static [Pin], sysctls: &mut Sysctls) -> Self {
        Self::pin(pins, sysctls, seen)
    }

    /// The same in a namespace that is not new.
    fn take_anew(pins: &'static [Pin], sysctls: &mut Sysctls) -> Self {
        Self::pin(pins, sysctls, read)
    }

    fn pin(
        pins: &'static [Pin],
        sysctls: &mut Sysctls,
        look: fn(&Pin, &Key, &mut Sysctls) -> Option<String>,
    ) -> Self {
        let mut pinned = Self::default();
        for pin in pins {
            let Some(key) = Key::parse(pin.key) else {
                continue;
            };
            let Some(found) = look(pin, &key, sysctls) else {
                continue;
            };
            let wanted = match pin.to {
                To::Value(value) => &[value][..],
                To::FirstOf(values) => values,
                To::AsFound => &[],
            };
            let off = wanted.iter().take_while(|value| !same(value, &found));
            let mut kept = None;
            for value in off {
                // What the kernel refuses is recorded as what it kept.
                if let Ok(now) = sysctls.set(&key, value) {
                    pinned.written.push((pin.key, value));
                    kept = Some(now);
                    break;
                }
            }
            let kept = kept.unwrap_or(found);
            if !wanted.is_empty() && !wanted.iter().any(|value| same(value, &kept)) {
                pinned.off.push(pin.key);
            }
            pinned.values.insert(pin.key, kept);
        }
        pinned
    }

    /// Does in the calling thread's new namespace what the pinned had to do in its own.
    pub(super) fn repeat(&self, sysctls: &mut Sysctls) {
        for (key, value) in &self.written {
            if let Some(key) = Key::parse(key) {
                let _recorded_as_kept = sysctls.set(&key, value);
            }
        }
    }

    /// Keys of every node's baseline that the namespace does not have.
    pub(super) fn absent(&self) -> impl Iterator<Item = String> {
        let keys = NODE.iter().map(|pin| pin.key);
        keys.filter(|key| self.value(key).is_none())
            .map(str::to_owned)
    }

    /// Takes down what the topology needs, which is no difference from the baseline.
    pub(super) fn note(&mut self, key: &'static str, value: String) {
        self.values.remove(key);
        self.off.retain(|off| *off != key);
        self.needed.insert(key, value);
    }

    /// What a key reads: the pinned ones and those that the topology needs.
    pub(super) fn value(&self, key: &str) -> Option<&String> {
        self.values.get(key).or_else(|| self.needed.get(key))
    }

    /// Adds what another pinned found.
    pub(super) fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
        self.off.extend(other.off);
        self.written.extend(other.written);
    }
}

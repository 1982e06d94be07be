//! The baseline: every per-namespace setting that affects outcomes, with the value that new namespaces get.
//!
//! New namespaces differ from machine to machine. Some settings depend on the machine's memory (`tcp_max_tw_buckets`,
//! `tcp_max_syn_backlog`), some are copied from the host (`tcp_congestion_control`, `tcp_rmem`, all of
//! `net.ipv4.conf`), and some changed their default between kernels. With pinned settings, an outcome depends on the
//! kernel and not on the machine. Unless a line says otherwise, the values are the kernel's defaults on a machine
//! with enough memory (Linux 6.18: `tcp_sk_init` in `net/ipv4/tcp_ipv4.c`, `Documentation/networking/ip-sysctl.rst`).
//!
//! All new namespaces of one kernel are alike. Settings are therefore read once per lab, and those that are
//! constants in the kernel's sources once per process; the ones that differ from the baseline are then
//! written in each namespace. A key that the kernel does not have is left out. If the kernel keeps another
//! value, that value is recorded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::sys::sysctl::{Key, Sysctls, same};

/// The value that a setting is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Value(&'static str),
    /// The first of these values that the kernel accepts.
    FirstOf(&'static [&'static str]),
    /// The kernel's value: a constant in its sources, neither copied from the host nor derived from memory.
    AsFound,
}

/// A setting of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin {
    /// The key with dots.
    pub(super) key: &'static str,
    pub(super) to: To,
    found: ValueSource,
}

/// The source of the value that a new namespace gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueSource {
    /// A constant in the kernel's sources.
    Constant,
    /// The host's current value, or a value derived from the size of the socket hash.
    Now,
}

const fn pin(key: &'static str, value: &'static str) -> Pin {
    Pin {
        key,
        to: To::Value(value),
        found: ValueSource::Constant,
    }
}

const fn pin_now(key: &'static str, value: &'static str) -> Pin {
    Pin {
        found: ValueSource::Now,
        ..pin(key, value)
    }
}

/// The constants as new namespaces have them. A kernel does not change them while it runs, so one reading is enough.
static SEEN: Mutex<BTreeMap<&'static str, Option<String>>> = Mutex::new(BTreeMap::new());

/// Settings pinned in the namespace of every node.
pub(super) const NODE: &[Pin] = &[
    // Limits the backlog of listen(2): SOMAXCONN, 4096 since 5.4, 128 before.
    pin("net.core.somaxconn", "4096"),
    // The default, max(128, established hash / 128), depends on memory. This is as large as the accept queue may be.
    pin_now("net.ipv4.tcp_max_syn_backlog", "4096"),
    // The default is half the established hash: 4,096 on 1 GiB, where TIME_WAIT silently overflows. This is
    // enough for 60 s at 4,369/s.
    pin_now("net.ipv4.tcp_max_tw_buckets", "262144"),
    // Copied from the host, so it may be anything. If the host's tcp_allowed_congestion_control does not list
    // cubic, other namespaces cannot use it; reno is always available.
    Pin {
        key: "net.ipv4.tcp_congestion_control",
        to: To::FirstOf(&["cubic", "reno"]),
        found: ValueSource::Now,
    },
    // Copied from the host; by default derived from memory, with these as the maxima (tcp_init).
    pin_now("net.ipv4.tcp_rmem", "4096 131072 6291456"),
    pin_now("net.ipv4.tcp_wmem", "4096 16384 4194304"),
    pin("net.ipv4.ip_local_port_range", "32768 60999"),
    // Copied from the host, which forwards if it runs containers. The lab turns it on for nodes with two links.
    pin_now("net.ipv4.ip_forward", "0"),
    // 2 (loopback only) since 4.19; 0 before. An older kernel would treat 2 as 1.
    Pin {
        key: "net.ipv4.tcp_tw_reuse",
        to: To::AsFound,
        found: ValueSource::Constant,
    },
    // Milliseconds; since 6.14.
    pin("net.ipv4.tcp_tw_reuse_delay", "1000"),
    // A random timestamp offset for each pair of addresses.
    pin("net.ipv4.tcp_timestamps", "1"),
    pin("net.ipv4.tcp_window_scaling", "1"),
    pin("net.ipv4.tcp_sack", "1"),
    // ECN is accepted if the peer asks for it.
    pin("net.ipv4.tcp_ecn", "2"),
    // Only for clients.
    pin("net.ipv4.tcp_fastopen", "1"),
    // Cookies are sent when the SYN queue is full.
    pin("net.ipv4.tcp_syncookies", "1"),
    pin("net.ipv4.tcp_abort_on_overflow", "0"),
    // The kernel's default is 0. A late ACK to a socket in TIME_WAIT is then answered, the answer draws a
    // RST, and that ends TIME_WAIT early (RFC 1337). At 20,000/s up to 2 % of the sockets ended that way
    // (measured), so no count was exact.
    pin("net.ipv4.tcp_rfc1337", "1"),
    // Retries of a SYN come after 1, 2, 3 and 4 s (linear since 6.5), then at doubling intervals.
    pin("net.ipv4.tcp_syn_retries", "6"),
    pin("net.ipv4.tcp_syn_linear_timeouts", "4"),
    pin("net.ipv4.tcp_synack_retries", "5"),
    pin("net.ipv4.tcp_retries1", "3"),
    pin("net.ipv4.tcp_retries2", "15"),
    // 0 means 8.
    pin("net.ipv4.tcp_orphan_retries", "0"),
    // Seconds in FIN_WAIT_2 for sockets without an owner; the duration of TIME_WAIT is a constant.
    pin("net.ipv4.tcp_fin_timeout", "60"),
    pin("net.ipv4.tcp_keepalive_time", "7200"),
    pin("net.ipv4.tcp_keepalive_intvl", "75"),
    pin("net.ipv4.tcp_keepalive_probes", "9"),
    pin("net.ipv4.tcp_slow_start_after_idle", "1"),
    pin("net.ipv4.tcp_moderate_rcvbuf", "1"),
    // As in Linux, the round trip and window of a closed connection are kept for the next one to the same
    // address. They are kept per namespace, so a new lab starts without any.
    pin("net.ipv4.tcp_no_metrics_save", "0"),
    // No probing: half the segment size would be that of an Ethernet link.
    pin("net.ipv4.tcp_mtu_probing", "0"),
    // Milliseconds between ICMP errors to one address. It limits how soon clients notice unreachable ports.
    pin("net.ipv4.icmp_ratelimit", "1000"),
    // All of net.ipv4.conf is copied from the host (devinet_init_net). Strict source checks drop packets that
    // take another route back; log lines about odd addresses would appear among the lines that are judged.
    pin_now("net.ipv4.conf.all.rp_filter", "0"),
    pin_now("net.ipv4.conf.default.rp_filter", "0"),
    pin_now("net.ipv4.conf.all.log_martians", "0"),
    pin_now("net.ipv4.conf.all.arp_ignore", "0"),
    pin_now("net.ipv4.conf.all.arp_announce", "0"),
    pin_now("net.ipv4.conf.all.arp_filter", "0"),
];

/// Also pinned on nodes that track connections: the timeouts of TCP, in seconds (`tcp_timeouts`, Linux
/// `net/netfilter/nf_conntrack_proto_tcp.c`), and the rules for packets that are let through untracked.
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
    // Picks up connections whose start it has not seen.
    pin("net.netfilter.nf_conntrack_tcp_loose", "1"),
    pin("net.netfilter.nf_conntrack_tcp_be_liberal", "0"),
];

/// Also pinned in IPv6 topologies: addresses are usable at once, and routers are not asked for more.
pub(super) const IPV6: &[Pin] = &[
    pin_now("net.ipv6.conf.all.disable_ipv6", "0"),
    pin_now("net.ipv6.conf.default.disable_ipv6", "0"),
    pin_now("net.ipv6.conf.default.accept_dad", "0"),
    pin_now("net.ipv6.conf.default.accept_ra", "0"),
    pin_now("net.ipv6.conf.default.router_solicitations", "0"),
    pin_now("net.ipv6.conf.default.autoconf", "0"),
];

/// Also pinned for the whole kernel if the lab owns it; by default all of these depend on the machine's memory.
const KERNEL: &[Pin] = &[
    // Sockets without an owner. The default is half the established hash; this is the same as for TIME_WAIT.
    pin("net.ipv4.tcp_max_orphans", "262144"),
    // Pages, as on a machine with 16 GiB (tcp_init_mem, Linux net/ipv4/tcp.c). The kernel only compares against them.
    pin("net.ipv4.tcp_mem", "196608 262144 393216"),
    // Packets waiting for a processor; a constant that hosts often raise.
    pin("net.core.netdev_max_backlog", "1000"),
    // Must be set before the number of buckets, which would raise it.
    pin("net.netfilter.nf_conntrack_max", "262144"),
    // Early drop looks at eight buckets. Not writable before 4.8.
    pin("net.netfilter.nf_conntrack_buckets", "65536"),
];

/// Brings a kernel that the lab owns to the baseline, from its initial namespace. This covers settings that are
/// host-wide today and those that once were: before 4.11 most settings of a node belonged to the whole kernel.
pub(super) fn pin_kernel() -> BTreeMap<&'static str, String> {
    let mut sysctls = Sysctls::new();
    let mut pinned = PinnedSettings::take_anew(NODE, &mut sysctls);
    pinned.extend(PinnedSettings::take_anew(CONNTRACK, &mut sysctls));
    pinned.extend(PinnedSettings::take_anew(KERNEL, &mut sysctls));
    pinned.values
}

/// Reads a key; `None` if the kernel does not have it.
fn read(_: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    sysctls.read(key).ok()
}

/// Reads a key in a new namespace. A constant is read only once per process.
fn seen(pin: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    if pin.found == ValueSource::Now {
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

/// The pinned settings of a namespace, and the values that had to be written for them.
#[derive(Debug, Clone, Default)]
pub(super) struct PinnedSettings {
    /// Each key that the kernel has, with its value as read back.
    pub(super) values: BTreeMap<&'static str, String>,
    /// The keys that are not at their pinned value.
    pub(super) off: Vec<&'static str>,
    /// The settings that the topology needs, as read back.
    pub(super) needed: BTreeMap<&'static str, String>,
    /// The keys and values that had to be written.
    written: Vec<(&'static str, &'static str)>,
}

impl PinnedSettings {
    /// Pins settings in the calling thread's new namespace: reads each, writes those that differ,
    /// and reads them back.
    pub(super) fn take(pins: &'static [Pin], sysctls: &mut Sysctls) -> Self {
        Self::pin(pins, sysctls, seen)
    }

    /// Like [`Self::take`], in a namespace that is not new.
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
                // If the kernel refuses the value, the value that it kept is recorded.
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

    /// Writes in the calling thread's new namespace what had to be written in the first one.
    pub(super) fn repeat(&self, sysctls: &mut Sysctls) {
        for (key, value) in &self.written {
            if let Some(key) = Key::parse(key) {
                let _recorded_as_kept = sysctls.set(&key, value);
            }
        }
    }

    /// Returns the keys of the node baseline that the namespace does not have.
    pub(super) fn absent(&self) -> impl Iterator<Item = String> {
        let keys = NODE.iter().map(|pin| pin.key);
        keys.filter(|key| self.value(key).is_none())
            .map(str::to_owned)
    }

    /// Records a setting that the topology needs, which does not count as a difference from the baseline.
    pub(super) fn note(&mut self, key: &'static str, value: String) {
        self.values.remove(key);
        self.off.retain(|off| *off != key);
        self.needed.insert(key, value);
    }

    /// Returns the value of a key that was pinned or that the topology needs.
    pub(super) fn value(&self, key: &str) -> Option<&String> {
        self.values.get(key).or_else(|| self.needed.get(key))
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
        self.off.extend(other.off);
        self.written.extend(other.written);
    }
}

//! The pinned settings, each with its value and the reason for it.

use super::{Pin, To, ValueSource, pin, pin_now};

/// Settings pinned in the namespace of every node.
pub(in crate::lab) const NODE: &[Pin] = &[
    pin(
        "net.core.somaxconn",
        "4096",
        "Limits the backlog of listen(2): SOMAXCONN, 4096 since 5.4, 128 before.",
    ),
    pin_now(
        "net.ipv4.tcp_max_syn_backlog",
        "4096",
        "The default, max(128, established hash / 128), depends on memory. This is as large as the accept \
         queue may be.",
    ),
    pin_now(
        "net.ipv4.tcp_max_tw_buckets",
        "262144",
        "The default is half the established hash: 4,096 on 1 GiB, where TIME_WAIT silently overflows. This \
         is enough for 60 s at 4,369/s.",
    ),
    Pin {
        key: "net.ipv4.tcp_congestion_control",
        to: To::FirstOf(&["cubic", "reno"]),
        found: ValueSource::Now,
        why: "Copied from the host, so it may be anything. If the host's tcp_allowed_congestion_control does \
              not list cubic, other namespaces cannot use it; reno is always available.",
    },
    pin_now(
        "net.ipv4.tcp_rmem",
        "4096 131072 6291456",
        "Copied from the host. By default the maximum depends on memory (tcp_init), and grew to 32 MiB in \
         Linux 6.16.",
    ),
    pin_now(
        "net.ipv4.tcp_wmem",
        "4096 16384 4194304",
        "Copied from the host. By default the maximum depends on memory (tcp_init).",
    ),
    pin("net.ipv4.ip_local_port_range", "32768 60999", ""),
    pin_now(
        "net.ipv4.ip_forward",
        "0",
        "Copied from the host, which forwards if it runs containers. The lab turns it on for nodes with two \
         links.",
    ),
    Pin {
        key: "net.ipv4.tcp_tw_reuse",
        to: To::AsFound,
        found: ValueSource::Constant,
        why: "2 (loopback only) since 4.19; 0 before. An older kernel would treat 2 as 1.",
    },
    pin(
        "net.ipv4.tcp_tw_reuse_delay",
        "1000",
        "Milliseconds; since 6.14.",
    ),
    pin(
        "net.ipv4.tcp_timestamps",
        "1",
        "A random timestamp offset for each pair of addresses.",
    ),
    pin("net.ipv4.tcp_window_scaling", "1", ""),
    pin("net.ipv4.tcp_sack", "1", ""),
    pin(
        "net.ipv4.tcp_ecn",
        "2",
        "ECN is accepted if the peer asks for it.",
    ),
    pin("net.ipv4.tcp_fastopen", "1", "Only for clients."),
    pin(
        "net.ipv4.tcp_syncookies",
        "1",
        "Cookies are sent when the SYN queue is full.",
    ),
    pin("net.ipv4.tcp_abort_on_overflow", "0", ""),
    pin(
        "net.ipv4.tcp_rfc1337",
        "1",
        "The kernel's default is 0. A late ACK to a socket in TIME_WAIT is then answered, the answer draws a \
         RST, and that ends TIME_WAIT early (RFC 1337). At 20,000/s up to 2 % of the sockets ended that way \
         (measured), so no count was exact.",
    ),
    pin(
        "net.ipv4.tcp_syn_retries",
        "6",
        "Retries of a SYN come after 1, 2, 3 and 4 s (linear since 6.5), then at doubling intervals.",
    ),
    pin("net.ipv4.tcp_syn_linear_timeouts", "4", ""),
    pin("net.ipv4.tcp_synack_retries", "5", ""),
    pin("net.ipv4.tcp_retries1", "3", ""),
    pin("net.ipv4.tcp_retries2", "15", ""),
    pin("net.ipv4.tcp_orphan_retries", "0", "0 means 8."),
    pin(
        "net.ipv4.tcp_fin_timeout",
        "60",
        "Seconds in FIN_WAIT_2 for sockets without an owner; the duration of TIME_WAIT is a constant.",
    ),
    pin("net.ipv4.tcp_keepalive_time", "7200", ""),
    pin("net.ipv4.tcp_keepalive_intvl", "75", ""),
    pin("net.ipv4.tcp_keepalive_probes", "9", ""),
    pin("net.ipv4.tcp_slow_start_after_idle", "1", ""),
    pin("net.ipv4.tcp_moderate_rcvbuf", "1", ""),
    pin(
        "net.ipv4.tcp_no_metrics_save",
        "0",
        "As in Linux, the round trip and window of a closed connection are kept for the next one to the same \
         address. They are kept per namespace, so a new lab starts without any.",
    ),
    pin(
        "net.ipv4.tcp_mtu_probing",
        "0",
        "No probing: half the segment size would be that of an Ethernet link.",
    ),
    pin(
        "net.ipv4.icmp_ratelimit",
        "1000",
        "Milliseconds between ICMP errors to one address. It limits how soon clients notice unreachable \
         ports.",
    ),
    pin_now(
        "net.ipv4.conf.all.rp_filter",
        "0",
        "All of net.ipv4.conf is copied from the host (devinet_init_net). Strict source checks drop packets \
         that take another route back; log lines about odd addresses would appear among the lines that are \
         judged.",
    ),
    pin_now("net.ipv4.conf.default.rp_filter", "0", "As above."),
    pin_now("net.ipv4.conf.all.log_martians", "0", "As above."),
    pin_now("net.ipv4.conf.all.arp_ignore", "0", "As above."),
    pin_now("net.ipv4.conf.all.arp_announce", "0", "As above."),
    pin_now("net.ipv4.conf.all.arp_filter", "0", "As above."),
];

/// Also pinned on nodes that track connections: the timeouts of TCP, in seconds (`tcp_timeouts`, Linux
/// `net/netfilter/nf_conntrack_proto_tcp.c`), and the rules for packets that are let through untracked.
pub(in crate::lab) const CONNTRACK: &[Pin] = &[
    pin("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "120", ""),
    pin("net.netfilter.nf_conntrack_tcp_timeout_syn_recv", "60", ""),
    pin(
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "432000",
        "",
    ),
    pin("net.netfilter.nf_conntrack_tcp_timeout_fin_wait", "120", ""),
    pin(
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
        "60",
        "",
    ),
    pin("net.netfilter.nf_conntrack_tcp_timeout_last_ack", "30", ""),
    pin(
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
        "120",
        "",
    ),
    pin("net.netfilter.nf_conntrack_tcp_timeout_close", "10", ""),
    pin(
        "net.netfilter.nf_conntrack_tcp_loose",
        "1",
        "Picks up connections whose start it has not seen.",
    ),
    pin("net.netfilter.nf_conntrack_tcp_be_liberal", "0", ""),
];

/// Also pinned in IPv6 topologies: addresses are usable at once, and routers are not asked for more.
pub(in crate::lab) const IPV6: &[Pin] = &[
    pin_now("net.ipv6.conf.all.disable_ipv6", "0", ""),
    pin_now("net.ipv6.conf.default.disable_ipv6", "0", ""),
    pin_now("net.ipv6.conf.default.accept_dad", "0", ""),
    pin_now("net.ipv6.conf.default.accept_ra", "0", ""),
    pin_now("net.ipv6.conf.default.router_solicitations", "0", ""),
    pin_now("net.ipv6.conf.default.autoconf", "0", ""),
];

/// Also pinned for the whole kernel if the lab owns it; by default all of these depend on the machine's memory.
pub(in crate::lab) const KERNEL: &[Pin] = &[
    pin(
        "net.ipv4.tcp_max_orphans",
        "262144",
        "Sockets without an owner. The default is half the established hash; this is the same as for \
         TIME_WAIT.",
    ),
    pin(
        "net.ipv4.tcp_mem",
        "196608 262144 393216",
        "Pages, as on a machine with 16 GiB (tcp_init_mem, Linux net/ipv4/tcp.c). The kernel only compares \
         against them.",
    ),
    pin(
        "net.core.netdev_max_backlog",
        "1000",
        "Packets waiting for a processor; a constant that hosts often raise.",
    ),
    pin(
        "net.netfilter.nf_conntrack_max",
        "262144",
        "Must be set before the number of buckets, which would raise it.",
    ),
    pin(
        "net.netfilter.nf_conntrack_buckets",
        "65536",
        "Early drop looks at eight buckets. Not writable before 4.8.",
    ),
];

//! The fate of keys that old advice still names: removed, renamed or ignored. Each is backed by the
//! kernel's own history.

/// The fate of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFate {
    /// Removed.
    Removed,
    /// Renamed to this key.
    Renamed(String),
    /// Still accepted, without any effect.
    Ignored,
    /// Never in a release of kernel.org.
    OutOfTree,
}

/// The history of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    /// Its fate.
    pub fate: KeyFate,
    /// The first version of Linux with this fate; empty if there is none.
    pub since: &'static str,
    /// The reason, or an alternative.
    pub note: &'static str,
    /// The commit or document that says so.
    pub source: &'static str,
}

const HISTORY: &[(&str, KeyHistory)] = &[
    (
        "net.ipv4.tcp_tw_recycle",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "4.12",
            note: "it dropped connections of clients behind one NAT address; \
                   only tcp_tw_reuse is left, for the connecting side",
            source: "commit 4396e46187ca (tcp: remove tcp_tw_recycle)",
        },
    ),
    (
        "net.ipv4.tcp_fack",
        KeyHistory {
            fate: KeyFate::Ignored,
            since: "4.15",
            note: "loss is detected by RACK",
            source: LEGACY,
        },
    ),
    (
        "net.ipv4.tcp_low_latency",
        KeyHistory {
            fate: KeyFate::Ignored,
            since: "4.14",
            note: "the prequeue that it controlled was removed",
            source: LEGACY,
        },
    ),
    (
        "net.ipv4.tcp_thin_dupack",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "4.11",
            note: "RACK replaces it",
            source: "commit 4a7f60094411 (tcp: remove thin_dupack feature)",
        },
    ),
    (
        "net.ipv4.tcp_abc",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "3.9",
            note: "appropriate byte counting was removed",
            source: "commit ca2eb5679f8d (tcp: remove Appropriate Byte Count support)",
        },
    ),
    (
        "net.ipv4.tcp_frto_response",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "3.10",
            note: "F-RTO was rewritten according to RFC 5682",
            source: "commit e33099f96d99 (tcp: implement RFC5682 F-RTO)",
        },
    ),
    (
        "net.ipv4.tcp_max_tw_buckets_ub",
        KeyHistory {
            fate: KeyFate::OutOfTree,
            since: "",
            note: "a key of OpenVZ kernels (user beancounters); in mainline Linux, use net.ipv4.tcp_max_tw_buckets",
            source: "no Linux release of kernel.org has it",
        },
    ),
    (
        "net.ipv4.route.max_size",
        KeyHistory {
            fate: KeyFate::Ignored,
            since: "3.6",
            note: "IPv4 no longer has a route cache",
            source: ROUTE_CACHE,
        },
    ),
    (
        "net.ipv4.route.gc_thresh",
        KeyHistory {
            fate: KeyFate::Ignored,
            since: "3.6",
            note: "IPv4 no longer has a route cache",
            source: ROUTE_CACHE,
        },
    ),
    (
        "net.ipv4.tcp_max_ssthresh",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "3.13",
            note: "limited slow start was retired",
            source: "commit 9f9843a751d0 (tcp: properly handle stretch acks in slow start)",
        },
    ),
    (
        "net.ipv4.tcp_cookie_size",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "3.10",
            note: "cookie transactions were removed",
            source: "commit 1a2c6181c4a1 (tcp: Remove TCPCT)",
        },
    ),
    (
        "net.ipv4.tcp_dma_copybreak",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "3.13",
            note: "receiving with DMA engines was removed",
            source: "Documentation/ABI/removed/net_dma",
        },
    ),
    (
        "net.netfilter.nf_conntrack_helper",
        KeyHistory {
            fate: KeyFate::Removed,
            since: "6.0",
            note: "helpers are assigned only by rules",
            source: "commit b118509076b3 (netfilter: remove nf_conntrack_helper sysctl and modparam toggles)",
        },
    ),
    ("kernel.sched_latency_ns", SCHEDULER),
    ("kernel.sched_min_granularity_ns", SCHEDULER),
    ("kernel.sched_wakeup_granularity_ns", SCHEDULER),
    ("kernel.sched_migration_cost_ns", SCHEDULER),
    ("kernel.sched_nr_migrate", SCHEDULER),
    ("kernel.sched_tunable_scaling", SCHEDULER),
];

/// The kernel's documentation on options that it keeps but ignores.
const LEGACY: &str =
    "Documentation/networking/ip-sysctl.rst: a legacy option, it has no effect anymore";

/// The kernel's documentation on the route cache.
const ROUTE_CACHE: &str = "Documentation/networking/ip-sysctl.rst: from linux kernel 3.6 onwards, \
                           this is deprecated for ipv4";

const SCHEDULER: KeyHistory = KeyHistory {
    fate: KeyFate::Removed,
    since: "5.13",
    note: "moved to /sys/kernel/debug/sched, which sysctl does not set",
    source: "commit 8a99b6833c88 (sched: Move SCHED_DEBUG sysctl to debugfs)",
};

/// Old and new prefixes of the keys of connection tracking.
const CONNTRACK: [(&str, &str); 2] = [
    (
        "net.ipv4.netfilter.ip_conntrack_",
        "net.netfilter.nf_conntrack_",
    ),
    ("net.ipv4.ip_conntrack_", "net.netfilter.nf_conntrack_"),
];

/// Returns the history of a key, if it was removed, renamed or is ignored.
pub fn history_of(key: &str) -> Option<KeyHistory> {
    if let Some((_, history)) = HISTORY.iter().find(|(known, _)| *known == key) {
        return Some(history.clone());
    }
    let (setting, prefix) = CONNTRACK
        .iter()
        .find_map(|(old, new)| Some((key.strip_prefix(old)?, new)))?;
    Some(KeyHistory {
        fate: KeyFate::Renamed(format!("{prefix}{setting}")),
        since: "4.9",
        note: "",
        source: "commit adf0516845bc (netfilter: remove ip_conntrack* sysctl compat code)",
    })
}

impl std::fmt::Display for KeyHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            fate,
            since,
            note,
            source,
        } = self;
        match fate {
            KeyFate::Removed => write!(f, "removed in Linux {since}: {note}")?,
            KeyFate::Renamed(to) => write!(
                f,
                "renamed to {to}; the old name was removed in Linux {since}"
            )?,
            KeyFate::Ignored => write!(f, "ignored since Linux {since}: {note}")?,
            KeyFate::OutOfTree => write!(f, "{note}")?,
        }
        write!(f, " ({source})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_of_a_key_names_its_source() {
        let shown = |key| history_of(key).unwrap().to_string();
        assert!(shown("net.ipv4.tcp_tw_recycle").starts_with("removed in Linux 4.12: "));
        assert!(
            shown("net.ipv4.ip_conntrack_max")
                .contains("renamed to net.netfilter.nf_conntrack_max; the old name")
        );
        assert!(
            shown("net.ipv4.netfilter.ip_conntrack_udp_timeout")
                .contains("renamed to net.netfilter.nf_conntrack_udp_timeout; the old name")
        );
        assert!(shown("net.ipv4.tcp_fack").contains("ignored since Linux 4.15"));
        assert_eq!(history_of("net.ipv4.tcp_tw_reuse"), None);
    }

    /// A key that this kernel has is neither removed nor renamed.
    #[test]
    fn this_kernel_agrees_with_the_history() {
        for (key, history) in HISTORY {
            let path = format!("/proc/sys/{}", key.replace('.', "/"));
            let is_there = std::path::Path::new(&path).exists();
            let is_removed = matches!(
                history.fate,
                KeyFate::Removed | KeyFate::Renamed(_) | KeyFate::OutOfTree
            );
            assert!(!(is_there && is_removed), "{key}");
        }
    }
}

//! What became of keys that advice still names: gone, renamed, without effect. Only what the kernel's own history says.

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Removed, since this version.
    Gone,
    /// Called otherwise, since this version.
    Renamed(String),
    /// Still there, without any effect, since this version.
    Idle,
    /// Never in Linux as kernel.org has it.
    Foreign,
}

/// A key's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What became of it.
    pub fate: Fate,
    /// The first version of Linux in which it is so; empty where there is none.
    pub since: &'static str,
    /// What to know.
    pub note: &'static str,
    /// Where that is to be read.
    pub source: &'static str,
}

const PAST: &[(&str, Past)] = &[
    (
        "net.ipv4.tcp_tw_recycle",
        Past {
            fate: Fate::Gone,
            since: "4.12",
            note: "it dropped connections of clients behind one NAT address; tcp_tw_reuse on the connecting side is what is left",
            source: "commit 4396e46187ca (tcp: remove tcp_tw_recycle)",
        },
    ),
    (
        "net.ipv4.tcp_fack",
        Past {
            fate: Fate::Idle,
            since: "4.15",
            note: "loss is detected by RACK",
            source: "Documentation/networking/ip-sysctl.rst: a legacy option, it has no effect anymore",
        },
    ),
    (
        "net.ipv4.tcp_low_latency",
        Past {
            fate: Fate::Idle,
            since: "4.14",
            note: "the prequeue that it steered is gone",
            source: "Documentation/networking/ip-sysctl.rst: a legacy option, it has no effect anymore",
        },
    ),
    (
        "net.ipv4.tcp_thin_dupack",
        Past {
            fate: Fate::Gone,
            since: "4.11",
            note: "RACK does what it did",
            source: "commit 4a7f60094411 (tcp: remove thin_dupack feature)",
        },
    ),
    (
        "net.ipv4.tcp_abc",
        Past {
            fate: Fate::Gone,
            since: "3.9",
            note: "appropriate byte counting was removed",
            source: "commit ca2eb5679f8d (tcp: remove Appropriate Byte Count support)",
        },
    ),
    (
        "net.ipv4.tcp_frto_response",
        Past {
            fate: Fate::Gone,
            since: "3.10",
            note: "F-RTO was written anew as RFC 5682 has it",
            source: "commit e33099f96d99 (tcp: implement RFC5682 F-RTO)",
        },
    ),
    (
        "net.ipv4.tcp_max_tw_buckets_ub",
        Past {
            fate: Fate::Foreign,
            since: "",
            note: "a key of OpenVZ kernels (user beancounters); here there is net.ipv4.tcp_max_tw_buckets",
            source: "no Linux release of kernel.org has it",
        },
    ),
    (
        "net.ipv4.route.max_size",
        Past {
            fate: Fate::Idle,
            since: "3.6",
            note: "IPv4 has no route cache any more",
            source: "Documentation/networking/ip-sysctl.rst: from linux kernel 3.6 onwards, this is deprecated for ipv4",
        },
    ),
    (
        "net.ipv4.route.gc_thresh",
        Past {
            fate: Fate::Idle,
            since: "3.6",
            note: "IPv4 has no route cache any more",
            source: "Documentation/networking/ip-sysctl.rst: from linux kernel 3.6 onwards, this is deprecated for ipv4",
        },
    ),
    (
        "net.ipv4.tcp_max_ssthresh",
        Past {
            fate: Fate::Gone,
            since: "3.13",
            note: "limited slow start was retired",
            source: "commit 9f9843a751d0 (tcp: properly handle stretch acks in slow start)",
        },
    ),
    (
        "net.ipv4.tcp_cookie_size",
        Past {
            fate: Fate::Gone,
            since: "3.10",
            note: "cookie transactions were removed",
            source: "commit 1a2c6181c4a1 (tcp: Remove TCPCT)",
        },
    ),
    (
        "net.ipv4.tcp_dma_copybreak",
        Past {
            fate: Fate::Gone,
            since: "3.13",
            note: "receiving by DMA engines was removed",
            source: "Documentation/ABI/removed/net_dma",
        },
    ),
    (
        "net.netfilter.nf_conntrack_helper",
        Past {
            fate: Fate::Gone,
            since: "6.0",
            note: "helpers are assigned by rules alone",
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

const SCHEDULER: Past = Past {
    fate: Fate::Gone,
    since: "5.13",
    note: "what is left of it is below /sys/kernel/debug/sched, and no sysctl",
    source: "commit 8a99b6833c88 (sched: Move SCHED_DEBUG sysctl to debugfs)",
};

/// How keys of connection tracking began, and begin today.
const CONNTRACK: [(&str, &str); 2] = [
    (
        "net.ipv4.netfilter.ip_conntrack_",
        "net.netfilter.nf_conntrack_",
    ),
    ("net.ipv4.ip_conntrack_", "net.netfilter.nf_conntrack_"),
];

/// What became of a key, where that is known.
pub fn past(key: &str) -> Option<Past> {
    if let Some((_, past)) = PAST.iter().find(|(known, _)| *known == key) {
        return Some(past.clone());
    }
    let (setting, today) = CONNTRACK
        .iter()
        .find_map(|(began, begins)| Some((key.strip_prefix(began)?, begins)))?;
    Some(Past {
        fate: Fate::Renamed(format!("{today}{setting}")),
        since: "4.9",
        note: "",
        source: "commit adf0516845bc (netfilter: remove ip_conntrack* sysctl compat code)",
    })
}

impl std::fmt::Display for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            fate,
            since,
            note,
            source,
        } = self;
        match fate {
            Fate::Gone => write!(f, "gone since Linux {since}: {note}")?,
            Fate::Renamed(to) => write!(f, "since Linux {since} it is called {to}")?,
            Fate::Idle => write!(f, "without effect since Linux {since}: {note}")?,
            Fate::Foreign => write!(f, "{note}")?,
        }
        write!(f, " ({source})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_key_is_said_with_its_source() {
        let said = |key| past(key).unwrap().to_string();
        assert!(said("net.ipv4.tcp_tw_recycle").starts_with("gone since Linux 4.12: "));
        assert!(
            said("net.ipv4.ip_conntrack_max")
                .contains("it is called net.netfilter.nf_conntrack_max (commit")
        );
        assert!(
            said("net.ipv4.netfilter.ip_conntrack_udp_timeout")
                .contains("it is called net.netfilter.nf_conntrack_udp_timeout (commit")
        );
        assert!(said("net.ipv4.tcp_fack").contains("without effect since Linux 4.15"));
        assert_eq!(past("net.ipv4.tcp_tw_reuse"), None);
    }

    /// What this kernel has is neither gone nor renamed.
    #[test]
    fn this_kernel_agrees() {
        for (key, past) in PAST {
            let path = format!("/proc/sys/{}", key.replace('.', "/"));
            let is_there = std::path::Path::new(&path).exists();
            let is_gone = matches!(past.fate, Fate::Gone | Fate::Renamed(_) | Fate::Foreign);
            assert!(!(is_there && is_gone), "{key}");
        }
    }
}

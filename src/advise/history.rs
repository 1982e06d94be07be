//! What became of keys that advice still names: gone, renamed, without effect. Only what the kernel's own history says.

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Removed, since this version.
    Gone,
    /// Called otherwise, since this version.
    Renamed(&'static str),
    /// Still there, without any effect, since this version.
    Idle,
    /// Never in Linux as kernel.org has it.
    Foreign,
}

/// A key's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        "net.ipv4.ip_conntrack_max",
        renamed("net.netfilter.nf_conntrack_max"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_max",
        renamed("net.netfilter.nf_conntrack_max"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_buckets",
        renamed("net.netfilter.nf_conntrack_buckets"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_checksum",
        renamed("net.netfilter.nf_conntrack_checksum"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_log_invalid",
        renamed("net.netfilter.nf_conntrack_log_invalid"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_generic_timeout",
        renamed("net.netfilter.nf_conntrack_generic_timeout"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_established",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_established"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_time_wait"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_fin_wait",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_fin_wait"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_close_wait",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_close_wait"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_syn_sent",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_syn_sent"),
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_syn_recv",
        renamed("net.netfilter.nf_conntrack_tcp_timeout_syn_recv"),
    ),
];

const fn renamed(to: &'static str) -> Past {
    Past {
        fate: Fate::Renamed(to),
        since: "4.9",
        note: "",
        source: "commit adf0516845bc (netfilter: remove ip_conntrack* sysctl compat code)",
    }
}

/// What became of a key, where that is known.
pub fn past(key: &str) -> Option<&'static Past> {
    PAST.iter()
        .find(|(known, _)| *known == key)
        .map(|(_, past)| past)
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

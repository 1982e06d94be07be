//! Settings that have another name today.

use super::version::KernelVersion;

/// The name of a setting today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedSetting {
    /// The key that kernels have today.
    pub to: String,
    /// The first version without the old key.
    pub since: KernelVersion,
    /// The commit that removed the old key.
    pub source: &'static str,
}

/// The old and the new beginning of keys of connection tracking.
const CONNTRACK: [(&str, &str); 2] = [
    (
        "net.ipv4.netfilter.ip_conntrack_",
        "net.netfilter.nf_conntrack_",
    ),
    ("net.ipv4.ip_conntrack_", "net.netfilter.nf_conntrack_"),
];

/// Returns what a setting is called today, if it was renamed.
pub fn renamed(key: &str) -> Option<RenamedSetting> {
    let new = |(old, new): &(&str, &str)| Some(format!("{new}{}", key.strip_prefix(old)?));
    Some(RenamedSetting {
        to: CONNTRACK.iter().find_map(new)?,
        since: KernelVersion { major: 4, minor: 9 },
        source: "commit adf0516845bc (netfilter: remove ip_conntrack* sysctl compat code)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_keys_of_connection_tracking_have_a_new_name() {
        for (old, new) in [
            (
                "net.ipv4.ip_conntrack_max",
                "net.netfilter.nf_conntrack_max",
            ),
            (
                "net.ipv4.netfilter.ip_conntrack_udp_timeout",
                "net.netfilter.nf_conntrack_udp_timeout",
            ),
        ] {
            assert_eq!(renamed(old).unwrap().to, new);
        }
        assert_eq!(renamed("net.netfilter.nf_conntrack_max"), None);
    }
}

//! The key that was probably meant by one that no kernel has.

use super::catalogue::{all, find, general};

/// Suggests a key for one that is not in the catalogue: capitals, a folder forgotten or mistaken, letters swapped, an
/// interface written with a dot. `None` if nothing is near, or if the key is known.
pub fn suggestion(key: &str) -> Option<String> {
    if find(key).is_some() {
        return None;
    }
    let lower = key.to_lowercase();
    if find(&lower).is_some() {
        return Some(lower);
    }
    let key = lower.as_str();
    dotted_interface(key)
        .or_else(|| elsewhere(key))
        .or_else(|| shortened(key))
        .or_else(|| misspelt(key))
}

/// `net.ipv4.conf.eth0.100.rp_filter`: the dot within an interface's name is written as a slash.
fn dotted_interface(key: &str) -> Option<String> {
    let words: Vec<&str> = key.split('.').collect();
    let [
        "net",
        family,
        kind @ ("conf" | "neigh"),
        ref interface @ ..,
        setting,
    ] = words[..]
    else {
        return None;
    };
    let meant = format!("net.{family}.{kind}.{}.{setting}", interface.join("/"));
    (interface.len() > 1 && find(&meant).is_some()).then_some(meant)
}

/// The only setting of that name, in another folder.
fn elsewhere(key: &str) -> Option<String> {
    let name = key.rsplit('.').next()?;
    let mut same = all().filter(|setting| setting.key.rsplit('.').next() == Some(name));
    let first = same.next()?;
    // The settings of interfaces have the same names for IPv4 and IPv6.
    let of_family = |family: &str| first.key.contains(family) || key.contains(family);
    match same.next() {
        None => Some(first.key.replace(".*.", ".all.")),
        Some(_) if of_family("ipv4") => Some(first.key.replace(".*.", ".all.")),
        Some(_) => None,
    }
}

/// The only setting whose name ends like that: `net.ipv4_timestamps`, `net.ipv4.syn_retries`.
fn shortened(key: &str) -> Option<String> {
    /// A shorter ending is shared by too many names to mean one of them.
    const SHORTEST: usize = 6;
    let name = key.strip_prefix("net.")?.rsplit('.').next()?;
    let families = ["ipv4_", "ipv6_", "core_"];
    let family = families.into_iter().find(|family| name.starts_with(family));
    let ending = family.map_or(name, |family| &name[family.len()..]);
    let ending = format!("_{ending}");
    let folder = family.map(|family| family.trim_end_matches('_'));
    let mut ends_so = all().filter(|setting| {
        let in_folder = folder.is_none_or(|folder| setting.key.contains(folder));
        setting.key.starts_with("net.") && setting.key.ends_with(&ending) && in_folder
    });
    let first = ends_so.next().filter(|_| ending.len() > SHORTEST)?;
    let only = ends_so.next().is_none() && !first.key.contains('*');
    only.then(|| first.key.to_owned())
}

/// The nearest key, at most a fifth of its letters away.
fn misspelt(key: &str) -> Option<String> {
    let interface = key.split('.').nth(3);
    let asked = general(key).unwrap_or_else(|| key.to_owned());
    let (distance, near) = all()
        .map(|setting| {
            (
                strsim::damerau_levenshtein(setting.key, &asked),
                setting.key,
            )
        })
        .min()?;
    let near = match (general(key), interface) {
        (Some(_), Some(interface)) => near.replace(".*.", &format!(".{interface}.")),
        _ => near.replace(".*.", ".all."),
    };
    // `net.ipv4.` alone is nine letters that every key shares.
    let own = asked.rsplit('.').next().map_or(0, str::len).max(5);
    (distance * 5 <= own.max(10)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_key_is_recognised() {
        for (written, meant) in [
            (
                "net.ipv4.ip_local_port_ranges",
                "net.ipv4.ip_local_port_range",
            ),
            ("net.core.somaxcon", "net.core.somaxconn"),
            ("net.ipv4.tcp_tw_resuse", "net.ipv4.tcp_tw_reuse"),
            (
                "tcp_slow_start_after_idle",
                "net.ipv4.tcp_slow_start_after_idle",
            ),
            ("net.ipv4.netdev_max_backlog", "net.core.netdev_max_backlog"),
            (
                "net.ipv4.conf.eth0.100.rp_filter",
                "net.ipv4.conf.eth0/100.rp_filter",
            ),
            ("NET.IPV4.TCP_SYNCOOKIES", "net.ipv4.tcp_syncookies"),
            ("net.ipv4.TCP_Syncookies", "net.ipv4.tcp_syncookies"),
            ("Net.Core.SoMaxCon", "net.core.somaxconn"),
            ("TCP_FIN_TIMEOUT", "net.ipv4.tcp_fin_timeout"),
            (
                "net.ipv4.conf.eth0.RP_FILTER",
                "net.ipv4.conf.eth0.rp_filter",
            ),
            (
                "net.ipv4.conf.eth0.rp_fitler",
                "net.ipv4.conf.eth0.rp_filter",
            ),
            ("net.ipv4.rp_filter", "net.ipv4.conf.all.rp_filter"),
            ("net.ipv4_timestamps", "net.ipv4.tcp_timestamps"),
            (
                "net.ipv4.abort_on_overflow",
                "net.ipv4.tcp_abort_on_overflow",
            ),
        ] {
            assert_eq!(suggestion(written).as_deref(), Some(meant), "{written}");
        }
        for known in ["net.core.somaxconn", "net.ipv4.tcp_tw_recycle"] {
            assert_eq!(suggestion(known), None, "{known}");
        }
        assert_eq!(suggestion("net.ipv4.completely_different"), None);
    }
}

//! Names of the kernel's counters as expectations write them: known, possible, or a slip with a suggestion.
//!
//! A newer kernel may have more counters than the registry lists, so an unknown name with a known prefix is accepted,
//! unless it looks like a slip of the fingers.

use crate::metrics::kernel_counters::{all, is_known, split};
use crate::scenario::suggest;

/// The result of looking a name up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CounterName {
    /// Some kernel has it.
    Known,
    /// It has the form of a counter, so a newer kernel may have it.
    Possible,
    /// It is not a counter; the name that was probably meant.
    Unknown(Option<String>),
}

/// Looks a name up: `TcpExtListenDrops`.
pub(crate) fn look_up(name: &str) -> CounterName {
    let Some((_, rest)) = split(name) else {
        return CounterName::Unknown(by_suffix(name).or_else(|| nearest(name)));
    };
    if is_known(name) {
        return CounterName::Known;
    }
    if let Some(meant) = by_suffix(rest).or_else(|| slip(name)) {
        return CounterName::Unknown(Some(meant));
    }
    let plausible = rest.len() >= 2
        && rest.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit())
        && rest.chars().all(|letter| letter.is_ascii_alphanumeric());
    if plausible {
        CounterName::Possible
    } else {
        CounterName::Unknown(nearest(name))
    }
}

/// Returns the counter with this name behind its prefix: `ListenDrops` is `TcpExtListenDrops`.
fn by_suffix(rest: &str) -> Option<String> {
    let lower = rest.to_lowercase();
    all()
        .find(|(_, name)| name.to_lowercase() == lower)
        .map(|(prefix, name)| format!("{prefix}{name}"))
}

/// Returns a counter whose name differs by two letters at most.
fn slip(name: &str) -> Option<String> {
    all()
        .map(|(prefix, known)| format!("{prefix}{known}"))
        .find(|known| {
            known.len().abs_diff(name.len()) <= 2 && strsim::damerau_levenshtein(known, name) <= 2
        })
}

fn nearest(name: &str) -> Option<String> {
    let known: Vec<String> = all()
        .flat_map(|(prefix, known)| [format!("{prefix}{known}"), known.to_owned()])
        .collect();
    let meant = suggest::nearest(name, known.iter().map(String::as_str))?;
    by_suffix(meant).or_else(|| Some(meant.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_old_and_new_kernels_are_known() {
        for name in [
            "TcpExtListenDrops",
            "TcpExtPAWSPassive",
            "TcpRetransSegs",
            "TcpCurrEstab",
            "IpExtInOctets",
            "Ip6InReceives",
            "UdpNoPorts",
            "IcmpMsgInType3",
            "MPTcpExtMPJoinSynRx",
            "TcpExtTCPTimeWaitOverflow",
        ] {
            assert_eq!(look_up(name), CounterName::Known, "{name}");
        }
    }

    #[test]
    fn counters_of_newer_kernels_are_accepted_and_slips_are_not() {
        assert_eq!(look_up("TcpExtTCPQuantumLeaps"), CounterName::Possible);
        for (written, meant) in [
            ("TcpExtListenDrop", "TcpExtListenDrops"),
            ("ListenDrops", "TcpExtListenDrops"),
            ("TcpListenDrops", "TcpExtListenDrops"),
            ("TcpExtRetransSegs", "TcpRetransSegs"),
            ("tcpextlistendrops", "TcpExtListenDrops"),
        ] {
            assert_eq!(
                look_up(written),
                CounterName::Unknown(Some(meant.to_owned())),
                "{written}"
            );
        }
        assert_eq!(look_up("humour"), CounterName::Unknown(None));
    }
}

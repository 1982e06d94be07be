//! Refuses quantities of a node that stay at 0 whatever happens, so that no expectation about them can fail.

use super::metric::UnknownMetric;
use super::subjects::Subjects;
use super::syntax::At;
use crate::metrics::kernel_counters::Ipv4Counter;
use crate::metrics::{self, Subject};
use crate::scenario::problem::quoted;

/// Explains why a quantity of a node stays at 0, if it certainly does.
pub(super) fn counter(
    path: &At<String>,
    (node, name): (&str, &str),
    subjects: &Subjects,
) -> Option<UnknownMetric> {
    let is_of_tracking = name.starts_with("conntrack.");
    if is_of_tracking
        && metrics::find(Subject::Node, name).is_some()
        && subjects.untracked.contains(node)
    {
        return Some(UnknownMetric {
            range: path.range.clone(),
            message: format!("{} does not track connections", quoted(node)),
            help: Some(
                "its table is always empty; to track, give the node `conntrack: { track: true }`"
                    .to_owned(),
            ),
        });
    }
    let counter = Ipv4Counter::of(name).filter(|_| subjects.without_ipv4)?;
    Some(UnknownMetric {
        range: path.range.start + node.len() + 1..path.range.end,
        message: format!("{} counts IPv4 only, which nothing uses here", quoted(name)),
        help: Some(match counter.of_ipv6 {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "with `ip: 6`, it stays at 0".to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_ipv4_are_refused_if_nothing_uses_it() {
        let refused = |name: &str, without_ipv4| {
            let subjects = Subjects {
                without_ipv4,
                ..Subjects::default()
            };
            let value = format!("server.{name}");
            let range = 0..value.len();
            counter(&At { value, range }, ("server", name), &subjects)
        };
        for (name, meant) in [
            ("UdpRcvbufErrors", "Udp6RcvbufErrors"),
            ("IpInAddrErrors", "Ip6InAddrErrors"),
            ("IpExtInCEPkts", "Ip6InCEPkts"),
            ("IcmpInDestUnreachs", "Icmp6InDestUnreachs"),
        ] {
            let help = format!("did you mean `{meant}`?");
            let unknown = refused(name, true).unwrap();
            assert_eq!(
                (unknown.range, unknown.help),
                (7..7 + name.len(), Some(help)),
                "{name}"
            );
            assert_eq!(refused(name, false), None, "{name}");
        }
        assert!(refused("IcmpOutSrcQuenchs", true).is_some());
        for name in [
            "TcpRetransSegs",
            "TcpExtListenDrops",
            "Udp6NoPorts",
            "IpForwarding",
        ] {
            assert_eq!(refused(name, true), None, "{name}");
        }
    }
}

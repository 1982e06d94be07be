//! The number that stands for a value when a scenario is sized by it.

use crate::scenario::TriedValues;
use crate::sysctls::{self, Form};

/// Stands for -1, no limit: `MAX_RTR_SOLICITATIONS` (Linux 6.18 `include/net/addrconf.h`).
const UNLIMITED: f64 = 1e9;

/// Returns a key's two values as numbers; `None` if one of them is not.
pub(super) fn tried(key: &str, value: &str, reference: &str) -> Option<TriedValues> {
    Some(TriedValues {
        value: number(key, value)?,
        reference: number(key, reference)?,
    })
}

/// Returns the last of the first ports in a list that follow each other, 8080 in `9000-9100,8080`; 0 for an empty one.
fn end_of_first_ports(list: &str) -> Option<f64> {
    let parts = list
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
    };
    let mut ranges: Vec<(u16, u16)> = parts.map(range).collect::<Option<_>>()?;
    ranges.sort_unstable();
    let begin = ranges.first().map_or(0, |(_, last)| *last);
    let end = ranges.iter().fold(begin, |end, (first, last)| {
        let follows = *first <= end.saturating_add(1);
        if follows { end.max(*last) } else { end }
    });
    Some(f64::from(end))
}

/// Returns the number of ports of a range, the end of the first ports of a list, the last of several numbers, or the
/// number itself. The loose mode of `rp_filter`, 2, is between off and the strict mode, 1.
fn number(key: &str, value: &str) -> Option<f64> {
    let form = sysctls::find(key).map(|setting| setting.form);
    if form == Some(Form::Ports) {
        return end_of_first_ports(value);
    }
    let numbers = value
        .split_whitespace()
        .map(|word| i64::try_from(super::reference::number(word)?).ok())
        .collect::<Option<Vec<i64>>>()?;
    match (form, &numbers[..]) {
        (Some(Form::Range { .. }), [first, last]) => Some((last - first + 1) as f64),
        // The other numbers are not used (Linux Documentation/networking/ip-sysctl.rst).
        (_, [first, ..]) if key == "net.ipv4.udp_mem" => Some(*first as f64),
        (_, [2]) if key.ends_with(".rp_filter") => Some(0.5),
        (_, [-1]) if key.ends_with(".router_solicitations") => Some(UNLIMITED),
        (_, [.., last]) => Some(*last as f64),
        (_, []) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_its_ports_and_a_list_its_last_number() {
        let of = |key, value| number(key, value);
        assert_eq!(
            of("net.ipv4.ip_local_port_range", "32768 60999"),
            Some(28_232.0)
        );
        assert_eq!(
            of("net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
            Some(6_291_456.0)
        );
        assert_eq!(of("net.core.somaxconn", "4096"), Some(4096.0));
        assert_eq!(of("net.core.somaxconn", "010"), Some(8.0));
        assert_eq!(of("net.core.somaxconn", "0x1000"), Some(4096.0));
        assert_eq!(of("net.ipv4.udp_mem", "64 128 256"), Some(64.0));
        let ports = |list| of("net.ipv4.ip_local_reserved_ports", list);
        assert_eq!(ports("30000-32767"), Some(32_767.0));
        assert_eq!(ports("9000-9100,8080"), Some(8080.0));
        assert_eq!(ports("8080-8081,8082,9000"), Some(8082.0));
        assert_eq!([ports(""), ports("http")], [Some(0.0), None]);
        let [off, strict, loose] =
            ["0", "1", "2"].map(|value| of("net.ipv4.conf.all.rp_filter", value));
        assert!(off < loose && loose < strict);
        assert!(
            of("net.ipv6.conf.all.router_solicitations", "-1")
                > of("net.ipv6.conf.all.router_solicitations", "3")
        );
        assert_eq!(of("net.ipv4.tcp_congestion_control", "bbr"), None);
    }
}

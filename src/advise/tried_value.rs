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

/// Returns the number of ports of a range, the last of several numbers, or the number itself. The loose mode of
/// `rp_filter`, 2, is between off and the strict mode, 1.
fn number(key: &str, value: &str) -> Option<f64> {
    let numbers = value
        .split_whitespace()
        .map(|word| i64::try_from(super::reference::number(word)?).ok())
        .collect::<Option<Vec<i64>>>()?;
    let form = sysctls::find(key).map(|setting| setting.form);
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
